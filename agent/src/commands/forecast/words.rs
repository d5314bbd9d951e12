//! A forecast told to people: score and interval, verdict, reasons, what to try, how far to trust it.

use clap::ValueEnum;
use foretune_core::advice::ChangeList;
use foretune_core::features::{self, FeatureVector};
use foretune_core::predict::outcome::Outcome;
use foretune_core::predict::predictor::{Forecast, WhatIf};
use foretune_core::predict::probe_kind::ProbeKind;
use foretune_core::predict::verdict::Verdict;
use foretune_core::words::grouped;

use crate::checking::Fix;

pub fn text(forecast: &Forecast, vector: &FeatureVector, changes: &[WhatIf]) -> String {
    let mut lines = vec![match forecast.interval {
        Some((low, high)) => format!(
            "score {:.1} points, {:.0} % interval {low:.1} to {high:.1}",
            forecast.score,
            100.0 * forecast.coverage.unwrap_or(f64::NAN)
        ),
        None => format!("score {:.1} points, error unknown", forecast.score),
    }];
    if let Some(probability) = forecast.probability_above {
        let verdict = match forecast.verdict {
            Verdict::Go => "go",
            Verdict::NoGo => "no-go",
            Verdict::ProbeLonger => "probe before deciding",
            Verdict::Withheld => "no verdict: the candidate is unlike the runs the predictor knows",
        };
        lines.push(format!("{verdict} ({:.0} % above the threshold)", 100.0 * probability));
    }
    for outside in &forecast.outside {
        let value = outside.value.map_or("missing".to_owned(), |value| format!("{value:.6}"));
        lines.push(format!(
            "outside: {} is {value}, fitted on {:.6} to {:.6}",
            outside.name, outside.low, outside.high
        ));
    }
    // Sampled ones compare with one row: the card's medians, or zeros where there is no card.
    let of =
        if forecast.shap_method == "exact" { "an average run" } else { "the run that it is compared with" };
    lines.push(format!("from {:.1} points for {of} ({} attributions):", forecast.base, forecast.shap_method));
    let groups = forecast.shap_groups.iter().filter(|(_, points)| points.abs() >= 0.05);
    let groups: Vec<String> = groups.map(|(group, points)| format!("{group} {points:+.1}")).collect();
    if groups.len() > 1 {
        lines.push(format!("  by group: {}", groups.join(", ")));
    }
    let mut parts: Vec<(&String, &f64)> = forecast.shap.iter().collect();
    parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    for (name, points) in parts.iter().take(10) {
        let unit = features::find(name).map_or("", |feature| feature.unit);
        lines.push(format!("  {points:+7.2}  {name} = {:.6} {unit}", vector.get(name)));
    }
    // Readings of this plan say nothing of another one.
    let as_before =
        if vector.get("probe_step").is_nan() { "" } else { ", both forecast as before any probe" };
    for change in changes.iter().filter(|change| change.in_distribution && change.gain > 0.0).take(3) {
        lines.push(format!("try: {} ({:+.1} points{as_before})", change.change, change.gain));
    }
    if let Some(transfer) = &forecast.transfer {
        lines.push(format!(
            "note: a transfer: fitted on {}; the interval is {:.1} times as wide{}",
            transfer.fitted_on.join(", "),
            transfer.interval_widened,
            if transfer.measured { "" } else { ", which is a guess" }
        ));
    }
    if let Some(probability) = forecast.divergence_probability.filter(|probability| *probability > 0.05) {
        lines.push(format!("note: {:.0} % likely to diverge", 100.0 * probability));
    }
    if let Some(regime) = forecast.regime {
        let meaning = match ProbeKind::of(vector) {
            ProbeKind::WithoutCleanRows => {
                "of a probe that reads no evaluation rows and learns from the file alone"
            }
            ProbeKind::CleanRows | ProbeKind::BesideFinishedRun => regime.meaning(),
        };
        lines.push(format!("regime: {} ({meaning})", regime.word()));
    }
    if let Some(step) = forecast.next_probe_steps {
        lines.push(format!("the next reading worth its price is at step {step}"));
    }
    if let Some(outlook) = &forecast.outlook {
        lines.push(format!(
            "{:.0} % of runs end within ±{:.1} points of such a forecast; expected if more were known:",
            100.0 * forecast.coverage.unwrap_or(f64::NAN),
            outlook.half_width_points
        ));
        let further = outlook.with_more.iter();
        lines.extend(further.map(|more| format!("  ±{:3.0}  {}", more.half_width_points, more.words)));
    }
    lines.extend(forecast.notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}

/// As the flag that makes these fixes, among the changes to try.
pub fn data_change(fixes: &[Fix], made: &ChangeList) -> String {
    let names: Vec<String> =
        fixes.iter().filter_map(Fix::to_possible_value).map(|fix| fix.get_name().into()).collect();
    let (left_out, changed) = (made.rows_read - made.rows_written, made.rows_changed);
    format!("--fix {}: {} rows left out, {} changed", names.join(","), grouped(left_out), grouped(changed))
}

pub fn ended_words(ended: Outcome, forecast: &Forecast) -> String {
    let place = match forecast.interval {
        Some((low, high)) if (low..=high).contains(&ended.score) => ", inside its interval",
        Some(_) => ", outside its interval",
        None => "",
    };
    format!(
        "the run has ended: {:.1} points at step {}, {:+.1} against this forecast of the readings before{place}",
        ended.score,
        ended.step,
        ended.score - forecast.score
    )
}
