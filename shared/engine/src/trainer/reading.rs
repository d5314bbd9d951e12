//! A reading: every dynamic feature at one depth, from the steps so far and from evaluations made now.

use candle_core::{Device, Tensor};
use foretune_core::features::FeatureVector;
use foretune_core::hash::{combine, hash_bytes};
use foretune_core::runs::Reading;
use serde::{Deserialize, Serialize};

use super::{StepRecord, Trainer};
use crate::batch::{Batch, Row};
use crate::curves::{fit, mean, quantile, sd};
use crate::error::Result;
use crate::evaluate::{Evaluation, batches_by_length, evaluate, style};
use crate::lora::normal;
use crate::model::PassOptions;
use crate::neighbours;
use crate::parameters::inner;

/// Steps over which "recent" features look back.
const RECENT: usize = 10;
/// Rows whose hidden states are compared.
const NEIGHBOUR_ROWS: usize = 256;
/// Length of the random shift for flatness, relative to the adapter's length.
const SHIFT: f64 = 0.02;

/// Facts about the base model that later readings refer to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Base {
    features: FeatureVector,
    start_length: f64,
}

impl Trainer {
    pub(super) fn read(&mut self) -> Result<Reading> {
        let step = self.steps_done();
        let mut features = FeatureVector::default();
        features.set("probe_step", step as f64);
        features.set("probe_share", step as f64 / self.options.total_steps as f64);
        self.read_own(&mut features)?;
        self.read_clean(&mut features)?;
        let general = evaluate(&self.model, &self.data.general)?;
        features.set("general_loss", general.loss());
        if self.state.base.is_none() {
            let base = self.measure_base(&features)?;
            self.state.base = Some(base);
        }
        let base = self.state.base.clone().expect("measured above");
        for (name, value) in base.features.iter() {
            if foretune_core::features::find(name).is_some() {
                features.set(name, value);
            }
        }
        self.compare_with_base(&base, &mut features)?;
        if step > 0 {
            training_features(&self.state.steps, &self.options, &mut features);
            features.set("landscape_flatness", self.flatness(features.get("held_out_loss"))?);
        }
        self.trends(step, &mut features);
        Ok(Reading { step, features })
    }

    fn read_own(&self, features: &mut FeatureVector) -> Result<()> {
        let own = evaluate(&self.model, &self.data.held_out)?;
        features.set("held_out_loss", own.loss());
        features.set("held_out_score", own.score());
        features.set("held_out_p_gold", own.p_gold());
        features.set("token_accuracy", own.token_accuracy());
        if self.state.base.is_none() {
            let losses = row_losses(&own);
            features.set("initial_loss", own.loss());
            features.set("initial_loss_sd", sd(&losses));
            features.set("initial_loss_p90", quantile(&losses, 0.9));
        }
        Ok(())
    }

    fn read_clean(&self, features: &mut FeatureVector) -> Result<()> {
        let clean = evaluate(&self.model, &self.data.evaluation)?;
        for (name, value) in [
            ("eval_score", clean.score()),
            ("eval_score_se", clean.score_se()),
            ("eval_p_gold", clean.p_gold()),
            ("eval_loss", clean.loss()),
            ("eval_token_accuracy", clean.token_accuracy()),
        ] {
            features.set(name, value);
        }
        for (gap, clean, own) in [
            ("eval_gap_score", clean.score(), features.get("held_out_score")),
            ("eval_gap_p_gold", clean.p_gold(), features.get("held_out_p_gold")),
            ("eval_gap_loss", clean.loss(), features.get("held_out_loss")),
        ] {
            features.set(gap, clean - own);
        }
        Ok(())
    }

    /// Before any step: losses to compare with later, and what hidden states say about the answers.
    fn measure_base(&self, now: &FeatureVector) -> Result<Base> {
        let mut features = FeatureVector::default();
        for name in ["initial_loss", "initial_loss_sd", "initial_loss_p90"] {
            features.set(name, now.get(name));
        }
        for name in ["eval_score", "eval_p_gold", "eval_loss", "general_loss"] {
            features.set(&format!("base:{name}"), now.get(name));
        }
        let (states, labels) = self.answer_states()?;
        features.set("neighbour_agreement", neighbours::agreement(&states, &labels));
        features.set("logme", neighbours::logme(&states, &labels));
        let values = &self.model.trained.parameters()?.values;
        Ok(Base { features, start_length: inner(values, values)?.sqrt() })
    }

