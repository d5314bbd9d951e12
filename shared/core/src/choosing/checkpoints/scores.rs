//! Rank-normal scores: each column becomes the normal quantile of its rank among the training rows, so that
//! scale and outliers of an indicator do not matter.

use crate::numerics::Matrix;
use crate::numerics::stats::{normal_scores, sorted};

/// The map of one column, learnt from training values.
#[derive(Debug, Clone)]
pub struct ScoreMap {
    /// Distinct training values, rising, and their scores.
    values: Vec<f64>,
    scores: Vec<f64>,
}

impl ScoreMap {
    pub fn learn(training: &[f64]) -> Self {
        let scores_of_rows = normal_scores(training);
        let mut pairs: Vec<(f64, f64)> = training.iter().copied().zip(scores_of_rows).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        pairs.dedup_by(|a, b| a.0.total_cmp(&b.0).is_eq());
        Self {
            values: pairs.iter().map(|pair| pair.0).collect(),
            scores: pairs.iter().map(|pair| pair.1).collect(),
        }
    }

    /// Distinct values in even steps, centred, with the spread of a uniform of unit variance.
    pub fn even_steps(training: &[f64]) -> Self {
        let mut values = sorted(training);
        values.dedup_by(|a, b| a.total_cmp(b).is_eq());
        let half = (values.len() as f64 - 1.0) / 2.0;
        // The standard deviation of 0, 1, ..., n - 1.
        let spread = ((values.len() * values.len()) as f64 - 1.0).max(1.0).sqrt() / 12.0_f64.sqrt();
        let scores = (0..values.len()).map(|index| (index as f64 - half) / spread).collect();
        Self { values, scores }
    }

    /// Straight lines between training values, flat outside them.
    pub fn score(&self, value: f64) -> f64 {
        interpolate(&self.values, &self.scores, value)
    }

    /// The value whose score this is.
    pub fn value(&self, score: f64) -> f64 {
        interpolate(&self.scores, &self.values, score)
    }
}

fn interpolate(x: &[f64], y: &[f64], at: f64) -> f64 {
    let last = x.len() - 1;
    let above = x.partition_point(|knot| *knot < at);
    match above {
        0 => y[0],
        above if above > last => y[last],
        above => {
            let share = (at - x[above - 1]) / (x[above] - x[above - 1]);
            y[above - 1] + share * (y[above] - y[above - 1])
        }
    }
}

/// Scores of training and other rows; a missing value takes the training median, whose score is about zero.
pub fn scored(training: &Matrix, others: &Matrix) -> (Matrix, Matrix) {
    let maps: Vec<ScoreMap> = (0..training.columns())
        .map(|column| {
            let present: Vec<f64> =
                training.column(column).into_iter().filter(|value| !value.is_nan()).collect();
            // A column without any training value says nothing: everything maps to zero.
            if present.is_empty() { ScoreMap::learn(&[0.0]) } else { ScoreMap::learn(&present) }
        })
        .collect();
    let apply = |rows: &Matrix| {
        Matrix::from_fn(rows.rows(), rows.columns(), |row, column| {
            let value = rows.at(row, column);
            if value.is_nan() { 0.0 } else { maps[column].score(value) }
        })
    };
    (apply(training), apply(others))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_follow_ranks_and_go_back() {
        let map = ScoreMap::learn(&[1.0, 10.0, 100.0]);
        assert!(map.score(10.0).abs() < 1e-12 && map.score(0.0) < -0.9 && map.score(1e9) > 0.9);
        assert!((map.value(map.score(55.0)) - 55.0).abs() < 1e-9);
    }

    #[test]
    fn missing_values_sit_in_the_middle() {
        let training = Matrix::from_rows(&[vec![1.0], vec![f64::NAN], vec![3.0]]);
        let (own, other) = scored(&training, &Matrix::from_rows(&[vec![f64::NAN]]));
        assert!(own.at(1, 0).abs() < 1e-12 && other.at(0, 0).abs() < 1e-12);
        assert!(own.at(0, 0) < 0.0 && own.at(2, 0) > 0.0);
    }
}
