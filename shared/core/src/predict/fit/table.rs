//! What is fitted: named columns with missing values, a target, a group for each row. Rows of one group
//! never stand on both sides of a split.

use thiserror::Error;

use crate::limits;

#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub names: Vec<String>,
    pub rows: Vec<Vec<f64>>,
    pub target: Vec<f64>,
    /// Source dataset, run or whatever must stay together; compared, never interpreted.
    pub groups: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq, Error)]
pub enum TableError {
    #[error("{rows} rows are too few to fit on; at least {needed} are needed")]
    TooFewRows { rows: usize, needed: usize },
    #[error("all rows belong to one group, so nothing can be held out; at least 2 are needed")]
    OneGroup,
    #[error("no feature varies over the rows, so there is nothing to learn from")]
    NothingVaries,
    #[error("the target is {value} in row {row}; it must be a finite number")]
    Target { row: usize, value: f64 },
    #[error("the target is the same in every row")]
    ConstantTarget,
    #[error(
        "feature {name:?} equals the target in every row (correlation {correlation:.6}): it is the answer, \
         not a measurement"
    )]
    Leak { name: String, correlation: f64 },
    #[error("feature {name:?} is {value} in row {row}; a value is finite or missing")]
    Value { name: String, row: usize, value: f64 },
    #[error("row {row} has {found} values for {expected} features")]
    Width { row: usize, found: usize, expected: usize },
    #[error("{found} features; at most {limit} are read")]
    TooManyFeatures { found: usize, limit: usize },
}

pub const MIN_ROWS: usize = 20;
/// Squared correlation with the target above which a feature is the target under another name.
const LEAK_CORRELATION: f64 = 0.999_999;

impl Table {
    /// Refuses what no fit can be made from, with the reason.
    pub fn check(&self) -> Result<(), TableError> {
        if self.names.len() > limits::MAX_MODEL_FEATURES {
            let (found, limit) = (self.names.len(), limits::MAX_MODEL_FEATURES);
            return Err(TableError::TooManyFeatures { found, limit });
        }
        for (row, values) in self.rows.iter().enumerate() {
            if values.len() != self.names.len() {
                let (found, expected) = (values.len(), self.names.len());
                return Err(TableError::Width { row, found, expected });
            }
            if let Some(column) = values.iter().position(|value| value.is_infinite()) {
                let name = self.names[column].clone();
                return Err(TableError::Value { name, row, value: values[column] });
            }
        }
        if let Some(row) = self.target.iter().position(|value| !value.is_finite()) {
            return Err(TableError::Target { row, value: self.target[row] });
        }
        if self.rows.len() < MIN_ROWS {
            return Err(TableError::TooFewRows { rows: self.rows.len(), needed: MIN_ROWS });
        }
        if !varies(self.target.iter().copied()) {
            return Err(TableError::ConstantTarget);
        }
        if !varies(self.groups.iter().map(|group| *group as f64))
            && self.groups.windows(2).all(|g| g[0] == g[1])
        {
            return Err(TableError::OneGroup);
        }
        if !(0..self.names.len()).any(|column| varies(self.rows.iter().map(|row| row[column]))) {
            return Err(TableError::NothingVaries);
        }
        self.check_leaks()
    }

    fn check_leaks(&self) -> Result<(), TableError> {
        for (column, name) in self.names.iter().enumerate() {
            let present: Vec<(f64, f64)> = self
                .rows
                .iter()
                .zip(&self.target)
                .filter(|(row, _)| !row[column].is_nan())
                .map(|(row, target)| (row[column], *target))
                .collect();
            if present.len() < self.rows.len() / 2 || present.len() < MIN_ROWS {
                continue;
            }
            let (values, target): (Vec<f64>, Vec<f64>) = present.into_iter().unzip();
            let correlation = crate::numerics::stats::pearson(&values, &target);
            if correlation.abs() > LEAK_CORRELATION {
                return Err(TableError::Leak { name: name.clone(), correlation });
            }
        }
        Ok(())
    }

    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            names: self.names.clone(),
            rows: rows.iter().map(|row| self.rows[*row].clone()).collect(),
            target: rows.iter().map(|row| self.target[*row]).collect(),
            groups: rows.iter().map(|row| self.groups[*row]).collect(),
        }
    }

    /// The same rows with every feature missing that `keep` refuses: ablations keep one width.
    #[must_use]
    pub fn without(&self, keep: impl Fn(&str) -> bool) -> Self {
        let kept: Vec<bool> = self.names.iter().map(|name| keep(name)).collect();
        let mut table = self.clone();
        for row in &mut table.rows {
            for (value, kept) in row.iter_mut().zip(&kept) {
                if !kept {
                    *value = f64::NAN;
                }
            }
        }
        table
    }

    pub fn column_index(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    pub fn column(&self, index: usize) -> Vec<f64> {
        self.rows.iter().map(|row| row[index]).collect()
    }
}

fn varies(mut values: impl Iterator<Item = f64>) -> bool {
    let Some(first) = values.by_ref().find(|value| !value.is_nan()) else { return false };
    values.any(|value| (value - first).abs() > 1e-12 * (1.0 + first.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: usize) -> Table {
        Table {
            names: vec!["a".into(), "b".into()],
            rows: (0..rows).map(|row| vec![row as f64, f64::NAN]).collect(),
            target: (0..rows).map(|row| (row % 7) as f64).collect(),
            groups: (0..rows as u64).collect(),
        }
    }

    #[test]
    fn what_cannot_be_fitted_is_refused_with_its_reason() {
        assert_eq!(table(40).check(), Ok(()));
        assert_eq!(table(3).check(), Err(TableError::TooFewRows { rows: 3, needed: MIN_ROWS }));
        let mut leaked = table(40);
        leaked.target = leaked.rows.iter().map(|row| 2.0 * row[0] + 1.0).collect();
        assert!(matches!(leaked.check(), Err(TableError::Leak { name, .. }) if name == "a"));
        let mut constant = table(40);
        constant.rows = vec![vec![1.0, f64::NAN]; 40];
        assert_eq!(constant.check(), Err(TableError::NothingVaries));
        let mut grouped = table(40);
        grouped.groups = vec![3; 40];
        assert_eq!(grouped.check(), Err(TableError::OneGroup));
        let mut infinite = table(40);
        infinite.rows[2][0] = f64::INFINITY;
        assert!(matches!(infinite.check(), Err(TableError::Value { row: 2, .. })));
    }
}
