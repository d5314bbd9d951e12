//! Scoring the methods on tables whose full-data losses are known: Pearson correlation, relative accuracy and
//! coverage, by budget, as arXiv 2402.02314 scores them.

use serde::Serialize;

use super::input::{Curves, Measure};
use super::{Method, interval, predict};
use crate::choosing::problem::{Problem, Result};
use crate::choosing::table::Table;
use crate::numerics::stats::{maximum, mean, minimum, pearson, spearman};

/// One method at one budget.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CellScore {
    pub method: &'static str,
    /// The budget is the target divided by this.
    pub fraction: u32,
    /// Pearson correlation of raw predicted and raw true loss, x100.
    pub pearson: f64,
    pub spearman: f64,
    /// (worst - chosen) / (worst - best), x100.
    pub relative_accuracy: f64,
    /// Mean |log error| x100.
    pub log_error: f64,
    /// Share of true values inside the interval, x100; only where the method gives intervals.
    pub coverage: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Benchmark {
    pub target: f64,
    pub models: usize,
    pub cells: Vec<CellScore>,
}

impl Benchmark {
    pub fn cells_of(&self, method: Method) -> impl Iterator<Item = &CellScore> {
        self.cells.iter().filter(move |cell| cell.method == method.name())
    }

    pub fn mean_pearson(&self, method: Method) -> f64 {
        mean(&self.cells_of(method).map(|cell| cell.pearson).collect::<Vec<_>>())
    }
}

/// `fractions` as in [8, 16, ...]; the truth is read from the column `target`, apart from the curves.
pub fn benchmark(
    text: &str,
    target: f64,
    fractions: &[u32],
    methods: &[Method],
    coverage: f64,
) -> Result<Benchmark> {
    let table = Table::parse(text)?;
    let truth = truth(&table, target)?;
    let mut cells = Vec::new();
    for &fraction in fractions {
        let curves = Curves::read(&table, target / f64::from(fraction), Measure::Loss)?;
        let ahead = libm::log2(target / curves.last_size());
        for &method in methods {
            let Some(predicted) = predict(&curves, method, target) else { continue };
            let widths =
                (method == Method::Pooled).then(|| interval::widths(&curves, ahead, coverage)).flatten();
            let inside = widths.map(|widths| {
                let inside = |model: usize| (predicted[model] - truth[model]).abs() <= widths.whole[model];
                100.0 * (0..truth.len()).filter(|model| inside(*model)).count() as f64 / truth.len() as f64
            });
            cells.push(score(method, fraction, &predicted, &truth, inside));
        }
    }
    Ok(Benchmark { target, models: truth.len(), cells })
}

fn truth(table: &Table, target: f64) -> Result<Vec<f64>> {
    let wanted = |header: &String| header.parse::<f64>().is_ok_and(|size| (size - target).abs() < 0.5);
    let column = table.header().iter().position(wanted).ok_or_else(|| Problem::MissingColumn {
        wanted: target.to_string(),
        present: table.header().join(", "),
    })?;
    (0..table.rows())
        .map(|row| Ok(libm::log(table.number(row, column, "it is the truth to be scored against")?)))
        .collect()
}

fn score(
    method: Method,
    fraction: u32,
    predicted: &[f64],
    truth: &[f64],
    coverage: Option<f64>,
) -> CellScore {
    let raw = |logs: &[f64]| -> Vec<f64> { logs.iter().map(|log| libm::exp(*log)).collect() };
    let (raw_predicted, raw_truth) = (raw(predicted), raw(truth));
    // Model size predicts an order only: its own scale, not an exponential of it.
    let correlated = if method == Method::ModelSize { predicted.to_vec() } else { raw_predicted };
    let chosen = (0..predicted.len()).min_by(|a, b| predicted[*a].total_cmp(&predicted[*b])).unwrap_or(0);
    let (worst, best) = (maximum(&raw_truth), minimum(&raw_truth));
    let errors: Vec<f64> = predicted.iter().zip(truth).map(|(p, t)| (p - t).abs()).collect();
    CellScore {
        method: method.name(),
        fraction,
        pearson: 100.0 * pearson(&correlated, &raw_truth),
        spearman: 100.0 * spearman(predicted, truth),
        relative_accuracy: 100.0 * (worst - raw_truth[chosen]) / (worst - best),
        log_error: 100.0 * mean(&errors),
        coverage,
    }
}
