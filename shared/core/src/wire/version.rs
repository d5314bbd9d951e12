//! Which version of the protocol two sides speak: the newest that both know, unless one is too old.

use serde::{Deserialize, Serialize};

use super::refusal::{Refusal, Rule};

/// Raised with every change that an older side would misread; added fields and messages do not raise it.
pub const PROTOCOL: u32 = 1;
/// The oldest version that this build still speaks.
pub const MIN_PROTOCOL: u32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    pub protocol: u32,
    pub min_version: u32,
}

impl Versions {
    pub const OURS: Self = Self { protocol: PROTOCOL, min_version: MIN_PROTOCOL };
}

/// The version spoken, or who has to be brought up to date.
pub fn negotiate(agent: Versions, client: Versions) -> Result<u32, Refusal> {
    let spoken = agent.protocol.min(client.protocol);
    if spoken < agent.min_version {
        return Err(Refusal::new(
            Rule::ClientTooOld,
            format!(
                "the client speaks protocol {}, this agent only {} to {}",
                client.protocol, agent.min_version, agent.protocol
            ),
        ));
    }
    if spoken < client.min_version {
        return Err(Refusal::new(
            Rule::AgentTooOld,
            format!(
                "the client asks for protocol {} or newer, this agent speaks {} to {}",
                client.min_version, agent.min_version, agent.protocol
            ),
        ));
    }
    Ok(spoken)
}
