//! Our learner: the mean of a few unlike regressors on rank-normal scores, each put on one scale. On thirty
//! rows no single one is best on every target, and their mean never falls far behind.

use super::scores::{ScoreMap, scored};
use crate::numerics::Matrix;
use crate::numerics::forest::{Forest, ForestOptions};
use crate::numerics::gaussian_process::predict_averaged;
use crate::numerics::ridge::Ridge;
use crate::numerics::stats::{mean, normal_scores, z_scores};

const RIDGE_PENALTIES: [f64; 4] = [1.0, 3.0, 10.0, 30.0];
/// Weight of the training rows' mean score over all targets of the table in what is learnt: tuned scores of one
/// model share most of their cause, and the mean has less noise.
const SIBLING_WEIGHT: f64 = 0.4;

/// What the ensemble is trained on; rows of `targets` are training rows, column 0 is the target wanted, the
/// others its siblings.
#[derive(Debug, Clone)]
pub struct Lesson {
    pub indicators: Matrix,
    /// Columns of run settings, possibly none.
    pub settings: Matrix,
    pub targets: Matrix,
    /// Weight of each indicator in a sum known before any fit; empty where none is known.
    pub rule: Vec<f64>,
    pub seed: u64,
}

/// Predicted standing of each query row among the training rows, in normal scores.
pub fn predict(lesson: &Lesson, indicators: &Matrix, settings: &Matrix) -> Vec<f64> {
    let target = training_target(&lesson.targets);
    let (own, other) = scored(&lesson.indicators, indicators);
    let members = if lesson.settings.columns() == 0 {
        indicator_members(lesson, &own, &other, &target)
    } else {
        let (own, other) =
            (beside(&own, &lesson.settings, &lesson.settings), beside(&other, settings, &lesson.settings));
        vec![ridge(&own, &target, &other), process(&own, &target, &other)]
    };
    combine(&members, &target)
}

/// Without run settings: the forest carries thresholds, the process smooth shapes, the rule what is known.
fn indicator_members(lesson: &Lesson, own: &Matrix, other: &Matrix, target: &[f64]) -> Vec<Vec<f64>> {
    let forest = forest(own, target, other, lesson.seed);
    let process = process(own, target, other);
    if lesson.rule.is_empty() {
        return vec![forest.clone(), forest, process, ridge(own, target, other)];
    }
    let (rule_own, rule_other) = (own.times(&lesson.rule), other.times(&lesson.rule));
    let seed = crate::hash::combine(lesson.seed, 1);
    let forest_with_rule = self::forest(&with(own, &rule_own), target, &with(other, &rule_other), seed);
    vec![forest, forest_with_rule, process, rule_other]
}

fn training_target(targets: &Matrix) -> Vec<f64> {
    let scores: Vec<Vec<f64>> =
        (0..targets.columns()).map(|column| normal_scores(&targets.column(column))).collect();
    (0..targets.rows())
        .map(|row| {
            let shared = mean(&scores.iter().map(|column| column[row]).collect::<Vec<_>>());
            if scores.len() == 1 {
                scores[0][row]
            } else {
                (1.0 - SIBLING_WEIGHT) * scores[0][row] + SIBLING_WEIGHT * shared
            }
        })
        .collect()
}

/// Mean of the members' z-scores over the query rows, given the spread of the shrunken training target back.
fn combine(members: &[Vec<f64>], target: &[f64]) -> Vec<f64> {
    let standard: Vec<Vec<f64>> = members.iter().map(|member| z_scores(member)).collect();
    let spread = crate::numerics::stats::deviation(target);
    (0..members[0].len())
        .map(|row| spread * mean(&standard.iter().map(|member| member[row]).collect::<Vec<_>>()))
        .collect()
}

fn forest(own: &Matrix, target: &[f64], other: &Matrix, seed: u64) -> Vec<f64> {
    let forest = Forest::fit(own, target, ForestOptions { seed, ..ForestOptions::default() });
    other.iter_rows().map(|row| forest.predict(row)).collect()
}

fn process(own: &Matrix, target: &[f64], other: &Matrix) -> Vec<f64> {
    predict_averaged(own, target, other).into_iter().map(|prediction| prediction.mean).collect()
}

fn ridge(own: &Matrix, target: &[f64], other: &Matrix) -> Vec<f64> {
    let fit =
        Ridge::fit(own, target, &RIDGE_PENALTIES).expect("a positive penalty makes every system solvable");
    other.iter_rows().map(|row| fit.predict(row)).collect()
}

fn with(matrix: &Matrix, column: &[f64]) -> Matrix {
    Matrix::from_fn(matrix.rows(), matrix.columns() + 1, |row, index| {
        if index < matrix.columns() { matrix.at(row, index) } else { column[row] }
    })
}

/// Settings in training deviations, a missing one at the median, and for each setting that is ever missing
/// among the training rows a column saying where it is known.
fn beside(scores: &Matrix, settings: &Matrix, training: &Matrix) -> Matrix {
    let mut rows: Vec<Vec<f64>> = scores.iter_rows().map(<[f64]>::to_vec).collect();
    for column in 0..settings.columns() {
        let known: Vec<f64> = training.column(column).into_iter().filter(|value| !value.is_nan()).collect();
        if known.is_empty() {
            continue;
        }
        let levels = levels(&known);
        let map = |value: f64| if value.is_nan() { 0.0 } else { levels.score(value) };
        let ever_missing = known.len() < training.rows();
        for (row, cells) in rows.iter_mut().enumerate() {
            let value = settings.at(row, column);
            cells.push(map(value));
            if ever_missing {
                cells.push(f64::from(u8::from(!value.is_nan())));
            }
        }
    }
    Matrix::from_rows(&rows)
}

/// A setting's levels in even steps: the five learning rates of a grid are five, however they are spaced.
fn levels(known: &[f64]) -> ScoreMap {
    ScoreMap::even_steps(known)
}
