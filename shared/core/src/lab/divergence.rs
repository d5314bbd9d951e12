//! When a finished run counts as diverged. The one rule, on the run's own training losses: what a model
//! scores on other rows (overfitting, label noise) says nothing about it.

/// A window of the last or first steps: a tenth of the run, at least this many.
const LEAST_WINDOW: usize = 20;
/// A run has lost what it learned, or what the base model knew, when it ends this much above its best window
/// (the first one is the base model's): half as much again ...
const RELATIVE_RISE: f64 = 1.5;
/// ... and half a nat.
const ABSOLUTE_RISE_NATS: f64 = 0.5;

/// Losses of all steps, in order. Diverged: one of them is not a number, or the mean of the last window is far
/// above the best window's.
pub fn has_diverged(losses: &[f64]) -> bool {
    if losses.iter().any(|loss| !loss.is_finite()) {
        return true;
    }
    let window = LEAST_WINDOW.max(losses.len() / 10);
    if losses.len() < 2 * window {
        return false;
    }
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let means: Vec<f64> = losses.windows(window).map(mean).collect();
    let best = means.iter().copied().fold(f64::INFINITY, f64::min);
    means[means.len() - 1] > RELATIVE_RISE * best + ABSOLUTE_RISE_NATS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_falling_or_noisy_loss_has_not_diverged() {
        let falling: Vec<f64> = (0..300).map(|i| 3.0 * libm::exp(-f64::from(i) / 60.0) + 0.2).collect();
        assert!(!has_diverged(&falling));
        let noisy: Vec<f64> =
            falling.iter().enumerate().map(|(i, loss)| loss + 0.3 * f64::from(i as u32 % 2)).collect();
        assert!(!has_diverged(&noisy));
    }

    #[test]
    fn a_number_lost_an_end_above_the_start_and_a_forgotten_best_have() {
        assert!(has_diverged(&[1.0, f64::NAN]));
        let rising: Vec<f64> = (0..100).map(|i| 1.0 + f64::from(i) / 50.0).collect();
        assert!(has_diverged(&rising));
        let jump: Vec<f64> =
            (0..200).map(|i| if i < 100 { 4.0 - f64::from(i) * 0.035 } else { 2.5 }).collect();
        assert!(has_diverged(&jump));
    }
}
