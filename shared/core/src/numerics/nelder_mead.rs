//! Nelder-Mead minimisation (Nelder and Mead 1965, standard coefficients) for a few parameters without
//! gradients. Deterministic; NaN counts as worst.

/// The best point found and its value.
pub fn minimise(
    start: &[f64],
    first_steps: &[f64],
    most_evaluations: usize,
    objective: impl Fn(&[f64]) -> f64,
) -> (Vec<f64>, f64) {
    let value = |point: &[f64]| {
        let value = objective(point);
        if value.is_nan() { f64::INFINITY } else { value }
    };
    let mut simplex: Vec<(Vec<f64>, f64)> = vec![(start.to_vec(), value(start))];
    for (axis, step) in first_steps.iter().enumerate() {
        let mut corner = start.to_vec();
        corner[axis] += step;
        let height = value(&corner);
        simplex.push((corner, height));
    }
    let mut evaluations = simplex.len();
    while evaluations < most_evaluations {
        simplex.sort_by(|a, b| a.1.total_cmp(&b.1));
        let worst = simplex.len() - 1;
        if simplex[worst].1 - simplex[0].1 <= 1e-12 * (simplex[0].1.abs() + 1e-12) {
            break;
        }
        let centre: Vec<f64> = (0..start.len())
            .map(|axis| simplex[..worst].iter().map(|(point, _)| point[axis]).sum::<f64>() / worst as f64)
            .collect();
        let along = |factor: f64| -> Vec<f64> {
            centre.iter().zip(&simplex[worst].0).map(|(c, w)| c + factor * (c - w)).collect()
        };
        let reflected = along(1.0);
        let height = value(&reflected);
        evaluations += 1;
        if height < simplex[0].1 {
            let expanded = along(2.0);
            let further = value(&expanded);
            evaluations += 1;
            simplex[worst] = if further < height { (expanded, further) } else { (reflected, height) };
        } else if height < simplex[worst - 1].1 {
            simplex[worst] = (reflected, height);
        } else {
            let contracted = along(if height < simplex[worst].1 { 0.5 } else { -0.5 });
            let inner = value(&contracted);
            evaluations += 1;
            if inner < height.min(simplex[worst].1) {
                simplex[worst] = (contracted, inner);
            } else {
                let best = simplex[0].0.clone();
                for (point, height) in &mut simplex[1..] {
                    for (coordinate, target) in point.iter_mut().zip(&best) {
                        *coordinate = f64::midpoint(*coordinate, *target);
                    }
                    *height = value(point);
                }
                evaluations += worst;
            }
        }
    }
    simplex.sort_by(|a, b| a.1.total_cmp(&b.1));
    simplex.swap_remove(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_bottom_of_a_bent_valley() {
        let rosenbrock =
            |p: &[f64]| 100.0 * (p[1] - p[0] * p[0]) * (p[1] - p[0] * p[0]) + (1.0 - p[0]) * (1.0 - p[0]);
        let (point, value) = minimise(&[-1.2, 1.0], &[0.3, 0.3], 2000, rosenbrock);
        assert!((point[0] - 1.0).abs() < 1e-3 && value < 1e-6, "{point:?} {value}");
    }

    #[test]
    fn undefined_regions_are_avoided() {
        let (point, _) = minimise(&[1.0], &[0.5], 200, |p| p[0].sqrt() + (p[0] - 0.5) * (p[0] - 0.5));
        assert!(point[0] >= 0.0);
    }
}
