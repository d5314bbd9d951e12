//! Scoring learners by seeded splits of the models, 60 % to learn from, as the published table was made.

use serde::Serialize;

use super::input::{CheckpointOptions, Checkpoints, Columns};
use super::leak::leak_check;
use super::pairs::pairwise_accuracy;
use super::published::PairLearner;
use super::report::predict_rows;
use crate::choosing::problem::Result;
use crate::choosing::table::Table;
use crate::numerics::Random;
use crate::numerics::stats::{deviation, mean};

/// Which rows take part.
#[derive(Debug, Clone)]
pub struct RowSet {
    pub label: String,
    pub exclude: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum CheckpointLearner {
    /// One indicator as it is, more is better.
    Single(String),
    /// The published pairwise trees, on these indicators.
    Published(Vec<String>),
    /// Ours on these indicators (None: all) with these settings.
    Ours { label: String, indicators: Option<Vec<String>>, settings: Vec<String> },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LearnerScore {
    pub rows: String,
    pub learner: String,
    pub target: String,
    /// Pairwise accuracy on the held-out models, x100: mean and deviation over the splits.
    pub mean: f64,
    pub deviation: f64,
    /// Mean difference to the published learner on the same splits, its deviation, and in how many it won.
    pub gain: Option<f64>,
    pub gain_deviation: Option<f64>,
    pub wins: Option<usize>,
    /// Share of splits whose best held-out model is among the first 1, 3, 5, 7 predicted, x100.
    pub best_within: [f64; 4],
    pub splits: usize,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CheckpointBenchmark {
    pub scores: Vec<LearnerScore>,
}

/// One split's result.
struct SplitScore {
    accuracy: f64,
    best_rank: usize,
}

/// The three sets every figure is reported on: all rows; without copies and rows of mixed scales; of those,
/// without the rows that a leak or another precision marks. A set of the same rows as the one before is left out.
pub fn row_sets(table: &Table, targets: &[String]) -> Result<Vec<RowSet>> {
    let mut unclean: Vec<String> = Vec::new();
    let mut marked: Vec<String> = Vec::new();
    for target in targets {
        let columns = Columns::of(table, &CheckpointOptions::for_target(target))?;
        let read = Checkpoints::read(table, &columns, &[], true)?;
        let lines: Vec<usize> = read
            .notes
            .iter()
            .filter(|note| ["mixed_scales", "duplicate_row"].contains(&note.code))
            .filter_map(|note| note.row)
            .collect();
        let named = (0..table.rows()).filter(|row| lines.contains(&table.line(*row)));
        unclean.extend(named.map(|row| table.text(row, columns.name).to_owned()));
        let leaks = leak_check(table, &columns)?;
        marked.extend(leaks.leaks.into_iter().flat_map(|leak| leak.rows));
        marked.extend(leaks.other_precision);
    }
    let set = |label: &str, mut exclude: Vec<String>| {
        exclude.sort();
        exclude.dedup();
        RowSet { label: format!("{label} {}", table.rows() - exclude.len()), exclude }
    };
    let both = unclean.iter().cloned().chain(marked).collect();
    let mut sets = vec![set("all", Vec::new()), set("clean", unclean), set("unmarked", both)];
    sets.dedup_by(|later, earlier| later.exclude == earlier.exclude);
    Ok(sets)
}

/// Every learner on every set of rows and target; `published_on` are the published learner's indicators, which
/// every gain is measured against.
pub fn benchmark(
    table: &Table,
    published_on: &[String],
    targets: &[String],
    row_sets: &[RowSet],
    learners: &[CheckpointLearner],
    seeds: std::ops::Range<u64>,
) -> Result<CheckpointBenchmark> {
    let mut scores = Vec::new();
    for rows in row_sets {
        for target in targets {
            let published = CheckpointLearner::Published(published_on.to_vec());
            let published = run(table, target, rows, &published, &seeds)?;
            for learner in learners {
                let own = match learner {
                    CheckpointLearner::Published(_) => None,
                    other => Some(run(table, target, rows, other, &seeds)?),
                };
                scores.push(summary(
                    learner,
                    target,
                    rows,
                    own.as_deref().unwrap_or(&published),
                    own.as_ref().map(|_| published.as_slice()),
                ));
            }
        }
    }
    Ok(CheckpointBenchmark { scores })
}

fn run(
    table: &Table,
    target: &str,
    rows: &RowSet,
    learner: &CheckpointLearner,
    seeds: &std::ops::Range<u64>,
) -> Result<Vec<SplitScore>> {
    let mut options = CheckpointOptions::for_target(target);
    match learner {
        CheckpointLearner::Single(name) => options.indicators = Some(vec![name.clone()]),
        CheckpointLearner::Published(names) => options.indicators = Some(names.clone()),
        CheckpointLearner::Ours { indicators, settings, .. } => {
            options.indicators.clone_from(indicators);
            options.settings.clone_from(settings);
        }
    }
    let columns = Columns::of(table, &options)?;
    let data = Checkpoints::read(table, &columns, &rows.exclude, false)?;
    let splits = seeds.clone().map(|seed| {
        let (training, held) = split(data.names.len(), seed);
        let truth: Vec<f64> = held.iter().map(|row| data.targets.at(*row, 0)).collect();
        let order = match learner {
            CheckpointLearner::Single(_) => {
                Order::of(held.iter().map(|row| data.indicators.at(*row, 0)).collect(), &truth)
            }
            CheckpointLearner::Published(_) => published(&data, &training, &held, &truth),
            CheckpointLearner::Ours { .. } => Order::of(predict_rows(&data, &training, &held, seed), &truth),
        };
        let best = (0..held.len()).max_by(|a, b| truth[*a].total_cmp(&truth[*b])).unwrap_or(0);
        let above = (0..held.len()).filter(|other| order.standings[*other] > order.standings[best]).count();
        SplitScore { accuracy: order.accuracy, best_rank: above }
    });
    Ok(splits.collect())
}

/// 60 % of the rows to learn from, the rest held out.
fn split(rows: usize, seed: u64) -> (Vec<usize>, Vec<usize>) {
    let mut order: Vec<usize> = (0..rows).collect();
    Random::new(seed).shuffle(&mut order);
    let held = order.split_off((0.6 * rows as f64).round() as usize);
    (order, held)
}

/// Standings of the held-out models and the share of pairs judged right.
struct Order {
    standings: Vec<f64>,
    accuracy: f64,
}

impl Order {
    fn of(standings: Vec<f64>, truth: &[f64]) -> Self {
        let accuracy = pairwise_accuracy(&standings, truth);
        Self { standings, accuracy }
    }
}

/// Judged pair by pair, as the paper does; the standings are Borda's counts.
fn published(data: &Checkpoints, training: &[usize], held: &[usize], truth: &[f64]) -> Order {
    let target: Vec<f64> = training.iter().map(|row| data.targets.at(*row, 0)).collect();
    let Some(learner) = PairLearner::fit(&data.indicators.select_rows(training), &target) else {
        return Order { standings: vec![0.0; held.len()], accuracy: 50.0 };
    };
    let mut standings = vec![0.0; held.len()];
    let (mut right, mut pairs) = (0.0, 0.0);
    for a in 0..held.len() {
        for b in 0..a {
            let probability = learner.probability(data.indicators.row(held[a]), data.indicators.row(held[b]));
            let winner = if probability > 0.5 { a } else { b };
            standings[winner] += 1.0;
            let truly = truth[a].total_cmp(&truth[b]);
            if truly.is_ne() {
                pairs += 1.0;
                // Rows equal in every input are judged at one half: a coin that shows half.
                let tied = (probability - 0.5).abs() < 1e-12;
                right += if tied { 0.5 } else { f64::from(u8::from((winner == a) == truly.is_gt())) };
            }
        }
    }
    Order { standings, accuracy: 100.0 * right / pairs }
}

fn summary(
    learner: &CheckpointLearner,
    target: &str,
    rows: &RowSet,
    own: &[SplitScore],
    published: Option<&[SplitScore]>,
) -> LearnerScore {
    let accuracies: Vec<f64> = own.iter().map(|split| split.accuracy).collect();
    let gains: Option<Vec<f64>> = published
        .map(|other| own.iter().zip(other).map(|(own, other)| own.accuracy - other.accuracy).collect());
    let within = |most: usize| {
        100.0 * own.iter().filter(|split| split.best_rank < most).count() as f64 / own.len() as f64
    };
    LearnerScore {
        rows: rows.label.clone(),
        learner: match learner {
            CheckpointLearner::Single(name) => name.clone(),
            CheckpointLearner::Published(_) => "published pairwise trees".to_owned(),
            CheckpointLearner::Ours { label, .. } => label.clone(),
        },
        target: target.to_owned(),
        mean: mean(&accuracies),
        deviation: deviation(&accuracies),
        gain: gains.as_deref().map(mean),
        gain_deviation: gains.as_deref().map(deviation),
        wins: gains.map(|gains| gains.iter().filter(|gain| **gain > 0.0).count()),
        best_within: [within(1), within(3), within(5), within(7)],
        splits: own.len(),
    }
}
