//! What a predictor file says about itself, kept in its `metadata_props`: what it was fitted on, how well it
//! did on which split, the ranges it has seen, and a self-check that ties the card to its trees.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::conformal::Calibration;
use super::fit::Metrics;
use super::probe_kind::ProbeKind;
use super::risk::{RiskFit, StepPrice, Terms};
use super::staged::{Gate, Staged};
use crate::features::{self, FeatureVector, Group};
use crate::hash;
use crate::runs::{BUNDLED_MODEL, ModelRecord, RecipeNumbers};

pub const CARD_KEY: &str = "foretune_card";
/// The model of the expected error, as base64 of an ONNX file: the same features and, last, the forecast.
pub const ERROR_MODEL_KEY: &str = "foretune_error_model";
/// Log-odds that the run diverges, as base64 of an ONNX file of the same features.
pub const DIVERGENCE_MODEL_KEY: &str = "foretune_divergence_model";
pub const CARD_VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Card {
    pub version: u32,
    /// In the order of the model's inputs.
    pub features: Vec<SeenFeature>,
    /// In the order of the model's stages.
    pub stages: Vec<StageCard>,
    /// What is forecast and in which unit.
    pub target: String,
    pub base_models: Vec<ModelRecord>,
    /// By the name of the base model: numbers trained for each unit of LoRA rank, with adapters on every kind of
    /// layer. Where no model is at hand nobody else knows how wide its layers are.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub trained_per_rank: BTreeMap<String, f64>,
    pub evaluations: Vec<String>,
    pub harness: String,
    pub prompt: String,
    pub data: String,
    pub split: String,
    pub learner: String,
    pub test: Option<Metrics>,
    /// Standard deviation of the score between seeds of one configuration, in points; missing where no
    /// configuration was repeated.
    pub noise_floor_points: Option<f64>,
    /// How much wider intervals must be for a base model that is not among the above, where that was measured.
    pub transfer_widening: Option<f64>,
    pub calibration: Option<Calibration>,
    /// How the error falls with depth, for each kind of probe that the runs tell of.
    #[serde(default)]
    pub risks: BTreeMap<ProbeKind, RiskFit>,
    /// Squared points of error that a probe step must remove to be worth taking, where nobody says otherwise:
    /// chosen so that stopping early costs little accuracy.
    pub step_price: Option<f64>,
    /// Probe steps at which readings exist.
    pub depths: Vec<f64>,
    /// Score range that a forecast is held to.
    pub score_range: (f64, f64),
    pub self_check: Vec<f64>,
}

/// What the training rows held of one feature, whatever the stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeenFeature {
    pub name: String,
    pub low: f64,
    pub high: f64,
    pub median: f64,
}

/// A state of knowledge, and what its training rows held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageCard {
    pub name: String,
    pub rows: usize,
    pub learner: String,
    /// Mean out of fold in squared points, as if all training runs were in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub squared_error: Option<f64>,
    /// Of the features that carry its forecasts.
    pub ranges: Vec<SeenRange>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeenRange {
    /// Position in the card's features.
    pub feature: usize,
    pub low: f64,
    pub high: f64,
    /// In more than one row of a hundred.
    pub ever_missing: bool,
}

/// A value unlike the training rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outside {
    pub name: String,
    /// `null`: missing here, never missing in the training rows.
    pub value: Option<f64>,
    pub low: f64,
    pub high: f64,
}

/// Where nobody says.
const GUESSED_STEP_PRICE: StepPrice = StepPrice(0.02);
/// How far a value may lie beyond what was seen, as a share of the seen range.
const RANGE_MARGIN: f64 = 0.1;
/// Self-check rows for each stage.
const CHECK_ROWS: u64 = 4;
/// Values tried of a feature by which the gate decides, evenly over its seen range.
const GATE_VALUES: u32 = 256;

impl Card {
    /// What a form starts from: the usual recipe of the models it knows, with rows no longer than it has seen.
    pub fn usual_recipe(&self) -> RecipeNumbers {
        let parameters = self.base_models.iter().map(|model| model.parameters).max();
        let seen = self.features.iter().find(|seen| seen.name == "sequence_length");
        RecipeNumbers::usual_for(parameters, seen.map_or(usize::MAX, |seen| seen.high as usize))
    }

