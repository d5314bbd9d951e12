//! Gauss-Legendre quadrature on the unit interval.

/// Places and weights of `count` points, by which polynomials up to degree `2 count - 1` are integrated exactly.
/// Newton's method on the Legendre polynomial (Numerical Recipes, 4.6).
pub fn gauss_legendre(count: usize) -> Vec<(f64, f64)> {
    let n = count as f64;
    let point = |index: usize| {
        let mut x = libm::cos(std::f64::consts::PI * (index as f64 + 0.75) / (n + 0.5));
        let mut slope = 1.0;
        // From this start the error squares with every step; five reach the last digit, and more change nothing.
        for _ in 0..8 {
            let (value, at) = legendre(count, x);
            slope = at;
            x -= value / slope;
        }
        (0.5 * (1.0 - x), 1.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..count).map(point).collect()
}

/// The polynomial's value and slope at a place inside (-1, 1).
fn legendre(degree: usize, x: f64) -> (f64, f64) {
    let (mut before, mut value) = (0.0, 1.0);
    for index in 0..degree {
        let k = index as f64;
        (before, value) = (value, ((2.0 * k + 1.0) * x * value - k * before) / (k + 1.0));
    }
    (value, degree as f64 * (x * value - before) / (x * x - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_integrated_exactly() {
        for count in 1..=32 {
            let points = gauss_legendre(count);
            assert!(points.iter().all(|(place, weight)| *place > 0.0 && *place < 1.0 && *weight > 0.0));
            for degree in 0..2 * count {
                let sum: f64 = points.iter().map(|(place, weight)| weight * place.powi(degree as i32)).sum();
                let exact = 1.0 / (degree as f64 + 1.0);
                assert!((sum - exact).abs() < 1e-14, "{count} points, degree {degree}: {sum}");
            }
        }
    }
}
