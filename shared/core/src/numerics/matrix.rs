//! A dense row-major matrix and the Cholesky factor of a symmetric positive definite one.

/// Rows of equal length, stored one after another.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    rows: usize,
    columns: usize,
    values: Vec<f64>,
}

impl Matrix {
    pub fn zeros(rows: usize, columns: usize) -> Self {
        Self { rows, columns, values: vec![0.0; rows * columns] }
    }

    pub fn from_fn(rows: usize, columns: usize, entry: impl Fn(usize, usize) -> f64) -> Self {
        let values = (0..rows * columns).map(|index| entry(index / columns, index % columns)).collect();
        Self { rows, columns, values }
    }

    /// Rows of unequal length are a mistake of the caller and panic.
    pub fn from_rows(rows: &[Vec<f64>]) -> Self {
        let columns = rows.first().map_or(0, Vec::len);
        assert!(rows.iter().all(|row| row.len() == columns), "rows of one length");
        Self { rows: rows.len(), columns, values: rows.concat() }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns..(row + 1) * self.columns]
    }

    pub fn iter_rows(&self) -> impl Iterator<Item = &[f64]> {
        (0..self.rows).map(|row| self.row(row))
    }

    pub fn column(&self, column: usize) -> Vec<f64> {
        (0..self.rows).map(|row| self.at(row, column)).collect()
    }

    pub fn at(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.columns + column]
    }

    pub fn set(&mut self, row: usize, column: usize, value: f64) {
        self.values[row * self.columns + column] = value;
    }

    pub fn times(&self, vector: &[f64]) -> Vec<f64> {
        self.iter_rows().map(|row| dot(row, vector)).collect()
    }

    #[must_use]
    /// The rows named, in that order.
    pub fn select_rows(&self, rows: &[usize]) -> Self {
        Self::from_fn(rows.len(), self.columns, |row, column| self.at(rows[row], column))
    }

    #[must_use]
    /// The columns named, in that order.
    pub fn select_columns(&self, columns: &[usize]) -> Self {
        Self::from_fn(self.rows, columns.len(), |row, column| self.at(row, columns[column]))
    }
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Lower factor L of A = L L'.
#[derive(Debug, Clone)]
pub struct Cholesky {
    lower: Matrix,
}

impl Cholesky {
    /// None unless the matrix is positive definite to working precision.
    pub fn of(matrix: &Matrix) -> Option<Self> {
        let size = matrix.rows();
        let mut lower = Matrix::zeros(size, size);
        for row in 0..size {
            for column in 0..=row {
                let inner: f64 = dot(&lower.row(row)[..column], &lower.row(column)[..column]);
                let rest = matrix.at(row, column) - inner;
                if row != column {
                    lower.set(row, column, rest / lower.at(column, column));
                } else if rest > 1e-14 * matrix.at(row, row).abs() && rest.is_finite() {
                    lower.set(row, row, rest.sqrt());
                } else {
                    return None;
                }
            }
        }
        Some(Self { lower })
    }

    pub fn solve(&self, right: &[f64]) -> Vec<f64> {
        let size = self.lower.rows();
        let mut forward = vec![0.0; size];
        for row in 0..size {
            let inner = dot(&self.lower.row(row)[..row], &forward[..row]);
            forward[row] = (right[row] - inner) / self.lower.at(row, row);
        }
        let mut solution = vec![0.0; size];
        for row in (0..size).rev() {
            let inner: f64 = (row + 1..size).map(|below| self.lower.at(below, row) * solution[below]).sum();
            solution[row] = (forward[row] - inner) / self.lower.at(row, row);
        }
        solution
    }

    /// Natural logarithm of the determinant of A.
    pub fn log_determinant(&self) -> f64 {
        2.0 * (0..self.lower.rows()).map(|index| libm::log(self.lower.at(index, index))).sum::<f64>()
    }

    /// Diagonal of the inverse of A.
    pub fn inverse_diagonal(&self) -> Vec<f64> {
        let size = self.lower.rows();
        (0..size)
            .map(|index| {
                let mut unit = vec![0.0; size];
                unit[index] = 1.0;
                self.solve(&unit)[index]
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn cholesky_solves_what_it_factors(values in prop::collection::vec(-2.0f64..2.0, 16), right in prop::collection::vec(-3.0f64..3.0, 4)) {
            let half = Matrix { rows: 4, columns: 4, values };
            let matrix = Matrix::from_fn(4, 4, |row, column| {
                dot(half.row(row), half.row(column)) + if row == column { 0.5 } else { 0.0 }
            });
            let solution = Cholesky::of(&matrix).expect("a Gram matrix with a ridge").solve(&right);
            for (left, expected) in matrix.times(&solution).iter().zip(&right) {
                prop_assert!((left - expected).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn an_indefinite_matrix_is_refused() {
        assert!(Cholesky::of(&Matrix::from_rows(&[vec![1.0, 2.0], vec![2.0, 1.0]])).is_none());
        assert!(Cholesky::of(&Matrix::from_rows(&[vec![f64::NAN]])).is_none());
    }
}
