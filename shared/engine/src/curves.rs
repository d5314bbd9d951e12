//! Small fits over the steps seen so far: straight lines and parabolas in log-log space.

/// Least squares of y on 1, x, ..., x^degree (degree 1 or 2); None where there are too few points or they
/// do not determine it. Coefficients come lowest power first, with the residuals' standard deviation.
pub fn fit(points: &[(f64, f64)], degree: usize) -> Option<(Vec<f64>, f64)> {
    let size = degree + 1;
    let finite: Vec<(f64, f64)> =
        points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
    if finite.len() < size + 1 {
        return None;
    }
    // Normal equations around the mean: the ranges here are small.
    let center = finite.iter().map(|(x, _)| x).sum::<f64>() / finite.len() as f64;
    let mut system = vec![vec![0.0; size + 1]; size];
    for (x, y) in &finite {
        let powers: Vec<f64> = (0..size).map(|power| (x - center).powi(power as i32)).collect();
        for row in 0..size {
            for column in 0..size {
                system[row][column] += powers[row] * powers[column];
            }
            system[row][size] += powers[row] * y;
        }
    }
    let centered = solve(system)?;
    let at = |x: f64| centered.iter().rev().fold(0.0, |sum, c| sum * (x - center) + c);
    let squares: f64 = finite.iter().map(|(x, y)| (y - at(*x)).powi(2)).sum();
    let coefficients = match centered.as_slice() {
        [a, b] => vec![a - b * center, *b],
        [a, b, c] => vec![a - b * center + c * center * center, b - 2.0 * c * center, *c],
        _ => return None,
    };
    Some((coefficients, (squares / finite.len() as f64).sqrt()))
}

/// Gauss with pivoting; None where the matrix is singular.
fn solve(mut system: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let size = system.len();
    for column in 0..size {
        let pivot =
            (column..size).max_by(|a, b| system[*a][column].abs().total_cmp(&system[*b][column].abs()))?;
        if system[pivot][column].abs() < 1e-12 {
            return None;
        }
        system.swap(column, pivot);
        for row in column + 1..size {
            let factor = system[row][column] / system[column][column];
            let (above, below) = system.split_at_mut(row);
            for (value, pivot) in below[0].iter_mut().zip(&above[column]).skip(column) {
                *value -= factor * pivot;
            }
        }
    }
    let mut solution = vec![0.0; size];
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size).map(|k| system[row][k] * solution[k]).sum();
        solution[row] = (system[row][size] - known) / system[row][row];
    }
    Some(solution)
}

pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { f64::NAN } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// Population standard deviation; NaN for no values.
pub fn sd(values: &[f64]) -> f64 {
    let mean = mean(values);
    (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64).sqrt()
}

/// Linear interpolation between order statistics; NaN for no values.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted: Vec<f64> = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let low = place.floor() as usize;
    let high = (low + 1).min(last);
    sorted[low] + (sorted[high] - sorted[low]) * (place - low as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_curves_are_found() {
        let line: Vec<(f64, f64)> = (0..5).map(|i| (f64::from(i), 3.0 - 2.0 * f64::from(i))).collect();
        let (coefficients, noise) = fit(&line, 1).unwrap();
        assert!((coefficients[0] - 3.0).abs() < 1e-9 && (coefficients[1] + 2.0).abs() < 1e-9 && noise < 1e-9);
        let bent: Vec<(f64, f64)> = (0..6).map(|i| (f64::from(i), 1.0 + 0.5 * f64::from(i * i))).collect();
        let (coefficients, _) = fit(&bent, 2).unwrap();
        assert!((coefficients[0] - 1.0).abs() < 1e-9 && (coefficients[2] - 0.5).abs() < 1e-9);
    }

    #[test]
    fn too_few_or_equal_points_give_nothing() {
        assert!(fit(&[(1.0, 1.0), (2.0, 2.0)], 1).is_none());
        assert!(fit(&[(1.0, 1.0); 9], 1).is_none());
        assert!(fit(&[(0.0, f64::NAN), (1.0, 1.0), (2.0, 2.0)], 1).is_none());
    }

    #[test]
    fn quantiles_interpolate() {
        assert!((quantile(&[3.0, 1.0, 2.0], 0.5) - 2.0).abs() < 1e-12);
        assert!((quantile(&[0.0, 10.0], 0.9) - 9.0).abs() < 1e-12);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
