//! The two fitted laws the published comparison used, on log loss with a Huber loss, from a few fixed starts.

use crate::numerics::nelder_mead;

const HUBER_WIDTH: f64 = 1e-3;
const MOST_EVALUATIONS: usize = 1500;

/// L = (1 / (B D^beta) + E)^alpha; the predicted log loss at `target`.
pub fn vanilla(sizes: &[f64], log_losses: &[f64], target: f64) -> f64 {
    let law = |p: &[f64], size: f64| {
        // Logarithms keep B, E and alpha above zero.
        libm::exp(p[2]) * libm::log(libm::exp(-p[0] - p[1] * libm::log(size)) + libm::exp(p[3]))
    };
    let mut starts = Vec::new();
    for exponent in [0.1, 0.3, 0.6] {
        for power in [-0.5, 0.5] {
            for floor in [-2.0, 0.0] {
                starts.push(vec![-1.0, exponent, power, floor]);
            }
        }
    }
    fit(sizes, log_losses, target, &starts, law)
}

/// L = (A - E) / (1 + exp(beta ln D + B)) + E, the form of the published code (D_l = exp(-B)).
pub fn rectified(sizes: &[f64], log_losses: &[f64], target: f64) -> f64 {
    let law = |p: &[f64], size: f64| {
        let floor = libm::exp(p[3]);
        libm::log(libm::exp(p[2]) / (1.0 + libm::exp(p[0] * libm::log(size) + p[1])) + floor)
    };
    let first = log_losses[0];
    let mut starts = Vec::new();
    for exponent in [0.2, 0.5, 1.0] {
        for half_size in [200.0, 6400.0, 200_000.0] {
            for floor in [-1.0, -4.0] {
                let shift = -exponent * libm::log(half_size);
                starts.push(vec![exponent, shift, first, first + floor]);
            }
        }
    }
    fit(sizes, log_losses, target, &starts, law)
}

fn fit(
    sizes: &[f64],
    log_losses: &[f64],
    target: f64,
    starts: &[Vec<f64>],
    law: impl Fn(&[f64], f64) -> f64,
) -> f64 {
    let objective = |parameters: &[f64]| {
        sizes.iter().zip(log_losses).map(|(size, loss)| huber(law(parameters, *size) - loss)).sum()
    };
    let mut best: Option<(Vec<f64>, f64)> = None;
    for start in starts {
        let found = nelder_mead::minimise(start, &[0.1, 0.3, 0.2, 0.5], MOST_EVALUATIONS, objective);
        if best.as_ref().is_none_or(|(_, least)| found.1 < *least) {
            best = Some(found);
        }
    }
    best.map_or(f64::NAN, |(parameters, _)| law(&parameters, target))
}

fn huber(residual: f64) -> f64 {
    let size = residual.abs();
    if size <= HUBER_WIDTH { 0.5 * size * size } else { HUBER_WIDTH * (size - 0.5 * HUBER_WIDTH) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rectified_curve_is_recovered() {
        let sizes: Vec<f64> = (0..12).map(|octave| 200.0 * f64::from(1 << octave)).collect();
        let truth = |size: f64| libm::log(1.2 + 60.0 / (20.0 + libm::pow(size, 0.4)));
        let losses: Vec<f64> = sizes.iter().map(|size| truth(*size)).collect();
        let target = 1_638_400.0;
        assert!((rectified(&sizes, &losses, target) - truth(target)).abs() < 0.02);
    }

    #[test]
    fn a_power_law_is_recovered() {
        let sizes: Vec<f64> = (0..10).map(|octave| 200.0 * f64::from(1 << octave)).collect();
        let truth = |size: f64| libm::log(1.0 + 8.0 / libm::pow(size, 0.3));
        let losses: Vec<f64> = sizes.iter().map(|size| truth(*size)).collect();
        assert!((vanilla(&sizes, &losses, 409_600.0) - truth(409_600.0)).abs() < 0.02);
    }
}
