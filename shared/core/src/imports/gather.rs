//! Metrics by whatever name and order into steps, and steps into readings at the probe's depths.

use std::collections::{BTreeMap, BTreeSet};

use super::{ImportError, ImportedRun, LoggedStep};
use crate::features::FeatureVector;
use crate::limits;
use crate::numerics::stats::{mean, variance};
use crate::runs::Reading;

/// What a metric's name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    Loss,
    HeldOutLoss,
    GradNorm,
    LearningRate,
    Epoch,
}

impl Metric {
    /// `train/loss`, `eval_loss`, `lr-AdamW/pg1`: the usual spellings, whatever the run's name before them.
    pub fn of(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let name = name.rsplit(" - ").next().unwrap_or_default().trim();
        let words: Vec<&str> =
            name.split(['/', '_', '.', '-', ' ']).filter(|word| !word.is_empty()).collect();
        let has = |word: &str| words.contains(&word);
        let is_held_out = ["eval", "val", "valid", "validation", "test", "dev"].into_iter().any(has);
        // Summaries of a whole run, rates and running extremes are no course.
        let is_summary = ["min", "max", "best", "total", "runtime", "final"].into_iter().any(has);
        let is_other =
            ["per", "aux", "kl", "reward", "gap", "change", "rise", "initial"].into_iter().any(has);
        // As `export` names what has no custom.
        if name.starts_with("probe/") {
            return (name == "probe/held_out_loss").then_some(Self::HeldOutLoss);
        }
        if is_summary || is_other {
            return None;
        }
        let ends_with = |word: &str| words.last().is_some_and(|last| *last == word);
        if ends_with("loss") {
            let is_plain = words[..words.len() - 1].iter().all(|word| ["train", "training"].contains(word));
            return match (is_held_out, is_plain) {
                (true, _) => Some(Self::HeldOutLoss),
                (false, true) => Some(Self::Loss),
                (false, false) => None,
            };
        }
        if (has("grad") || has("gradient")) && has("norm") && !is_held_out {
            return Some(Self::GradNorm);
        }
        let is_rate = words.first().is_some_and(|first| *first == "lr") || ends_with("lr");
        if (has("learning") && has("rate")) || is_rate {
            return Some(Self::LearningRate);
        }
        ends_with("epoch").then_some(Self::Epoch)
    }
}

/// Collects one run.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    steps: BTreeMap<u64, LoggedStep>,
    epochs: BTreeMap<u64, f64>,
    /// Metrics without a meaning here.
    unused: BTreeSet<String>,
    pub recipe: FeatureVector,
    pub notes: Vec<String>,
    pub not_finite: usize,
}

/// Names listed in a remark.
const LISTED: usize = 12;
/// Depths at which a probe reads.
const DEPTHS: [u64; 8] = [0, 5, 10, 20, 35, 50, 75, 100];
/// Steps over which a loss is averaged.
const WINDOW: u64 = 10;

impl Gathered {
    pub fn add(&mut self, step: u64, name: &str, value: f64) -> Result<(), ImportError> {
        let Some(metric) = Metric::of(name) else {
            if self.unused.len() < limits::MAX_KEYS {
                self.unused.insert(name.to_owned());
            }
            return Ok(());
        };
        if !value.is_finite() {
            self.not_finite += 1;
            return Ok(());
        }
        if metric == Metric::Epoch {
            self.epochs.insert(step, value);
            return Ok(());
        }
        if self.steps.len() >= limits::MAX_IMPORT_STEPS && !self.steps.contains_key(&step) {
            return Err(ImportError::TooMany { what: "steps", most: limits::MAX_IMPORT_STEPS });
        }
        let seen = self.steps.entry(step).or_insert(LoggedStep { step, ..LoggedStep::default() });
        let place = match metric {
            Metric::Loss => &mut seen.loss,
            Metric::HeldOutLoss => &mut seen.held_out_loss,
            Metric::GradNorm => &mut seen.grad_norm,
            Metric::LearningRate => &mut seen.learning_rate,
            Metric::Epoch => return Ok(()),
        };
        *place = Some(value);
        Ok(())
    }

