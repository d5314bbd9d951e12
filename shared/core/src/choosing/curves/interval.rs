//! Intervals by back-testing inside the budget: shorter prefixes of the same curves predict their later
//! points, and the misses, relative to slope times octaves ahead, set the width.

use super::input::Curves;
use super::pooled::Fit;
use crate::numerics::Matrix;
use crate::numerics::stats::{normal_quantile, quantile};

/// The acceleration moves all models together and is the least known part: its own move, times this, is its
/// 90 % half-width. Set on FLAN and Gigaword together; docs/benchmarks-choosing.md has the coverage.
const ACCELERATION_WIDTH: f64 = 2.5;
/// Slopes below this share of the median slope are lifted to it before they scale a width.
const LEAST_SLOPE_SHARE: f64 = 0.1;
/// Fewest sizes of a prefix that is back-tested.
const FEWEST_SIZES: usize = 3;

/// Half-widths on log loss at the coverage asked for.
#[derive(Debug, Clone)]
pub struct Widths {
    /// The model's own part, independent between models.
    pub own: Vec<f64>,
    /// With the shared acceleration.
    pub whole: Vec<f64>,
}

/// None when there are too few sizes to back-test anything.
pub fn widths(curves: &Curves, ahead: f64, coverage: f64) -> Option<Widths> {
    let misses = relative_misses(&curves.octaves, &curves.log_losses);
    if misses.is_empty() {
        return None;
    }
    let relative = quantile(&misses, coverage);
    let fit = Fit::of(&curves.octaves, &curves.log_losses);
    let (bent, straight) = (fit.predict(ahead), fit.predict_straight(ahead));
    let own: Vec<f64> = lifted(fit.slopes()).iter().map(|slope| relative * slope * ahead).collect();
    let scale = ACCELERATION_WIDTH * normal_quantile(f64::midpoint(1.0, coverage)) / normal_quantile(0.95);
    let whole = own
        .iter()
        .zip(bent.iter().zip(&straight))
        .map(|(own, (bent, straight))| libm::hypot(*own, scale * (bent - straight)))
        .collect();
    Some(Widths { own, whole })
}

/// |miss| / (slope * octaves ahead) over every prefix, later point and model.
fn relative_misses(octaves: &[f64], log_losses: &Matrix) -> Vec<f64> {
    let mut misses = Vec::new();
    for length in FEWEST_SIZES.min(octaves.len().saturating_sub(1)).max(2)..octaves.len() {
        let columns: Vec<usize> = (0..length).collect();
        let fit = Fit::of(&octaves[..length], &log_losses.select_columns(&columns));
        let slopes = lifted(fit.slopes());
        for later in length..octaves.len() {
            let ahead = octaves[later] - octaves[length - 1];
            for (model, predicted) in fit.predict(ahead).into_iter().enumerate() {
                let miss = (log_losses.at(model, later) - predicted).abs();
                misses.push(miss / (slopes[model] * ahead));
            }
        }
    }
    misses.retain(|miss| miss.is_finite());
    misses
}

fn lifted(slopes: &[f64]) -> Vec<f64> {
    let magnitudes: Vec<f64> = slopes.iter().map(|slope| slope.abs()).collect();
    let least = (LEAST_SLOPE_SHARE * quantile(&magnitudes, 0.5)).max(1e-6);
    slopes.iter().map(|slope| slope.max(least)).collect()
}
