//! Translates what the descriptors measured into the facts that dataset-level findings judge.

use super::Partial;
use crate::describe::{ConflictReport, Description, DuplicateReport, LabelTable, OverlapPair};
use crate::findings::{DatasetFacts, EvalMatch, LabelFacts, OrderDrift, Repeat, RepeatedRows};

/// Divergence per stretch above which order is called drift; the descriptors subtract what chance gives on average.
const DRIFT_THRESHOLD: f64 = 0.05;
/// What the largest of ten stretches still shows by chance, times the rows: measured on 140 shuffles of 36 files at each
/// of eight sizes from 40 to 1,000 rows, of which one in a hundred passes.
const DRIFT_BY_CHANCE_ROWS: f64 = 8.0;

pub fn dataset_facts(partial: &Partial, description: &Description) -> DatasetFacts {
    let overlap = description.eval_overlap.as_ref();
    DatasetFacts {
        rows: partial.rows,
        rows_valid: partial.rows_valid,
        exact_duplicates: repeats_of_groups(&description.exact_duplicates),
        near_duplicates: repeats_of_groups(&description.near_duplicates),
        conflicting_answers: conflicts(&description.conflicts),
        eval_overlap: overlap.map(|report| matches(report.eval_rows, report.train_rows_exact, &report.exact)),
        eval_near_overlap: overlap
            .map(|report| matches(report.eval_rows, report.train_rows_near, &report.near)),
        order_drift: order_drift(description),
        labels: labels(&description.labels),
    }
}

fn repeats_of_groups(report: &DuplicateReport) -> RepeatedRows {
    let listed = report.groups.iter().flat_map(|group| {
        let first = group.places.first();
        group.places.iter().skip(1).filter_map(move |place| {
            first.map(|first| Repeat { place: *place, same_as_row: first.row, similarity: group.similarity })
        })
    });
    RepeatedRows { rows: rounded(report.extra_rows), listed: listed.collect() }
}

fn conflicts(report: &ConflictReport) -> RepeatedRows {
    let listed = report.groups.iter().flat_map(|group| {
        let first = group.places.first();
        group.places.iter().skip(1).filter_map(move |place| {
            first.map(|first| Repeat { place: *place, same_as_row: first.row, similarity: f64::NAN })
        })
    });
    // Each prompt's first answer is no conflict yet.
    RepeatedRows { rows: rounded(report.rows - report.prompts), listed: listed.collect() }
}

fn matches(eval_rows: u64, train_rows: u64, pairs: &[OverlapPair]) -> EvalMatch {
    let listed = pairs
        .iter()
        .map(|pair| Repeat { place: pair.train, same_as_row: pair.eval.row, similarity: pair.similarity })
        .collect();
    EvalMatch { eval_rows, matches: RepeatedRows { rows: train_rows, listed } }
}

fn order_drift(description: &Description) -> Option<OrderDrift> {
    let score = description
        .drift
        .iter()
        .map(|bin| bin.divergence)
        .filter(|value| value.is_finite())
        .reduce(f64::max)?;
    let threshold = DRIFT_THRESHOLD + DRIFT_BY_CHANCE_ROWS / description.sampled_rows.max(1) as f64;
    Some(OrderDrift { score, threshold })
}

fn labels(table: &LabelTable) -> Option<LabelFacts> {
    if !table.label_like {
        return None;
    }
    let top = table.top.first()?;
    // The table is cut at the commonest labels: the last of a cut one is not the rarest.
    let all_known = table.complete && table.top.len() as u64 == rounded(table.distinct);
    let rarest = table.top.last().filter(|_| all_known);
    Some(LabelFacts {
        distinct: rounded(table.distinct),
        top_label: top.text.clone(),
        top_share: top.share,
        rarest: rarest.map(|rarest| (rarest.text.clone(), rarest.rows)),
    })
}

fn rounded(value: f64) -> u64 {
    value.max(0.0).round() as u64
}
