//! What is known of a run before it starts, put together: static features of the file and those of the recipe.

use serde::{Deserialize, Serialize};

use crate::features::{self, FeatureVector, Group};

/// Most rows of the file that are kept back to measure its own loss.
pub const HELD_OUT_ROWS: usize = 96;

/// Kinds of linear layers that can carry an adapter.
const EVERY_MODULE: usize = 7;

/// A model below this size learns next to nothing at the rate that suits those of billions.
pub const SMALL_MODEL_PARAMETERS: u64 = 50_000_000;
const SMALL_MODEL_LEARNING_RATE: f64 = 1e-3;

/// Rows of the file kept back to measure its own loss: at most a tenth of what there is.
pub fn held_out_rows(usable: usize) -> usize {
    HELD_OUT_ROWS.min(usable / 10)
}

/// What is left of so many usable rows to train on: the steps and epochs of a run are counted over these.
pub fn trained_rows(usable: usize) -> usize {
    usable - held_out_rows(usable)
}

/// How the learning rate goes on after its warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    Constant,
    #[default]
    Linear,
    Cosine,
}

impl Schedule {
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "constant" => Some(Self::Constant),
            "linear" => Some(Self::Linear),
            "cosine" => Some(Self::Cosine),
            _ => None,
        }
    }
}

/// The numbers of a recipe that a forecast reads; the defaults are those of `foretune probe`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecipeNumbers {
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
    pub lora_rank: usize,
    pub lora_alpha: f64,
    pub lora_dropout: f64,
    /// Kinds of linear layers that carry an adapter.
    pub lora_modules: usize,
}

impl Default for RecipeNumbers {
    fn default() -> Self {
        Self {
            learning_rate: 2e-4,
            batch_size: 16,
            epochs: 3.0,
            max_steps: None,
            schedule: Schedule::Linear,
            warmup_share: 0.05,
            weight_decay: 0.0,
            clip_norm: 1.0,
            sequence_length: 1024,
            lora_rank: 16,
            lora_alpha: 32.0,
            lora_dropout: 0.0,
            lora_modules: EVERY_MODULE,
        }
    }
}

impl RecipeNumbers {
    /// What is trained where nothing else is asked for: at a rate for models of that size, with rows as long as it
    /// takes. A model of unknown size is taken for a large one.
    pub fn usual_for(parameters: Option<u64>, longest_row_tokens: usize) -> Self {
        let usual = Self::default();
        let is_small = parameters.is_some_and(|parameters| parameters < SMALL_MODEL_PARAMETERS);
        Self {
            learning_rate: if is_small { SMALL_MODEL_LEARNING_RATE } else { usual.learning_rate },
            sequence_length: usual.sequence_length.min(longest_row_tokens.max(2)),
            ..usual
        }
    }

    /// Whether a recipe's features tell of adapters on every kind of layer.
    pub fn has_every_module(features: &FeatureVector) -> bool {
        (features.get("lora_modules") - EVERY_MODULE as f64).abs() < 0.5
    }

    /// Optimizer steps of the full run over this many rows.
    pub fn total_steps(&self, rows: usize) -> u64 {
        let by_epochs = (rows as f64 * self.epochs / self.batch_size.max(1) as f64).ceil() as u64;
        self.max_steps.unwrap_or(by_epochs).max(1)
    }

    /// The recipe group of the registry, without what only a model or an evaluation knows.
    pub fn features(&self, rows: usize) -> FeatureVector {
        let mut features = FeatureVector::default();
        let flag = |schedule| f64::from(u8::from(self.schedule == schedule));
        let steps = self.total_steps(rows) as f64;
        for (name, value) in [
            ("learning_rate", self.learning_rate),
            ("batch_size", self.batch_size as f64),
            ("epochs", steps * self.batch_size as f64 / rows.max(1) as f64),
            ("total_steps", steps),
            ("warmup_share", self.warmup_share),
            ("schedule_is_constant", flag(Schedule::Constant)),
            ("schedule_is_linear", flag(Schedule::Linear)),
            ("schedule_is_cosine", flag(Schedule::Cosine)),
            ("weight_decay", self.weight_decay),
            ("clip_norm", self.clip_norm),
            ("lora_rank", self.lora_rank as f64),
            ("lora_alpha", self.lora_alpha),
            ("lora_dropout", self.lora_dropout),
            ("lora_modules", self.lora_modules as f64),
            ("sequence_length", self.sequence_length as f64),
        ] {
            features.set(name, value);
        }
        features
    }
}

/// What of these values was known before any probe.
pub fn before_any_probe(features: &FeatureVector) -> FeatureVector {
    let is_plan = |name: &str| {
        let group = features::find(name).map(|feature| feature.group);
        name != "base_score" && matches!(group, Some(Group::Static | Group::Recipe | Group::Proxy) | None)
    };
    features.clone().without(|name| !is_plan(name))
}

/// Static features of a file with so many usable rows, and those of the recipe.
pub fn plan_features(
    mut of_the_file: FeatureVector,
    rows_valid: usize,
    recipe: &RecipeNumbers,
) -> FeatureVector {
    for (name, value) in recipe.features(trained_rows(rows_valid)).iter() {
        of_the_file.set(name, value);
    }
    of_the_file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_recipe_goes_by_the_models_size_and_the_rows_it_takes() {
        let large = RecipeNumbers::default();
        assert_eq!(RecipeNumbers::usual_for(None, usize::MAX), large);
        assert_eq!(RecipeNumbers::usual_for(Some(SMALL_MODEL_PARAMETERS), 1 << 20), large);
        let small = RecipeNumbers::usual_for(Some(SMALL_MODEL_PARAMETERS - 1), 128);
        assert!(small.learning_rate > large.learning_rate && small.sequence_length == 128, "{small:?}");
    }
}
