//! How far a forecast may be off, and would be if more were known: evaluation rows, what the base model scores, a smaller
//! model's probe, an own one. What is not known yet is expected to leave the share of the squared error that it leaves in
//! the mean of the runs that the predictor was fitted on.

use serde::Serialize;

use super::card::Card;
use super::predictor::{Predictor, PredictorError};
use super::probe_kind::ProbeKind;
use crate::features::FeatureVector;
use crate::runs::{FINISHED, Knowledge, Known, OF_THE_ROWS};

/// As deep as a probe usually goes.
const USUAL_STEPS: f64 = 100.0;
const BASE_SCORE: &str = "base_score";
const PROXY_LOSS: &str = "proxy_held_out_loss";
const PROXY_SCORE: &str = "proxy_eval_score";

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outlook {
    /// Of the interval as it is, before it is held to the possible scores.
    pub half_width_points: f64,
    /// From what is soon at hand to what takes a run.
    pub with_more: Vec<WithMore>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WithMore {
    pub more: More,
    pub words: String,
    /// Of the probe that it would take.
    pub step: Option<f64>,
    pub half_width_points: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum More {
    EvaluationRows,
    BaseScore,
    SmallerModelsProbe,
    SmallerModelsRun,
    ProbeWithoutCleanRows,
    Probe,
}

/// What clean evaluation rows are worth to a candidate's probe: with them and without.
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
    /// By the readings of this very probe. Else it is expected.
    pub measured: bool,
}

/// What could be known next, and the squared error that it usually leaves.
struct Possible {
    more: More,
    words: String,
    step: Option<f64>,
    squared_error: f64,
}

impl Predictor {
    /// `None` where the card tells nothing of its errors, or nothing more can be known.
    pub(super) fn outlook(
        &self,
        row: &[f64],
        vector: &FeatureVector,
        half_width_points: f64,
    ) -> Option<Outlook> {
        let card = self.card.as_ref()?;
        let stage = self.model.gate.stage_of(row);
        let probe_step = vector.get("probe_step");
        let now = card.usual_squared_error(stage, ProbeKind::of(vector), probe_step)?;
        let further =
            if probe_step.is_nan() { self.before_any_probe(card, row, vector) } else { along(card, vector) };
        let with_more: Vec<WithMore> = further
            .into_iter()
            .filter(|possible| possible.squared_error < now)
            .map(|possible| WithMore {
                more: possible.more,
                words: possible.words,
                step: possible.step,
                half_width_points: half_width_points * (possible.squared_error / now).sqrt(),
            })
            .collect();
        (!with_more.is_empty()).then_some(Outlook { half_width_points, with_more })
    }

    fn before_any_probe(&self, card: &Card, row: &[f64], vector: &FeatureVector) -> Vec<Possible> {
        let tells = |name: &str| vector.get(name).is_finite();
        let has_rows = ProbeKind::of(vector) != ProbeKind::WithoutCleanRows;
        let and_rows = if has_rows { "" } else { " and evaluation rows" };
        let with = |told: &[&str]| self.usually_with(card, row, told);
        let mut further = Vec::new();
        let mut offer = |more, words: String, step, squared_error: Option<f64>| {
            further.extend(squared_error.map(|squared_error| Possible { more, words, step, squared_error }));
        };
        if !has_rows {
            offer(More::EvaluationRows, "with evaluation rows at hand".into(), None, with(&[OF_THE_ROWS]));
        }
        if !tells(BASE_SCORE) {
            let words = "with the base model's score on evaluation rows".into();
            offer(More::BaseScore, words, None, with(&[OF_THE_ROWS, BASE_SCORE]));
        }
        if !tells(PROXY_SCORE) {
            let words = format!("with a smaller model's probe{and_rows}");
            offer(More::SmallerModelsProbe, words, None, with(&[OF_THE_ROWS, PROXY_LOSS, PROXY_SCORE]));
        }
        if let Some(depth) = deepest(card, vector) {
            if !has_rows {
                let words = format!("after {depth:.0} steps of a probe without evaluation rows");
                let squared_error = after(card, ProbeKind::WithoutCleanRows, depth);
                offer(More::ProbeWithoutCleanRows, words, Some(depth), squared_error);
            }
            let that_reads = if has_rows { "" } else { " that reads evaluation rows" };
            let words = format!("after {depth:.0} steps of a probe{that_reads}");
            offer(More::Probe, words, Some(depth), after(card, that_reads_clean_rows(vector), depth));
        }
        if !tells(FINISHED) {
            let words = "with a smaller model's finished run, scored on evaluation rows".into();
            let told = [OF_THE_ROWS, PROXY_LOSS, PROXY_SCORE, FINISHED];
            offer(More::SmallerModelsRun, words, None, with(&told));
        }
        further
    }

    /// `None` where it would make no difference to the predictor.
    fn usually_with(&self, card: &Card, row: &[f64], told: &[&str]) -> Option<f64> {
        let mut row = row.to_vec();
        let before = self.model.gate.stage_of(&row);
        let is_told = |index: &usize| told.contains(&self.names[*index].as_str()) && row[*index].is_nan();
        let missing: Vec<usize> = (0..row.len()).filter(is_told).collect();
        for index in missing {
            // That it is known decides which part answers, not what it is.
            row[index] = 0.0;
        }
        let stage = self.model.gate.stage_of(&row);
        if stage == before { None } else { card.stages[stage].squared_error }
    }

    /// `None` where the predictor does not tell the two apart, or tells nothing of its errors.
    pub fn certainty(&self, known: &Known<'_>) -> Result<Option<Certainty>, PredictorError> {
        let seen = known.readings.len();
        let most = known.most(seen);
        let now = known.at(most, seen);
        let (Some(card), Some((stage, points))) = (self.card.as_ref(), self.half_width(&now)?) else {
            return Ok(None);
        };
        let Some(coverage) = card.calibration.as_ref().map(|calibration| calibration.coverage) else {
            return Ok(None);
        };
        let last = known.readings.last().map(|reading| reading.step as f64);
        let Some(step) = last.or_else(|| deepest(card, &now)) else { return Ok(None) };
        let has_own_curve = seen == 0 || card.risks.contains_key(&ProbeKind::of(&now));
        let usual = card.usual_squared_error(stage, ProbeKind::of(&now), now.get("probe_step"));
        let expected = |kind: ProbeKind| {
            let share = after(card, kind, step)? / usual.filter(|_| has_own_curve)?;
            Some(HalfWidth { points: points * share.sqrt(), measured: false })
        };
        let measured = |points| HalfWidth { points, measured: true };
        let blind = if seen > 0 { self.half_width(&known.at(Knowledge::Blind, seen))? } else { None };
        let (with, without) = match blind {
            // The same part answers either way.
            Some((other, _)) if most.has_clean_probe() && other == stage => (None, None),
            Some((_, without)) if most.has_clean_probe() => (Some(measured(points)), Some(measured(without))),
            Some((_, without)) => (expected(that_reads_clean_rows(&now)), Some(measured(without))),
            None => (expected(that_reads_clean_rows(&now)), expected(ProbeKind::WithoutCleanRows)),
        };
        Ok(with.zip(without).map(|(with, without)| Certainty { coverage, step, with, without }))
    }

    fn half_width(&self, vector: &FeatureVector) -> Result<Option<(usize, f64)>, PredictorError> {
        let row = self.row(vector)?;
        let stage = self.model.gate.stage_of(&row);
        let transfer = self.transfer(vector);
        let calibrated = self.calibrated(&row, stage, self.answer(&row), transfer.as_ref());
        Ok(calibrated.map(|(calibration, error)| (stage, calibration.factor * error)))
    }
}

/// The probe that was made, gone on with, and what it could have read.
fn along(card: &Card, vector: &FeatureVector) -> Vec<Possible> {
    let (kind, step) = (ProbeKind::of(vector), vector.get("probe_step"));
    let mut further = Vec::new();
    let mut offer = |more, words, step, squared_error: Option<f64>| {
        let step = Some(step);
        further.extend(squared_error.map(|squared_error| Possible { more, words, step, squared_error }));
    };
    if kind == ProbeKind::WithoutCleanRows {
        let words = format!("had the {step:.0} steps read evaluation rows");
        offer(More::EvaluationRows, words, step, after(card, that_reads_clean_rows(vector), step));
    }
    if let Some(depth) = deepest(card, vector).filter(|depth| *depth > step) {
        let more = match kind {
            ProbeKind::WithoutCleanRows => More::ProbeWithoutCleanRows,
            ProbeKind::CleanRows | ProbeKind::BesideFinishedRun => More::Probe,
        };
        let words = format!("after {depth:.0} steps of the probe");
        offer(more, words, depth, after(card, kind, depth));
    }
    further
}

fn that_reads_clean_rows(vector: &FeatureVector) -> ProbeKind {
    if vector.get(FINISHED).is_finite() { ProbeKind::BesideFinishedRun } else { ProbeKind::CleanRows }
}

fn after(card: &Card, kind: ProbeKind, probe_step: f64) -> Option<f64> {
    Some(card.risks.get(&kind)?.curve.at(probe_step))
}

/// Where a usual probe ends; none where the whole run is hardly longer.
fn deepest(card: &Card, vector: &FeatureVector) -> Option<f64> {
    let total_steps = vector.get("total_steps");
    let is_within = |depth: &f64| *depth <= USUAL_STEPS && (total_steps.is_nan() || *depth < total_steps);
    card.depths.iter().copied().rfind(is_within).filter(|depth| *depth > 0.0)
}
