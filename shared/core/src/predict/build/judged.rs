//! Forecasts beside the truth, row by row: on the test part with the fitted model, on the training part out of
//! fold. Every table of the report is made from these.

use std::collections::BTreeMap;

use serde::Serialize;

use super::fitted::Fitted;
use crate::numerics::stats;
use crate::predict::card::Card;
use crate::predict::conformal::StageCalibration;
use crate::predict::fit::{Metrics, metrics};
use crate::predict::predictor::{Predictor, expected_error};
use crate::runs::{AnytimeTable, Knowledge};

#[derive(Debug, Clone, PartialEq)]
pub struct JudgedRow {
    /// Position in the runs.
    pub run: usize,
    pub knowledge: Knowledge,
    pub step: f64,
    pub share: f64,
    pub stage: usize,
    pub truth: f64,
    pub predicted: f64,
    pub expected_error: f64,
    /// Of the interval; NaN where nothing was calibrated.
    pub half_width: f64,
    /// What is expected of (truth - forecast)^2.
    pub squared_error: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestSummary {
    #[serde(flatten)]
    pub metrics: Metrics,
    /// Share of test rows inside their interval, and the mean width of it in points.
    pub coverage: f64,
    pub mean_width: f64,
}

/// Another forecast of the same runs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Rival {
    #[serde(flatten)]
    pub metrics: Metrics,
    /// Foretune's error on those runs that the other one forecasts.
    pub foretune_rmse: f64,
    /// A band of one width around the other's forecasts that holds as many of these runs as Foretune's intervals do, and
    /// the mean width of these: the least that the other one could do, since it is measured on the very runs.
    pub width: f64,
    pub foretune_width: f64,
}

impl Rival {
    /// `None` where it forecasts none of the rows.
    pub fn of(predicted: &[f64], rows: &[&JudgedRow]) -> Option<Self> {
        let both: Vec<(f64, &JudgedRow)> = predicted
            .iter()
            .copied()
            .zip(rows.iter().copied())
            .filter(|(value, _)| value.is_finite())
            .collect();
        if both.is_empty() {
            return None;
        }
        let (predicted, rows): (Vec<f64>, Vec<&JudgedRow>) = both.into_iter().unzip();
        let truth: Vec<f64> = rows.iter().map(|row| row.truth).collect();
        let mut misses: Vec<f64> = predicted.iter().zip(&truth).map(|(a, b)| (a - b).abs()).collect();
        misses.sort_by(f64::total_cmp);
        let ours = summary(&rows);
        let covered = rows.iter().filter(|row| row.is_covered()).count();
        Some(Self {
            metrics: metrics(&predicted, &truth),
            foretune_rmse: ours.metrics.rmse,
            width: covered.checked_sub(1).map_or(f64::NAN, |last| 2.0 * misses[last]),
            foretune_width: ours.mean_width,
        })
    }
}

pub fn on_test(test: &AnytimeTable, fitted: &Fitted) -> Vec<JudgedRow> {
    let make = |row: usize| {
        let values = &test.table.rows[row];
        let predicted = fitted.card.shown(fitted.model.predict(values));
        let error = expected_error(&fitted.errors.model, values, predicted);
        judged(test, row, fitted.model.gate.stage_of(values), predicted, error, &fitted.card)
    };
    (0..test.run.len()).map(make).collect()
}

/// A row of any table by a finished predictor; none where the predictor does not say how far it may be off.
pub fn by_predictor(predictor: &Predictor, table: &AnytimeTable, row: usize) -> Option<JudgedRow> {
    let vector = table.vector(row);
    let inputs = predictor.row(&vector).ok()?;
    let predicted = predictor.shown(predictor.model.predict(&inputs));
    let transfer = predictor.transfer(&vector);
    let stage = predictor.model.gate.stage_of(&inputs);
    let (calibrated, error) = predictor.calibrated(&inputs, stage, predicted, transfer.as_ref())?;
    Some(JudgedRow {
        run: table.run[row],
        knowledge: table.knowledge[row],
        step: table.step[row],
        share: table.share[row],
        stage,
        truth: table.table.target[row],
        predicted,
        expected_error: error,
        half_width: calibrated.factor * error,
        squared_error: error * error * calibrated.mean_square(),
    })
}