    /// Final hidden state where each row's answer begins, and a hash of the answer.
    fn answer_states(&self) -> Result<(Vec<Vec<f64>>, Vec<u64>)> {
        let rows: Vec<&Row> = self.data.train.iter().take(NEIGHBOUR_ROWS).collect();
        let mut found: Vec<(usize, Vec<f64>)> = Vec::with_capacity(rows.len());
        for indices in batches_by_length(&rows, 4096) {
            // Only the answer's first token is asked for.
            let starts: Vec<Row> = indices.iter().map(|index| answer_start(rows[*index])).collect();
            let starts: Vec<&Row> = starts.iter().collect();
            let batch = Batch::new(&starts, style(&self.model), self.model.config.vocab_size)?;
            let options = PassOptions { keep_hidden: true, ..PassOptions::default() };
            let results = self.model.evaluate(&batch, options)?;
            let Some(hidden) = results.hidden else { continue };
            for (row, state) in results.rows.iter().zip(hidden.to_vec2::<f32>()?) {
                found.push((indices[*row as usize], state.into_iter().map(f64::from).collect()));
            }
        }
        found.sort_by_key(|(index, _)| *index);
        let labels = found.iter().map(|(index, _)| answer_hash(rows[*index])).collect();
        Ok((found.into_iter().map(|(_, state)| state).collect(), labels))
    }

    fn compare_with_base(&self, base: &Base, features: &mut FeatureVector) -> Result<()> {
        let initial = base.features.get("initial_loss");
        let held_out = features.get("held_out_loss");
        features.set("held_out_loss_change", held_out - initial);
        features.set("loss_decay_rate", (initial - held_out) / initial);
        for (name, change) in [
            ("eval_score", "eval_score_change"),
            ("eval_p_gold", "eval_p_gold_change"),
            ("eval_loss", "eval_loss_change"),
            ("general_loss", "catastrophic_forgetting"),
        ] {
            features.set(change, features.get(name) - base.features.get(&format!("base:{name}")));
        }
        let parameters = self.model.trained.parameters()?;
        let start = self.start_values()?;
        let moved = (&parameters.values - start)?;
        features.set("avg_param_change", inner(&moved, &moved)?.sqrt() / base.start_length);
        Ok(())
    }

    /// The adapters' starting values, drawn again from the seed.
    fn start_values(&self) -> Result<Tensor> {
        let parameters = self.model.trained.parameters()?;
        let (rank, seed) = (self.options.recipe.lora.rank, self.options.recipe.seed);
        let mut pieces = Vec::with_capacity(parameters.list.len());
        for parameter in &parameters.list {
            pieces.push(if parameter.name.contains("lora_A") {
                crate::lora::initial_a(&parameter.name, rank, parameter.shape[1], seed, &self.model.device)?
                    .flatten_all()?
            } else {
                Tensor::zeros(parameter.len(), candle_core::DType::F32, &self.model.device)?
            });
        }
        Ok(Tensor::cat(&pieces, 0)?)
    }

    /// Mean rise of the loss on own rows when the adapter is shifted both ways along a random direction.
    fn flatness(&mut self, loss_now: f64) -> Result<f64> {
        if self.data.held_out.is_empty() {
            return Ok(f64::NAN);
        }
        let values = self.model.trained.parameters()?.values.copy()?;
        let length = inner(&values, &values)?.sqrt();
        let count = values.elem_count();
        let seed = combine(self.options.recipe.seed, 0xf1a7);
        let drawn: Vec<f32> = (0..count as u64)
            .map(|i| normal(combine(seed, 2 * i), combine(seed, 2 * i + 1)) as f32)
            .collect();
        let direction = Tensor::from_vec(drawn, count, &Device::Cpu)?.to_device(&self.model.device)?;
        let scale = SHIFT * length / inner(&direction, &direction)?.sqrt();
        let mut losses = Vec::with_capacity(2);
        for sign in [scale, -scale] {
            self.model.set_values(&(&values + (&direction * sign)?)?)?;
            losses.push(evaluate(&self.model, &self.data.held_out)?.loss());
        }
        self.model.set_values(&values)?;
        Ok(1.0 / (1.0 + (mean(&losses) - loss_now).max(0.0)))
    }

