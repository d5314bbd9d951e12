//! A shipped predictor adjusted by a user's own finished runs: an offset from the first run on, a scale from
//! the eighth, both held back by a prior so that few runs move little; intervals widen as soon as the runs
//! show that they must, and may narrow only when there are enough runs to show that.

use serde_json::{Value, json};
use thiserror::Error;

use super::build::write;
use super::card::Card;
use super::predictor::{Predictor, PredictorError};
use super::staged::Staged;
use crate::numerics::stats;
use crate::runs::{AnytimeTable, Knowledge, Label, RunRecord};

/// How far the scores of a new base model may lie from the forecasts, in points, before any run is seen.
const OFFSET_PRIOR_POINTS: f64 = 10.0;
/// How far the scale may lie from 1.
const SCALE_PRIOR: f64 = 0.2;
const RUNS_FOR_SCALE: usize = 8;
/// What a new base model may add to the error of a single forecast, in points: without it the few runs whose own
/// error is expected to be tiny decide everything.
const NEW_MODEL_POINTS: f64 = 5.0;
/// Runs from which the widths follow the user's own errors alone; fewer count beside this many typical ones.
const RUNS_FOR_NARROWING: usize = 30;

#[derive(Debug, Clone, PartialEq)]
pub struct Recalibrated {
    pub model: Staged,
    pub card: Card,
    pub offset: f64,
    pub scale: f64,
    /// What the widths of all intervals were multiplied with.
    pub widening: f64,
    pub runs: usize,
}

impl Recalibrated {
    /// The file of `predictor` with what was adjusted in it.
    pub fn file(&self, predictor: &Predictor) -> Vec<u8> {
        let (errors, divergence) = (predictor.error_model.as_ref(), predictor.divergence_model.as_ref());
        write(&self.model, errors, divergence, &self.card)
    }

    pub fn told(&self) -> Value {
        json!({
            "runs": self.runs, "offset": self.offset, "scale": self.scale, "widening": self.widening,
        })
    }
}

#[derive(Debug, Clone, PartialEq, Error)]
pub enum RecalibrateError {
    #[error("the predictor has no card and no calibration, so there is nothing to adjust")]
    NoCard,
    #[error("none of the runs has a score to compare with")]
    NoRuns,
    #[error(transparent)]
    Predictor(#[from] PredictorError),
}

pub fn recalibrate(
    predictor: &Predictor,
    runs: &[RunRecord],
    label: Label,
    headline_step: f64,
) -> Result<Recalibrated, RecalibrateError> {
    let card = predictor.card.clone().ok_or(RecalibrateError::NoCard)?;
    let calibration = card.calibration.clone().ok_or(RecalibrateError::NoCard)?;
    let anytime = AnytimeTable::of(runs, label, true);
    let mut seen = Vec::new();
    // What the intervals of a base model that the predictor does not know are widened by, before its runs are seen.
    let mut assumed = 1.0f64;
    for row in deepest(&anytime, headline_step) {
        let vector = anytime.vector(row);
        let transfer = predictor.transfer(&vector);
        assumed = transfer.map_or(assumed, |transfer| transfer.interval_widened.max(assumed));
        let inputs = predictor.row(&vector)?;
        let forecast = predictor.shown(predictor.model.predict(&inputs));
        let error = predictor.expected_error(&inputs, forecast).ok_or(RecalibrateError::NoCard)?;
        let stage = &calibration.stages[predictor.model.gate.stage_of(&inputs)];
        let typical = error * root_mean_square(&stage.residual_quantiles).max(1e-6);
        seen.push((forecast, anytime.table.target[row], typical));
    }
    if seen.is_empty() {
        return Err(RecalibrateError::NoRuns);
    }
    let weights: Vec<(f64, f64, f64)> = seen
        .iter()
        .map(|(predicted, truth, typical)| {
            let variance = typical * typical + NEW_MODEL_POINTS * NEW_MODEL_POINTS;
            (*predicted, *truth, variance.sqrt())
        })
        .collect();
    let centre = stats::mean(&seen.iter().map(|(predicted, _, _)| *predicted).collect::<Vec<f64>>());
    let scale = if seen.len() < RUNS_FOR_SCALE { 1.0 } else { fitted_scale(&weights, centre) };
    let (mut sum, mut weight) = (0.0, 1.0 / (OFFSET_PRIOR_POINTS * OFFSET_PRIOR_POINTS));
    for (predicted, truth, typical) in &weights {
        let precision = 1.0 / (typical * typical);
        sum += precision * (truth - (centre + scale * (predicted - centre)));
        weight += precision;
    }
    let shift = sum / weight;
    let offset = centre * (1.0 - scale) + shift;
    let after: f64 = seen
        .iter()
        .map(|(predicted, truth, typical)| ((truth - offset - scale * predicted) / typical).powi(2))
        .sum();
    let beside = if seen.len() < RUNS_FOR_NARROWING { 10.0 } else { 0.0 };
    let ratio = ((after + beside * assumed * assumed) / (seen.len() as f64 + beside)).sqrt();
    let widening = if seen.len() < RUNS_FOR_NARROWING { ratio.max(1.0) } else { ratio.max(0.3) };

    let model = predictor.model.then_affine(offset, scale);
    let mut card = card;
    if let Some(calibration) = &mut card.calibration {
        for stage in &mut calibration.stages {
            stage.factor *= widening;
            for quantile in &mut stage.residual_quantiles {
                *quantile *= widening;
            }
        }
    }
    for run in runs {
        if !card.base_models.contains(&run.base_model) {
            card.base_models.push(run.base_model.clone());
        }
    }
    card.data = format!("{} Recalibrated with {} own runs.", card.data, seen.len());
    card.test = None;
    card.self_check = card.self_check_of(&model);
    Ok(Recalibrated { model, card, offset, scale, widening, runs: seen.len() })
}

/// For each run the row that knows most, up to a step.
fn deepest(anytime: &AnytimeTable, step: f64) -> Vec<usize> {
    let mut taken = std::collections::BTreeMap::new();
    for knowledge in Knowledge::ALL {
        for row in anytime.rows_at(knowledge, step) {
            taken.insert(anytime.run[row], row);
        }
    }
    taken.into_values().collect()
}

/// Weighted slope of truth on forecast, drawn towards 1.
fn fitted_scale(seen: &[(f64, f64, f64)], centre: f64) -> f64 {
    let prior = 1.0 / (SCALE_PRIOR * SCALE_PRIOR);
    let total: f64 = seen.iter().map(|(_, _, typical)| 1.0 / (typical * typical)).sum();
    let truth_centre =
        seen.iter().map(|(_, truth, typical)| truth / (typical * typical)).sum::<f64>() / total;
    let (mut cross, mut square) = (prior, prior);
    for (predicted, truth, typical) in seen {
        let precision = 1.0 / (typical * typical);
        cross += precision * (predicted - centre) * (truth - truth_centre);
        square += precision * (predicted - centre) * (predicted - centre);
    }
    (cross / square).clamp(0.2, 3.0)
}

fn root_mean_square(values: &[f64]) -> f64 {
    stats::mean(&values.iter().map(|value| value * value).collect::<Vec<f64>>()).sqrt()
}
