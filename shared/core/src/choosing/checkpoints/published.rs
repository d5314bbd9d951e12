//! The published learner (arXiv 2504.12491, section 4): for every ordered pair and every indicator k the inputs
//! p_i - p_j, p_i p_j, p_i, p_j; gradient-boosted trees at LightGBM's defaults say which is better; Borda ranks.

use crate::numerics::Matrix;
use crate::numerics::boosted_trees::{BoostOptions, BoostedTrees, Loss};

#[derive(Debug)]
pub struct PairLearner {
    trees: BoostedTrees,
}

impl PairLearner {
    /// Pairs tied in the target teach nothing and are left out; None when all are.
    pub fn fit(indicators: &Matrix, target: &[f64]) -> Option<Self> {
        let mut inputs = Vec::new();
        let mut labels = Vec::new();
        for a in 0..indicators.rows() {
            for b in 0..indicators.rows() {
                if target[a].total_cmp(&target[b]).is_ne() {
                    inputs.push(pair_inputs(indicators.row(a), indicators.row(b)));
                    labels.push(f64::from(u8::from(target[a] > target[b])));
                }
            }
        }
        if inputs.is_empty() {
            return None;
        }
        let options = BoostOptions { loss: Loss::Logistic, ..BoostOptions::default() };
        Some(Self { trees: BoostedTrees::fit(&Matrix::from_rows(&inputs), &labels, options) })
    }

    /// Probability that a's tuned score is above b's, both orders averaged so that the two add up to one.
    pub fn probability(&self, a: &[f64], b: &[f64]) -> f64 {
        let forward = self.trees.probability(&pair_inputs(a, b));
        let backward = self.trees.probability(&pair_inputs(b, a));
        f64::midpoint(forward, 1.0 - backward)
    }
}

fn pair_inputs(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).flat_map(|(a, b)| [a - b, a * b, *a, *b]).collect()
}
