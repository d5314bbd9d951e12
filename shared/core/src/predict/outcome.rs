//! A run that was read to its end. Nothing of it is left to forecast: the forecast stays what the readings before
//! the end say, and stands beside how it ended.

use serde::Serialize;

use super::card::Card;
use crate::runs::{Label, Reading};

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Outcome {
    pub step: u64,
    /// In the unit of the forecast, on the clean rows that the run was read on.
    pub score: f64,
}

/// The readings to forecast from, and the outcome where the last of all readings is it.
pub fn divide<'a>(
    card: Option<&Card>,
    readings: &'a [Reading],
    total_steps: u64,
) -> (&'a [Reading], Option<Outcome>) {
    let label = card.and_then(|card| Label::of_target(&card.target)).unwrap_or(Label::Score);
    match readings.split_last() {
        Some((end, before)) if total_steps > 0 && end.step == total_steps => {
            let score = end.features.get(label.read_as());
            (before, score.is_finite().then_some(Outcome { step: end.step, score }))
        }
        _ => (readings, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::FeatureVector;

    #[test]
    fn the_reading_at_the_end_is_an_outcome_and_no_basis() {
        let reading = |step, score| {
            let mut features = FeatureVector::default();
            features.set("eval_score", score);
            Reading { step, features }
        };
        let readings = [reading(0, 1.0), reading(100, 40.0), reading(300, 60.0)];
        let ended = Some(Outcome { step: 300, score: 60.0 });
        assert_eq!(divide(None, &readings, 300), (&readings[..2], ended));
        assert_eq!(divide(None, &readings, 400), (&readings[..], None));
        assert_eq!(divide(None, &readings, 0), (&readings[..], None));
        assert_eq!(divide(None, &[], 300), (&[][..], None));
        // Without clean rows it ended at nobody knows what, and its last step is no reading on the way.
        let blind = [0, 300].map(|step| Reading { step, features: FeatureVector::default() });
        assert_eq!(divide(None, &blind, 300), (&blind[..1], None));
    }
}
