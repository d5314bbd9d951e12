//! What to run next: for each model, how much the next point is expected to improve the choice (the knowledge
//! gradient of Frazier, Powell and Dayanik 2009), against what it costs.

use serde::Serialize;

use crate::numerics::stats::{normal_cumulative, normal_density};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NextPoint {
    pub name: String,
    /// Data size to tune on.
    pub size: f64,
    /// Size times parameters where they are known, else size.
    pub cost: f64,
    /// Expected fall of the chosen model's full-data log loss once the point is known.
    pub expected_gain: f64,
}

/// A model's forecast: log loss and standard deviation.
#[derive(Debug, Clone, Copy)]
pub struct Belief {
    pub mean: f64,
    pub deviation: f64,
}

/// Expected gain of seeing each model one octave further when `ahead` octaves remain.
pub fn expected_gains(beliefs: &[Belief], ahead: f64) -> Vec<f64> {
    // The error of a slope held over the octaves left is in proportion to them.
    let left_after = ((ahead - 1.0) / ahead).max(0.0);
    let learnt = (1.0 - left_after * left_after).sqrt();
    (0..beliefs.len())
        .map(|model| {
            let others = beliefs.iter().enumerate().filter(|(other, _)| *other != model);
            let best_other = others.map(|(_, belief)| belief.mean).fold(f64::INFINITY, f64::min);
            let change = beliefs[model].deviation * learnt;
            if change <= 0.0 || !best_other.is_finite() {
                return 0.0;
            }
            let z = -(beliefs[model].mean - best_other).abs() / change;
            change * (normal_density(z) + z * normal_cumulative(z))
        })
        .collect()
}

/// Probability that each model's loss is the lowest, errors independent and normal.
pub fn probabilities_of_best(beliefs: &[Belief]) -> Vec<f64> {
    const STEPS: usize = 800;
    let widest = beliefs.iter().map(|belief| belief.deviation).fold(0.0, f64::max).max(1e-9);
    let lowest =
        beliefs.iter().map(|belief| belief.mean - 6.0 * belief.deviation).fold(f64::INFINITY, f64::min);
    let best = beliefs.iter().map(|belief| belief.mean).fold(f64::INFINITY, f64::min);
    let highest = best + 6.0 * widest;
    let step = (highest - lowest) / STEPS as f64;
    let z = |belief: &Belief, x: f64| (x - belief.mean) / belief.deviation.max(1e-9);
    let mut shares = vec![0.0; beliefs.len()];
    for index in 0..STEPS {
        let x = lowest + (index as f64 + 0.5) * step;
        let survival: Vec<f64> = beliefs.iter().map(|belief| 1.0 - normal_cumulative(z(belief, x))).collect();
        for (model, belief) in beliefs.iter().enumerate() {
            let density = normal_density(z(belief, x)) / belief.deviation.max(1e-9);
            if density <= 0.0 {
                continue;
            }
            let others: f64 =
                survival.iter().enumerate().filter(|(other, _)| *other != model).map(|(_, s)| *s).product();
            shares[model] += density * others * step;
        }
    }
    let total: f64 = shares.iter().sum();
    shares.into_iter().map(|share| if total > 0.0 { share / total } else { f64::NAN }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_equal_models_share_and_a_clear_winner_takes_all() {
        let even = [Belief { mean: 0.0, deviation: 0.1 }; 2];
        assert!((probabilities_of_best(&even)[0] - 0.5).abs() < 1e-6);
        let apart = [Belief { mean: 0.0, deviation: 0.1 }, Belief { mean: 1.0, deviation: 0.1 }];
        assert!(probabilities_of_best(&apart)[0] > 0.999);
        // P(X < Y) for a difference of one joint deviation.
        let close = [Belief { mean: 0.0, deviation: 0.1 }, Belief { mean: 0.02_f64.sqrt(), deviation: 0.1 }];
        assert!((probabilities_of_best(&close)[0] - normal_cumulative(1.0)).abs() < 1e-3);
    }

    #[test]
    fn a_hopeless_model_is_not_worth_a_run() {
        let beliefs = [
            Belief { mean: 0.0, deviation: 0.1 },
            Belief { mean: 0.05, deviation: 0.1 },
            Belief { mean: 2.0, deviation: 0.1 },
        ];
        let gains = expected_gains(&beliefs, 4.0);
        assert!(gains[0] > 0.0 && gains[1] > 100.0 * gains[2], "{gains:?}");
    }
}
