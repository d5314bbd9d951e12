//! A predictor file, loaded and checked, and the forecasts it gives: score, interval, probability, verdict,
//! attributions in points, and which inputs are unlike anything it was fitted on.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use thiserror::Error;

use super::card::{
    CARD_KEY, CARD_VERSION, Card, DIVERGENCE_MODEL_KEY, ERROR_MODEL_KEY, Outside, from_base64,
};
use super::certainty::Outlook;
use super::conformal::StageCalibration;
use super::onnx::{self, OnnxError, OnnxModel};
use super::risk::{Regime, StepPrice};
use super::scorer::Scorer;
use super::shap::Explainer;
use super::shap_sampling;
use super::staged::Staged;
use super::verdict::{LongerProbe, MistakeCosts, Verdict, verdict};
use crate::features::{self, FeatureVector, Group};
use crate::runs::{Known, is_proxy};

#[derive(Debug, Clone)]
pub struct Predictor {
    pub model: Staged,
    pub card: Option<Card>,
    pub names: Vec<String>,
    pub error_model: Option<Staged>,
    pub divergence_model: Option<Staged>,
    /// Answers in the model's place where that is no sum of trees and columns.
    pub(super) scorer: Option<Arc<dyn Scorer>>,
    pub(super) explainer: Option<Explainer>,
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
    #[error("the predictor gives no number; missing are {missing:?}, and it may not know how to do without")]
    NoAnswer { missing: Vec<String> },
}

/// What the person decides, not the data.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ForecastOptions {
    pub threshold: Option<f64>,
    pub costs: MistakeCosts,
    /// Price of one probe step, in squared points of error (gamma lambda; the card's where none is given).
    pub step_price: Option<StepPrice>,
    /// The same in the currency of `costs`; none: a step of a probe costs what a step of the whole run does.
    pub step_cost: Option<f64>,
}

