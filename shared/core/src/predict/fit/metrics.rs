//! How far forecasts are from the truth, in the target's unit (points).

use serde::{Deserialize, Deserializer, Serialize};

use crate::numerics::stats;

#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Metrics {
    pub n: usize,
    #[serde(deserialize_with = "nan_if_null")]
    pub rmse: f64,
    #[serde(deserialize_with = "nan_if_null")]
    pub mae: f64,
    #[serde(deserialize_with = "nan_if_null")]
    pub r2: f64,
    #[serde(deserialize_with = "nan_if_null")]
    pub pearson: f64,
    /// Share of rows within 1, 2, 3 units.
    #[serde(deserialize_with = "nan_if_null")]
    pub within_1: f64,
    #[serde(deserialize_with = "nan_if_null")]
    pub within_2: f64,
    #[serde(deserialize_with = "nan_if_null")]
    pub within_3: f64,
}

/// JSON has no NaN; what could not be computed (a correlation of constants) is `null` there.
fn nan_if_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// Pairs without a prediction are left out; `n` counts the rest.
pub fn metrics(predicted: &[f64], truth: &[f64]) -> Metrics {
    let pairs: Vec<(f64, f64)> = predicted
        .iter()
        .copied()
        .zip(truth.iter().copied())
        .filter(|(p, t)| p.is_finite() && t.is_finite())
        .collect();
    let (predicted, truth): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
    let n = pairs.len();
    let squares: f64 = pairs.iter().map(|(p, t)| (p - t) * (p - t)).sum();
    let within = |limit: f64| pairs.iter().filter(|(p, t)| (p - t).abs() <= limit).count() as f64 / n as f64;
    Metrics {
        n,
        rmse: (squares / n as f64).sqrt(),
        mae: pairs.iter().map(|(p, t)| (p - t).abs()).sum::<f64>() / n as f64,
        r2: 1.0 - squares / (stats::variance(&truth, 0) * n as f64),
        pearson: stats::pearson(&predicted, &truth),
        within_1: within(1.0),
        within_2: within(2.0),
        within_3: within(3.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correlation_that_does_not_exist_survives_json() {
        let found = metrics(&[1.0, 1.0], &[1.0, 2.0]);
        let back: Metrics = serde_json::from_str(&serde_json::to_string(&found).unwrap()).unwrap();
        assert!(back.pearson.is_nan() && (back.rmse - found.rmse).abs() < 1e-12);
    }

    #[test]
    fn known_values() {
        let found = metrics(&[1.0, 2.0, 6.0, f64::NAN], &[1.0, 4.0, 3.0, 1.0]);
        assert_eq!((found.n, found.within_1, found.within_3), (3, 1.0 / 3.0, 1.0));
        assert!((found.rmse - (13.0f64 / 3.0).sqrt()).abs() < 1e-12 && (found.mae - 5.0 / 3.0).abs() < 1e-12);
    }
}
