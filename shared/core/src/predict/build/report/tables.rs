//! The tables of the report.

use std::collections::BTreeMap;

use super::table::{OURS, cells, number, optional, percent, table};
use crate::predict::build::{DepthRow, FitReport, Rival, SplitReport};
use crate::predict::fit::Metrics;
use crate::svg::escape;

fn split_name(split: &str) -> &str {
    match split {
        "group" => "unseen datasets",
        "random" => "random split",
        other => other,
    }
}

pub fn heading(split: &SplitReport, report: &FitReport) -> String {
    let floor =
        report.noise_floor.map_or("not measured: no configuration was repeated".to_owned(), |floor| {
            format!("{floor:.2} points between seeds of one configuration")
        });
    let outside = &split.outside;
    format!(
        "<h1>{}</h1><p>Fitted on {} runs, judged once on {}. Noise floor: {floor}. {:.0} % intervals cover {} of \
         the test runs at step {} and are {:.1} points wide on average. {} of these runs are marked as unlike the \
         training runs (error {} there, {} on the rest).</p>",
        escape(split_name(&split.split)),
        split.train_runs,
        split.test_runs,
        100.0 * report.nominal_coverage,
        percent(split.test.coverage),
        split.headline_step,
        split.test.mean_width,
        percent(outside.share),
        optional(outside.rmse_outside, 2),
        optional(outside.rmse_inside, 2),
    )
}

/// What was aimed at, beside what was reached, on both splits.
pub fn targets(report: &FitReport) -> String {
    let goals: &[(&str, f64, f64)] = if report.target.starts_with("exact") {
        &[
            ("before any probe, base score too", 10.5, 13.5),
            ("step 0", 9.5, 12.5),
            ("step 100", 6.0, 7.0),
            ("a third of the run", 4.5, 5.0),
            ("half of the run", 4.5, 5.0),
        ]
    } else {
        &[("step 100", 3.8, 4.3)]
    };
    let splits: Vec<&SplitReport> = std::iter::once(&report.main).chain(report.other.as_deref()).collect();
    let mut rows = vec![cells(&[
        "Known",
        "split",
        "runs",
        "RMSE",
        "aimed at",
        "missed by",
        "of score now",
        "of ProxyLM",
        "of early stop",
        "within 3",
        "within the noise",
    ])];
    for (name, random, group) in goals {
        for split in &splits {
            let Some(row) = split.by_depth.iter().find(|row| row.name == *name) else { continue };
            let goal = if split.split == "group" { *group } else { *random };
            let rmse = row.test.metrics.rmse;
            let of = |other: &str| {
                let ratio = |found: &Rival| format!("{:.2} x", found.foretune_rmse / found.metrics.rmse);
                row.baselines.get(other).map_or("–".to_owned(), ratio)
            };
            rows.push(vec![
                (*name).to_owned(),
                split_name(&split.split).to_owned(),
                row.test.metrics.n.to_string(),
                number(rmse, 2),
                number(goal, 1),
                if rmse <= goal { "reached".to_owned() } else { number(rmse - goal, 2) },
                of("evaluation score now"),
                of("ProxyLM"),
                of("early-stop extrapolation"),
                percent(row.test.metrics.within_3),
                row.within_noise.map_or("–".to_owned(), percent),
            ]);
        }
    }
    let note = "Root mean square error in points on the frozen test parts, learning rates of the usual range. \
                Aimed at: at most 0.75 x the error of the score now, 0.7 x ProxyLM's on the runs that have a smaller \
                model's, 0.5 x early-stop extrapolation's; at step 100 within 3 points 62 % (exact match) or 77 % \
                (probability of the right answer); at half of the run 90 % within the noise, that is within 3 points \
                or twice the noise floor, whichever is more.";
    table("Targets", note, &rows)
}

pub fn main(split: &SplitReport) -> String {
    let mut rows = vec![cells(&[
        "Forecast by",
        "runs",
        "RMSE",
        "MAE",
        "R²",
        "within 1",
        "within 2",
        "within 3",
        "width",
        "Foretune's RMSE",
        "and width",
    ])];
    let mut ours = metrics_row(OURS, &split.test.metrics);
    ours.extend([number(split.test.mean_width, 1), String::new(), String::new()]);
    rows.push(ours);
    let mut others: Vec<(&String, &Rival)> = split.baselines.iter().collect();
    others.sort_by(|a, b| a.1.metrics.rmse.total_cmp(&b.1.metrics.rmse));
    rows.extend(others.into_iter().map(|(name, found)| {
        let mut row = metrics_row(name, &found.metrics);
        row.extend([number(found.width, 1), number(found.foretune_rmse, 2), number(found.foretune_width, 1)]);
        row
    }));
    let note = "Each line on the test runs that it can forecast; at the right Foretune on the same runs. Width: of its \
                intervals in the mean; of another forecast the least band of one width around it that holds as many \
                of these runs, which is measured on the very runs and so kinder to it.";
    table(&format!("At step {}", split.headline_step), note, &rows)
}

