//! The answer of `rank checkpoints`: predicted tuned score, order, probabilities of pairs, and how far all of
//! that could be trusted on the rows whose score is known.

use serde::Serialize;

use super::ensemble::{self, Lesson};
use super::input::{CheckpointOptions, Checkpoints, Columns};
use super::leak::{LeakReport, leak_check};
use super::pairs::{HeldOut, pairwise_accuracy};
use super::scores::ScoreMap;
use crate::choosing::problem::{Note, Problem, Result};
use crate::choosing::table::Table;
use crate::numerics::Random;
use crate::numerics::stats::{mean, normal_cumulative};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankedCheckpoint {
    pub name: String,
    /// In the target's unit.
    pub predicted: f64,
    /// Number of the others it is judged better than.
    pub borda: usize,
    pub probability_best: f64,
    /// The known tuned score, where the table has it.
    pub known: Option<f64>,
}

/// Two neighbours of the order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairJudgement {
    pub better: String,
    pub worse: String,
    pub probability: f64,
    /// The probability is below what was asked for: tune both or neither.
    pub too_close: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckpointReport {
    pub target: String,
    pub indicators: Vec<String>,
    pub settings: Vec<String>,
    /// Best first.
    pub ranking: Vec<RankedCheckpoint>,
    /// Every pair, stronger side first, in the order of the ranking.
    pub pairs: Vec<PairJudgement>,
    /// Rows learnt from.
    pub learnt_from: usize,
    /// Pairwise accuracy on rows held out of the fit (repeated five-fold), x100.
    pub held_out_accuracy: f64,
    /// Accuracy and share of the held-out pairs that are not too close, x100.
    pub held_out_when_sure: (f64, f64),
    pub leaks: LeakReport,
    pub notes: Vec<Note>,
}

/// Repeats of the five-fold held-out predictions.
const REPEATS: u64 = 4;
const FOLDS: usize = 5;
/// Pairs listed; the rest follow from the ranking.
const MOST_PAIRS: usize = 5000;

pub fn rank(text: &str, options: &CheckpointOptions) -> Result<CheckpointReport> {
    rank_table(&Table::parse(text)?, options)
}

pub fn rank_table(table: &Table, options: &CheckpointOptions) -> Result<CheckpointReport> {
    if !(0.5..1.0).contains(&options.least_probability) {
        let message = format!("--sure {} must lie between 0.5 and 1", options.least_probability);
        return Err(Problem::Option(message));
    }
    let columns = Columns::of(table, options)?;
    let checkpoints = Checkpoints::read(table, &columns, &options.exclude, true)?;
    let leaks = leak_check(table, &columns)?;
    let known = checkpoints.known();
    let unknown: Vec<usize> = (0..checkpoints.names.len()).filter(|row| !known.contains(row)).collect();
    let held_out = held_out(&checkpoints, &known, options.seed);
    let mut notes = checkpoints.notes.clone();
    notes.extend(leak_notes(&leaks));
    // With every score known there is nothing to foretell: the rows are ranked by what was predicted for them
    // while they were held out.
    let (rows, predicted) = if unknown.is_empty() {
        let message = "every row has its tuned score: ranked by predictions made with the row held out";
        notes.push(Note::general("all_known", message.to_owned()));
        (known.clone(), held_out.mean.clone())
    } else {
        let predicted = predict_rows(&checkpoints, &known, &unknown, options.seed);
        (unknown, predicted)
    };
    let spread = held_out.pairs.spread();
    let scale = ScoreMap::learn(&known.iter().map(|row| checkpoints.targets.at(*row, 0)).collect::<Vec<_>>());
    let best = probabilities_of_best(&predicted, spread, options.seed);
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by(|a, b| predicted[*b].total_cmp(&predicted[*a]).then(a.cmp(b)));
    let probability = |a: usize, b: usize| normal_cumulative((predicted[a] - predicted[b]) / spread);
    let ranking = order
        .iter()
        .map(|&place| {
            let known_score = checkpoints.targets.at(rows[place], 0);
            RankedCheckpoint {
                name: checkpoints.names[rows[place]].clone(),
                predicted: scale.value(predicted[place]),
                borda: (0..rows.len())
                    .filter(|other| *other != place && probability(place, *other) > 0.5)
                    .count(),
                probability_best: best[place],
                known: (!known_score.is_nan()).then_some(known_score),
            }
        })
        .collect();
    let pairs = order
        .iter()
        .enumerate()
        .flat_map(|(place, a)| order[place + 1..].iter().map(move |b| (*a, *b)))
        .take(MOST_PAIRS)
        .map(|(a, b)| PairJudgement {
            better: checkpoints.names[rows[a]].clone(),
            worse: checkpoints.names[rows[b]].clone(),
            probability: probability(a, b),
            too_close: probability(a, b) < options.least_probability,
        })
        .collect();
    let header = |columns: &[usize]| columns.iter().map(|column| table.header()[*column].clone()).collect();
    Ok(CheckpointReport {
        target: options.target.clone(),
        indicators: header(&columns.indicators),
        settings: header(&columns.settings),
        ranking,
        pairs,
        learnt_from: known.len(),
        held_out_accuracy: held_out.accuracy,
        held_out_when_sure: held_out.pairs.when_sure(spread, options.least_probability),
        leaks,
        notes,
    })
}

