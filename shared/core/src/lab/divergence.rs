//! When a finished run counts as diverged. The one rule, on the run's own training losses: what a model
//! scores on other rows (overfitting, label noise) says nothing about it.

/// A window of the last or first steps: a tenth of the run, at least this many.
const LEAST_WINDOW: usize = 20;
/// A run has lost what it learned, or what the base model knew, when it ends this much above its best window or above
/// the base model: half as much again ...
const RELATIVE_RISE: f64 = 1.5;
/// ... and half a nat.
const ABSOLUTE_RISE_NATS: f64 = 0.5;

/// Losses of all steps, in order. Diverged: one of them is not a number, or the mean of the last window is far above the
/// best window's or `base_loss`. That is the base model's on rows like them, NaN where nobody measured it: a rate that
/// ruins a model does so within five steps, and the first window then tells of the ruin.
pub fn has_diverged(losses: &[f64], base_loss: f64) -> bool {
    if losses.iter().any(|loss| !loss.is_finite()) {
        return true;
    }
    let window = LEAST_WINDOW.max(losses.len() / 10);
    if losses.len() < 2 * window {
        return false;
    }
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let means: Vec<f64> = losses.windows(window).map(mean).collect();
    // `min` passes over what is no number.
    let best = means.iter().copied().fold(f64::INFINITY, f64::min).min(base_loss);
    means[means.len() - 1] > RELATIVE_RISE * best + ABSOLUTE_RISE_NATS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_falling_or_noisy_loss_has_not_diverged() {
        let falling: Vec<f64> = (0..300).map(|i| 3.0 * libm::exp(-f64::from(i) / 60.0) + 0.2).collect();
        assert!(!has_diverged(&falling, 3.2));
        let noisy: Vec<f64> =
            falling.iter().enumerate().map(|(i, loss)| loss + 0.3 * f64::from(i as u32 % 2)).collect();
        assert!(!has_diverged(&noisy, f64::NAN));
    }

    #[test]
    fn a_number_lost_an_end_above_the_start_and_a_forgotten_best_have() {
        assert!(has_diverged(&[1.0, f64::NAN], 1.0));
        let rising: Vec<f64> = (0..100).map(|i| 1.0 + f64::from(i) / 50.0).collect();
        assert!(has_diverged(&rising, f64::NAN));
        let jump: Vec<f64> =
            (0..200).map(|i| if i < 100 { 4.0 - f64::from(i) * 0.035 } else { 2.5 }).collect();
        assert!(has_diverged(&jump, 4.0));
    }

    /// A model that knew its task (0.45 nats) was ruined by its third step and learned back a part: its best window was
    /// its last one.
    #[test]
    fn what_the_base_model_knew_counts_though_no_window_shows_it() {
        let ruined: Vec<f64> =
            (0..120).map(|i| if i == 0 { 0.45 } else { 6.0 / (1.0 + f64::from(i) / 30.0) }).collect();
        assert!(!has_diverged(&ruined, f64::NAN));
        assert!(has_diverged(&ruined, 0.45));
    }
}