pub fn out_of_fold(train: &AnytimeTable, fitted: &Fitted) -> Vec<JudgedRow> {
    let make = |row: usize| {
        let (predicted, error) = (fitted.out_of_fold[row], fitted.errors.expected[row]);
        judged(train, row, fitted.stage[row], predicted, error, &fitted.card)
    };
    (0..train.run.len()).map(make).collect()
}

fn judged(
    table: &AnytimeTable,
    row: usize,
    stage: usize,
    predicted: f64,
    error: f64,
    card: &Card,
) -> JudgedRow {
    let calibration = card.calibration.as_ref().map(|calibration| &calibration.stages[stage]);
    let squared = |calibration: &StageCalibration| error * error * calibration.mean_square();
    JudgedRow {
        run: table.run[row],
        knowledge: table.knowledge[row],
        step: table.step[row],
        share: table.share[row],
        stage,
        truth: table.table.target[row],
        predicted,
        expected_error: error,
        half_width: calibration.map_or(f64::NAN, |calibration| calibration.factor * error),
        squared_error: calibration.map_or(f64::NAN, squared),
    }
}

impl JudgedRow {
    pub fn residual(&self) -> f64 {
        self.truth - self.predicted
    }

    pub fn is_covered(&self) -> bool {
        self.residual().abs() <= self.half_width
    }

    pub fn probability_above(&self, card: &Card, threshold: f64) -> f64 {
        card.calibration.as_ref().map_or(f64::NAN, |calibration| {
            calibration.stages[self.stage].probability_above(self.predicted, self.expected_error, threshold)
        })
    }
}

pub fn summary(rows: &[&JudgedRow]) -> TestSummary {
    let predicted: Vec<f64> = rows.iter().map(|row| row.predicted).collect();
    let truth: Vec<f64> = rows.iter().map(|row| row.truth).collect();
    let widths: Vec<f64> = rows.iter().map(|row| 2.0 * row.half_width).collect();
    let inside = rows.iter().filter(|row| row.is_covered()).count();
    TestSummary {
        metrics: metrics(&predicted, &truth),
        coverage: inside as f64 / rows.len() as f64,
        mean_width: stats::mean(&widths),
    }
}

/// Rows with clean rows (or before any probe) of each run, by depth.
pub fn courses<'a>(rows: &'a [JudgedRow], depths: &[f64]) -> Vec<Vec<&'a JudgedRow>> {
    let mut by_run: BTreeMap<usize, Vec<&JudgedRow>> = BTreeMap::new();
    for row in rows {
        let is_common = depths.iter().any(|depth| (depth - row.step).abs() < 0.5);
        let counts = match row.knowledge {
            Knowledge::Base => true,
            Knowledge::Clean => is_common,
            Knowledge::Plan
            | Knowledge::Rows
            | Knowledge::BlindProxy
            | Knowledge::Proxy
            | Knowledge::ProxyBase
            | Knowledge::Finished
            | Knowledge::FinishedBase
            | Knowledge::Blind
            | Knowledge::CleanFinished => false,
        };
        if counts {
            by_run.entry(row.run).or_default().push(row);
        }
    }
    let mut courses: Vec<Vec<&JudgedRow>> = by_run.into_values().collect();
    for course in &mut courses {
        course.sort_by(|a, b| a.step.total_cmp(&b.step));
    }
    courses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(truth: f64, predicted: f64, half_width: f64) -> JudgedRow {
        JudgedRow {
            run: 0,
            knowledge: Knowledge::Clean,
            step: 100.0,
            share: 0.3,
            stage: 0,
            truth,
            predicted,
            expected_error: half_width,
            half_width,
            squared_error: half_width * half_width,
        }
    }

    #[test]
    fn a_rival_is_compared_on_the_runs_that_it_forecasts() {
        let rows = [row(10.0, 11.0, 2.0), row(20.0, 20.0, 2.0), row(30.0, 39.0, 2.0), row(40.0, 80.0, 2.0)];
        let rows: Vec<&JudgedRow> = rows.iter().collect();
        let found = Rival::of(&[14.0, 20.0, 37.0, f64::NAN], &rows).unwrap();
        assert_eq!(found.metrics.n, 3);
        assert!((found.foretune_rmse - (82.0f64 / 3.0).sqrt()).abs() < 1e-12, "{found:?}");
        // Two of three lie within ours; two of three lie within 4 points of the other's.
        assert!((found.width - 8.0).abs() < 1e-12 && (found.foretune_width - 4.0).abs() < 1e-12, "{found:?}");
        assert_eq!(Rival::of(&[f64::NAN; 4], &rows), None);
    }
}
