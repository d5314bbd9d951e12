//! The best learner alone, or a mixture: non-negative weights learned on out-of-fold predictions, or plain
//! averages of the best of each kind, which learn nothing and so cannot overfit.

use std::collections::BTreeMap;

use super::folds::Fold;
use super::metrics::metrics;
use super::search::{LogLine, Tried};
use super::trials::Kind;
use crate::numerics::linear::non_negative_least_squares;
use crate::numerics::{Matrix, stats};
use crate::predict::model::Model;

/// Weighted members and an intercept, judged by fitting the weights without each fold in turn.
#[derive(Debug, Clone)]
pub(super) struct Mixture {
    parts: Vec<(usize, f64)>,
    intercept: f64,
    pub out_of_fold: Vec<f64>,
    rmse: f64,
    name: &'static str,
}

const STACK_SIZE: usize = 5;
/// A member that weighs less would only make the file larger.
const LEAST_WEIGHT: f64 = 0.02;

impl Mixture {
    /// Marks the winner in the log, adding lines for the mixtures.
    pub(super) fn best(tried: &[Tried], target: &[f64], folds: &[Fold], log: &mut Vec<LogLine>) -> Self {
        let mut order: Vec<usize> = (0..tried.len()).collect();
        order.sort_by(|a, b| tried[*a].rmse.total_cmp(&tried[*b].rmse));
        let best_of_kinds: Vec<usize> = [Kind::Additive, Kind::Boosted, Kind::OnTheWay, Kind::ExtraTrees]
            .iter()
            .filter_map(|kind| order.iter().copied().find(|index| tried[*index].kind == *kind))
            .collect();
        let alone = Self::alone(tried, order[0]);
        let mut mixtures = vec![
            Self::average("average of the best of each kind", tried, target, &best_of_kinds),
            Self::average("average of the best three", tried, target, &order[..order.len().min(3)]),
            Self::weighted("weighted best of each kind", tried, target, folds, &best_of_kinds),
        ];
        order.truncate(STACK_SIZE);
        mixtures.push(Self::weighted("weighted best five", tried, target, folds, &order));
        let winner = mixtures.iter().min_by(|a, b| a.rmse.total_cmp(&b.rmse)).cloned();
        let winner = winner.filter(|winner| winner.rmse < alone.rmse).unwrap_or_else(|| alone.clone());
        for mixture in &mixtures {
            log.push(LogLine {
                recipe: format!("{}: {}", mixture.name, mixture.describe(tried)),
                rmse: mixture.rmse,
                chosen: mixture.name == winner.name,
                explainable: true,
            });
        }
        if winner.name == alone.name {
            log[alone.parts[0].0].chosen = true;
        }
        winner
    }

    fn alone(tried: &[Tried], index: usize) -> Self {
        Self {
            parts: vec![(index, 1.0)],
            intercept: 0.0,
            out_of_fold: tried[index].out_of_fold.clone(),
            rmse: tried[index].rmse,
            name: "alone",
        }
    }

    fn average(name: &'static str, tried: &[Tried], target: &[f64], members: &[usize]) -> Self {
        let share = 1.0 / members.len() as f64;
        let out_of_fold: Vec<f64> = (0..target.len())
            .map(|row| members.iter().map(|member| share * tried[*member].out_of_fold[row]).sum())
            .collect();
        let rmse = metrics(&out_of_fold, target).rmse;
        let parts = members.iter().map(|member| (*member, share)).collect();
        Self { parts, intercept: 0.0, out_of_fold, rmse, name }
    }

    fn weighted(
        name: &'static str,
        tried: &[Tried],
        target: &[f64],
        folds: &[Fold],
        members: &[usize],
    ) -> Self {
        let all: Vec<usize> = (0..target.len()).collect();
        let mut out_of_fold = vec![f64::NAN; target.len()];
        for fold in folds {
            let (weights, intercept) = blend(tried, members, target, &fold.train);
            for row in &fold.test {
                out_of_fold[*row] = intercept
                    + members.iter().zip(&weights).map(|(m, w)| w * tried[*m].out_of_fold[*row]).sum::<f64>();
            }
        }
        let (weights, mut intercept) = blend(tried, members, target, &all);
        let mut parts = Vec::new();
        for (member, weight) in members.iter().zip(weights) {
            if weight >= LEAST_WEIGHT {
                parts.push((*member, weight));
            } else {
                intercept += weight * stats::mean(&tried[*member].out_of_fold);
            }
        }
        let rmse = metrics(&out_of_fold, target).rmse;
        Self { parts, intercept, out_of_fold, rmse, name }
    }

    /// Places among what was tried.
    pub(super) fn members(&self) -> impl Iterator<Item = usize> + '_ {
        self.parts.iter().map(|(index, _)| *index)
    }

    /// `models`: of the members, fitted on all rows.
    pub(super) fn model(&self, models: &BTreeMap<usize, Model>, width: usize) -> Model {
        let mut model = Model::constant(width, self.intercept);
        for (index, weight) in &self.parts {
            model.add(models[index].clone(), *weight);
        }
        model
    }

    pub(super) fn describe(&self, tried: &[Tried]) -> String {
        if let [(only, _)] = self.parts.as_slice() {
            return tried[*only].name.clone();
        }
        let parts: Vec<String> =
            self.parts.iter().map(|(index, weight)| format!("{weight:.2} {}", tried[*index].name)).collect();
        parts.join(" + ")
    }
}

fn blend(tried: &[Tried], members: &[usize], target: &[f64], rows: &[usize]) -> (Vec<f64>, f64) {
    let truth: Vec<f64> = rows.iter().map(|row| target[*row]).collect();
    let centre = stats::mean(&truth);
    let predictions: Vec<Vec<f64>> = members
        .iter()
        .map(|member| rows.iter().map(|row| tried[*member].out_of_fold[*row]).collect())
        .collect();
    let means: Vec<f64> = predictions.iter().map(|column| stats::mean(column)).collect();
    let design =
        Matrix::from_fn(rows.len(), members.len(), |row, column| predictions[column][row] - means[column]);
    let centred: Vec<f64> = truth.iter().map(|value| value - centre).collect();
    let weights = non_negative_least_squares(&design, &centred).coefficients;
    let intercept = centre - weights.iter().zip(&means).map(|(w, m)| w * m).sum::<f64>();
    (weights, intercept)
}
