//! Reading a table of curves: one row a model, one column a data size (its header is the number), beside them
//! a name, and where present zero-data values and parameter counts. Columns beyond the budget are not read.

use serde::Serialize;

use crate::choosing::problem::{Note, Problem, Result};
use crate::choosing::table::Table;
use crate::numerics::Matrix;
use crate::numerics::stats::median;

/// What the cells hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Lower is better, above zero.
    Loss,
    /// Higher is better, 0 to 1 or 0 to 100; the distance to the top is treated as the loss.
    Score,
}

#[derive(Debug, Clone)]
pub struct CurveOptions {
    /// Largest data size that may be read.
    pub budget: f64,
    /// Data size to predict.
    pub target: f64,
    pub measure: Measure,
    pub method: super::Method,
    /// Nominal coverage of the intervals.
    pub coverage: f64,
}

/// Complete curves within the budget, in logarithms.
#[derive(Debug, Clone)]
pub struct Curves {
    pub names: Vec<String>,
    pub sizes: Vec<f64>,
    /// log2 of the sizes.
    pub octaves: Vec<f64>,
    pub log_losses: Matrix,
    /// Log loss before tuning.
    pub zero_shot: Option<Vec<f64>>,
    pub parameters: Option<Vec<f64>>,
    /// The top of a score, 1 or 100; NaN for losses.
    pub ceiling: f64,
    pub notes: Vec<Note>,
}

/// Sizes needed: two make one slope, three tell a slope from noise.
const FEWEST_SIZES: usize = 3;

impl Curves {
    pub fn models(&self) -> usize {
        self.names.len()
    }

    pub fn last_size(&self) -> f64 {
        self.sizes[self.sizes.len() - 1]
    }

    /// From log loss back to the table's own unit.
    pub fn display(&self, log_loss: f64) -> f64 {
        let loss = libm::exp(log_loss);
        if self.ceiling.is_nan() { loss } else { self.ceiling - loss }
    }

    pub fn read(table: &Table, budget: f64, measure: Measure) -> Result<Self> {
        let mut notes = Vec::new();
        let name_column = name_column(table)?;
        let names = table.names(name_column)?;
        if names.len() < 2 {
            return Err(Problem::TooFew { what: "model(s)", found: names.len(), needed: 2, why: "to rank" });
        }
        if names.len() == 2 {
            let message = "two models only: the shared acceleration and the intervals rest on two curves";
            notes.push(Note::general("two_models", message.to_owned()));
        }
        let columns = size_columns(table, budget)?;
        let mut values: Vec<Vec<f64>> = Vec::new();
        for row in 0..table.rows() {
            values.push(
                columns
                    .iter()
                    .map(|(_, column)| table.number_or_missing(row, *column))
                    .collect::<Result<_>>()?,
            );
        }
        let labels: Vec<&str> = columns.iter().map(|(_, column)| table.header()[*column].as_str()).collect();
        check_scales(table, &names, &labels, &values)?;
        let ceiling = ceiling(&values, measure);
        let zero = table.find("0");
        let mut zero_values: Option<Vec<f64>> = None;
        if let Some(column) = zero {
            let read: Vec<f64> =
                (0..table.rows()).map(|row| table.number_or_missing(row, column)).collect::<Result<_>>()?;
            if read.iter().all(|value| !value.is_nan()) {
                zero_values = Some(read);
            }
        }
        to_losses(table, &labels, &mut values, ceiling)?;
        let sizes: Vec<f64> = columns.iter().map(|(size, _)| *size).collect();
        let octaves: Vec<f64> = sizes.iter().map(|size| libm::log2(*size)).collect();
        let mut log_losses: Vec<Vec<f64>> =
            values.iter().map(|row| row.iter().map(|loss| libm::log(*loss)).collect()).collect();
        fill_gaps(table, &labels, &octaves, &mut log_losses, &mut notes)?;
        note_rises(table, &labels, &log_losses, &mut notes);
        if let Some(column) = (0..sizes.len())
            .find(|column| log_losses.iter().all(|row| (row[*column] - log_losses[0][*column]).abs() < 1e-12))
        {
            return Err(Problem::Constant {
                column: labels[column].to_owned(),
                value: libm::exp(log_losses[0][column]),
                rows: names.len(),
            });
        }
        let zero_shot = zero_values.map(|values| {
            values
                .iter()
                .map(|value| libm::log(if ceiling.is_nan() { *value } else { ceiling - value }))
                .collect()
        });
        let zero_shot = zero_shot.filter(|losses: &Vec<f64>| losses.iter().all(|loss| loss.is_finite()));
        let parameters = parameters(table)?;
        note_ignored(table, name_column, &mut notes);
        Ok(Self {
            names,
            octaves,
            log_losses: Matrix::from_rows(&log_losses),
            sizes,
            zero_shot,
            parameters,
            ceiling,
            notes,
        })
    }
}