pub fn ablations(split: &SplitReport) -> String {
    let mut rows =
        vec![cells(&["Features", "runs", "RMSE", "MAE", "R²", "within 1", "within 2", "within 3"])];
    rows.extend(split.ablations.iter().map(|(name, found)| metrics_row(name, found)));
    let note = "Simple learners (ridge, extra trees or boosted trees, whichever is best in cross-validation) on groups \
                of features at the same step: not the predictor, which is searched for longer.";
    table("What groups of features are worth", note, &rows)
}

fn metrics_row(name: &str, found: &Metrics) -> Vec<String> {
    vec![
        name.to_owned(),
        found.n.to_string(),
        number(found.rmse, 2),
        number(found.mae, 2),
        number(found.r2, 3),
        percent(found.within_1),
        percent(found.within_2),
        percent(found.within_3),
    ]
}

pub fn by_depth(title: &str, rows: &[DepthRow]) -> String {
    let rmse = |baselines: &BTreeMap<String, Rival>, name: &str| {
        baselines.get(name).map_or("–".to_owned(), |found| number(found.metrics.rmse, 2))
    };
    let mut lines = vec![cells(&[
        "Known",
        "runs",
        "RMSE",
        "within 3",
        "coverage",
        "mean width",
        "score now",
        "ridge",
        "early stop",
        "ProxyLM",
    ])];
    lines.extend(rows.iter().map(|row| {
        vec![
            row.name.clone(),
            row.test.metrics.n.to_string(),
            number(row.test.metrics.rmse, 2),
            percent(row.test.metrics.within_3),
            percent(row.test.coverage),
            number(row.test.mean_width, 1),
            rmse(&row.baselines, "evaluation score now"),
            rmse(&row.baselines, "ridge on the same features"),
            rmse(&row.baselines, "early-stop extrapolation"),
            rmse(&row.baselines, "ProxyLM"),
        ]
    }));
    let note = "Error of the forecast and, at the right, of others on the same runs; ProxyLM on those of them that have \
                a smaller model's finished run.";
    table(title, note, &lines)
}

pub fn transfer(split: &SplitReport) -> String {
    let Some(found) = &split.transfer else { return String::new() };
    let mut rows = vec![cells(&[
        "Own runs",
        "datasets",
        "known",
        "runs",
        "RMSE",
        "score now",
        "within 3",
        "coverage",
        "mean width",
    ])];
    rows.extend(found.rows.iter().map(|row| {
        vec![
            row.own_runs.to_string(),
            row.datasets.to_owned(),
            row.known.clone(),
            row.test.metrics.n.to_string(),
            number(row.test.metrics.rmse, 2),
            row.score_now.map_or("–".to_owned(), |rmse| number(rmse, 2)),
            percent(row.test.metrics.within_3),
            percent(row.test.coverage),
            number(row.test.mean_width, 1),
        ]
    }));
    let note = format!(
        "Base models that nothing was learnt from ({}), before and after recalibration with some of their own runs; \
         means over draws of them.",
        found.base_models.join(", ")
    );
    table("On another base model", &note, &rows)
}

pub fn coverage_by_width(split: &SplitReport) -> String {
    let mut rows = vec![cells(&["Width of the interval, points", "rows", "coverage", "RMSE"])];
    rows.extend(split.coverage_by_width.iter().map(|row| {
        vec![
            format!("{:.1} to {:.1}", row.narrowest, row.widest),
            row.rows.to_string(),
            percent(row.coverage),
            number(row.rmse, 2),
        ]
    }));
    table(
        "Coverage by width",
        "All depths, in fifths: wide intervals must stand where errors are large.",
        &rows,
    )
}

pub fn stopping(split: &SplitReport) -> String {
    let Some(found) = &split.stopping else { return String::new() };
    let rows = vec![
        cells(&["Probe", "mean steps", "RMSE", "same verdict"]),
        vec![
            "always to the end".into(),
            number(found.always_steps, 0),
            number(found.always_rmse, 2),
            String::new(),
        ],
        vec![
            "stopped when not worth its price".into(),
            number(found.mean_steps, 1),
            number(found.rmse, 2),
            percent(found.verdict_agreement),
        ],
    ];
    let note = format!(
        "Replayed on every test run. A step must remove {:.3} squared points of error; chosen on the training part. \
         {} of the steps saved, error {:+.1} %. Verdicts: go or no-go at equal costs, threshold {:.1}.",
        found.step_price,
        percent(1.0 - found.mean_steps / found.always_steps),
        100.0 * (found.rmse / found.always_rmse - 1.0),
        found.threshold
    );
    table("When to stop a probe", &note, &rows)
}

