//! What is known of a run at a moment: before any probe, or at one of its readings, with clean evaluation rows
//! or without. One function makes the features of that moment, for fitting and for forecasting alike.

use super::derived;
use super::record::{Reading, RunRecord};
use crate::features::{self, FeatureVector, Group, PROXY};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Knowledge {
    /// The file and the recipe.
    Plan,
    /// And the clean rows themselves, which no model has answered yet.
    Rows,
    /// And a smaller model's probe of them, without clean rows and with.
    BlindProxy,
    Proxy,
    /// And what the untrained model scores on clean rows.
    Base,
    /// And a smaller model's probe beside it.
    ProxyBase,
    /// A smaller model's finished run of them, without the base score and with.
    Finished,
    FinishedBase,
    /// A probe without clean rows.
    Blind,
    /// A probe that reads clean rows.
    Clean,
    /// And a smaller model's finished run beside it.
    CleanFinished,
}

impl Knowledge {
    /// From the least to the most that is known.
    pub const ALL: [Self; 11] = [
        Self::Plan,
        Self::Rows,
        Self::BlindProxy,
        Self::Proxy,
        Self::Base,
        Self::ProxyBase,
        Self::Finished,
        Self::FinishedBase,
        Self::Blind,
        Self::Clean,
        Self::CleanFinished,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Rows => "rows",
            Self::BlindProxy => "proxy-blind",
            Self::Proxy => "proxy",
            Self::Base => "base",
            Self::ProxyBase => "proxy-base",
            Self::Finished => "finished",
            Self::FinishedBase => "finished-base",
            Self::Blind => "blind",
            Self::Clean => "clean",
            Self::CleanFinished => "clean-finished",
        }
    }

    /// Whether the model itself was probed and read on clean rows.
    pub fn has_clean_probe(self) -> bool {
        matches!(self, Self::Clean | Self::CleanFinished)
    }

    /// What of a smaller model counts. Once the model itself was trained a few steps the word of a probe of it adds
    /// next to nothing, that of a finished run much (docs/benchmarks.md).
    fn counts(self, proxy: &str) -> bool {
        match self {
            Self::Plan | Self::Rows | Self::Base | Self::Blind | Self::Clean => false,
            Self::BlindProxy | Self::Proxy | Self::ProxyBase => !features::is_of_finished_run(proxy),
            Self::Finished | Self::FinishedBase | Self::CleanFinished => true,
        }
    }
}

/// Everything that is known of one candidate or run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known<'a> {
    /// Static and recipe features.
    pub plan: &'a FeatureVector,
    /// A smaller model's own probe of the candidate, in the proxy group's names; in the plan they count as well.
    pub proxy: Option<&'a FeatureVector>,
    pub base_score: Option<f64>,
    /// Ascending steps.
    pub readings: &'a [Reading],
    pub total_steps: u64,
}

/// Known wherever clean rows are, with or without a model.
pub(crate) const OF_THE_ROWS: &str = "eval_known_answer_share";

/// Known of a smaller model's run that went to its end.
pub(crate) const FINISHED: &str = "proxy_final_score";

/// Only someone with clean rows can measure these.
pub(crate) fn needs_clean_rows(name: &str) -> bool {
    let name = features::own_name(name).unwrap_or(name);
    name.starts_with("eval_") || name == "base_score"
}

pub(crate) fn is_proxy(name: &str) -> bool {
    features::find(name).is_some_and(|feature| feature.group == Group::Proxy)
}

/// A proxy probe goes no further, as one's own.
const PROXY_STEPS: u64 = 100;

/// What the probe of a smaller model says, in the proxy group's names.
pub fn proxy_features(smaller: &Known<'_>) -> FeatureVector {
    let seen = smaller.readings.iter().take_while(|reading| reading.step <= PROXY_STEPS).count();
    let own = smaller.at(smaller.most(seen), seen);
    let mut proxy = FeatureVector::default();
    for feature in PROXY {
        if let Some(name) = features::own_name(feature.name) {
            proxy.set(feature.name, own.get(name));
        }
    }
    let is_end = |last: &&Reading| smaller.total_steps > 0 && last.step >= smaller.total_steps;
    if let Some(end) = smaller.readings.last().filter(is_end) {
        set_finished(&mut proxy, end.features.get("eval_score"), end.features.get("eval_p_gold"));
    }
    proxy
}