impl ForecastOptions {
    pub fn cost_of_a_step(&self, total_steps: f64) -> f64 {
        self.step_cost.unwrap_or_else(|| self.costs.of_a_step(total_steps))
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
    /// What is known of the candidate, which decides the part of the predictor that answered.
    pub stage: Option<String>,
    pub outside: Vec<Outside>,
    pub transfer: Option<Transfer>,
    pub divergence_probability: Option<f64>,
    pub regime: Option<Regime>,
    pub next_probe_steps: Option<f64>,
    pub outlook: Option<Outlook>,
    pub notes: Vec<String>,
}

/// The candidate's base model is none of those that the predictor was fitted on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transfer {
    pub base_parameters: f64,
    pub fitted_on: Vec<String>,
    pub interval_widened: f64,
    /// False: the widening is a guess.
    pub measured: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WhatIf {
    pub change: String,
    pub gain: f64,
    pub in_distribution: bool,
}

/// Attribution of holding a forecast to the range of possible scores.
pub const RANGE_LIMIT: &str = "range limit";
const SAMPLED_ORDERS: usize = 200;
/// For a base model that the predictor does not know, where the card has not measured it.
const GUESSED_WIDENING: f64 = 2.0;

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
        let feature_count = file.model.feature_count;
        if names.is_empty() {
            return Err(PredictorError::NoNames { found: feature_count });
        }
        if names.len() != feature_count {
            let (found, expected) = (feature_count, names.len());
            return Err(OnnxError::FeatureCount { found, expected }.into());
        }
        Self::check_names(&names, known)?;
        if let Some(card) = &card {
            if !card.fits(&file.model) {
                return Err(PredictorError::Mismatch("its parts are not those of the trees"));
            }
            if !card.matches(&file.model) {
                return Err(PredictorError::Mismatch("its recorded answers are not those of the trees"));
            }
        }
        let error_model = inner_model(&file, ERROR_MODEL_KEY, feature_count + 1)?;
        let divergence_model = inner_model(&file, DIVERGENCE_MODEL_KEY, feature_count)?;
        let explainer = Explainer::new(&file.model).ok();
        Ok(Self { model: file.model, card, names, error_model, divergence_model, scorer: None, explainer })
    }

    pub(super) fn check_names(names: &[String], known: impl Fn(&str) -> bool) -> Result<(), PredictorError> {
        let unknown: Vec<String> =
            names.iter().filter(|name| features::find(name).is_none() && !known(name)).cloned().collect();
        if unknown.is_empty() { Ok(()) } else { Err(PredictorError::UnknownFeatures { names: unknown }) }
    }

    fn predict(&self, row: &[f64]) -> f64 {
        match &self.scorer {
            Some(scorer) => scorer.score(row),
            None => self.model.predict(row),
        }
    }

    /// Whether it has learnt from smaller models' probes.
    pub fn reads_proxies(&self) -> bool {
        self.names.iter().any(|name| is_proxy(name))
    }

    /// The model's inputs in order, from named values; what is not there is missing.
    pub fn row(&self, vector: &FeatureVector) -> Result<Vec<f64>, PredictorError> {
        let value = |name: &String| {
            let told = vector.get(name);
            let value = match &self.card {
                Some(card) if told.is_nan() && name == "trained_parameters" => {
                    card.trained_parameters(vector)
                }
                _ => told,
            };
            if value.is_infinite() {
                return Err(PredictorError::Value { name: name.clone(), value });
            }
            Ok(value)
        };
        self.names.iter().map(value).collect()
    }

    /// `vector` as `Known::at` makes it.
    pub fn forecast(
        &self,
        vector: &FeatureVector,
        options: &ForecastOptions,
    ) -> Result<Forecast, PredictorError> {
        let row = self.row(vector)?;
        let stage = self.model.gate.stage_of(&row);
        let raw = self.predict(&row);
        if raw.is_nan() {
            let missing = self.names.iter().zip(&row).filter(|(_, value)| value.is_nan());
            return Err(PredictorError::NoAnswer {
                missing: missing.map(|(name, _)| name.clone()).collect(),
            });
        }
        let score = self.shown(raw);
        let (base, contributions, shap_method) = self.attributions(&row);
        let mut shap: BTreeMap<String, f64> =
            self.names.iter().cloned().zip(contributions).filter(|(_, points)| *points != 0.0).collect();
        let shap_groups = grouped(&shap);
        if (score - raw).abs() > 0.0 {
            shap.insert(RANGE_LIMIT.to_owned(), score - raw);
        }
        let outside = self.outside(&row);
        let transfer = self.transfer(vector);
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
            stage: self.card.as_ref().map(|card| card.stages[stage].name.clone()),
            outside,
            transfer,
            divergence_probability: self.divergence_probability(&row),
            regime: None,
            next_probe_steps: None,
            outlook: None,
            notes: Vec::new(),
        };
        self.add_uncertainty(&row, stage, vector, options, &mut forecast);
        Ok(forecast)
    }

    /// What each change of the plan would gain, the best first. Readings of the old plan say nothing of the
    /// new one, nor does a smaller model's probe, so both are forecast as before any probe; what the
    /// untrained model scores stays true. Changes that leave the seen ranges are marked, not
    /// hidden.
    pub fn what_if(
        &self,
        known: &Known<'_>,
        changes: &[(String, Vec<(String, f64)>)],
    ) -> Result<Vec<WhatIf>, PredictorError> {
        let bare = known.plan.clone().without(is_proxy);
        let known = &Known { plan: &bare, proxy: None, base_score: known.base_score(), ..*known };
        let knowledge = known.most(0);
        let now = self.answer(&self.row(&known.at(knowledge, 0))?);
        let mut answers = Vec::with_capacity(changes.len());
        for (change, values) in changes {
            let mut plan = known.plan.clone();
            for (name, value) in values {
                plan.set(name, *value);
            }
            let row = self.row(&Known { plan: &plan, ..*known }.at(knowledge, 0))?;
            let gain = self.answer(&row) - now;
            let in_distribution = self.outside(&row).is_empty();
            answers.push(WhatIf { change: change.clone(), gain, in_distribution });
        }
        answers.sort_by(|a, b| b.in_distribution.cmp(&a.in_distribution).then(b.gain.total_cmp(&a.gain)));
        Ok(answers)
    }

    pub(super) fn answer(&self, row: &[f64]) -> f64 {
        self.shown(self.predict(row))
    }

    /// An answer of the trees, held to the range of possible scores. Errors are those of what is shown: an interval
    /// around an impossible score would lose most of its width to the range, just where the trees extrapolate.
    pub fn shown(&self, raw: f64) -> f64 {
        self.card.as_ref().map_or(raw, |card| card.shown(raw))
    }

    /// Standard error expected for this row, in points: the error model's, never below a tenth of a point.
    pub fn expected_error(&self, row: &[f64], forecast: f64) -> Option<f64> {
        Some(expected_error(self.error_model.as_ref()?, row, forecast))
    }

    pub fn outside(&self, row: &[f64]) -> Vec<Outside> {
        let stage = self.model.gate.stage_of(row);
        self.card.as_ref().map_or(Vec::new(), |card| card.outside(stage, row))
    }

    /// What intervals are widened by where the candidate's base model is unknown.
    pub(super) fn assumed_widening(&self) -> Option<f64> {
        self.card.as_ref().map(|card| card.transfer_widening.unwrap_or(GUESSED_WIDENING))
    }

    pub(super) fn transfer(&self, vector: &FeatureVector) -> Option<Transfer> {
        let card = self.card.as_ref()?;
        let base_parameters = vector.get("base_parameters");
        if base_parameters.is_nan() || card.base_models.iter().any(|model| model.is_of_size(base_parameters))
        {
            return None;
        }
        Some(Transfer {
            base_parameters,
            fitted_on: card.base_models.iter().map(|model| model.name.clone()).collect(),
            interval_widened: card.transfer_widening.unwrap_or(GUESSED_WIDENING),
            measured: card.transfer_widening.is_some(),
        })
    }

    fn divergence_probability(&self, row: &[f64]) -> Option<f64> {
        let log_odds = self.divergence_model.as_ref()?.predict(row);
        Some(1.0 / (1.0 + libm::exp(-log_odds)))
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
        let found = shap_sampling::sampled(|row| self.predict(row), row, &reference, SAMPLED_ORDERS, 1);
        (found.base, found.contributions, format!("sampled ({SAMPLED_ORDERS} orders)"))
    }

    fn add_uncertainty(
        &self,
        row: &[f64],
        stage: usize,
        vector: &FeatureVector,
        options: &ForecastOptions,
        forecast: &mut Forecast,
    ) {
        let score = forecast.score;
        let (probe_step, total_steps) = (vector.get("probe_step"), vector.get("total_steps"));
        let Some(card) = &self.card else {
            forecast
                .notes
                .push("the file has no card: its errors and training ranges are unknown".to_owned());
            if self.scorer.is_some() {
                forecast.notes.push(
                    "the model is no sum of trees and linear parts: the second engine ran it, and the attributions are \
                     sampled"
                        .to_owned(),
                );
            }
            return;
        };
        let step = if probe_step.is_nan() { 0.0 } else { probe_step };
        // Behind the end of a short run there is nothing to read.
        let is_within = |depth: &f64| total_steps.is_nan() || *depth < total_steps;
        let depths: Vec<f64> = card.depths.iter().copied().filter(is_within).collect();
        let phase = self.phase_of(row, vector, options);
        if let Some(phase) = &phase {
            forecast.regime = Some(phase.regime());
            forecast.next_probe_steps = phase.next_probe_step(&depths);
        }
        let Some((calibrated, error)) = self.calibrated(row, stage, score, forecast.transfer.as_ref()) else {
            return;
        };
        let half_width = calibrated.factor * error;
        forecast.outlook = self.outlook(row, vector, half_width);
        let (low, high) = card.score_range;
        forecast.interval = Some(((score - half_width).max(low), (score + half_width).min(high)));
        forecast.coverage = card.calibration.as_ref().map(|calibration| calibration.coverage);
        if !calibrated.rank_exists {
            forecast.notes.push(format!(
                "only {} source datasets were held out: the interval is as wide as the largest error seen",
                calibrated.groups
            ));
        }
        let Some(threshold) = options.threshold else { return };
        let probability = calibrated.probability_above(score, error, threshold);
        forecast.probability_above = Some(probability);
        if forecast.in_distribution {
            let step_cost = options.cost_of_a_step(total_steps);
            let ahead: Vec<f64> = depths.into_iter().filter(|depth| *depth > step).collect();
            let deviation = error * calibrated.mean_square().sqrt();
            let longer: Vec<LongerProbe> = ahead
                .iter()
                .filter_map(|depth| {
                    let revealed_points = deviation * phase.as_ref()?.removed_until(*depth).sqrt();
                    Some(LongerProbe { revealed_points, price: step_cost * (depth - step) })
                })
                .collect();
            forecast.verdict = verdict(probability, score, threshold, deviation, options.costs, &longer);
            if forecast.verdict == Verdict::ProbeLonger {
                forecast.next_probe_steps = forecast.next_probe_steps.or(ahead.first().copied());
            }
        }
    }

    /// What tells how wide an interval is: the stage's calibration and the error expected of this row.
    pub(super) fn calibrated(
        &self,
        row: &[f64],
        stage: usize,
        score: f64,
        transfer: Option<&Transfer>,
    ) -> Option<(&StageCalibration, f64)> {
        let calibration = self.card.as_ref()?.calibration.as_ref()?;
        let error = self.expected_error(row, score)?;
        Some((&calibration.stages[stage], error * transfer.map_or(1.0, |transfer| transfer.interval_widened)))
    }
}

