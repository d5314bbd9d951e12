//! CSV exports: Weights & Biases (a step column and one column a metric, several runs as `run - metric`) and MLflow
//! (key, value, step, one row a value).

use std::collections::BTreeMap;

use super::gather::{Gathered, Metric, step_of};
use super::{ImportError, ImportedRun};
use crate::choosing::problem::Problem;
use crate::choosing::table::Table;
use crate::limits;

pub(super) fn read(name: &str, text: &str) -> Result<Vec<ImportedRun>, ImportError> {
    let table = Table::parse(text)?;
    let find = |names: &[&str]| {
        table.header().iter().position(|header| names.contains(&header.to_lowercase().as_str()))
    };
    if let (Some(key), Some(value), Some(step)) = (find(&["key"]), find(&["value"]), find(&["step"])) {
        return long(
            name,
            &table,
            key,
            value,
            step,
            find(&["run_id", "run_uuid", "run id", "run_name", "run"]),
        );
    }
    let step = find(&["step", "_step", "global_step", "train/global_step"]);
    wide(name, &table, step.ok_or_else(|| missing(&table, "Step"))?)
}

fn missing(table: &Table, wanted: &str) -> Problem {
    Problem::MissingColumn { wanted: wanted.to_owned(), present: table.header().join(", ") }
}

/// One row a step. Extremes of the smoothing (`__MIN`, `__MAX`) are no measurements.
fn wide(name: &str, table: &Table, step_column: usize) -> Result<Vec<ImportedRun>, ImportError> {
    let mut columns: Vec<(usize, String, String)> = Vec::new();
    for (column, header) in table.header().iter().enumerate() {
        if column == step_column || header.ends_with("__MIN") || header.ends_with("__MAX") {
            continue;
        }
        let (run, metric) = header.rsplit_once(" - ").unwrap_or((name, header));
        columns.push((column, run.to_owned(), metric.to_owned()));
    }
    let mut runs: BTreeMap<String, Gathered> = BTreeMap::new();
    for row in 0..table.rows() {
        let step = step_at(table, row, step_column)?;
        for (column, run, metric) in &columns {
            // Columns of text (notes, tags) stand beside the metrics.
            if Metric::of(metric).is_none() {
                if row == 0 {
                    gathered(&mut runs, run)?.add(step, metric, f64::NAN)?;
                }
                continue;
            }
            let value = table.number_or_missing(row, *column)?;
            if !value.is_nan() {
                gathered(&mut runs, run)?.add(step, metric, value)?;
            }
        }
    }
    finish(runs, "metrics as CSV (one column a metric)")
}

fn long(
    name: &str,
    table: &Table,
    key: usize,
    value: usize,
    step: usize,
    run: Option<usize>,
) -> Result<Vec<ImportedRun>, ImportError> {
    let mut runs: BTreeMap<String, Gathered> = BTreeMap::new();
    for row in 0..table.rows() {
        let metric = table.text(row, key);
        let run = run.map_or(name, |column| table.text(row, column));
        let number =
            if Metric::of(metric).is_some() { table.number_or_missing(row, value)? } else { f64::NAN };
        gathered(&mut runs, run)?.add(step_at(table, row, step)?, metric, number)?;
    }
    finish(runs, "metrics as CSV (one row a value)")
}

fn step_at(table: &Table, row: usize, column: usize) -> Result<u64, ImportError> {
    let value = table.number(row, column, "every row needs its step")?;
    step_of(value).ok_or_else(|| {
        ImportError::Table(Problem::OutOfRange {
            row: table.line(row),
            column: table.header()[column].clone(),
            found: value,
            expected: "a whole number of steps",
        })
    })
}

fn gathered<'a>(
    runs: &'a mut BTreeMap<String, Gathered>,
    name: &str,
) -> Result<&'a mut Gathered, ImportError> {
    if runs.len() >= limits::MAX_IMPORT_RUNS && !runs.contains_key(name) {
        return Err(ImportError::TooMany { what: "runs", most: limits::MAX_IMPORT_RUNS });
    }
    Ok(runs.entry(name.to_owned()).or_default())
}

/// Runs without any loss are left out unless none has one.
fn finish(runs: BTreeMap<String, Gathered>, source: &'static str) -> Result<Vec<ImportedRun>, ImportError> {
    let mut finished = Vec::new();
    let mut last_error = ImportError::Table(Problem::Empty);
    for (name, run) in runs {
        match run.finish(name, source) {
            Ok(run) => finished.push(run),
            Err(error) => last_error = error,
        }
    }
    if finished.is_empty() { Err(last_error) } else { Ok(finished) }
}
