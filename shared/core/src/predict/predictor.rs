//! A predictor file, loaded and checked, and the forecasts it gives: score, interval, probability, verdict,
//! attributions in points, and which inputs are unlike anything it was fitted on.

use std::collections::BTreeMap;

use serde::Serialize;
use thiserror::Error;

use super::card::{CARD_KEY, CARD_VERSION, Card, ERROR_MODEL_KEY, SeenFeature, from_base64};
use super::conformal::DepthCalibration;
use super::model::Model;
use super::onnx::{self, OnnxError};
use super::risk::{Regime, StepPrice};
use super::shap::Explainer;
use super::shap_sampling;
use super::verdict::{LongerProbe, MistakeCosts, Verdict, verdict};
use crate::features::{self, FeatureVector, Group};

#[derive(Debug, Clone)]
pub struct Predictor {
    pub model: Model,
    pub card: Option<Card>,
    pub names: Vec<String>,
    error_model: Option<Model>,
    explainer: Option<Explainer>,
}

#[derive(Debug, Clone, PartialEq, Error)]
pub enum PredictorError {
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    #[error("the predictor's card cannot be read: {0}")]
    Card(String),
    #[error("the card does not belong to this file: {0}")]
    Mismatch(&'static str),
    #[error(
        "the predictor reads {found} features without names; give a file whose inputs are named, or whose \
         metadata `feature_names` lists them"
    )]
    NoNames { found: usize },
    #[error("the predictor reads {names:?}, which Foretune does not measure")]
    UnknownFeatures { names: Vec<String> },
    #[error("feature {name:?} is {value}; a value is finite or missing")]
    Value { name: String, value: f64 },
}

/// What the person decides, not the data.
#[derive(Debug, Clone, PartialEq)]
pub struct ForecastOptions {
    pub threshold: Option<f64>,
    pub costs: MistakeCosts,
    /// Price of one probe step, in squared points of error (gamma lambda) and in the currency of `costs`.
    pub step_price: StepPrice,
    pub step_cost: f64,
}

