//! Our predictor: tasks that clearly grow follow the exponential law with one exponent shared by all of them,
//! averaged with a line; the others keep their level, drawn together as far as it is noise, and rise with the
//! slope of their common mean. Nothing is learnt outside the table at hand.

use serde::Serialize;

use super::input::Series;
use crate::numerics::Matrix;
use crate::numerics::linear::{Line, NonNegativeFit, non_negative_least_squares};
use crate::numerics::stats::{mean, variance};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    Growing,
    Flat,
}

/// Each size weighs this much of the next larger one: late growth says most about later growth.
const RECENCY: f64 = 0.6;
/// The noise of a mean over adjacent checkpoints against one checkpoint's standard error.
const CHECKPOINT_NOISE: f64 = 0.7;
/// A slope this many standard errors above zero is growth; among the many members of one family more, since
/// some of them rise by chance.
const GROWTH: f64 = 3.0;
const GROWTH_IN_FAMILY: f64 = 4.0;
/// A task not yet above chance counts as growing only on stronger evidence.
const GROWTH_BELOW_CHANCE: f64 = 4.5;
const ABOVE_CHANCE: f64 = 0.03;
/// The floor of a task that scores below chance lies this far below its lowest value.
const FLOOR_GAP: f64 = 0.02;
/// Sizes whose line continues a growing task and gives the flat ones' slope.
const LINE_SIZES: usize = 3;
/// Weight of that line beside the law.
const LINE_SHARE: f64 = 0.5;
/// The common slope of flat tasks, per unit of ln size.
const MOST_FLAT_SLOPE: f64 = 0.02;
/// Shares of the way from chance to one that the law is fitted on.
const SHARE_RANGE: (f64, f64) = (0.005, 0.995);

#[derive(Debug, Clone)]
pub struct Pooled {
    pub predicted: Vec<f64>,
    pub groups: Vec<Group>,
}

pub fn predict(series: &Series) -> Pooled {
    let groups = groups(series);
    let of =
        |wanted: Group| -> Vec<usize> { (0..groups.len()).filter(|task| groups[*task] == wanted).collect() };
    let (growing, flat) = (of(Group::Growing), of(Group::Flat));
    let mut predicted = vec![f64::NAN; groups.len()];
    extrapolate_growing(series, &growing, &mut predicted);
    extrapolate_flat(series, &flat, &mut predicted);
    for value in &mut predicted {
        *value = value.clamp(0.0, 1.0);
    }
    Pooled { predicted, groups }
}

fn groups(series: &Series) -> Vec<Group> {
    let x = series.log_sizes();
    let spread = (variance(&x, 0) * x.len() as f64).sqrt();
    (0..series.tasks.len())
        .map(|task| {
            let scores = series.scores.row(task);
            let error = CHECKPOINT_NOISE * mean(series.errors.row(task)) / spread;
            let evidence = Line::fit(&x, scores).slope / error;
            let above = scores[scores.len() - 1] > series.chance[task] + ABOVE_CHANCE;
            let needed = if series.in_large_family[task] { GROWTH_IN_FAMILY } else { GROWTH };
            if (above && evidence > needed) || evidence > GROWTH_BELOW_CHANCE.max(needed) {
                Group::Growing
            } else {
                Group::Flat
            }
        })
        .collect()
}

fn recency(count: usize) -> Vec<f64> {
    (0..count).map(|place| libm::pow(RECENCY, (count - 1 - place) as f64)).collect()
}

/// The score a growing task starts from: chance, or below its lowest value where it scores worse than chance.
fn floor(series: &Series, task: usize) -> f64 {
    let scores = series.scores.row(task);
    let chance = series.chance[task];
    if scores[scores.len() - 1] > chance + ABOVE_CHANCE {
        return chance;
    }
    let lowest = scores.iter().copied().fold(f64::INFINITY, f64::min);
    chance.min(lowest - FLOOR_GAP).max(0.0)
}

