//! What a job tells while it runs. Every event has a sequence number and is kept: a client that comes late or
//! again reads on from any of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::job::JobId;
use crate::runs::{Reading, StepRecord};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogLevel {
    Info,
    Warning,
    Error,
}

/// What the exit code of a command says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Yes,
    No,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "payload", rename_all = "snake_case")]
pub enum EventBody {
    /// A start of the work; more than one where the agent was stopped in the middle.
    Attempt { attempt: u32 },
    /// How far it is. Only the last one counts: a client that lags may get no others.
    Progress { done: u64, total: Option<u64>, unit: String },
    /// First line of the trace: model, recipe, rows.
    Start(Value),
    /// One training step.
    Step(Box<StepRecord>),
    /// Every dynamic feature after so many steps.
    Reading(Reading),
    /// A remark for people.
    Log { level: LogLevel, text: String },
    /// What the command prints with `--json`.
    Result(Value),
    /// The end: it was done, or stopped early with what there was.
    Done { answer: Answer, stopped_early: bool },
    /// The end: it could not be done.
    Failed { message: String },
    /// The end: somebody cancelled it.
    Cancelled {},
}

impl EventBody {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Attempt { .. } => "attempt",
            Self::Progress { .. } => "progress",
            Self::Start(_) => "start",
            Self::Step(_) => "step",
            Self::Reading(_) => "reading",
            Self::Log { .. } => "log",
            Self::Result(_) => "result",
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
            Self::Cancelled {} => "cancelled",
        }
    }

    pub fn is_end(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Failed { .. } | Self::Cancelled {})
    }

    /// A later one of its kind says everything that it says.
    pub fn is_superseded_by_later(&self) -> bool {
        matches!(self, Self::Progress { .. })
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobEvent {
    pub job: JobId,
    /// Counts from 1 without gaps in each job's log.
    pub seq: u64,
    pub time_ms: u64,
    #[serde(flatten)]
    pub body: EventBody,
}