/// Our learner on `training` rows, applied to `queries`.
pub(super) fn predict_rows(data: &Checkpoints, training: &[usize], queries: &[usize], seed: u64) -> Vec<f64> {
    let targets = data.targets.select_rows(training);
    // A sibling is used only where it is known for every training row.
    let complete: Vec<usize> = (0..targets.columns())
        .filter(|column| targets.column(*column).iter().all(|value| !value.is_nan()))
        .collect();
    let lesson = Lesson {
        indicators: data.indicators.select_rows(training),
        settings: data.settings.select_rows(training),
        targets: targets.select_columns(&complete),
        rule: data.rule.clone(),
        seed,
    };
    ensemble::predict(&lesson, &data.indicators.select_rows(queries), &data.settings.select_rows(queries))
}

struct HeldOutRows {
    pairs: HeldOut,
    /// Mean prediction of each known row while it was held out.
    mean: Vec<f64>,
    accuracy: f64,
}

fn held_out(data: &Checkpoints, known: &[usize], seed: u64) -> HeldOutRows {
    let mut pairs = HeldOut::default();
    let mut sums = vec![0.0; known.len()];
    let mut accuracies = Vec::new();
    for repeat in 0..REPEATS {
        let mut order: Vec<usize> = (0..known.len()).collect();
        Random::new(crate::hash::combine(seed, repeat)).shuffle(&mut order);
        for fold in 0..FOLDS {
            let held: Vec<usize> = order.iter().copied().skip(fold).step_by(FOLDS).collect();
            let rows = |places: &[usize]| places.iter().map(|place| known[*place]).collect::<Vec<_>>();
            let training: Vec<usize> = order.iter().copied().filter(|place| !held.contains(place)).collect();
            // The members are put on one scale over the rows they predict: all known rows stand in for a field
            // of candidates, and only the held-out ones are taken.
            let mut queries = rows(&held);
            queries.extend(rows(&training));
            let predicted = predict_rows(data, &rows(&training), &queries, seed);
            let truth: Vec<f64> = rows(&held).iter().map(|row| data.targets.at(*row, 0)).collect();
            accuracies.push(pairwise_accuracy(&predicted[..held.len()], &truth));
            for (place, value) in held.iter().zip(&predicted) {
                sums[*place] += value / REPEATS as f64;
            }
            pairs.folds.push(predicted.into_iter().zip(truth).collect());
        }
    }
    accuracies.retain(|accuracy| !accuracy.is_nan());
    HeldOutRows { pairs, mean: sums, accuracy: mean(&accuracies) }
}

/// By seeded draws: each model's standing has an independent normal error of spread / sqrt 2.
fn probabilities_of_best(predicted: &[f64], spread: f64, seed: u64) -> Vec<f64> {
    const DRAWS: usize = 4000;
    let mut random = Random::new(crate::hash::combine(seed, 0xbe57));
    let mut wins = vec![0usize; predicted.len()];
    for _ in 0..DRAWS {
        let mut best = (f64::NEG_INFINITY, 0);
        for (place, value) in predicted.iter().enumerate() {
            let drawn = value + spread * std::f64::consts::FRAC_1_SQRT_2 * random.normal();
            if drawn > best.0 {
                best = (drawn, place);
            }
        }
        wins[best.1] += 1;
    }
    wins.into_iter().map(|count| count as f64 / DRAWS as f64).collect()
}

fn leak_notes(leaks: &LeakReport) -> Vec<Note> {
    let mut notes: Vec<Note> = leaks
        .leaks
        .iter()
        .map(|leak| {
            let message = format!(
                "label leak: {} is {:.3} to {:.3} times {} in {} rows ({}); correlation {:.3} there, {:.2} elsewhere. \
                 Leave the column out with --indicators, or the rows with --exclude",
                leak.indicator,
                leak.ratio.0,
                leak.ratio.1,
                leak.target,
                leak.rows.len(),
                leak.rows.join(", "),
                leak.correlation_within,
                leak.correlation_elsewhere
            );
            Note::general("label_leak", message)
        })
        .collect();
    if !leaks.other_precision.is_empty() {
        let accuracy: Vec<String> = leaks
            .flag_accuracy
            .iter()
            .map(|(target, accuracy)| format!("{target} {accuracy:.0} %"))
            .collect();
        let message = format!(
            "{} rows are written with more decimals than the others ({}): they come from another source, and \
             that alone orders pairs of {}",
            leaks.other_precision.len(),
            leaks.other_precision.join(", "),
            accuracy.join(", ")
        );
        notes.push(Note::general("mixed_sources", message));
    }
    notes
}
