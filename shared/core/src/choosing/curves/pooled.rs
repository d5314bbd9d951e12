//! Our predictor: every model keeps its own recent slope, and all models share one acceleration, used only as
//! far as the models' mean curve shows it above its noise. Nothing is learnt outside the table at hand.

use crate::numerics::Matrix;
use crate::numerics::linear::Line;
use crate::numerics::stats::{self, median};

/// A drop farther than this many robust deviations from model effect times step effect is pulled back to it:
/// single points of real curves jump by 17 % and would otherwise be extrapolated over all octaves.
const WINSOR_DEVIATIONS: f64 = 2.5;
/// Steps whose mean is a model's slope.
const RECENT_STEPS: usize = 2;
/// Steps of the mean curve that tell the acceleration.
const TREND_STEPS: usize = 5;
/// The acceleration counts by 1 - this / t^2 (positive-part James-Stein), t its ratio to its standard error.
const SHRINKAGE: f64 = 2.0;
/// Bounds of the factor on the slope.
const FACTOR_RANGE: (f64, f64) = (0.6, 2.0);

#[derive(Debug, Clone)]
pub struct Fit {
    /// Log loss at the last size.
    last: Vec<f64>,
    /// Drop of log loss per octave, recent mean.
    slopes: Vec<f64>,
    trend: Option<Trend>,
}

#[derive(Debug, Clone, Copy)]
struct Trend {
    line: Line,
    /// Share of the slope of the trend that is believed.
    trust: f64,
    /// Centre of the recent steps, in octaves from the last size (negative).
    recent_centre: f64,
}

impl Fit {
    /// `log_losses` has a row a model and a column a size; at least two sizes.
    pub fn of(octaves: &[f64], log_losses: &Matrix) -> Self {
        let drops = winsorised(&drops(octaves, log_losses));
        let steps = drops.columns();
        let recent = RECENT_STEPS.min(steps);
        let last_column = log_losses.columns() - 1;
        let slopes = drops.iter_rows().map(|row| stats::mean(&row[steps - recent..])).collect();
        Self { last: log_losses.column(last_column), slopes, trend: trend(octaves, &drops) }
    }

    pub fn predict(&self, ahead: f64) -> Vec<f64> {
        self.with_factor(ahead, self.factor(ahead))
    }

    /// As if every slope stayed what it is.
    pub fn predict_straight(&self, ahead: f64) -> Vec<f64> {
        self.with_factor(ahead, 1.0)
    }

    pub fn slopes(&self) -> &[f64] {
        &self.slopes
    }

    /// Mean slope over the octaves ahead, relative to the recent one.
    pub fn factor(&self, ahead: f64) -> f64 {
        let Some(Trend { line, trust, recent_centre }) = self.trend else { return 1.0 };
        let (now, then) = (
            line.intercept + trust * line.slope * (recent_centre + 0.5),
            line.intercept + trust * line.slope * (ahead + 1.0) / 2.0,
        );
        if now <= 0.0 {
            return 1.0;
        }
        (then / now).clamp(FACTOR_RANGE.0, FACTOR_RANGE.1)
    }

    fn with_factor(&self, ahead: f64, factor: f64) -> Vec<f64> {
        self.last.iter().zip(&self.slopes).map(|(last, slope)| last - factor * slope * ahead).collect()
    }
}

/// Drop of log loss per octave: a row a model, a column a step.
fn drops(octaves: &[f64], log_losses: &Matrix) -> Matrix {
    Matrix::from_fn(log_losses.rows(), octaves.len() - 1, |model, step| {
        (log_losses.at(model, step) - log_losses.at(model, step + 1)) / (octaves[step + 1] - octaves[step])
    })
}

fn winsorised(drops: &Matrix) -> Matrix {
    let by_model: Vec<f64> = drops.iter_rows().map(median).collect();
    let by_step: Vec<f64> = (0..drops.columns()).map(|step| median(&drops.column(step))).collect();
    let all: Vec<f64> = drops.iter_rows().flatten().copied().collect();
    let centre = median(&all);
    let scale = if centre.abs() > 1e-9 { 1.0 / centre } else { 0.0 };
    let fitted = |model: usize, step: usize| by_model[model] * by_step[step] * scale;
    let residuals: Vec<f64> = (0..drops.rows())
        .flat_map(|model| (0..drops.columns()).map(move |step| (model, step)))
        .map(|(model, step)| (drops.at(model, step) - fitted(model, step)).abs())
        .collect();
    // 1.4826: the median absolute deviation of a normal distribution to its standard deviation.
    let bound = WINSOR_DEVIATIONS * 1.4826 * median(&residuals);
    Matrix::from_fn(drops.rows(), drops.columns(), |model, step| {
        let expected = fitted(model, step);
        expected + (drops.at(model, step) - expected).clamp(-bound, bound)
    })
}

/// None with fewer than three steps: a line through two has no error to judge it by.
fn trend(octaves: &[f64], drops: &Matrix) -> Option<Trend> {
    let steps = drops.columns();
    let used = TREND_STEPS.min(steps);
    if used < 3 {
        return None;
    }
    let last = octaves[octaves.len() - 1];
    let centre = |step: usize| f64::midpoint(octaves[step], octaves[step + 1]) - last;
    // Zero is the centre of an octave that ends at the last size.
    let x: Vec<f64> = (steps - used..steps).map(|step| centre(step) + 0.5).collect();
    let y: Vec<f64> = (steps - used..steps).map(|step| stats::mean(&drops.column(step))).collect();
    let line = Line::fit(&x, &y);
    let ratio = line.slope / line.slope_error(&x, &y);
    let trust = if ratio.is_nan() { 1.0 } else { (1.0 - SHRINKAGE / (ratio * ratio)).max(0.0) };
    let recent = RECENT_STEPS.min(steps);
    let recent_centre = (steps - recent..steps).map(centre).sum::<f64>() / recent as f64;
    Some(Trend { line, trust, recent_centre })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octaves(count: usize) -> Vec<f64> {
        (0..count).map(|octave| octave as f64).collect()
    }

    #[test]
    fn straight_curves_are_continued_straight() {
        let losses = Matrix::from_fn(5, 6, |model, size| 2.0 - 0.05 * (model + 1) as f64 * size as f64);
        let predicted = Fit::of(&octaves(6), &losses).predict(4.0);
        for (model, value) in predicted.iter().enumerate() {
            assert!((value - (2.0 - 0.05 * (model + 1) as f64 * 9.0)).abs() < 1e-9);
        }
    }

    #[test]
    fn a_shared_acceleration_is_carried_on() {
        // Drops 0.02, 0.03, 0.04, ...: the mean of the next four is 0.085 against 0.055 recently.
        let losses = Matrix::from_fn(4, 6, |model, size| {
            3.0 + model as f64 - (0..size).map(|step| 0.02 + 0.01 * step as f64).sum::<f64>()
        });
        let fit = Fit::of(&octaves(6), &losses);
        assert!((fit.factor(4.0) - 0.085 / 0.055).abs() < 1e-9, "{}", fit.factor(4.0));
    }

    #[test]
    fn one_jump_does_not_become_a_slope() {
        let mut losses = Matrix::from_fn(9, 6, |model, size| {
            2.0 + 0.01 * model as f64 - 0.05 * size as f64 + 0.001 * ((model * 7 + size * 5) % 3) as f64
        });
        let jump = losses.at(0, 5) - 0.2;
        losses.set(0, 5, jump);
        let fit = Fit::of(&octaves(6), &losses);
        assert!(fit.slopes()[0] < 0.06, "{}", fit.slopes()[0]);
    }
}
