//! AtS as published (arXiv 2402.02314) and as its code runs: a log-log line through the last points, extended
//! to smaller sizes while the next point fits.

use crate::numerics::linear::Line;
use crate::numerics::stats;

/// Points of the first line.
const FIRST_POINTS: usize = 3;
/// A next point farther than this many residual deviations from the line ends the extension.
const TOLERANCE: f64 = 5.0;

/// Log loss `ahead` octaves beyond the last point. `octaves` are log2 of the sizes, rising.
pub fn predict(octaves: &[f64], log_losses: &[f64], ahead: f64) -> f64 {
    let last = octaves[octaves.len() - 1];
    let mut first = octaves.len().saturating_sub(FIRST_POINTS);
    // The published code ends one short: the smallest size is never taken in, even where it fits.
    while first > 1 {
        let (x, y) = (&octaves[first..], &log_losses[first..]);
        let line = Line::fit(x, y);
        let residuals: Vec<f64> = x.iter().zip(y).map(|(x, y)| y - line.at(*x)).collect();
        let miss = (log_losses[first - 1] - line.at(octaves[first - 1])).abs();
        if miss / stats::deviation(&residuals) >= TOLERANCE {
            break;
        }
        first -= 1;
    }
    Line::fit(&octaves[first..], &log_losses[first..]).at(last + ahead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_at_a_break_in_the_curve() {
        let octaves = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0];
        // Flat at first, then a line of slope -0.1 with a little noise.
        let losses = [1.0, 1.0, 0.9, 0.801, 0.699, 0.6];
        let predicted = predict(&octaves, &losses, 2.0);
        assert!((predicted - 0.4).abs() < 0.01, "{predicted}");
    }
}
