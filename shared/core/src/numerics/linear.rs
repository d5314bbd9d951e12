//! Straight lines, weighted, and non-negative least squares for a handful of columns.

use super::matrix::{Cholesky, Matrix, dot};

/// y = intercept + slope x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    pub intercept: f64,
    pub slope: f64,
}

impl Line {
    pub fn at(self, x: f64) -> f64 {
        self.intercept + self.slope * x
    }

    /// Ordinary least squares; a constant where x does not vary.
    pub fn fit(x: &[f64], y: &[f64]) -> Self {
        Self::fit_weighted(x, y, &vec![1.0; x.len()])
    }

    pub fn fit_weighted(x: &[f64], y: &[f64], weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let (mean_x, mean_y) = (dot(weights, x) / total, dot(weights, y) / total);
        let (mut cross, mut square) = (0.0, 0.0);
        for ((x, y), weight) in x.iter().zip(y).zip(weights) {
            cross += weight * (x - mean_x) * (y - mean_y);
            square += weight * (x - mean_x) * (x - mean_x);
        }
        let slope = if square > 0.0 { cross / square } else { 0.0 };
        Self { intercept: mean_y - slope * mean_x, slope }
    }

    /// Standard error of the slope from the residuals of an unweighted fit; infinite with fewer than three
    /// points.
    pub fn slope_error(self, x: &[f64], y: &[f64]) -> f64 {
        if x.len() < 3 {
            return f64::INFINITY;
        }
        let squares: f64 = x.iter().zip(y).map(|(x, y)| (y - self.at(*x)) * (y - self.at(*x))).sum();
        let spread = super::stats::variance(x, 0) * x.len() as f64;
        (squares / (x.len() as f64 - 2.0) / spread).sqrt()
    }
}

/// Coefficients and residual sum of squares.
#[derive(Debug, Clone, PartialEq)]
pub struct NonNegativeFit {
    pub coefficients: Vec<f64>,
    pub residual_squares: f64,
}

/// Least squares with every coefficient at or above zero, by trying each set of active columns (exact;
/// meant for at most a handful of columns, more than 12 panic).
pub fn non_negative_least_squares(design: &Matrix, target: &[f64]) -> NonNegativeFit {
    let columns = design.columns();
    assert!(columns <= 12, "the search over active sets doubles with every column");
    let mut best = NonNegativeFit { coefficients: vec![0.0; columns], residual_squares: dot(target, target) };
    for set in 1usize..1 << columns {
        let active: Vec<usize> = (0..columns).filter(|column| set >> column & 1 == 1).collect();
        let Some(solution) = least_squares(&design.select_columns(&active), target) else { continue };
        if solution.iter().any(|coefficient| *coefficient < 0.0) {
            continue;
        }
        let mut coefficients = vec![0.0; columns];
        for (column, value) in active.iter().zip(&solution) {
            coefficients[*column] = *value;
        }
        let residual_squares = residual_squares(design, target, &coefficients);
        if residual_squares < best.residual_squares {
            best = NonNegativeFit { coefficients, residual_squares };
        }
    }
    best
}

/// Unconstrained least squares by the normal equations; None where the columns are dependent.
pub fn least_squares(design: &Matrix, target: &[f64]) -> Option<Vec<f64>> {
    let columns: Vec<Vec<f64>> = (0..design.columns()).map(|column| design.column(column)).collect();
    let normal = Matrix::from_fn(columns.len(), columns.len(), |a, b| dot(&columns[a], &columns[b]));
    let right: Vec<f64> = columns.iter().map(|column| dot(column, target)).collect();
    Some(Cholesky::of(&normal)?.solve(&right))
}

fn residual_squares(design: &Matrix, target: &[f64], coefficients: &[f64]) -> f64 {
    let fitted = design.times(coefficients);
    target.iter().zip(&fitted).map(|(y, f)| (y - f) * (y - f)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_through_exact_points() {
        let line = Line::fit(&[0.0, 1.0, 2.0], &[1.0, 3.0, 5.0]);
        assert!((line.intercept - 1.0).abs() < 1e-12 && (line.slope - 2.0).abs() < 1e-12);
        assert!(Line::fit(&[1.0, 1.0], &[1.0, 3.0]).slope.abs() < 1e-12);
    }

    #[test]
    fn a_negative_optimum_is_held_at_zero() {
        let design = Matrix::from_rows(&[vec![1.0, 1.0], vec![2.0, 1.0], vec![3.0, 1.0]]);
        let fit = non_negative_least_squares(&design, &[3.0, 2.0, 1.0]);
        assert!(fit.coefficients[0].abs() < 1e-12 && (fit.coefficients[1] - 2.0).abs() < 1e-12);
        let free = non_negative_least_squares(&design, &[3.0, 5.0, 7.0]);
        assert!((free.coefficients[0] - 2.0).abs() < 1e-9 && free.residual_squares < 1e-18);
    }
}
