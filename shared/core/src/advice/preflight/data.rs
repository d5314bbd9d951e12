//! Points on the data: objective, quality and size, evaluation.

use super::{Judged, Status, View, percent, rows};
use crate::findings::{Code, Severity, excerpt};
use crate::words::counted;

/// Above this mean distance the file reads as a mixture of tasks. Measured: GSM8K, one task, 0.95; a file of tool
/// calls 0.91; Alpaca, Dolly and forty T0 templates 0.97 each. The gap is narrow, so it only asks to look.
const MIXTURE_DIVERSITY: f64 = 0.96;
/// Characters shown of how prompts begin.
const OPENING_CHARS: usize = 40;
/// The usual size to start with.
const START_ROWS: u64 = 500;
const COMFORTABLE_ROWS: u64 = 1000;
const TOO_FEW_ROWS: u64 = 50;
/// Weighted share of the rows with one kind of finding that is worth acting on.
const NOTICEABLE_GAIN: f64 = 0.01;

pub(super) fn objective(view: &View<'_>) -> Judged {
    let report = view.report;
    let mut evidence = Vec::new();
    let shapes = report.schemas.len();
    if let Some(first) = report.schemas.first() {
        evidence.push(if shapes == 1 {
            format!("One shape of rows: {}", first.label)
        } else {
            format!("{shapes} shapes of rows, {} the commonest ({})", first.label, rows(first.rows))
        });
    }
    let openings = &report.description.openings;
    if let Some(first) = openings.first() {
        evidence.push(format!(
            "{} of prompts that begin alike hold 1 % of the rows or more each; the largest, “{}”, {}",
            counted(openings.len() as u64, "group"),
            excerpt(&first.name, OPENING_CHARS),
            percent(first.share)
        ));
    }
    let entropy = view.feature("output_label_entropy");
    let diversity = view.feature("semantic_diversity");
    if view.is_label_task() {
        let labels = report.description.labels.distinct;
        let entropy = entropy.map_or_else(String::new, |bits| format!(", {bits:.1} bits of entropy"));
        evidence.push(format!("The answers are {labels:.0} labels{entropy}"));
    } else if let Some(distinct) = view.feature("distinct_answers") {
        evidence.push(format!("Free-text answers, {distinct:.0} of them different"));
    }
    if let Some(diversity) = diversity {
        evidence.push(format!("Two random rows differ by {diversity:.2} (0 alike, 1 unrelated)"));
    }
    let (status, action) = if report.schemas.is_empty() {
        (Status::Bad, "Name the columns that hold prompt and answer.")
    } else if shapes > 1 {
        (Status::Watch, "Decide whether the shapes are one task; if not, train on them apart.")
    } else if view.is_label_task() {
        (Status::Good, "Write the objective down as: given this input, name one of these labels.")
    } else {
        match diversity {
            Some(diversity) if diversity > MIXTURE_DIVERSITY => {
                (Status::Watch, "This reads as a mixture of tasks: say which one the evaluation is about.")
            }
            Some(_) => {
                (Status::Good, "Write the objective down in one sentence and keep rows that serve it.")
            }
            None => {
                (Status::Unknown, "Write the objective down in one sentence and keep rows that serve it.")
            }
        }
    };
    Judged { status, evidence, action: action.to_owned() }
}

