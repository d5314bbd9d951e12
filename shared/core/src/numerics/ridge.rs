//! Ridge regression with an unpenalised intercept; the penalty is chosen by exact leave-one-out error.

use super::matrix::{Cholesky, Matrix, dot};
use super::stats::mean;

#[derive(Debug, Clone, PartialEq)]
pub struct Ridge {
    pub intercept: f64,
    pub coefficients: Vec<f64>,
    pub penalty: f64,
}

impl Ridge {
    /// The fit whose leave-one-out squared error is smallest over `penalties` (each above zero).
    pub fn fit(design: &Matrix, target: &[f64], penalties: &[f64]) -> Option<Self> {
        let mut best: Option<(f64, Self)> = None;
        for &penalty in penalties {
            let (fit, squared_error) = Self::fit_one(design, target, penalty)?;
            if best.as_ref().is_none_or(|(error, _)| squared_error < *error) {
                best = Some((squared_error, fit));
            }
        }
        best.map(|(_, fit)| fit)
    }

    pub fn predict(&self, row: &[f64]) -> f64 {
        self.intercept + dot(&self.coefficients, row)
    }

    fn fit_one(design: &Matrix, target: &[f64], penalty: f64) -> Option<(Self, f64)> {
        let (rows, columns) = (design.rows(), design.columns());
        let means: Vec<f64> = (0..columns).map(|column| mean(&design.column(column))).collect();
        let centred = Matrix::from_fn(rows, columns, |row, column| design.at(row, column) - means[column]);
        let centre = mean(target);
        let kernel = Matrix::from_fn(columns, columns, |a, b| {
            let inner: f64 = centred.iter_rows().map(|row| row[a] * row[b]).sum();
            inner + if a == b { penalty } else { 0.0 }
        });
        let factor = Cholesky::of(&kernel)?;
        let right: Vec<f64> = (0..columns)
            .map(|column| centred.iter_rows().zip(target).map(|(row, y)| row[column] * (y - centre)).sum())
            .collect();
        let coefficients = factor.solve(&right);
        let intercept = centre - dot(&coefficients, &means);
        let fit = Self { intercept, coefficients, penalty };
        // Leave-one-out residual = residual / (1 - leverage); the intercept's leverage is 1 / n.
        let squared_error = (0..rows)
            .map(|row| {
                let leverage = 1.0 / rows as f64 + dot(centred.row(row), &factor.solve(centred.row(row)));
                let residual = (target[row] - fit.predict(design.row(row))) / (1.0 - leverage).max(1e-9);
                residual * residual
            })
            .sum();
        Some((fit, squared_error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::Random;

    #[test]
    fn recovers_a_linear_rule_and_prefers_little_penalty_without_noise() {
        let mut random = Random::new(2);
        let rows: Vec<Vec<f64>> = (0..40).map(|_| vec![random.normal(), random.normal()]).collect();
        let target: Vec<f64> = rows.iter().map(|row| 1.0 + 2.0 * row[0] - row[1]).collect();
        let fit = Ridge::fit(&Matrix::from_rows(&rows), &target, &[1e-6, 1.0, 100.0]).unwrap();
        assert!((fit.penalty - 1e-6).abs() < 1e-12);
        assert!((fit.coefficients[0] - 2.0).abs() < 1e-4 && (fit.intercept - 1.0).abs() < 1e-4);
    }

    #[test]
    fn leave_one_out_equals_refitting_without_the_row() {
        let mut random = Random::new(5);
        let rows: Vec<Vec<f64>> = (0..8).map(|_| vec![random.normal()]).collect();
        let target: Vec<f64> = rows.iter().map(|row| row[0] + random.normal()).collect();
        let direct: f64 = (0..8)
            .map(|left_out| {
                let keep: Vec<usize> = (0..8).filter(|row| *row != left_out).collect();
                let design = Matrix::from_rows(&rows).select_rows(&keep);
                let part: Vec<f64> = keep.iter().map(|row| target[*row]).collect();
                // The full fit penalises around the full mean; refitting moves the centre, and the exact
                // identity holds because the intercept is free.
                let fit = Ridge::fit_one(&design, &part, 0.7).unwrap().0;
                let residual = target[left_out] - fit.predict(&rows[left_out]);
                residual * residual
            })
            .sum();
        let fast = Ridge::fit_one(&Matrix::from_rows(&rows), &target, 0.7).unwrap().1;
        assert!((direct - fast).abs() < 1e-9 * direct, "{direct} {fast}");
    }
}
