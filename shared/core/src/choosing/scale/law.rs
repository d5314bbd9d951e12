//! The published law of a cluster's score over compute, y = g + (1 - g) exp(-a C^-b - c), and its fit.

use serde::Serialize;

use crate::numerics::nelder_mead;

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Law {
    /// Score of guessing.
    pub chance: f64,
    pub a: f64,
    pub b: f64,
    pub c: f64,
}

impl Law {
    pub fn at(&self, compute: f64) -> f64 {
        let exponent = -self.a * libm::pow(compute, -self.b) - self.c;
        self.chance + (1.0 - self.chance) * libm::exp(exponent)
    }

    /// Least squares over a > 0, b > 0, c >= 0 from several starts.
    pub fn fit(chance: f64, compute: &[f64], scores: &[f64]) -> Self {
        let law = |p: &[f64]| Self { chance, a: libm::exp(p[0]), b: libm::exp(p[1]), c: p[2].abs() };
        let objective = |p: &[f64]| {
            let law = law(p);
            compute.iter().zip(scores).map(|(x, y)| (law.at(*x) - y) * (law.at(*x) - y)).sum::<f64>()
        };
        let mut best: Option<(Vec<f64>, f64)> = None;
        for scale in [0.5, 2.0, 10.0] {
            for power in [0.1, 0.3, 0.7] {
                for ceiling in [0.02, 0.5] {
                    let start = [libm::log(scale), libm::log(power), ceiling];
                    let found = nelder_mead::minimise(&start, &[0.5, 0.4, 0.2], 800, objective);
                    if best.as_ref().is_none_or(|(_, least)| found.1 < *least) {
                        best = Some(found);
                    }
                }
            }
        }
        law(&best.expect("there are starts").0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_law_is_recovered_from_its_points() {
        let truth = Law { chance: 0.25, a: 6.0, b: 0.35, c: 0.1 };
        let compute: Vec<f64> = (0..7).map(|i| 100.0 * libm::pow(3.0, f64::from(i))).collect();
        let scores: Vec<f64> = compute.iter().map(|x| truth.at(*x)).collect();
        let fit = Law::fit(0.25, &compute, &scores);
        assert!((fit.at(1e6) - truth.at(1e6)).abs() < 0.01, "{fit:?}");
    }
}
