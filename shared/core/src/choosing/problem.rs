//! What can be wrong with a table of results, and what was repaired: facts with row and column.

use serde::Serialize;
use thiserror::Error;

/// Rows are counted from 1 with the header as row 1, as spreadsheets and editors count them.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum Problem {
    #[error("the table is empty: expected a header row and at least one row of numbers")]
    Empty,
    #[error("more than {most} {what}: split the table or keep the part you need")]
    TooLarge { what: &'static str, most: usize },
    #[error("row {row}: {found} cells, but the header has {expected}")]
    RaggedRow { row: usize, found: usize, expected: usize },
    #[error("row {row}: a quoted cell is never closed")]
    OpenQuote { row: usize },
    #[error("column {column:?} appears twice in the header (columns {first} and {second})")]
    DuplicateColumn { column: String, first: usize, second: usize },
    #[error("no column {wanted:?}; the table has: {present}")]
    MissingColumn { wanted: String, present: String },
    #[error("row {row}, column {column:?}: expected a number, found {found:?}")]
    NotANumber { row: usize, column: String, found: String },
    #[error("row {row}, column {column:?}: the cell is empty and {why}")]
    MissingCell { row: usize, column: String, why: &'static str },
    #[error("row {row}, column {column:?}: {found} is not {expected}")]
    OutOfRange { row: usize, column: String, found: f64, expected: &'static str },
    #[error("row {row}: the name {name:?} was already used in row {first}; give each model one row")]
    DuplicateName { row: usize, first: usize, name: String },
    #[error(
        "row {row}, column {column:?}: {found} looks like a fraction in a column of percentages \
         (median {median:.3}); correct the cell or leave the row out with --exclude {name}"
    )]
    MixedScales { row: usize, column: String, found: f64, median: f64, name: String },
    #[error("column {column:?} has the same value {value} in all {rows} rows: nothing can be ranked by it")]
    Constant { column: String, value: f64, rows: usize },
    #[error("only {found} {what}; at least {needed} are needed {why}")]
    TooFew { what: &'static str, found: usize, needed: usize, why: &'static str },
    #[error("{what} {wanted:?} is not in the table; it has: {present}")]
    Unknown { what: &'static str, wanted: String, present: String },
    #[error("{0}")]
    Option(String),
}

pub type Result<T> = std::result::Result<T, Problem>;

/// Something the table had that was changed, left out or should be known. Never silent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Note {
    /// A fixed word for programs: `filled_cell`, `rising_loss`, `duplicate_row`, ...
    pub code: &'static str,
    pub row: Option<usize>,
    pub column: Option<String>,
    pub message: String,
}

impl Note {
    pub fn general(code: &'static str, message: String) -> Self {
        Self { code, row: None, column: None, message }
    }

    pub fn at(code: &'static str, row: usize, column: &str, message: String) -> Self {
        Self { code, row: Some(row), column: Some(column.to_owned()), message }
    }

    pub fn row(code: &'static str, row: usize, message: String) -> Self {
        Self { code, row: Some(row), column: None, message }
    }
}

impl std::fmt::Display for Note {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.row, &self.column) {
            (Some(row), Some(column)) => {
                write!(formatter, "row {row}, column {column:?}: {}", self.message)
            }
            (Some(row), None) => write!(formatter, "row {row}: {}", self.message),
            _ => formatter.write_str(&self.message),
        }
    }
}
