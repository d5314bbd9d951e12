//! What an agent and its clients say to each other: JSON messages, one enum for each direction, versioned.
//! `docs/protocol.md` is written from here; the bounds stand in `limits`.

mod client;
mod docs;
mod event;
mod examples;
mod job;
mod refusal;
mod server;
mod version;

use serde::{Deserialize, Serialize};

pub use client::ClientMessage;
pub use docs::markdown;
pub use event::{Answer, EventBody, JobEvent, LogLevel};
pub use job::{
    CheckSpec, CollectSpec, Data, DeviceWish, FitSpec, JobId, JobInfo, JobSpec, JobState, Measured,
    ProbeSpec, PullSpec, RecipeSpec, Sampled, StopRule, TuneSpec,
};
pub use refusal::{Refusal, Rule};
pub use server::{DeviceInfo, Diagnosis, Finding, Health, ModelInfo, ServerMessage, Welcome};
pub use version::{MIN_PROTOCOL, PROTOCOL, Versions, negotiate};

use crate::limits;

/// Path of the socket on the agent's address.
pub const SOCKET_PATH: &str = "/v1/socket";
pub const HEALTH_PATH: &str = "/health";
pub const DIAGNOSE_PATH: &str = "/v1/diagnose";

/// A client's message with a number of its own choice, which the answer repeats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FromClient {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    #[serde(flatten)]
    pub message: ClientMessage,
}

/// The agent's message; `re` is the number of the message that it answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FromServer {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub re: Option<u64>,
    #[serde(flatten)]
    pub message: ServerMessage,
}

impl FromClient {
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("messages have text keys only")
    }
}

impl FromServer {
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("messages have text keys only")
    }
}

impl From<ServerMessage> for FromServer {
    fn from(message: ServerMessage) -> Self {
        Self { re: None, message }
    }
}

/// Reads one message of a client. The error carries the number it had, as far as it could be told.
pub fn read_client(text: &str) -> Result<FromClient, (Option<u64>, Refusal)> {
    if text.len() > limits::MAX_CLIENT_MESSAGE_BYTES {
        return Err((None, Refusal::too_large(text.len() as u64)));
    }
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| {
        (None, Refusal::new(Rule::Malformed, format!("the message is not JSON: {error}")))
    })?;
    let id = value.get("id").and_then(serde_json::Value::as_u64);
    let kind = value.get("type").and_then(serde_json::Value::as_str).unwrap_or_default();
    if !ClientMessage::NAMES.contains(&kind) {
        let kind: String = kind.chars().take(40).collect();
        return Err((id, Refusal::new(Rule::UnknownMessage, format!("there is no message {kind:?}"))));
    }
    let kind = kind.to_owned();
    let message: FromClient = serde_json::from_value(value).map_err(|error| {
        (id, Refusal::new(Rule::Malformed, format!("the message {kind:?} cannot be read: {error}")))
    })?;
    message.message.check().map_err(|refusal| (id, refusal))?;
    Ok(message)
}

#[cfg(test)]
mod tests;