    /// Change since the reading before, a doubling of steps, and what it promises until the run's end.
    fn trends(&self, step: u64, features: &mut FeatureVector) {
        let Some(before) = self.state.readings.last() else { return };
        let doublings = |from: u64, to: u64| libm::log2((to as f64 + 1.0) / (from as f64 + 1.0));
        let passed = doublings(before.step, step);
        let ahead = doublings(step, self.options.total_steps);
        for (name, trend, promise) in [
            ("eval_score", "eval_score_trend", "eval_score_ahead"),
            ("eval_p_gold", "eval_p_gold_trend", "eval_p_gold_ahead"),
        ] {
            let slope = (features.get(name) - before.features.get(name)) / passed;
            features.set(trend, slope);
            features.set(promise, slope * ahead);
        }
    }
}

/// What the steps alone tell.
fn training_features(steps: &[StepRecord], options: &super::RunOptions, features: &mut FeatureVector) {
    let column = |value: fn(&StepRecord) -> f64| -> Vec<f64> { steps.iter().map(value).collect() };
    let recent = |values: &[f64]| values[values.len().saturating_sub(RECENT)..].to_vec();
    let losses = column(|step| step.loss);
    let norms = column(|step| step.gradient_norm);
    features.set("train_loss", mean(&recent(&losses)));
    features.set("train_loss_sd", sd(&recent(&losses)));
    let log_log = |values: &[f64]| -> Vec<(f64, f64)> {
        values.iter().enumerate().map(|(i, value)| (libm::log(i as f64 + 1.0), libm::log(*value))).collect()
    };
    let points = log_log(&losses);
    if let Some((line, _)) = fit(&points, 1) {
        features.set("log_loss_slope", line[1]);
        let at_the_end = line[0] + line[1] * libm::log(options.total_steps as f64);
        features.set("extrapolated_loss", libm::exp(at_the_end));
    }
    if let Some((bend, noise)) = fit(&points, 2) {
        features.set("log_loss_curvature", bend[2]);
        features.set("loss_stability", 1.0 / (1.0 + noise));
    }
    features.set("avg_grad_norm", mean(&norms));
    features.set("grad_norm_sd", sd(&norms));
    if let Some((line, _)) = fit(&log_log(&norms), 1) {
        features.set("grad_norm_trend", line[1]);
    }
    let clipped = norms.iter().filter(|norm| **norm > options.recipe.clip_norm).count();
    features.set("grad_clip_share", clipped as f64 / norms.len() as f64);
    features.set("gradient_consistency", mean(&recent(&column(|step| step.gradient_cosine))));
    features.set("gradient_noise_scale", noise_scale(steps));
    // The first step is left out: every A's gradient is zero while its B is.
    let sparsity = column(|step| step.gradient_sparsity);
    features.set("avg_grad_sparsity", mean(&sparsity[1..]));
    features.set("avg_activation_sparsity", mean(&column(|step| step.activation_sparsity)));
    features.set("step_update_ratio", steps.last().map_or(f64::NAN, |step| step.update_ratio));
}

/// McCandlish et al. 2018 (arXiv 1812.06162), appendix A.1: from mean squared norms at batch B and B/2,
/// |G|^2 = 2 |G_B|^2 - |G_B/2|^2 and S = B (|G_B/2|^2 - |G_B|^2); both averaged before their ratio is taken.
fn noise_scale(steps: &[StepRecord]) -> f64 {
    let (mut signal, mut noise) = (0.0, 0.0);
    for step in steps.iter().filter(|step| step.half_norm_squared.is_finite()) {
        let whole = step.gradient_norm * step.gradient_norm;
        signal += 2.0 * whole - step.half_norm_squared;
        noise += step.rows as f64 * (step.half_norm_squared - whole);
    }
    if signal > 0.0 && noise.is_finite() { (noise / signal).max(0.0) } else { f64::NAN }
}

fn row_losses(evaluation: &Evaluation) -> Vec<f64> {
    evaluation.items.iter().map(|item| item.loss).collect()
}

fn first_trained(row: &Row) -> usize {
    row.trained.iter().skip(1).position(|trained| *trained).map_or(1, |place| place + 1)
}

/// The row up to its answer's first token, which alone counts.
fn answer_start(row: &Row) -> Row {
    let first = first_trained(row);
    Row::answered(&row.tokens[..first], &row.tokens[first..=first])
}

fn answer_hash(row: &Row) -> u64 {
    let answer = &row.tokens[first_trained(row)..];
    let bytes: Vec<u8> = answer.iter().flat_map(|token| token.to_le_bytes()).collect();
    hash_bytes(&bytes, 0)
}
