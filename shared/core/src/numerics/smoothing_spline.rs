//! The natural cubic smoothing spline (Green and Silverman 1994, section 2.3) with weights: minimises
//! sum w (y - f)^2 + smoothing * integral f''^2. Dense solve; meant for tens of knots.

use super::matrix::{Cholesky, Matrix};

#[derive(Debug, Clone, PartialEq)]
pub struct SmoothingSpline {
    x: Vec<f64>,
    values: Vec<f64>,
    curvatures: Vec<f64>,
}

impl SmoothingSpline {
    /// Strictly rising x, at least three of them, weights above zero; None otherwise.
    pub fn fit(x: &[f64], y: &[f64], weights: &[f64], smoothing: f64) -> Option<Self> {
        let count = x.len();
        let rising = x.windows(2).all(|pair| pair[0] < pair[1]);
        if count < 3 || y.len() != count || weights.len() != count || !rising {
            return None;
        }
        let inner = count - 2;
        let gap = |index: usize| x[index + 1] - x[index];
        // Second differences: column j of Q touches knots j, j + 1, j + 2.
        let q = |knot: usize, column: usize| match knot.wrapping_sub(column) {
            0 => 1.0 / gap(column),
            1 => -1.0 / gap(column) - 1.0 / gap(column + 1),
            2 => 1.0 / gap(column + 1),
            _ => 0.0,
        };
        let system = Matrix::from_fn(inner, inner, |a, b| {
            let r = match a.abs_diff(b) {
                0 => (gap(a) + gap(a + 1)) / 3.0,
                1 => gap(a.max(b)) / 6.0,
                _ => 0.0,
            };
            let roughness: f64 = (0..count).map(|knot| q(knot, a) * q(knot, b) / weights[knot]).sum();
            r + smoothing * roughness
        });
        let right: Vec<f64> =
            (0..inner).map(|column| (0..count).map(|knot| q(knot, column) * y[knot]).sum()).collect();
        let gamma = Cholesky::of(&system)?.solve(&right);
        let values = (0..count)
            .map(|knot| {
                let pull: f64 = (0..inner).map(|column| q(knot, column) * gamma[column]).sum();
                y[knot] - smoothing * pull / weights[knot]
            })
            .collect();
        let mut curvatures = vec![0.0; count];
        curvatures[1..=inner].copy_from_slice(&gamma);
        Some(Self { x: x.to_vec(), values, curvatures })
    }

    /// Inside the knots; outside, the nearest knot's value.
    pub fn at(&self, x: f64) -> f64 {
        let last = self.x.len() - 1;
        let x = x.clamp(self.x[0], self.x[last]);
        let segment = self.x.partition_point(|knot| *knot <= x).clamp(1, last) - 1;
        let width = self.x[segment + 1] - self.x[segment];
        let (left, right) = ((x - self.x[segment]) / width, (self.x[segment + 1] - x) / width);
        left * self.values[segment + 1] + right * self.values[segment]
            - width * width / 6.0
                * left
                * right
                * ((1.0 + left) * self.curvatures[segment + 1] + (1.0 + right) * self.curvatures[segment])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_smoothing_interpolates_and_much_gives_the_line() {
        let x = [0.0, 0.3, 0.5, 0.9, 1.0];
        let y = [0.0, 0.5, 0.4, 0.8, 1.0];
        let exact = SmoothingSpline::fit(&x, &y, &[1.0; 5], 0.0).unwrap();
        for (x, y) in x.iter().zip(&y) {
            assert!((exact.at(*x) - y).abs() < 1e-9);
        }
        let stiff = SmoothingSpline::fit(&x, &y, &[1.0; 5], 1e6).unwrap();
        let line = crate::numerics::linear::Line::fit(&x, &y);
        assert!(x.iter().all(|x| (stiff.at(*x) - line.at(*x)).abs() < 1e-4));
    }
}