impl Default for ForecastOptions {
    fn default() -> Self {
        Self {
            threshold: None,
            costs: MistakeCosts::default(),
            step_price: StepPrice(0.02),
            step_cost: 0.0005,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    pub score: f64,
    /// `null` where the file says nothing of its errors.
    pub interval: Option<(f64, f64)>,
    pub coverage: Option<f64>,
    pub verdict: Verdict,
    pub probability_above: Option<f64>,
    pub in_distribution: bool,
    pub base: f64,
    pub shap: BTreeMap<String, f64>,
    /// The same, summed over the registry's groups.
    pub shap_groups: BTreeMap<&'static str, f64>,
    /// "exact", or "sampled (N orders)" where the file does not allow exact attributions.
    pub shap_method: String,
    pub outside: Vec<Outside>,
    pub regime: Option<Regime>,
    pub next_probe_steps: Option<f64>,
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outside {
    pub name: String,
    /// `null`: missing here, never missing in the training rows.
    pub value: Option<f64>,
    pub low: f64,
    pub high: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhatIf {
    pub change: String,
    pub score: f64,
    pub gain: f64,
    pub in_distribution: bool,
}

/// Attribution of holding a forecast to the range of possible scores.
pub const RANGE_LIMIT: &str = "range limit";
const SAMPLED_ORDERS: usize = 200;

impl Predictor {
    /// Reads, checks the card against the trees, and refuses features that the registry and `known` lack.
    pub fn load(bytes: &[u8], known: impl Fn(&str) -> bool) -> Result<Self, PredictorError> {
        let file = onnx::read(bytes)?;
        let card = file.metadata(CARD_KEY).map(read_card).transpose()?;
        let names = match (&card, file.metadata("feature_names")) {
            (Some(card), _) => card.features.iter().map(|feature| feature.name.clone()).collect(),
            (None, Some(list)) => list.split(',').map(|name| name.trim().to_owned()).collect(),
            (None, None) => file.input_names.clone(),
        };
        if names.is_empty() {
            return Err(PredictorError::NoNames { found: file.model.feature_count });
        }
        if names.len() != file.model.feature_count {
            let (found, expected) = (file.model.feature_count, names.len());
            return Err(OnnxError::FeatureCount { found, expected }.into());
        }
        let unknown: Vec<String> =
            names.iter().filter(|name| features::find(name).is_none() && !known(name)).cloned().collect();
        if !unknown.is_empty() {
            return Err(PredictorError::UnknownFeatures { names: unknown });
        }
        if card.as_ref().is_some_and(|card| !card.matches(&file.model)) {
            return Err(PredictorError::Mismatch("its recorded answers are not those of the trees"));
        }
        let error_model = match file.metadata(ERROR_MODEL_KEY) {
            None => None,
            Some(text) => {
                let bytes = from_base64(text)
                    .ok_or(PredictorError::Mismatch("its error model is no base64 of an ONNX file"))?;
                let model = onnx::read(&bytes)?.model;
                if model.feature_count != file.model.feature_count {
                    return Err(PredictorError::Mismatch("its error model reads other features"));
                }
                Some(model)
            }
        };
        let explainer = Explainer::new(&file.model, None).ok();
        Ok(Self { model: file.model, card, names, error_model, explainer })
    }

    /// The model's inputs in order, from named values; what is not there is missing.
    pub fn row(&self, vector: &FeatureVector) -> Result<Vec<f64>, PredictorError> {
        let value = |name: &String| {
            let value = vector.get(name);
            if value.is_infinite() {
                return Err(PredictorError::Value { name: name.clone(), value });
            }
            Ok(value)
        };
        self.names.iter().map(value).collect()
    }

    pub fn forecast(
        &self,
        vector: &FeatureVector,
        options: &ForecastOptions,
    ) -> Result<Forecast, PredictorError> {
        let row = self.row(vector)?;
        let raw = self.model.predict(&row);
        let (low, high) = self.card.as_ref().map_or((f64::NEG_INFINITY, f64::INFINITY), |c| c.score_range);
        let score = raw.clamp(low, high);
        let (base, contributions, shap_method) = self.attributions(&row);
        let mut shap: BTreeMap<String, f64> =
            self.names.iter().cloned().zip(contributions).filter(|(_, points)| *points != 0.0).collect();
        let shap_groups = grouped(&shap);
        if (score - raw).abs() > 0.0 {
            shap.insert(RANGE_LIMIT.to_owned(), score - raw);
        }
        let outside = self.outside(&row);
        let mut forecast = Forecast {
            score,
            interval: None,
            coverage: None,
            verdict: Verdict::Withheld,
            probability_above: None,
            in_distribution: outside.is_empty() && self.card.is_some(),
            base,
            shap,
            shap_groups,
            shap_method,
            outside,
            regime: None,
            next_probe_steps: None,
            notes: Vec::new(),
        };
        self.add_uncertainty(&row, raw, vector.get("probe_step"), options, &mut forecast);
        Ok(forecast)
    }

    /// Each change forecast anew, the best first. Changes that leave the seen ranges are marked, not hidden.
    pub fn what_if(
        &self,
        vector: &FeatureVector,
        changes: &[(String, Vec<(String, f64)>)],
    ) -> Result<Vec<WhatIf>, PredictorError> {
        let now = self.model.predict(&self.row(vector)?);
        let mut answers = Vec::with_capacity(changes.len());
        for (change, values) in changes {
            let mut changed = vector.clone();
            for (name, value) in values {
                changed.set(name, *value);
            }
            let row = self.row(&changed)?;
            let score = self.model.predict(&row);
            let in_distribution = self.outside(&row).is_empty();
            answers.push(WhatIf { change: change.clone(), score, gain: score - now, in_distribution });
        }
        answers.sort_by(|a, b| {
            (b.in_distribution, b.gain)
                .partial_cmp(&(a.in_distribution, a.gain))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        Ok(answers)
    }

    /// Standard error expected for this row, in points: the error model's, never below a tenth of a point.
    pub fn expected_error(&self, row: &[f64]) -> Option<f64> {
        let model = self.error_model.as_ref()?;
        Some(libm::exp(model.predict(row)).clamp(0.1, 1e3))
    }

    pub fn outside(&self, row: &[f64]) -> Vec<Outside> {
        let Some(card) = &self.card else { return Vec::new() };
        let is_outside = |seen: &SeenFeature, value: f64| {
            let margin = 1e-9 * (seen.high - seen.low).abs().max(1e-9);
            if value.is_nan() {
                seen.missing_share == 0.0
            } else {
                value < seen.low - margin || value > seen.high + margin
            }
        };
        card.features
            .iter()
            .zip(row)
            .filter(|(seen, value)| seen.used && is_outside(seen, **value))
            .map(|(seen, value)| Outside {
                name: seen.name.clone(),
                value: (!value.is_nan()).then_some(*value),
                low: seen.low,
                high: seen.high,
            })
            .collect()
    }

    fn attributions(&self, row: &[f64]) -> (f64, Vec<f64>, String) {
        if let Some(explainer) = &self.explainer {
            let found = explainer.explain(row);
            return (found.base, found.contributions, "exact".to_owned());
        }
        // Without covers the comparison is with the training medians where the card has them, else with 0.
        let reference: Vec<f64> = match &self.card {
            Some(card) => card.features.iter().map(|seen| seen.median).collect(),
            None => vec![0.0; self.names.len()],
        };
        let found = shap_sampling::sampled(|row| self.model.predict(row), row, &reference, SAMPLED_ORDERS, 1);
        (found.base, found.contributions, format!("sampled ({SAMPLED_ORDERS} orders)"))
    }

    fn add_uncertainty(
        &self,
        row: &[f64],
        raw: f64,
        probe_step: f64,
        options: &ForecastOptions,
        forecast: &mut Forecast,
    ) {
        let Some(card) = &self.card else {
            forecast
                .notes
                .push("the file has no card: its errors and training ranges are unknown".to_owned());
            return;
        };
        if let Some(risk) = &card.risk {
            let step = if probe_step.is_nan() { 0.0 } else { probe_step };
            let first = card.depths.iter().copied().find(|depth| *depth > 0.0).unwrap_or(1.0);
            let tolerated = card.noise_floor_points.unwrap_or(1.0);
            forecast.regime = Some(risk.curve.regime(options.step_price, first, tolerated));
            forecast.next_probe_steps = risk.curve.next_probe_step(step, &card.depths, options.step_price);
        }
        let (Some(calibration), Some(error)) = (&card.calibration, self.expected_error(row)) else { return };
        let depth = calibration.at(probe_step);
        let half_width = depth.factor * error;
        let (low, high) = card.score_range;
        forecast.interval = Some(((raw - half_width).clamp(low, high), (raw + half_width).clamp(low, high)));
        forecast.coverage = Some(calibration.coverage);
        if !depth.rank_exists {
            forecast.notes.push(format!(
                "only {} source datasets were held out: the interval is as wide as the largest error seen",
                depth.groups
            ));
        }
        let Some(threshold) = options.threshold else { return };
        let probability = depth.probability_above(raw, error, threshold);
        forecast.probability_above = Some(probability);
        if forecast.in_distribution {
            let longer = self.longer_probe(depth, error, probe_step, options, forecast.next_probe_steps);
            forecast.verdict = verdict(probability, raw, threshold, error, options.costs, longer);
        }
    }

    fn longer_probe(
        &self,
        _depth: &DepthCalibration,
        error: f64,
        probe_step: f64,
        options: &ForecastOptions,
        next: Option<f64>,
    ) -> Option<LongerProbe> {
        let curve = self.card.as_ref()?.risk.as_ref()?.curve;
        let step = if probe_step.is_nan() { 0.0 } else { probe_step };
        let next = next?;
        // The share of this candidate's squared error that the next depth is expected to remove.
        let share = 1.0 - curve.at(next) / curve.at(step);
        let revealed_points = error * share.max(0.0).sqrt();
        Some(LongerProbe { revealed_points, price: options.step_cost * (next - step) })
    }
}

fn read_card(text: &str) -> Result<Card, PredictorError> {
    let card: Card = serde_json::from_str(text).map_err(|error| PredictorError::Card(error.to_string()))?;
    if card.version != CARD_VERSION {
        let (found, expected) = (card.version, CARD_VERSION);
        return Err(PredictorError::Card(format!(
            "version {found}, and this build reads version {expected}"
        )));
    }
    if card.calibration.as_ref().is_some_and(|calibration| !calibration.is_sound()) {
        return Err(PredictorError::Card("its calibration has numbers that cannot be".to_owned()));
    }
    if card.score_range.0.is_nan() || card.score_range.1.is_nan() || card.score_range.0 > card.score_range.1 {
        return Err(PredictorError::Card("its score range is empty".to_owned()));
    }
    Ok(card)
}

fn grouped(shap: &BTreeMap<String, f64>) -> BTreeMap<&'static str, f64> {
    let mut groups = BTreeMap::new();
    for (name, points) in shap {
        let group = match features::find(name).map(|feature| feature.group) {
            Some(Group::Static) => "data",
            Some(Group::Recipe) => "recipe",
            Some(Group::Dynamic) => "probe",
            Some(Group::Proxy) => "proxy probe",
            None => "other",
        };
        *groups.entry(group).or_insert(0.0) += points;
    }
    groups
}