    pub fn finish(mut self, name: String, source: &'static str) -> Result<ImportedRun, ImportError> {
        let steps: Vec<LoggedStep> = self.steps.into_values().collect();
        if steps.iter().all(|step| step.loss.is_none() && step.held_out_loss.is_none()) {
            let present: Vec<&str> = self.unused.iter().take(LISTED).map(String::as_str).collect();
            return Err(ImportError::NoLoss { present: present.join(", ") });
        }
        if !self.unused.is_empty() {
            let listed: Vec<&str> = self.unused.iter().take(LISTED).map(String::as_str).collect();
            let more = self.unused.len().saturating_sub(LISTED);
            let and = if more > 0 { format!(" and {more} more") } else { String::new() };
            self.notes.push(format!("not used: {}{and}", listed.join(", ")));
        }
        if self.not_finite > 0 {
            self.notes.push(format!("{} values are not finite and count as missing", self.not_finite));
        }
        let peak = steps.iter().filter_map(|step| step.learning_rate).fold(f64::NAN, f64::max);
        if peak.is_finite() && self.recipe.get("learning_rate").is_nan() {
            self.recipe.set("learning_rate", peak);
        }
        let last = steps.last().map_or(0, |step| step.step);
        if self.recipe.get("total_steps").is_nan() {
            self.recipe.set("total_steps", last as f64);
            self.notes.push(format!(
                "the log does not tell the run's length: its last step, {last}, is taken for it"
            ));
        }
        if self.recipe.get("epochs").is_nan()
            && let Some((step, epoch)) = self.epochs.last_key_value()
            && *step > 0
        {
            self.recipe.set("epochs", epoch / *step as f64 * self.recipe.get("total_steps"));
        }
        self.notes.push(
            "measured on clean rows by our probe, and missing here: evaluation score, gradient consistency, flatness, \
             forgetting"
                .to_owned(),
        );
        let readings = readings(&steps);
        Ok(ImportedRun { name, source, recipe: self.recipe, steps, readings, notes: self.notes })
    }
}

/// At the probe's depths as far as the log goes, and wherever held-out rows were read.
fn readings(steps: &[LoggedStep]) -> Vec<Reading> {
    let first = steps.first().map_or(0, |step| step.step);
    let last = steps.last().map_or(0, |step| step.step);
    let evaluated = steps.iter().filter(|step| step.held_out_loss.is_some()).map(|step| step.step);
    let depths: BTreeSet<u64> =
        DEPTHS.into_iter().filter(|depth| (first..=last).contains(depth)).chain(evaluated).collect();
    let spread = depths.len().div_ceil(limits::MAX_READINGS);
    depths.into_iter().step_by(spread.max(1)).map(|depth| reading(steps, depth)).collect()
}

fn reading(steps: &[LoggedStep], depth: u64) -> Reading {
    let seen = &steps[..steps.partition_point(|step| step.step <= depth)];
    let mut features = FeatureVector::default();
    features.set("probe_step", depth as f64);
    let recent: Vec<f64> =
        seen.iter().filter(|step| step.step + WINDOW > depth).filter_map(|step| step.loss).collect();
    // Programs that log every 50 steps have nothing within the window: the last mean they wrote stands for it.
    let last = seen.iter().rev().find_map(|step| step.loss);
    match (recent.as_slice(), last) {
        ([], Some(loss)) => features.set("train_loss", loss),
        ([], None) => {}
        (losses, _) => {
            features.set("train_loss", mean(losses));
            if losses.len() > 1 {
                features.set("train_loss_sd", variance(losses, 1).sqrt());
            }
        }
    }
    let norms: Vec<f64> = seen.iter().filter_map(|step| step.grad_norm).collect();
    if !norms.is_empty() {
        features.set("avg_grad_norm", mean(&norms));
    }
    if norms.len() > 1 {
        features.set("grad_norm_sd", variance(&norms, 1).sqrt());
    }
    let held_out = seen.last().filter(|step| step.step == depth).and_then(|step| step.held_out_loss);
    let initial = seen.first().filter(|step| step.step == 0).and_then(|step| step.held_out_loss);
    if let Some(loss) = held_out {
        features.set("held_out_loss", loss);
    }
    if let Some(loss) = initial {
        features.set("initial_loss", loss);
    }
    if let (Some(now), Some(start)) = (held_out, initial) {
        features.set("held_out_loss_change", now - start);
        if start > 0.0 {
            features.set("loss_decay_rate", (start - now) / start);
        }
    }
    Reading { step: depth, features }
}

/// A step as programs write it: whole, zero or more.
pub(super) fn step_of(value: f64) -> Option<u64> {
    ((0.0..9e15).contains(&value) && libm::trunc(value).total_cmp(&(value + 0.0)).is_eq())
        .then_some(value as u64)
}
