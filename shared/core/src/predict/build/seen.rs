//! What a predictor's training rows held: every feature's values, and for each stage the ranges of those features that
//! carry its forecasts. A candidate beyond these ranges is called unlike the training runs.

use crate::numerics::stats;
use crate::predict::card::{SeenFeature, SeenRange};
use crate::predict::model::Model;
use crate::predict::shap::Explainer;
use crate::predict::staged::Staged;
use crate::runs::AnytimeTable;

/// Share of a stage's attributions that the features carry whose ranges count. With each feature that any tree asks about
/// a tenth of the unseen test runs got no verdict, for one on which next to nothing depended.
const CARRIED: f64 = 0.95;
/// Rows that attributions are summed over, evenly over the stage's: an explanation takes longer than a forecast.
const MOST_ROWS: usize = 400;

pub fn features(train: &AnytimeTable) -> Vec<SeenFeature> {
    let names = train.table.names.iter().enumerate();
    let seen = names.map(|(index, name)| {
        let present: Vec<f64> = train.table.column(index).into_iter().filter(|v| !v.is_nan()).collect();
        let or_zero = |value: f64| if value.is_nan() { 0.0 } else { value };
        SeenFeature {
            name: name.clone(),
            low: or_zero(stats::minimum(&present)),
            high: or_zero(stats::maximum(&present)),
            median: or_zero(stats::median(&present)),
        }
    });
    seen.collect()
}

/// `rows`: those of the stage that `model` answers for.
pub fn ranges(train: &AnytimeTable, rows: &[usize], model: &Model) -> Vec<SeenRange> {
    let range = |feature: usize| {
        let values = rows.iter().map(|row| train.table.rows[*row][feature]);
        let present: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
        (!present.is_empty()).then(|| SeenRange {
            feature,
            low: stats::minimum(&present),
            high: stats::maximum(&present),
            ever_missing: is_often_missing(present.len(), rows.len()),
        })
    };
    carrying(&attributions(train, rows, model)).into_iter().filter_map(range).collect()
}

/// A single run without a value taught nothing about such runs.
fn is_often_missing(present: usize, rows: usize) -> bool {
    rows - present > rows / 100
}

/// Absolute attributions of each feature, summed over rows of the stage; where they cannot be had, all alike.
fn attributions(train: &AnytimeTable, rows: &[usize], model: &Model) -> Vec<f64> {
    let Ok(explainer) = Explainer::new(&Staged::from(model.clone())) else {
        return vec![1.0; model.feature_count];
    };
    let mut sums = vec![0.0; model.feature_count];
    for row in rows.iter().step_by(rows.len().div_ceil(MOST_ROWS).max(1)) {
        let found = explainer.explain(&train.table.rows[*row]).contributions;
        for (sum, value) in sums.iter_mut().zip(found) {
            *sum += value.abs();
        }
    }
    sums
}

/// The fewest features that carry that much of all attributions, in the table's order.
fn carrying(attributions: &[f64]) -> Vec<usize> {
    let mut by_weight: Vec<usize> = (0..attributions.len()).collect();
    by_weight.sort_by(|a, b| attributions[*b].total_cmp(&attributions[*a]));
    let wanted = CARRIED * attributions.iter().sum::<f64>();
    let mut carried = 0.0;
    let mut leading: Vec<usize> = by_weight
        .into_iter()
        .take_while(|feature| {
            let goes_on = carried < wanted;
            carried += attributions[*feature];
            goes_on
        })
        .collect();
    leading.sort_unstable();
    leading
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_on_which_next_to_nothing_depends_is_not_among_the_ranges() {
        assert_eq!(carrying(&[0.1, 60.0, 0.0, 30.0, 9.9]), [1, 3, 4]);
        assert_eq!(carrying(&[1.0, 1.0]), [0, 1], "where all are alike, all count");
        assert!(carrying(&[0.0, 0.0]).is_empty(), "a constant leans on nothing");
    }
}
