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