/// -ln of the share left from floor to one falls as a N^-b + c; b is shared.
fn extrapolate_growing(series: &Series, growing: &[usize], predicted: &mut [f64]) {
    const STEPS: usize = 40;
    const EXPONENTS: (f64, f64) = (0.05, 1.2);
    let fit_all = |exponent: f64| -> (f64, Vec<NonNegativeFit>) {
        let fits: Vec<NonNegativeFit> =
            growing.iter().map(|task| fit_with_exponent(series, *task, exponent)).collect();
        (fits.iter().map(|fit| fit.residual_squares).sum(), fits)
    };
    let mut best: Option<(f64, f64, Vec<NonNegativeFit>)> = None;
    for step in 0..STEPS {
        let share = step as f64 / (STEPS - 1) as f64;
        let exponent = EXPONENTS.0 * libm::pow(EXPONENTS.1 / EXPONENTS.0, share);
        let (squares, fits) = fit_all(exponent);
        if best.as_ref().is_none_or(|(least, _, _)| squares < *least) {
            best = Some((squares, exponent, fits));
        }
    }
    let Some((_, exponent, fits)) = best.filter(|_| !growing.is_empty()) else { return };
    let x = series.log_sizes();
    let first = x.len().saturating_sub(LINE_SIZES);
    for (task, fit) in growing.iter().zip(&fits) {
        let floor = floor(series, *task);
        let decay =
            fit.coefficients[0] * unit_power(series.target_parameters, exponent) + fit.coefficients[1];
        let law = floor + (1.0 - floor) * libm::exp(-decay);
        let scores = series.scores.row(*task);
        let line = Line::fit(&x[first..], &scores[first..]).at(series.target_log_size());
        let line = line.max(scores[scores.len() - 1]).min(1.0);
        predicted[*task] = (1.0 - LINE_SHARE) * law + LINE_SHARE * line;
    }
}

/// (N / 1e8)^-b: the unit only keeps the coefficients near one.
fn unit_power(parameters: f64, exponent: f64) -> f64 {
    libm::pow(parameters / 1e8, -exponent)
}

fn fit_with_exponent(series: &Series, task: usize, exponent: f64) -> NonNegativeFit {
    let floor = floor(series, task);
    let recency = recency(series.sizes.len());
    let mut rows = Vec::new();
    let mut target = Vec::new();
    for (size, recency) in recency.iter().enumerate() {
        let share =
            ((series.scores.at(task, size) - floor) / (1.0 - floor)).clamp(SHARE_RANGE.0, SHARE_RANGE.1);
        // Delta method: the error of -ln(share).
        let error = CHECKPOINT_NOISE * series.errors.at(task, size) / (1.0 - floor) / share;
        let weight = recency.sqrt() / error;
        rows.push(vec![weight * unit_power(series.parameters[size], exponent), weight]);
        target.push(-weight * libm::log(share));
    }
    non_negative_least_squares(&Matrix::from_rows(&rows), &target)
}

/// Empirical Bayes on levels, one slope for all.
fn extrapolate_flat(series: &Series, flat: &[usize], predicted: &mut [f64]) {
    if flat.is_empty() {
        return;
    }
    let x = series.log_sizes();
    let weights = recency(x.len());
    let total: f64 = weights.iter().sum();
    let weights: Vec<f64> = weights.into_iter().map(|weight| weight / total).collect();
    let weighted = |values: &[f64]| -> f64 { values.iter().zip(&weights).map(|(v, w)| v * w).sum() };
    let levels: Vec<f64> = flat.iter().map(|task| weighted(series.scores.row(*task))).collect();
    let noises: Vec<f64> = flat
        .iter()
        .map(|task| {
            let errors = series.errors.row(*task).iter().zip(&weights);
            errors
                .map(|(error, weight)| {
                    (CHECKPOINT_NOISE * error * weight) * (CHECKPOINT_NOISE * error * weight)
                })
                .sum()
        })
        .collect();
    let centre = mean(&levels);
    let spread = if levels.len() > 1 { (variance(&levels, 1) - mean(&noises)).max(0.0) } else { 1.0 };
    let first = x.len().saturating_sub(LINE_SIZES);
    let means: Vec<f64> = (first..x.len())
        .map(|size| mean(&flat.iter().map(|task| series.scores.at(*task, size)).collect::<Vec<_>>()))
        .collect();
    let slope = Line::fit(&x[first..], &means).slope.clamp(0.0, MOST_FLAT_SLOPE);
    let rise = slope * (series.target_log_size() - weighted(&x));
    for ((task, level), noise) in flat.iter().zip(&levels).zip(&noises) {
        let trust = if spread + noise > 0.0 { spread / (spread + noise) } else { 0.0 };
        predicted[*task] = centre + trust * (level - centre) + rise;
    }
}