/// A header that is a number above zero is a data size.
fn size_of(header: &str) -> Option<f64> {
    header.replace('_', "").parse::<f64>().ok().filter(|size| size.is_finite() && *size > 0.0)
}

fn name_column(table: &Table) -> Result<usize> {
    let known = ["config name", "name", "model"];
    let by_name = known.iter().find_map(|name| table.find(name));
    by_name.or_else(|| table.header().iter().position(|header| header.parse::<f64>().is_err())).ok_or_else(
        || Problem::MissingColumn { wanted: "name".to_owned(), present: table.header().join(", ") },
    )
}

/// (size, column) within the budget, by rising size.
fn size_columns(table: &Table, budget: f64) -> Result<Vec<(f64, usize)>> {
    let mut columns: Vec<(f64, usize)> = table
        .header()
        .iter()
        .enumerate()
        .filter_map(|(column, header)| Some((size_of(header)?, column)))
        .filter(|(size, _)| *size <= budget)
        .collect();
    columns.sort_by(|a, b| a.0.total_cmp(&b.0));
    if columns.len() < FEWEST_SIZES {
        return Err(Problem::TooFew {
            what: "data size(s) within the budget",
            found: columns.len(),
            needed: FEWEST_SIZES,
            why: "to tell a slope from noise (column headers are the sizes)",
        });
    }
    if let Some(pair) = columns.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
        return Err(Problem::DuplicateColumn {
            column: table.header()[pair[1].1].clone(),
            first: pair[0].1 + 1,
            second: pair[1].1 + 1,
        });
    }
    Ok(columns)
}

/// A cell a hundredth of its column's median is a unit slip, not a model.
fn check_scales(table: &Table, names: &[String], labels: &[&str], values: &[Vec<f64>]) -> Result<()> {
    for (column, label) in labels.iter().enumerate() {
        let present: Vec<f64> =
            values.iter().map(|row| row[column]).filter(|value| !value.is_nan()).collect();
        let median = median(&present);
        for (row, cells) in values.iter().enumerate() {
            let value = cells[column];
            if value > 0.0 && value <= 1.0 && value < median / 30.0 {
                return Err(Problem::MixedScales {
                    row: table.line(row),
                    column: (*label).to_owned(),
                    found: value,
                    median,
                    name: names[row].clone(),
                });
            }
        }
    }
    Ok(())
}

fn ceiling(values: &[Vec<f64>], measure: Measure) -> f64 {
    let highest = values.iter().flatten().copied().fold(f64::NAN, f64::max);
    match measure {
        Measure::Loss => f64::NAN,
        Measure::Score if highest > 1.0 => 100.0,
        Measure::Score => 1.0,
    }
}

fn to_losses(table: &Table, labels: &[&str], values: &mut [Vec<f64>], ceiling: f64) -> Result<()> {
    for (row, cells) in values.iter_mut().enumerate() {
        for (column, value) in cells.iter_mut().enumerate() {
            let place = || (table.line(row), labels[column].to_owned());
            let found = *value;
            if !ceiling.is_nan() {
                *value = ceiling - *value;
                if found < 0.0 {
                    let (row, column) = place();
                    return Err(Problem::OutOfRange {
                        row,
                        column,
                        found,
                        expected: "a score of zero or more",
                    });
                }
            }
            if *value <= 0.0 {
                let (row, column) = place();
                let expected =
                    if ceiling.is_nan() { "a loss above zero" } else { "a score below its maximum" };
                return Err(Problem::OutOfRange { row, column, found, expected });
            }
        }
    }
    Ok(())
}