    /// Whether it has learnt from the model that comes with program and page: its tokenizer is at hand then, and lengths
    /// are what this predictor knows only in its tokens.
    pub fn knows_bundled_model(&self) -> bool {
        self.base_models.iter().any(|model| model.name == BUNDLED_MODEL)
    }

    /// Where nothing is known of a kind of probe, one that reads clean rows stands for it.
    pub fn risk_along(&self, kind: ProbeKind) -> Option<&RiskFit> {
        self.risks.get(&kind).or_else(|| self.risks.get(&ProbeKind::CleanRows))
    }

    /// The mean squared error of runs of which as much is known as of this one.
    pub(super) fn usual_squared_error(&self, stage: usize, kind: ProbeKind, probe_step: f64) -> Option<f64> {
        let by_depth = |step| Some(self.risk_along(kind)?.curve.at(step));
        if probe_step.is_nan() {
            self.stages[stage].squared_error.or(by_depth(0.0))
        } else {
            by_depth(probe_step)
        }
    }

    /// `price`: the user's, where there is one.
    pub fn terms(&self, price: Option<StepPrice>) -> Terms {
        Terms {
            price: price.or(self.step_price.map(StepPrice)).unwrap_or(GUESSED_STEP_PRICE),
            first_depth: self.depths.iter().copied().find(|depth| *depth > 0.0).unwrap_or(1.0),
            tolerated_error_points: self.noise_floor_points.unwrap_or(1.0),
        }
    }

    /// An answer of the trees, held to the range of possible scores.
    pub fn shown(&self, raw: f64) -> f64 {
        raw.clamp(self.score_range.0, self.score_range.1)
    }

    /// What the recipe comes to on the base model. Where the vector names none it is the only one of which that is
    /// known: recalibration adds the models of own runs, named or not, and says nothing of their layers.
    pub(super) fn trained_parameters(&self, vector: &FeatureVector) -> f64 {
        if !RecipeNumbers::has_every_module(vector) {
            return f64::NAN;
        }
        let parameters = vector.get("base_parameters");
        let is_meant = |name: &String| {
            let is_named = |model: &ModelRecord| model.name == *name && model.is_of_size(parameters);
            if parameters.is_nan() {
                self.trained_per_rank.len() == 1
            } else {
                self.base_models.iter().any(is_named)
            }
        };
        let found = self.trained_per_rank.iter().find(|(name, _)| is_meant(name));
        found.map_or(f64::NAN, |(_, per_rank)| per_rank * vector.get("lora_rank"))
    }

    /// The model's answers on rows drawn from the seen ranges, some values missing. A card whose file was
    /// exchanged or whose runtime computes something else is found out by them.
    pub fn self_check_of(&self, model: &Staged) -> Vec<f64> {
        (0..CHECK_ROWS * model.stages.len() as u64)
            .map(|index| {
                let wanted = (index / CHECK_ROWS) as usize;
                let mut row = self.check_row(index);
                self.lead_to(&model.gate, wanted, &mut row);
                model.predict(&row)
            })
            .collect()
    }

    /// Changes what the gate asks for until it sends the row to the stage. Rows drawn alone did not come to stages
    /// behind four questions in hundreds of draws, and those went unchecked.
    fn lead_to(&self, gate: &Gate, wanted: usize, row: &mut [f64]) {
        let way = gate.way_to(wanted).unwrap_or_default();
        for (asked, _) in &way {
            let feature = asked.feature as usize;
            let of_feature = || way.iter().filter(|(choice, _)| choice.feature == asked.feature);
            let serves = |value: &f64| of_feature().all(|(choice, answer)| choice.is_yes(*value) == *answer);
            let seen = &self.features[feature];
            let steps = (0..=GATE_VALUES).map(|step| f64::from(step) / f64::from(GATE_VALUES));
            let values = steps.map(|share| seen.low + share * (seen.high - seen.low));
            if let Some(value) = [row[feature], f64::NAN].into_iter().chain(values).find(serves) {
                row[feature] = value;
            }
        }
    }

