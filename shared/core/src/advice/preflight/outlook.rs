//! Points on what comes after the start: monitoring, the next iteration, the record.

use super::{Judged, Status, View, percent, rows};
use crate::check::GroupSummary;
use crate::findings::{Code, registry};

pub(super) fn monitoring(view: &View<'_>) -> Judged {
    let steps = view.recipe.steps(view.report.rows_valid);
    let interval = (steps / 20.0).ceil().max(1.0);
    let mut evidence = vec![format!("Held-out loss and score every {interval:.0} of {steps:.0} steps")];
    let entropy = view.feature("output_label_entropy").filter(|_| view.is_label_task());
    if let Some(bits) = entropy {
        // A model that knows the label frequencies and nothing of the input.
        let nats = bits * std::f64::consts::LN_2;
        evidence.push(format!(
            "Guessing by label frequency has a loss of {nats:.2} per answer: training must go below"
        ));
    }
    if let Some(share) = view.feature("top_label_share").filter(|_| view.is_label_task()) {
        evidence.push(format!("Always the commonest label is right on {}", percent(share)));
    }
    evidence.push(
        "Gradient norm: steady or falling; a jump of ten times is the first sign of divergence".to_owned(),
    );
    let has_eval = view.report.description.eval_overlap.is_some();
    let (status, action) = if has_eval {
        (Status::Good, "Stop when the held-out loss has risen for three readings in a row.")
    } else {
        (
            Status::Watch,
            "Set clean rows aside: without them training shows only the loss on rows it has seen.",
        )
    };
    Judged { status, evidence, action: action.to_owned() }
}

/// How much of a row's worth a fix of one row is expected to bring: a row that teaches something false costs more
/// than one that is missing, and that more than one that is paid for twice. A rule of thumb, not a measurement.
fn expected_gain(code: Code, is_label_task: bool) -> f64 {
    match code {
        Code::ConflictingAnswers if is_label_task => 2.0,
        Code::ConflictingAnswers => 0.2,
        Code::EmptyAnswer | Code::Placeholder | Code::Mojibake | Code::SpecialToken => 1.5,
        Code::Refusal => 1.2,
        Code::UnreadableRow | Code::MissingKey | Code::WrongType | Code::NoSchema | Code::NoAssistantTurn => {
            1.0
        }
        Code::AllMasked | Code::RoleOrder | Code::UnknownRole | Code::EmptyPrompt => 1.0,
        Code::OverMaxTokens => 0.7,
        Code::ExactDuplicate => 0.3,
        Code::NearDuplicate => 0.1,
        Code::EvalOverlap => 1.0,
        // Not a matter of score: a key that leaks comes before everything.
        Code::Secret => 100.0,
        _ => 0.005,
    }
}

/// Findings on rows by expected gain of fixing them, largest first; the gain is a weighted share of the rows.
pub(super) fn worst_groups<'a>(view: &View<'a>) -> Vec<(f64, &'a GroupSummary)> {
    let total = view.report.rows.max(1) as f64;
    let mut groups: Vec<_> = view
        .report
        .groups
        .iter()
        .filter(|group| group.rows > 0)
        .map(|group| (expected_gain(group.code, view.is_label_task()) * group.rows as f64 / total, group))
        .collect();
    groups.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.code.cmp(&b.1.code)));
    groups
}

pub(super) fn next_iteration(view: &View<'_>) -> Judged {
    const SHOWN: usize = 3;
    let total = view.report.rows.max(1) as f64;
    let candidates = worst_groups(view);
    let evidence: Vec<_> = candidates
        .iter()
        .take(SHOWN)
        .map(|(_, group)| {
            let share = group.rows as f64 / total;
            format!("{}: {} ({})", registry::entry(group.code).title, rows(group.rows), percent(share))
        })
        .collect();
    match candidates.first() {
        Some((gain, first)) => Judged {
            status: if *gain >= 0.05 { Status::Bad } else { Status::Watch },
            evidence,
            action: registry::entry(first.code).fix.to_owned(),
        },
        None if view.report.rows_valid == 0 => match view.report.groups.first() {
            Some(group) => Judged {
                status: Status::Bad,
                evidence: vec![registry::entry(group.code).title.to_owned()],
                action: registry::entry(group.code).fix.to_owned(),
            },
            None => super::without_rows(),
        },
        None => Judged {
            status: Status::Good,
            evidence: vec!["No row has a finding".to_owned()],
            action: "After the first run read the answers that came out wrong and add rows like them."
                .to_owned(),
        },
    }
}

pub(super) fn record(view: &View<'_>) -> Judged {
    let report = view.report;
    let recipe = view.recipe;
    let evidence = vec![
        format!("Fingerprint of the rows {}", report.file.fingerprint),
        format!("Foretune {}, report version {}", report.foretune_version, report.report_version),
        format!(
            "Recipe: {}, learning rate {}, {} epochs, batches of {}",
            recipe.model.as_deref().unwrap_or("model not named"),
            recipe.learning_rate.map_or_else(|| "not given".to_owned(), |rate| format!("{rate:e}")),
            recipe.epochs,
            recipe.batch_rows
        ),
    ];
    let complete = recipe.model.is_some() && recipe.learning_rate.is_some();
    let (status, action) = if complete {
        (Status::Good, "Download the report and keep it beside the model.")
    } else {
        (
            Status::Watch,
            "Name model and learning rate, then download the report and keep it beside the model.",
        )
    };
    Judged { status, evidence, action: action.to_owned() }
}
