//! Jobs as messages describe them: what to do, with which data, and how far it is.

use serde::{Deserialize, Serialize};

use crate::check::Wish;

/// Counts from 1 in each state folder.
pub type JobId = u64;

/// Rows that a client handed over, or a file of the agent's computer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Data {
    /// What `uploaded` called it.
    Upload(String),
    Path(String),
}

/// The handed-over rows are a sample, in the order in which the whole file's hashes put them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sampled {
    /// Rows of the whole file that can be trained on.
    pub rows: u64,
    /// Fingerprint of the whole file, 16 hexadecimal digits.
    pub fingerprint: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceWish {
    Auto,
    Cpu,
    Cuda,
}

impl DeviceWish {
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopRule {
    Auto,
    Never,
}

/// What is not given is as the command line has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecipeSpec {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_steps: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence_length: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup_share: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantize: Option<u8>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recompute: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckSpec {
    pub data: Data,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval: Option<Data>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeSpec {
    pub data: Data,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Sampled>,
    /// Clean rows of the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval: Option<Data>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval_rows: Option<u64>,
    /// Without `eval`: clean rows of `data` itself that are not trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_aside: Option<Wish>,
    /// One of `welcome.models`, or what `foretune probe --model` takes.
    pub model: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopRule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceWish>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
    #[serde(default)]
    pub recipe: RecipeSpec,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TuneSpec {
    pub data: Data,
    /// Test rows of the final score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval: Option<Data>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval_rows: Option<u64>,
    /// Instead of `eval`: clean rows of `data` itself that are not trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_aside: Option<Wish>,
    /// Clean rows read while training.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dev: Option<Data>,
    pub model: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceWish>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
    #[serde(default)]
    pub recipe: RecipeSpec,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CollectSpec {
    /// The sweep file.
    pub sweep: String,
    /// Folder of the runs.
    pub runs: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceWish>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FitSpec {
    /// Run records: a file or a folder.
    pub runs: String,
    /// Where the predictor goes.
    pub out: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PullSpec {
    pub model: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobSpec {
    Check(CheckSpec),
    Probe(Box<ProbeSpec>),
    Tune(Box<TuneSpec>),
    Collect(CollectSpec),
    Fit(FitSpec),
    Pull(PullSpec),
}

impl JobSpec {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Check(_) => "check",
            Self::Probe(_) => "probe",
            Self::Tune(_) => "tune",
            Self::Collect(_) => "collect",
            Self::Fit(_) => "fit",
            Self::Pull(_) => "pull",
        }
    }

    /// Trains on the device that there is one of.
    pub fn needs_device(&self) -> bool {
        matches!(self, Self::Probe(_) | Self::Tune(_) | Self::Collect(_))
    }

    /// Everything handed over that it reads.
    pub fn data(&self) -> Vec<&Data> {
        match self {
            Self::Check(spec) => std::iter::once(&spec.data).chain(&spec.eval).collect(),
            Self::Probe(spec) => std::iter::once(&spec.data).chain(&spec.eval).collect(),
            Self::Tune(spec) => std::iter::once(&spec.data).chain(&spec.eval).chain(&spec.dev).collect(),
            Self::Collect(_) | Self::Fit(_) | Self::Pull(_) => Vec::new(),
        }
    }

    /// Paths of the agent's computer that the client chose.
    pub fn names_paths(&self) -> bool {
        let model = match self {
            Self::Collect(_) | Self::Fit(_) => return true,
            Self::Pull(spec) => &spec.model,
            Self::Probe(spec) => &spec.model,
            Self::Tune(spec) => &spec.model,
            Self::Check(_) => "",
        };
        is_path(model) || self.data().iter().any(|data| matches!(data, Data::Path(_)))
    }
}

/// Models go by names such as `tiny` or `Qwen/Qwen2.5-0.5B`.
fn is_path(model: &str) -> bool {
    model.starts_with(['/', '.', '~']) || model.contains("..") || model.contains(['\\', ':'])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for its turn, also after the agent was stopped in the middle of it.
    Queued,
    Running,
    /// Was asked to end and has not yet.
    Stopping,
    Done,
    Failed,
    Cancelled,
}

impl JobState {
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Stopping, Self::Done, Self::Failed, Self::Cancelled];

    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// One row of the history. Times are milliseconds since 1970 by the agent's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobInfo {
    pub job: JobId,
    /// The client's name for it.
    pub title: String,
    pub spec: JobSpec,
    pub state: JobState,
    /// How often it was started; more than one after the agent was stopped in the middle of it.
    pub attempts: u32,
    pub created_ms: u64,
    pub started_ms: Option<u64>,
    pub ended_ms: Option<u64>,
    /// Sequence number of its last event; 0 before the first.
    pub last_seq: u64,
    /// Steps or pieces done and planned, as far as known.
    pub done: u64,
    pub total: Option<u64>,
    /// The last evaluation score, in points.
    pub score: Option<f64>,
    /// What training took of the machine, of a job that has told its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    /// Why it failed.
    pub error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    pub tokens_per_second: f64,
    pub peak_memory_bytes: Option<u64>,
}
