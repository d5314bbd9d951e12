//! Sampled Shapley values against one reference row, for models that cannot be explained exactly: always
//! additive, approximate otherwise, and always labelled so.

use super::shap::Attribution;
use crate::numerics::Random;

/// Features are switched from the reference to the row in random orders; each order is also run backwards,
/// which removes most of the variance.
pub fn sampled(
    predict: impl Fn(&[f64]) -> f64,
    row: &[f64],
    reference: &[f64],
    orders: usize,
    seed: u64,
) -> Attribution {
    let mut random = Random::new(seed);
    let mut contributions = vec![0.0; row.len()];
    let base = predict(reference);
    let pairs = orders.div_ceil(2).max(1);
    let mut order: Vec<usize> = (0..row.len()).collect();
    for _ in 0..pairs {
        random.shuffle(&mut order);
        for backwards in [false, true] {
            if backwards {
                order.reverse();
            }
            let mut mixed = reference.to_vec();
            let mut before = base;
            for feature in &order {
                mixed[*feature] = row[*feature];
                let after = predict(&mixed);
                contributions[*feature] += (after - before) / (2 * pairs) as f64;
                before = after;
            }
        }
    }
    Attribution { base, contributions }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additive_always_and_right_for_a_product() {
        let found = sampled(|row| 3.0 + row[0] * row[1] + row[2], &[2.0, 4.0, 1.0], &[0.0; 3], 50, 1);
        assert!((found.base + found.contributions.iter().sum::<f64>() - 12.0).abs() < 1e-12);
        for (found, exact) in found.contributions.iter().zip([4.0, 4.0, 1.0]) {
            assert!((found - exact).abs() < 1e-12);
        }
    }
}
