//! What an agent tells its clients, over the socket and at its two plain addresses.

use serde::{Deserialize, Serialize};

use super::event::JobEvent;
use super::job::{JobId, JobInfo};
use super::refusal::Refusal;
use super::version::Versions;

/// The computer as jobs find it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceInfo {
    /// `cpu` or `cuda`: what a job with the device `auto` runs on.
    pub kind: String,
    /// For people.
    pub name: String,
    pub cores: u64,
    pub memory_bytes: Option<u64>,
    /// Widest vector instructions of the processor.
    pub instructions: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// What a job calls it.
    pub name: String,
    pub parameters: Option<u64>,
    /// Carried by the program itself.
    pub bundled: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Welcome {
    #[serde(flatten)]
    pub versions: Versions,
    /// The version that is spoken from here on.
    pub spoken: u32,
    /// Version of the program.
    pub agent: String,
    /// Another one after every start: what a client knew of running jobs may be old.
    pub boot: String,
    /// Where the client came with a one-time code: the secret to keep for the next time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    pub device: DeviceInfo,
    pub models: Vec<ModelInfo>,
    /// Kinds of jobs that this agent takes.
    pub kinds: Vec<String>,
    /// Whether jobs of this client may name files of the agent's computer.
    pub may_name_paths: bool,
    pub max_message_bytes: u64,
    pub max_upload_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// The answer to `hello`; `jobs` follows.
    Welcome(Box<Welcome>),
    /// The answer to whatever was not done.
    Refused(Refusal),
    /// The newest first. Sent after `welcome` and for `list_jobs`.
    Jobs {
        jobs: Vec<JobInfo>,
        pinned: Option<JobId>,
        more: bool,
        /// Parts of their specifications that are not the same in all of them, such as `recipe.learning_rate`.
        differing: Vec<String>,
    },
    /// The answer to `start`, `cancel` and `stop_early`, and to every client when a job's state changes.
    Job {
        job: Box<JobInfo>,
    },
    /// The answer to `subscribe`; events from `from` on follow.
    Subscribed {
        job: JobId,
        from: u64,
        last_seq: u64,
    },
    Unsubscribed {
        job: JobId,
    },
    Event(JobEvent),
    /// The answer to `upload`; after the last part, `data` is what a job calls it.
    Uploaded {
        upload: String,
        received: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        data: Option<String>,
    },
    /// To every client.
    Pinned {
        job: Option<JobId>,
    },
    /// To every client.
    Forgotten {
        job: JobId,
    },
    Pong {},
    /// The agent is being stopped; running jobs go on at its next start.
    Bye {},
}

impl ServerMessage {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Welcome(_) => "welcome",
            Self::Refused(_) => "refused",
            Self::Jobs { .. } => "jobs",
            Self::Job { .. } => "job",
            Self::Subscribed { .. } => "subscribed",
            Self::Unsubscribed { .. } => "unsubscribed",
            Self::Event(_) => "event",
            Self::Uploaded { .. } => "uploaded",
            Self::Pinned { .. } => "pinned",
            Self::Forgotten { .. } => "forgotten",
            Self::Pong {} => "pong",
            Self::Bye {} => "bye",
        }
    }
}

/// The answer at `/health`: to everyone, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Version of the program.
    pub foretune: String,
    #[serde(flatten)]
    pub versions: Versions,
}

/// One thing that `/v1/diagnose` looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    pub ok: bool,
    /// What the agent saw; never the secret itself.
    pub found: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

/// The answer at `/v1/diagnose`: what a socket from the same place would meet, to everyone, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnosis {
    pub foretune: String,
    #[serde(flatten)]
    pub versions: Versions,
    pub host: Finding,
    pub origin: Finding,
    /// Of `?protocol=N&min_version=M`, where the request has it.
    pub version: Finding,
    pub clients: Finding,
}