    fn check_row(&self, seed: u64) -> Vec<f64> {
        let value = |(index, seen): (usize, &SeenFeature)| {
            let bits = hash::combine(hash::combine(0xca4d, seed), index as u64);
            let share = (bits >> 11) as f64 / (1u64 << 53) as f64;
            if bits.is_multiple_of(7) { f64::NAN } else { seen.low + share * (seen.high - seen.low) }
        };
        self.features.iter().enumerate().map(value).collect()
    }

    pub fn matches(&self, model: &Staged) -> bool {
        let found = self.self_check_of(model);
        found.len() == self.self_check.len()
            && found.iter().zip(&self.self_check).all(|(a, b)| (a - b).abs() <= 1e-9 * b.abs().max(1.0))
    }

    /// What a stage reads of this row that lies beyond its training rows.
    pub fn outside(&self, stage: usize, row: &[f64]) -> Vec<Outside> {
        let is_outside = |range: &&SeenRange| {
            let value = row[range.feature];
            let margin = RANGE_MARGIN * (range.high - range.low) + 1e-9 * range.high.abs();
            // A recipe's numbers are a matter of factors: below half of the smallest, a rate of 1e-300 is none that was seen.
            let is_of_recipe = || {
                let feature = features::find(&self.features[range.feature].name);
                feature.is_some_and(|feature| feature.group == Group::Recipe)
            };
            let is_tiny = range.low > 0.0 && value < 0.5 * range.low && is_of_recipe();
            let beyond = is_tiny || value < range.low - margin || value > range.high + margin;
            beyond || (value.is_nan() && !range.ever_missing)
        };
        self.stages[stage]
            .ranges
            .iter()
            .filter(is_outside)
            .map(|range| Outside {
                name: self.features[range.feature].name.clone(),
                value: (!row[range.feature].is_nan()).then_some(row[range.feature]),
                low: range.low,
                high: range.high,
            })
            .collect()
    }

    /// Whether the parts fit the model and each other; a file from outside is checked with this.
    pub fn fits(&self, model: &Staged) -> bool {
        let in_range = |range: &SeenRange| range.feature < self.features.len() && range.low <= range.high;
        self.features.len() == model.feature_count
            && self.stages.len() == model.stages.len()
            && self.stages.iter().all(|stage| stage.ranges.iter().all(in_range))
            && self.calibration.as_ref().is_none_or(|calibration| calibration.is_sound(self.stages.len()))
            && self.risks.values().all(|risk| risk.curve.is_sound())
            && self.stages.iter().all(|stage| stage.squared_error.is_none_or(|squared| squared > 0.0))
            && self.score_range.0 <= self.score_range.1
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for position in 0..4 {
            let index = (word >> (18 - 6 * position) & 63) as usize;
            text.push(if position <= chunk.len() { ALPHABET[index] as char } else { '=' });
        }
    }
    text
}

/// `None` for anything that is not padded base64.
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(4) {
        return None;
    }
    let mut decoded = Vec::with_capacity(bytes.len() / 4 * 3);
    for chunk in bytes.chunks_exact(4) {
        let padding = chunk.iter().rev().take_while(|byte| **byte == b'=').count();
        if padding > 2 {
            return None;
        }
        let mut word = 0u32;
        for byte in &chunk[..4 - padding] {
            let value = ALPHABET.iter().position(|letter| letter == byte)?;
            word = word << 6 | value as u32;
        }
        word <<= 6 * padding;
        decoded.extend(&word.to_be_bytes()[1..4 - padding]);
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_the_usual_one() {
        assert_eq!(to_base64(b"foretune"), "Zm9yZXR1bmU=");
        for length in 0..9 {
            let bytes: Vec<u8> = (0..length).map(|byte: u8| byte.wrapping_mul(37)).collect();
            assert_eq!(from_base64(&to_base64(&bytes)), Some(bytes));
        }
        assert_eq!(from_base64("a"), None);
        assert_eq!(from_base64("a*=="), None);
    }
}
