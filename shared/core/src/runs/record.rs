//! One finished fine-tune: everything needed to run it again, what the probe saw on the way, how it ended.
//! Numbers that could not be measured are `null`, never zero.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::features::FeatureVector;

pub const SCHEMA_VERSION: u32 = 1;
/// Condition that marks runs at rates above the usual ones.
pub const UNSTABLE: &str = "unstable";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    pub schema: u32,
    pub id: String,
    /// Sweep file and its hash; empty for a run outside a sweep.
    #[serde(default)]
    pub sweep: String,
    /// Hash of everything but the seed: runs of one configuration differ by chance alone.
    pub configuration: String,
    pub seed: u64,
    pub dataset: DatasetRecord,
    pub base_model: ModelRecord,
    pub evaluation: EvaluationRecord,
    /// Static features of the file and recipe features of the candidate, by registry name.
    pub features: FeatureVector,
    /// The probe of the smallest bundled model on the same candidate, where one was run.
    #[serde(default)]
    pub proxy: Option<FeatureVector>,
    /// Ascending steps; the run's own readings at a third and half stand here too.
    #[serde(default)]
    pub readings: Vec<Reading>,
    pub base_score: Option<f64>,
    #[serde(default)]
    pub base_p_gold: Option<f64>,
    #[serde(default)]
    pub base_test_loss: Option<f64>,
    /// Strict exact match on the test rows, in points.
    pub score: Option<f64>,
    #[serde(default)]
    pub score_se: Option<f64>,
    /// Mean probability of the exact right answer, in points.
    #[serde(default)]
    pub p_gold: Option<f64>,
    #[serde(default)]
    pub test_loss: Option<f64>,
    #[serde(default)]
    pub diverged: bool,
    /// One character a test row, `1` right, `0` wrong.
    #[serde(default)]
    pub items: Option<String>,
    /// What tuning did to everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<Elsewhere>,
    /// Score of the next smaller base model after the same fine-tune, for the ProxyLM baseline.
    #[serde(default)]
    pub smaller_model_score: Option<f64>,
    /// Frozen parts by split name (`group`, `random`); a hash decides where a split is not named.
    #[serde(default)]
    pub split: BTreeMap<String, Part>,
    pub total_steps: u64,
    /// Tokens of all rows that the run's steps read, prompts included.
    #[serde(default)]
    pub trained_tokens: Option<u64>,
    #[serde(default)]
    pub wall_seconds: Option<f64>,
    #[serde(default)]
    pub cpu_seconds: Option<f64>,
    #[serde(default)]
    pub device: String,
    /// Program and library versions by name.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetRecord {
    /// The source dataset: what a grouped split keeps on one side.
    pub source: String,
    /// Related sources share a family; the source itself where none is given.
    #[serde(default)]
    pub family: String,
    pub hash: String,
    /// What was done to it: `rows`, `label_noise`, `duplicates`, ...
    #[serde(default)]
    pub condition: BTreeMap<String, f64>,
    /// The other task whose rows were mixed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_source: Option<String>,
}

/// Name of the model that comes with program and page, in commands and in records.
pub const BUNDLED_MODEL: &str = "tiny";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRecord {
    pub name: String,
    pub hash: String,
    pub parameters: u64,
}

impl ModelRecord {
    /// Weights as a feature has them.
    pub fn is_of_size(&self, parameters: f64) -> bool {
        (self.parameters as f64 - parameters).abs() < 0.5
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvaluationRecord {
    pub name: String,
    pub harness: String,
    pub prompt: String,
    pub rows: Option<u64>,
}

/// The same model before and after on a fixed mixed set of other tasks' test rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Elsewhere {
    pub rows: u64,
    pub base_score: f64,
    pub score: f64,
    pub base_p_gold: Option<f64>,
    pub p_gold: Option<f64>,
    pub base_loss: Option<f64>,
    pub loss: Option<f64>,
    /// Rows answered right only after tuning, and only before.
    pub gained: u64,
    pub forgotten: u64,
}

/// Dynamic features at one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    pub step: u64,
    pub features: FeatureVector,
}

/// What one step of a training showed. Missing values are NaN here and null in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Counts from 1.
    pub step: u64,
    /// Mean loss of a trained token, before the step, in nats.
    #[serde(with = "missing")]
    pub loss: f64,
    pub learning_rate: f64,
    /// Before clipping.
    #[serde(with = "missing")]
    pub gradient_norm: f64,
    /// Cosine between the gradients of the batch's two halves.
    #[serde(with = "missing")]
    pub gradient_cosine: f64,
    /// Squared norms of the halves' mean gradients, averaged, and of the whole one: the noise scale's parts.
    #[serde(with = "missing")]
    pub half_norm_squared: f64,
    #[serde(with = "missing")]
    pub gradient_sparsity: f64,
    #[serde(with = "missing")]
    pub activation_sparsity: f64,
    /// Length of the step relative to the length of the trained values.
    #[serde(with = "missing")]
    pub update_ratio: f64,
    #[serde(with = "missing")]
    pub token_accuracy: f64,
    pub rows: usize,
    pub tokens: usize,
    pub trained_tokens: usize,
}

impl StepRecord {
    pub fn is_finite(&self) -> bool {
        self.loss.is_finite() && self.gradient_norm.is_finite()
    }
}

/// JSON has no NaN.
#[cfg_attr(
    target_pointer_width = "64",
    expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")
)]
mod missing {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        value.is_finite().then_some(*value).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
    }
}

/// By families of datasets, and by configurations.
pub const SPLITS: [&str; 2] = ["group", "random"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    Train,
    Test,
}

impl RunRecord {
    pub fn family(&self) -> &str {
        if self.dataset.family.is_empty() { &self.dataset.source } else { &self.dataset.family }
    }

    /// Made with a rate at which chance decides; judged by whether it diverges, not by its score.
    pub fn is_unstable(&self) -> bool {
        self.dataset.condition.get(UNSTABLE).is_some_and(|unstable| *unstable > 0.0)
    }
}