/// How the smaller model's run ended.
pub(super) fn set_finished(proxy: &mut FeatureVector, score: f64, p_gold: f64) {
    proxy.set("proxy_final_score", score);
    proxy.set("proxy_final_p_gold", p_gold);
}

impl<'a> Known<'a> {
    /// Of a finished run.
    pub fn of(run: &'a RunRecord) -> Self {
        Self {
            plan: &run.features,
            proxy: run.proxy.as_ref(),
            base_score: run.base_score,
            readings: &run.readings,
            total_steps: run.total_steps,
        }
    }

    /// The features as they are known after `readings_seen` readings.
    pub fn at(&self, knowledge: Knowledge, readings_seen: usize) -> FeatureVector {
        self.toward(knowledge, readings_seen, self.total_steps)
    }

    /// The same where not the score at the run's end is asked for, but the one on the way at `end_step`.
    pub fn toward(&self, knowledge: Knowledge, readings_seen: usize, end_step: u64) -> FeatureVector {
        let mut vector = self.plan.clone();
        for (name, value) in self.proxy.into_iter().flat_map(FeatureVector::iter) {
            vector.set(name, value);
        }
        vector = vector.without(|name| is_proxy(name) && !knowledge.counts(name));
        let end_share =
            if end_step == self.total_steps { 1.0 } else { end_step as f64 / self.total_steps.max(1) as f64 };
        derived::of_the_plan(&mut vector, end_share);
        if let Some(base) = self.base_score() {
            vector.set("base_score", base);
        }
        let seen = &self.readings[..readings_seen.min(self.readings.len())];
        let is_probed = knowledge == Knowledge::Blind || knowledge.has_clean_probe();
        if let (true, Some(last)) = (is_probed, seen.last()) {
            for (name, value) in last.features.iter() {
                vector.set(name, value);
            }
            vector.set("probe_step", last.step as f64);
            derived::of_the_probe(&mut vector, seen, self.total_steps, end_step);
        }
        let mut vector = match knowledge {
            Knowledge::Plan | Knowledge::BlindProxy | Knowledge::Blind => vector.without(needs_clean_rows),
            Knowledge::Rows | Knowledge::Proxy | Knowledge::Finished => {
                vector.without(|name| name == "base_score")
            }
            Knowledge::Base
            | Knowledge::ProxyBase
            | Knowledge::FinishedBase
            | Knowledge::Clean
            | Knowledge::CleanFinished => vector,
        };
        features::set_over_rules(&mut vector);
        vector
    }

    /// As the probe itself reads it on the user's clean rows, where there is a reading before the first step.
    pub(crate) fn base_score(&self) -> Option<f64> {
        let first = self.readings.first().filter(|reading| reading.step == 0);
        let read = first.map(|reading| reading.features.get("eval_score")).filter(|score| score.is_finite());
        read.or(self.base_score)
    }

    pub(super) fn proxy_says(&self, name: &str) -> bool {
        self.proxy.into_iter().chain([self.plan]).any(|features| features.get(name).is_finite())
    }

    /// The most that is known after `readings_seen` readings.
    pub fn most(&self, readings_seen: usize) -> Knowledge {
        let last = self.readings[..readings_seen.min(self.readings.len())].last();
        let is_finished = self.proxy_says(FINISHED);
        match last {
            Some(reading) if reading.features.get("eval_score").is_finite() && is_finished => {
                Knowledge::CleanFinished
            }
            Some(reading) if reading.features.get("eval_score").is_finite() => Knowledge::Clean,
            Some(_) => Knowledge::Blind,
            None if self.base_score.is_some() && is_finished => Knowledge::FinishedBase,
            None if is_finished => Knowledge::Finished,
            None if self.base_score.is_some() && self.proxy_says("proxy_eval_score") => Knowledge::ProxyBase,
            None if self.base_score.is_some() => Knowledge::Base,
            None if self.proxy_says("proxy_eval_score") => Knowledge::Proxy,
            None if self.proxy_says("proxy_held_out_loss") => Knowledge::BlindProxy,
            None if self.plan.get(OF_THE_ROWS).is_finite() => Knowledge::Rows,
            None => Knowledge::Plan,
        }
    }
}
