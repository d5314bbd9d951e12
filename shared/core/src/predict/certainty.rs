//! What clean evaluation rows are worth to a candidate's probe, in points of interval: with them and without.

use serde::Serialize;

use super::predictor::{Predictor, PredictorError};
use crate::features::{self, FeatureVector, Group};
use crate::runs::{Knowledge, Known, needs_clean_rows};

/// Where no probe was made yet: as deep as one usually goes.
const USUAL_STEPS: f64 = 100.0;

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Certainty {
    pub coverage: f64,
    /// Of the probe.
    pub step: f64,
    pub with: HalfWidth,
    pub without: HalfWidth,
}

/// An interval is the forecast plus and minus this.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct HalfWidth {
    pub points: f64,
    /// By the readings of this very probe. Else what could not be read yet is as in the median of the runs that the
    /// predictor was fitted on.
    pub measured: bool,
}

impl Predictor {
    /// `None` where the predictor does not tell the two apart, or tells nothing of its errors.
    pub fn certainty(&self, known: &Known<'_>) -> Result<Option<Certainty>, PredictorError> {
        let Some((card, calibration)) =
            self.card.as_ref().and_then(|card| Some((card, card.calibration.as_ref()?)))
        else {
            return Ok(None);
        };
        let seen = known.readings.len();
        let deepest = card.depths.iter().copied().filter(|depth| *depth <= USUAL_STEPS).fold(0.0, f64::max);
        let step = known.readings.last().map_or(deepest, |reading| reading.step as f64);
        let has_readings = seen > 0;
        let has_clean = known.most(seen).has_clean_probe();
        let mut without = known.at(Knowledge::Blind, seen);
        let mut with = known.at(Knowledge::Clean, seen);
        if !has_readings {
            without.set("probe_step", step);
            with.set("probe_step", step);
            self.fill(&mut without, &|name| !needs_clean_rows(name) && is_dynamic(name));
            self.fill(&mut with, &is_dynamic);
        }
        if !has_clean {
            self.fill(&mut with, &needs_clean_rows);
        }
        let (Some((stage, points)), Some((other, points_without))) =
            (self.half_width(&with)?, self.half_width(&without)?)
        else {
            return Ok(None);
        };
        Ok((stage != other).then_some(Certainty {
            coverage: calibration.coverage,
            step,
            with: HalfWidth { points, measured: has_clean },
            without: HalfWidth { points: points_without, measured: has_readings },
        }))
    }

    /// Medians for what is missing.
    fn fill(&self, vector: &mut FeatureVector, wanted: &dyn Fn(&str) -> bool) {
        for seen in self.card.iter().flat_map(|card| &card.features) {
            if wanted(&seen.name) && vector.get(&seen.name).is_nan() && seen.median.is_finite() {
                vector.set(&seen.name, seen.median);
            }
        }
    }

    fn half_width(&self, vector: &FeatureVector) -> Result<Option<(usize, f64)>, PredictorError> {
        let row = self.row(vector)?;
        let stage = self.model.gate.stage_of(&row);
        let transfer = self.transfer(vector);
        let score = self.shown(self.model.predict(&row));
        let calibrated = self.calibrated(&row, stage, score, transfer.as_ref());
        Ok(calibrated.map(|(calibration, error)| (stage, calibration.factor * error)))
    }
}

fn is_dynamic(name: &str) -> bool {
    needs_clean_rows(name) || features::find(name).is_some_and(|feature| feature.group == Group::Dynamic)
}
