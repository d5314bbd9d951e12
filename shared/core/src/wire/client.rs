//! What a client asks of an agent.

use serde::{Deserialize, Serialize};

use super::job::{Data, JobId, JobSpec};
use super::refusal::{Refusal, Rule};
use super::version::Versions;
use crate::limits;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// The first message. `token` is the pairing secret, or the one-time code of a link.
    Hello {
        #[serde(flatten)]
        versions: Versions,
        token: String,
        /// Name and version of the client, for the agent's log.
        #[serde(default)]
        client: String,
    },
    /// The newest jobs, or those older than `before`.
    ListJobs {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        before: Option<JobId>,
    },
    /// Puts a job into the queue.
    Start {
        #[serde(default)]
        title: String,
        job: JobSpec,
    },
    /// Sends the job's events from sequence number `from` on, those to come included.
    Subscribe {
        job: JobId,
        from: u64,
    },
    Unsubscribe {
        job: JobId,
    },
    /// Ends the job and drops what it did.
    Cancel {
        job: JobId,
    },
    /// Ends the job after the step in flight; the result is what there is.
    StopEarly {
        job: JobId,
    },
    /// The job that others are compared with, or none.
    Pin {
        job: Option<JobId>,
    },
    /// Removes a job that is over, with its results and the rows that no other job reads.
    Forget {
        job: JobId,
    },
    /// A part of some rows (JSON Lines); `offset` counts the bytes before it.
    Upload {
        upload: String,
        offset: u64,
        text: String,
        last: bool,
    },
    Ping {},
}

impl ClientMessage {
    pub const NAMES: [&str; 11] = [
        "hello",
        "list_jobs",
        "start",
        "subscribe",
        "unsubscribe",
        "cancel",
        "stop_early",
        "pin",
        "forget",
        "upload",
        "ping",
    ];

    pub fn name(&self) -> &'static str {
        match self {
            Self::Hello { .. } => "hello",
            Self::ListJobs { .. } => "list_jobs",
            Self::Start { .. } => "start",
            Self::Subscribe { .. } => "subscribe",
            Self::Unsubscribe { .. } => "unsubscribe",
            Self::Cancel { .. } => "cancel",
            Self::StopEarly { .. } => "stop_early",
            Self::Pin { .. } => "pin",
            Self::Forget { .. } => "forget",
            Self::Upload { .. } => "upload",
            Self::Ping {} => "ping",
        }
    }

    /// Bounds on what its texts may be.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        match self {
            Self::Hello { token, client, .. } => [("token", token), ("client", client)]
                .into_iter()
                .try_for_each(|(name, text)| short(name, text)),
            Self::Start { title, job } => {
                short("title", title)?;
                job_texts(job).into_iter().try_for_each(|(name, text)| short(name, text))
            }
            Self::Upload { upload, .. } => short("upload", upload),
            _ => Ok(()),
        }
    }
}

fn short(name: &str, text: &str) -> Result<(), Refusal> {
    if text.len() > limits::MAX_NAME_BYTES {
        let message = format!("{name} has {} bytes; at most {} are read", text.len(), limits::MAX_NAME_BYTES);
        return Err(Refusal::new(Rule::Malformed, message));
    }
    if text.contains('\0') {
        return Err(Refusal::new(Rule::Malformed, format!("{name} holds a zero byte")));
    }
    Ok(())
}

fn job_texts(job: &JobSpec) -> Vec<(&'static str, &str)> {
    let mut texts: Vec<(&'static str, &str)> = job
        .data()
        .into_iter()
        .map(|data| match data {
            Data::Upload(text) => ("upload", text.as_str()),
            Data::Path(text) => ("path", text.as_str()),
        })
        .collect();
    let recipe = match job {
        JobSpec::Probe(spec) => {
            texts.push(("model", &spec.model));
            texts.extend(spec.map.as_deref().map(|map| ("map", map)));
            texts.extend(spec.sampled.as_ref().map(|sampled| ("fingerprint", sampled.fingerprint.as_str())));
            Some(&spec.recipe)
        }
        JobSpec::Tune(spec) => {
            texts.push(("model", &spec.model));
            texts.extend(spec.map.as_deref().map(|map| ("map", map)));
            Some(&spec.recipe)
        }
        JobSpec::Check(spec) => {
            texts.extend(spec.map.as_deref().map(|map| ("map", map)));
            None
        }
        JobSpec::Collect(spec) => {
            texts.extend([("sweep", spec.sweep.as_str()), ("runs", spec.runs.as_str())]);
            None
        }
        JobSpec::Fit(spec) => {
            texts.extend([("runs", spec.runs.as_str()), ("out", spec.out.as_str())]);
            texts.extend(spec.report.as_deref().map(|report| ("report", report)));
            None
        }
        JobSpec::Pull(spec) => {
            texts.push(("model", &spec.model));
            None
        }
    };
    if let Some(recipe) = recipe {
        texts.extend(recipe.schedule.as_deref().map(|schedule| ("schedule", schedule)));
        texts.extend(recipe.targets.iter().flatten().map(|target| ("targets", target.as_str())));
    }
    texts
}
