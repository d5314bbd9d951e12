//! From predicted standings to probabilities of pairs, and how good an order of pairs is.

use crate::numerics::stats::normal_cumulative;

/// Share of pairs put in the true order, x100; pairs tied in the truth are left out, ties in the prediction
/// count half. NaN when no pair is left.
pub fn pairwise_accuracy(predicted: &[f64], truth: &[f64]) -> f64 {
    let (mut right, mut pairs) = (0.0, 0.0);
    for a in 0..truth.len() {
        for b in 0..a {
            let order = truth[a].total_cmp(&truth[b]);
            if order.is_eq() {
                continue;
            }
            pairs += 1.0;
            let predicted = predicted[a].total_cmp(&predicted[b]);
            right += if predicted.is_eq() { 0.5 } else { f64::from(u8::from(predicted == order)) };
        }
    }
    100.0 * right / pairs
}

/// Predictions for rows held out of the fit, with their true values: what a spread is learnt from.
#[derive(Debug, Clone, Default)]
pub struct HeldOut {
    /// Groups whose predictions are comparable: (prediction, truth) of each row.
    pub folds: Vec<Vec<(f64, f64)>>,
}

impl HeldOut {
    fn pairs(&self) -> impl Iterator<Item = (f64, bool)> {
        self.folds.iter().flat_map(|fold| {
            (0..fold.len()).flat_map(move |a| {
                (0..a).filter_map(move |b| {
                    let tied = fold[a].1.total_cmp(&fold[b].1).is_eq();
                    (!tied).then(|| (fold[a].0 - fold[b].0, fold[a].1 > fold[b].1))
                })
            })
        })
    }

    /// The spread s that makes Phi(difference / s) likeliest, over a grid; 1 where there is nothing to learn
    /// from.
    pub fn spread(&self) -> f64 {
        let pairs: Vec<(f64, bool)> = self.pairs().collect();
        if pairs.is_empty() {
            return 1.0;
        }
        let likelihood = |spread: f64| -> f64 {
            pairs
                .iter()
                .map(|(difference, above)| {
                    let sign = if *above { 1.0 } else { -1.0 };
                    libm::log(normal_cumulative(sign * difference / spread).max(1e-9))
                })
                .sum()
        };
        let grid = (0..=40).map(|step| 0.05 * libm::pow(1.15, f64::from(step)));
        grid.map(|spread| (likelihood(spread), spread))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .map_or(1.0, |best| best.1)
    }

    /// Accuracy and share of the pairs whose stronger side has at least this probability.
    pub fn when_sure(&self, spread: f64, least: f64) -> (f64, f64) {
        let (mut right, mut judged, mut all) = (0.0, 0.0, 0.0);
        for (difference, above) in self.pairs() {
            all += 1.0;
            let probability = normal_cumulative(difference / spread);
            if probability.max(1.0 - probability) >= least {
                judged += 1.0;
                right += f64::from(u8::from((difference > 0.0) == above));
            }
        }
        (100.0 * right / judged, 100.0 * judged / all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_counts_ties_as_agreed() {
        assert!((pairwise_accuracy(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0]) - 100.0).abs() < 1e-12);
        assert!((pairwise_accuracy(&[1.0, 1.0, 3.0], &[1.0, 2.0, 2.0]) - 75.0).abs() < 1e-12);
        assert!(pairwise_accuracy(&[1.0, 2.0], &[5.0, 5.0]).is_nan());
    }

    #[test]
    fn a_useless_prediction_gets_a_wide_spread() {
        let useless = HeldOut { folds: vec![vec![(1.0, 1.0), (2.0, 3.0), (3.0, 0.0), (0.0, 2.0)]] };
        let good = HeldOut { folds: vec![(0..8).map(|i| (f64::from(i), f64::from(i))).collect()] };
        assert!(useless.spread() > 3.0 * good.spread());
        assert!((good.when_sure(good.spread(), 0.9).0 - 100.0).abs() < 1e-9);
    }
}