pub(super) fn quality(view: &View<'_>) -> Judged {
    let report = view.report;
    let valid = report.rows_valid;
    let mut evidence = vec![format!("{} of {} are usable", rows(valid), super::grouped(report.rows))];
    let duplicates = view.feature("approximate_duplicates").unwrap_or(0.0);
    if duplicates > 0.0 {
        evidence.push(format!(
            "{} are copies: as much of the training cost buys nothing new",
            percent(duplicates)
        ));
    }
    let conflicts = view.feature("conflicting_answer_share").unwrap_or(0.0);
    if conflicts > 0.0 {
        let cost = if view.is_label_task() {
            "no model can be right on all of them"
        } else {
            "for free text this may be meant"
        };
        evidence.push(format!(
            "{} have a prompt that is answered differently elsewhere: {cost}",
            percent(conflicts)
        ));
    }
    for group in
        report.groups.iter().filter(|group| group.severity == Severity::Error && group.rows > 0).take(3)
    {
        let title = crate::findings::registry::entry(group.code).title;
        evidence.push(format!("{}: {}", title, rows(group.rows)));
    }
    let worst = super::outlook::worst_groups(view).into_iter().next();
    if let Some((_, group)) = worst.filter(|(_, group)| group.severity != Severity::Error) {
        let title = crate::findings::registry::entry(group.code).title;
        evidence.push(format!("{}: {}", title, rows(group.rows)));
    }
    let lost = report.rows.saturating_sub(valid);
    let first_reason = report.groups.first().filter(|_| valid == 0);
    let (status, action) = if let Some(group) = first_reason {
        (Status::Bad, crate::findings::registry::entry(group.code).fix.to_owned())
    } else if valid < TOO_FEW_ROWS {
        (
            Status::Bad,
            format!(
                "Collect rows: {START_ROWS} to {} clean ones are the usual start.",
                super::grouped(COMFORTABLE_ROWS)
            ),
        )
    } else if lost * 20 > report.rows {
        (Status::Bad, "Repair or drop the rows with errors first; the cleaned copy lists them.".to_owned())
    } else if valid < START_ROWS {
        (Status::Watch, format!("Grow the file to {START_ROWS} rows or more, the rarest cases first."))
    } else if view.is_label_task() && conflicts > 0.01 {
        (
            Status::Watch,
            "Settle the conflicting answers: they cap the accuracy that can be reached.".to_owned(),
        )
    } else if duplicates > 0.05 {
        (Status::Watch, "Drop the copies with the cleaned copy.".to_owned())
    } else if lost > 0 {
        (Status::Watch, "Repair or drop the rows with errors.".to_owned())
    } else if let Some((_, group)) = worst.filter(|(gain, _)| *gain >= NOTICEABLE_GAIN) {
        (Status::Watch, crate::findings::registry::entry(group.code).fix.to_owned())
    } else {
        (Status::Good, "Read twenty random rows by eye: no check sees whether answers are right.".to_owned())
    };
    Judged { status, evidence, action }
}

pub(super) fn evaluation(view: &View<'_>) -> Judged {
    /// Half the width of a 95 % interval at 50 % accuracy falls to 5 points at this size.
    const ENOUGH_EVAL_ROWS: u64 = 384;
    let mut evidence = vec![format!("Metric that fits the answers: {}", metric(view))];
    let Some(overlap) = &view.report.description.eval_overlap else {
        evidence.push("No evaluation file was given".to_owned());
        return Judged {
            status: Status::Watch,
            evidence,
            action: "Set 300 to 500 clean rows aside and check again with --eval.".to_owned(),
        };
    };
    let margin = 98.0 / (overlap.eval_rows.max(1) as f64).sqrt();
    evidence.push(format!(
        "{} for evaluation: a score of 50 % is known to ± {margin:.1} points",
        rows(overlap.eval_rows)
    ));
    let leaked = overlap.eval_rows_exact + overlap.eval_rows_near;
    evidence.push(format!(
        "{:.0} evaluation rows stand in the training file, {:.0} more nearly",
        overlap.eval_rows_exact, overlap.eval_rows_near
    ));
    let (status, action) = if overlap.eval_rows_exact > 0.0 {
        (Status::Bad, "Take the rows that stand in both files out of one of them.")
    } else if leaked > 0.0 {
        (Status::Watch, "Look at the near copies and take out those that give the answer away.")
    } else if overlap.eval_rows < ENOUGH_EVAL_ROWS {
        (Status::Watch, "Add evaluation rows until the margin is smaller than the gain you hope for.")
    } else {
        (Status::Good, "Score the base model on these rows first: that is the number to beat.")
    };
    Judged { status, evidence, action: action.to_owned() }
}

fn metric(view: &View<'_>) -> String {
    if view.is_label_task() {
        let imbalanced = view.count(Code::ClassImbalance) > 0;
        return if imbalanced {
            "macro F1 beside accuracy, since one label dominates".to_owned()
        } else {
            "accuracy (macro F1 beside it)".to_owned()
        };
    }
    match view.feature("avg_output_length") {
        Some(tokens) if tokens <= 8.0 => "exact match".to_owned(),
        Some(tokens) if tokens <= 60.0 => {
            format!("exact match or token F1 (answers of {tokens:.0} tokens on average)")
        }
        Some(tokens) => format!(
            "ROUGE-L or BLEU against references, and pairs judged blind (answers of {tokens:.0} tokens on average)"
        ),
        None => "not known, since answers were not measured".to_owned(),
    }
}
