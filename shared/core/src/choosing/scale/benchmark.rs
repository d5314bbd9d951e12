//! Scoring the methods where the target's true scores are in the table.

use serde::Serialize;

use super::input::{ScaleOptions, Series};
use super::report::{per_task, score};
use super::{ScaleMethod, cod, interval, pooled};
use crate::choosing::problem::{Problem, Result};
use crate::choosing::table::Table;
use crate::numerics::stats::mean;

/// One method for one target under one set of filters; errors in points (of 100).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    pub method: &'static str,
    pub target: String,
    pub filters: String,
    /// Mean absolute error over the tasks, and its standard error over tasks.
    pub error: f64,
    pub error_deviation: f64,
    /// Over the tasks that belong to no large family.
    pub single_task_error: f64,
    /// |predicted - true| of the mean over all tasks.
    pub mean_error: f64,
    /// Share of tasks inside their interval, x100; and whether the mean is inside its own.
    pub coverage: Option<f64>,
    pub mean_covered: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScaleBenchmark {
    pub tasks: usize,
    pub cells: Vec<Cell>,
}

impl ScaleBenchmark {
    /// A figure's mean over the cells of a method.
    pub fn mean_of(&self, method: ScaleMethod, figure: impl Fn(&Cell) -> f64) -> f64 {
        mean(&self.cells.iter().filter(|cell| cell.method == method.name()).map(figure).collect::<Vec<_>>())
    }
}

/// Every target under every set of filters; the truth is the target's last checkpoint, read apart.
pub fn benchmark(
    text: &str,
    base: &ScaleOptions,
    targets: &[&str],
    filter_sets: &[Vec<(String, String)>],
) -> Result<ScaleBenchmark> {
    let table = Table::parse(text)?;
    let mut cells = Vec::new();
    let mut tasks = 0;
    for filters in filter_sets {
        for target in targets {
            let options =
                ScaleOptions { target: (*target).to_owned(), filters: filters.clone(), ..base.clone() };
            let series = Series::read(&table, &options)?;
            let truth = truth(&table, &options, &series)?;
            tasks = truth.len();
            cells.extend(score_all(&series, &truth, &options));
        }
    }
    Ok(ScaleBenchmark { tasks, cells })
}

fn truth(table: &Table, options: &ScaleOptions, series: &Series) -> Result<Vec<f64>> {
    // Read as if the target were a small model, beside one that is, at its last checkpoint only.
    let as_small = ScaleOptions {
        small: vec![series.sizes[0].clone(), options.target.clone()],
        target: String::new(),
        target_parameters: Some(1.0),
        checkpoints: 1,
        ..options.clone()
    };
    let read = Series::read(table, &as_small)?;
    let place = read.sizes.iter().position(|size| *size == options.target).unwrap_or(1);
    series
        .tasks
        .iter()
        .map(|task| {
            let row = read.tasks.iter().position(|other| other == task).ok_or_else(|| Problem::Unknown {
                what: "the target's task",
                wanted: task.clone(),
                present: format!("{} tasks", read.tasks.len()),
            })?;
            Ok(read.scores.at(row, place))
        })
        .collect()
}

fn score_all(series: &Series, truth: &[f64], options: &ScaleOptions) -> Vec<Cell> {
    let pooled = pooled::predict(series);
    let clustered = cod::predict(series, options.cod);
    let filters: Vec<String> =
        options.filters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    ScaleMethod::ALL
        .into_iter()
        .map(|method| {
            let predicted = per_task(series, method, &pooled.predicted, &clustered.per_task);
            let errors: Vec<f64> = predicted.iter().zip(truth).map(|(p, t)| 100.0 * (p - t).abs()).collect();
            let singles: Vec<f64> = (0..errors.len())
                .filter(|task| !series.in_large_family[*task])
                .map(|task| errors[task])
                .collect();
            let mean_error = (score(method, &predicted, &clustered) - mean(truth)).abs();
            let widths = (method == ScaleMethod::Pooled)
                .then(|| interval::widths(series, &pooled.groups, options.coverage))
                .flatten();
            let inside = widths.as_ref().map(|widths| {
                let count = errors.iter().zip(&widths.tasks).filter(|(e, w)| **e <= 100.0 * **w).count();
                100.0 * count as f64 / errors.len() as f64
            });
            Cell {
                method: method.name(),
                target: options.target.clone(),
                filters: filters.join(" "),
                error: mean(&errors),
                error_deviation: crate::numerics::stats::deviation(&errors) / (errors.len() as f64).sqrt(),
                single_task_error: mean(&singles),
                mean_error: 100.0 * mean_error,
                coverage: inside,
                mean_covered: widths.map(|widths| mean_error <= widths.mean),
            }
        })
        .collect()
}
