//! How a run is trained: rates, batch, length, adapters; and the learning rate of each step.

use foretune_core::features::FeatureVector;
use foretune_core::runs::RecipeNumbers;
pub use foretune_core::runs::Schedule;
use serde::{Deserialize, Serialize};

use crate::config::ModelConfig;
use crate::error::{EngineError, Result};
use crate::lora::{LoraConfig, Target};
use crate::ops::AdamW;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Recipe {
    pub learning_rate: f64,
    /// Rows of one optimizer step.
    pub batch_size: usize,
    pub epochs: f64,
    /// Overrides epochs.
    pub max_steps: Option<u64>,
    pub schedule: Schedule,
    pub warmup_share: f64,
    pub weight_decay: f64,
    pub clip_norm: f64,
    pub sequence_length: usize,
    pub lora: LoraConfig,
    pub seed: u64,
}

impl Default for Recipe {
    fn default() -> Self {
        RecipeNumbers::default().into()
    }
}

/// With adapters on every kind of layer: which of them carry one, a forecast does not read.
impl From<RecipeNumbers> for Recipe {
    fn from(numbers: RecipeNumbers) -> Self {
        Self {
            learning_rate: numbers.learning_rate,
            batch_size: numbers.batch_size,
            epochs: numbers.epochs,
            max_steps: numbers.max_steps,
            schedule: numbers.schedule,
            warmup_share: numbers.warmup_share,
            weight_decay: numbers.weight_decay,
            clip_norm: numbers.clip_norm,
            sequence_length: numbers.sequence_length,
            lora: LoraConfig {
                rank: numbers.lora_rank,
                alpha: numbers.lora_alpha,
                dropout: numbers.lora_dropout,
                targets: Target::ALL.to_vec(),
            },
            seed: 0,
        }
    }
}

impl Recipe {
    /// What is trained where nothing else is asked for.
    pub fn usual_for(config: &ModelConfig) -> Self {
        RecipeNumbers::usual_for(Some(config.parameter_count()), config.max_positions).into()
    }

    pub fn check(&self) -> Result<()> {
        let bad = |field, expected, found: f64| {
            Err(EngineError::Recipe { field, expected, found: found.to_string() })
        };
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return bad("learning rate", "a positive number", self.learning_rate);
        }
        if self.batch_size == 0 || self.batch_size > 1 << 16 {
            return bad("batch size", "1 to 65536", self.batch_size as f64);
        }
        if !(self.epochs > 0.0 && self.epochs <= 10_000.0) {
            return bad("epochs", "above 0, at most 10000", self.epochs);
        }
        if self.max_steps == Some(0) {
            return bad("steps", "at least 1", 0.0);
        }
        if !(0.0..=1.0).contains(&self.warmup_share) {
            return bad("warm-up share", "0 to 1", self.warmup_share);
        }
        if !(self.weight_decay >= 0.0 && self.weight_decay.is_finite()) {
            return bad("weight decay", "0 or more", self.weight_decay);
        }
        if self.clip_norm.is_nan() || self.clip_norm <= 0.0 {
            return bad("clip norm", "a positive number", self.clip_norm);
        }
        if self.sequence_length < 2 {
            return bad("sequence length", "at least 2", self.sequence_length as f64);
        }
        self.lora.check()
    }

    /// Optimizer steps of the full run over this many rows.
    pub fn total_steps(&self, rows: usize) -> u64 {
        self.numbers().total_steps(rows)
    }

    /// What a forecast reads of it.
    pub fn numbers(&self) -> RecipeNumbers {
        RecipeNumbers {
            learning_rate: self.learning_rate,
            batch_size: self.batch_size,
            epochs: self.epochs,
            max_steps: self.max_steps,
            schedule: self.schedule,
            warmup_share: self.warmup_share,
            weight_decay: self.weight_decay,
            clip_norm: self.clip_norm,
            sequence_length: self.sequence_length,
            lora_rank: self.lora.rank,
            lora_alpha: self.lora.alpha,
            lora_dropout: self.lora.dropout,
            lora_modules: self.lora.targets.len(),
        }
    }

    /// Rate of step `step` (from 0) of `total`: up over the warm-up, then by the schedule.
    pub fn rate(&self, step: u64, total: u64) -> f64 {
        let warm_steps = (self.warmup_share * total as f64).ceil();
        let step = step as f64;
        if step < warm_steps {
            return self.learning_rate * (step + 1.0) / warm_steps;
        }
        let done = (step - warm_steps) / (total as f64 - warm_steps).max(1.0);
        let share = match self.schedule {
            Schedule::Constant => 1.0,
            Schedule::Linear => 1.0 - done,
            Schedule::Cosine => 0.5 * (1.0 + libm::cos(std::f64::consts::PI * done)),
        };
        self.learning_rate * share.clamp(0.0, 1.0)
    }

    pub fn adamw(&self) -> AdamW {
        AdamW { weight_decay: self.weight_decay, ..AdamW::default() }
    }

    /// The recipe group of the registry, without what only a model or an evaluation knows.
    pub fn features(&self, rows: usize) -> FeatureVector {
        self.numbers().features(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_model_gets_a_higher_rate_and_rows_that_it_takes() {
        let small = crate::testing::small_config();
        let usual = Recipe::usual_for(&small);
        assert!((usual.learning_rate - 1e-3).abs() < 1e-12);
        assert_eq!(usual.sequence_length, small.max_positions);
        let large = ModelConfig { vocab_size: 50_000, hidden_size: 4096, max_positions: 32_768, ..small };
        assert_eq!(Recipe::usual_for(&large), Recipe::default());
    }

    #[test]
    fn the_rate_rises_then_falls_to_zero() {
        let recipe = Recipe { learning_rate: 1.0, warmup_share: 0.1, ..Recipe::default() };
        let rates: Vec<f64> = (0..100).map(|step| recipe.rate(step, 100)).collect();
        assert!((rates[0] - 0.1).abs() < 1e-12 && (rates[9] - 1.0).abs() < 1e-12);
        assert!(rates[10..].windows(2).all(|pair| pair[1] < pair[0]));
        assert!(rates[99] > 0.0 && rates[99] < 0.02);
        let cosine = Recipe { schedule: Schedule::Cosine, ..recipe };
        assert!((cosine.rate(55, 100) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn the_defaults_are_those_of_the_forecast() {
        assert_eq!(Recipe::default().numbers(), RecipeNumbers::default());
    }

    #[test]
    fn every_recipe_feature_is_registered() {
        for (name, _) in Recipe::default().features(100).iter() {
            assert!(foretune_core::features::find(name).is_some(), "{name}");
        }
    }
}