pub fn screening(split: &SplitReport) -> String {
    let mut rows = vec![cells(&[
        "Threshold",
        "good runs",
        "bad runs",
        "good kept",
        "compute of bad runs saved",
        "of all runs",
        "stopped below",
    ])];
    rows.extend(split.screening.iter().map(|point| {
        vec![
            number(point.threshold, 1),
            point.good_runs.to_string(),
            point.bad_runs.to_string(),
            percent(point.good_kept),
            percent(point.bad_compute_saved),
            percent(point.all_compute_saved),
            percent(point.least_probability),
        ]
    }));
    let note = "Each run is watched from before its probe on and stopped when it is unlikely to reach the threshold; \
                the first threshold is the median score of the training runs. Probes are counted on top of runs \
                that go on.";
    table("Screening", note, &rows)
}

pub fn outlook(split: &SplitReport) -> String {
    if split.outlook.is_empty() {
        return String::new();
    }
    let mut rows = vec![cells(&[
        "Known",
        "more",
        "runs",
        "half width then",
        "expected with more",
        "came",
        "single ones off by",
        "truths within",
    ])];
    rows.extend(split.outlook.iter().map(|row| {
        vec![
            row.known.clone(),
            row.words.clone(),
            row.runs.to_string(),
            number(row.half_width_points, 1),
            number(row.expected_points, 1),
            number(row.came_points, 1),
            number(row.deviation_points, 1),
            percent(row.covered_share),
        ]
    }));
    let note = "How far a forecast would be off with more known is told beforehand, from the training part. Here on \
                test runs of which that became known: means of the half widths of their intervals, and how many \
                truths lie no further from the later forecast than was expected, which should be as many as intervals \
                are to hold.";
    table("What more knowledge was expected to bring, and brought", note, &rows)
}

pub fn divergence(split: &SplitReport) -> String {
    let Some(found) = &split.divergence else { return String::new() };
    let mut rows = vec![cells(&[
        "Known",
        "out of fold",
        "test part",
        "diverged test runs",
        "high rates, out of fold",
        "high rates, test part",
    ])];
    rows.extend(found.by_depth.iter().map(|row| {
        vec![
            row.depth.clone(),
            optional(row.out_of_fold_auc, 3),
            optional(row.test_auc, 3),
            row.test_diverged.to_string(),
            optional(row.high_rates_out_of_fold_auc, 3),
            optional(row.high_rates_test_auc, 3),
        ]
    }));
    let note = format!(
        "{} of {} runs diverged. Area under the curve, of all runs and of those at rates above the usual ones.",
        found.diverged_runs, found.runs
    );
    table("Divergence foreseen", &note, &rows)
}

pub fn worst(split: &SplitReport) -> String {
    let mut rows = vec![cells(&[
        "Run",
        "dataset",
        "forecast",
        "truth",
        "score then",
        "half way",
        "largest contribution",
        "why",
    ])];
    rows.extend(split.worst.iter().map(|worst| {
        vec![
            worst.run.clone(),
            worst.source.clone(),
            number(worst.predicted, 1),
            number(worst.truth, 1),
            optional(worst.score_now, 1),
            optional(worst.half_way, 1),
            worst.largest_contribution.clone(),
            worst.reason.clone(),
        ]
    }));
    table("Largest misses", "", &rows)
}

pub fn search(report: &FitReport) -> String {
    let mut rows = vec![cells(&["Known", "learner", "RMSE", ""])];
    for stage in &report.search {
        let mut tried: Vec<_> = stage.tried.iter().collect();
        tried.sort_by(|a, b| a.rmse.total_cmp(&b.rmse));
        rows.extend(tried.into_iter().map(|line| {
            let remark = match (line.chosen, line.explainable) {
                (true, _) => "chosen",
                (false, true) => "",
                (false, false) => "comparison only",
            };
            vec![stage.stage.clone(), line.recipe.clone(), number(line.rmse, 3), remark.to_owned()]
        }));
    }
    let note = "Out-of-fold error inside the training part; groups stay together. Learners marked as comparison are \
                no sums over features and could not be explained exactly.";
    table("What was tried", note, &rows)
}