/// Gaps inside a curve: a straight line in log-log. Gaps at its ends: the nearest own value moved by the mean
/// step of the models that have both. Each is noted.
fn fill_gaps(
    table: &Table,
    labels: &[&str],
    octaves: &[f64],
    log_losses: &mut [Vec<f64>],
    notes: &mut Vec<Note>,
) -> Result<()> {
    let original: Vec<Vec<f64>> = log_losses.to_vec();
    for (row, cells) in log_losses.iter_mut().enumerate() {
        let present: Vec<usize> =
            (0..cells.len()).filter(|column| !original[row][*column].is_nan()).collect();
        if present.len() == cells.len() {
            continue;
        }
        if present.len() < FEWEST_SIZES {
            let missing = (0..cells.len()).find(|column| cells[*column].is_nan()).unwrap_or(0);
            return Err(Problem::MissingCell {
                row: table.line(row),
                column: labels[missing].to_owned(),
                why: "fewer than three values of this model are within the budget",
            });
        }
        for column in 0..cells.len() {
            if !original[row][column].is_nan() {
                continue;
            }
            let before = present.iter().rev().find(|other| **other < column);
            let after = present.iter().find(|other| **other > column);
            let (value, how) = match (before, after) {
                (Some(&low), Some(&high)) => {
                    let share = (octaves[column] - octaves[low]) / (octaves[high] - octaves[low]);
                    let value = original[row][low] + share * (original[row][high] - original[row][low]);
                    (value, "filled by a straight line in log-log between its neighbours")
                }
                (Some(&near), None) | (None, Some(&near)) => {
                    let moves: Vec<f64> = original
                        .iter()
                        .map(|other| other[column] - other[near])
                        .filter(|step| !step.is_nan())
                        .collect();
                    if moves.is_empty() {
                        return Err(Problem::MissingCell {
                            row: table.line(row),
                            column: labels[column].to_owned(),
                            why: "no other model has a value there to go by",
                        });
                    }
                    (
                        original[row][near] + crate::numerics::stats::mean(&moves),
                        "filled from the model's nearest value and the other models' mean step",
                    )
                }
                (None, None) => continue,
            };
            cells[column] = value;
            notes.push(Note::at("filled_cell", table.line(row), labels[column], format!("empty; {how}")));
        }
    }
    Ok(())
}

fn note_rises(table: &Table, labels: &[&str], log_losses: &[Vec<f64>], notes: &mut Vec<Note>) {
    for (row, cells) in log_losses.iter().enumerate() {
        for column in 1..cells.len() {
            let rise = libm::exp(cells[column] - cells[column - 1]) - 1.0;
            if rise > 0.0 {
                let message = format!("worse by {:.1} % than with less data; kept as it is", 100.0 * rise);
                notes.push(Note::at("rising_loss", table.line(row), labels[column], message));
            }
        }
    }
}

fn parameters(table: &Table) -> Result<Option<Vec<f64>>> {
    let Some(column) = ["size", "params", "parameters"].iter().find_map(|name| table.find(name)) else {
        return Ok(None);
    };
    let counts: Vec<f64> =
        (0..table.rows()).map(|row| table.number_or_missing(row, column)).collect::<Result<_>>()?;
    Ok(Some(counts).filter(|counts| counts.iter().all(|count| *count > 0.0)))
}

fn note_ignored(table: &Table, name_column: usize, notes: &mut Vec<Note>) {
    let known = ["size", "params", "parameters", "family", "0"];
    for (column, header) in table.header().iter().enumerate() {
        let used = column == name_column || size_of(header).is_some() || known.contains(&header.as_str());
        if !used {
            let message = format!("column {header:?} is neither a data size nor a known name; ignored");
            notes.push(Note::general("unknown_column", message));
        }
    }
}