/// The bounds keep an interval from vanishing or exploding where the error model must extrapolate.
pub(in crate::predict) fn expected_error(error_model: &Staged, row: &[f64], forecast: f64) -> f64 {
    let mut inputs = row.to_vec();
    inputs.push(forecast);
    libm::exp(error_model.predict(&inputs)).clamp(0.1, 1e3)
}

fn inner_model(file: &OnnxModel, key: &str, features: usize) -> Result<Option<Staged>, PredictorError> {
    let Some(text) = file.metadata(key) else { return Ok(None) };
    let bytes =
        from_base64(text).ok_or(PredictorError::Mismatch("an inner model is no base64 of an ONNX file"))?;
    let model = onnx::read(&bytes)?.model;
    if model.feature_count != features {
        return Err(PredictorError::Mismatch("an inner model reads other features"));
    }
    Ok(Some(model))
}

fn read_card(text: &str) -> Result<Card, PredictorError> {
    let unreadable = |error: serde_json::Error| PredictorError::Card(error.to_string());
    let mut told: serde_json::Value = serde_json::from_str(text).map_err(unreadable)?;
    // Older builds knew one kind of probe, that reads clean rows.
    if let Some(only) = told.get_mut("risk").map(serde_json::Value::take).filter(|only| !only.is_null()) {
        told["risks"] = serde_json::json!({ "clean-rows": only });
    }
    let card: Card = serde_json::from_value(told).map_err(unreadable)?;
    if card.version != CARD_VERSION {
        let (found, expected) = (card.version, CARD_VERSION);
        return Err(PredictorError::Card(format!(
            "version {found}, and this build reads version {expected}"
        )));
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
