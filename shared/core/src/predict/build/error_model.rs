//! How wrong a forecast is expected to be: the logarithm of the out-of-fold error, learned from the same
//! features and the forecast itself, so that intervals are wide where errors are.

use crate::numerics::boosted_trees::BoostOptions;
use crate::predict::fit::{Learner, Recipe, Table, Target, group_folds};
use crate::predict::predictor::expected_error;
use crate::predict::staged::Staged;

#[derive(Debug, Clone)]
pub struct ErrorModel {
    pub model: Staged,
    /// Out of fold again: the calibration must not see an error model that saw the same errors.
    pub expected: Vec<f64>,
}

/// Added to every error before the logarithm, in points; below it errors do not differ.
const ERROR_SHIFT_POINTS: f64 = 0.3;

impl ErrorModel {
    pub fn fit(table: &Table, out_of_fold: &[f64], seed: u64) -> Self {
        let mut errors = table.clone();
        errors.names.push("forecast".into());
        for (row, forecast) in errors.rows.iter_mut().zip(out_of_fold) {
            row.push(*forecast);
        }
        errors.target = (0..table.rows.len())
            .map(|row| libm::log((table.target[row] - out_of_fold[row]).abs() + ERROR_SHIFT_POINTS))
            .collect();
        let options = BoostOptions {
            trees: 100,
            learning_rate: 0.06,
            leaves: 6,
            leaf_rows: (table.rows.len() / 60).clamp(5, 200),
            l2: 10.0,
            bins: 63,
            row_share: 0.5,
            column_share: 0.3,
            seed,
            ..BoostOptions::default()
        };
        let learner = Learner::Boosted(options);
        let recipe = Recipe { name: "expected error".into(), learner, target: Target::Score };
        let mut expected = vec![f64::NAN; table.rows.len()];
        for fold in group_folds(&table.groups, 5, seed ^ 1) {
            let model = Staged::from(recipe.fit(&errors.select(&fold.train)));
            for row in fold.test {
                expected[row] = expected_error(&model, &table.rows[row], out_of_fold[row]);
            }
        }
        Self { model: recipe.fit(&errors).into(), expected }
    }
}
