//! Every reason for which an agent says no: the rule, what it means, what to do.

use serde::{Deserialize, Serialize};

use crate::limits;

macro_rules! rules {
    ($($rule:ident $name:literal $status:literal $meaning:literal $fix:literal;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Rule { $(#[serde(rename = $name)] $rule,)* }

        impl Rule {
            pub const ALL: &[Self] = &[$(Self::$rule,)*];

            pub fn name(self) -> &'static str {
                match self { $(Self::$rule => $name,)* }
            }

            pub fn meaning(self) -> &'static str {
                match self { $(Self::$rule => $meaning,)* }
            }

            pub fn fix(self) -> &'static str {
                match self { $(Self::$rule => $fix,)* }
            }

            /// Of the HTTP answer where the refusal is one; 0: the rule is one of the socket's messages.
            pub fn http_status(self) -> u16 {
                match self { $(Self::$rule => $status,)* }
            }
        }
    };
}

rules! {
    Host "host" 403 "The Host header names another address: a site may have pointed its name at this computer" "open the agent by its own address, http://127.0.0.1:PORT/";
    Origin "origin" 403 "The page asking comes from an address that the agent was not told to trust" "start the agent with --allow-origin followed by that page's address, or open the agent's own page";
    Method "method" 405 "Only GET, HEAD and the browser's own OPTIONS are answered" "use GET; work is asked for over the socket";
    Path "path" 404 "There is nothing at this path" "open the agent's address without a path";
    BadRequest "bad_request" 400 "The request cannot be read" "send a plain HTTP/1.1 request; a socket needs the headers of a websocket handshake";
    TooManyClients "too_many_clients" 503 "As many connections as the agent keeps are open" "close pages that watch this agent";
    HelloFirst "hello_first" 0 "The first message was not `hello`, or none came in time" "send `hello` with protocol, min_version and token as soon as the socket is open";
    Token "token" 0 "The secret is missing, wrong, or has been replaced" "open the pairing link anew: `foretune serve --link` prints it";
    Guessing "guessing" 0 "Too many wrong secrets came from this origin" "wait a minute, then open the pairing link anew";
    ClientTooOld "client_too_old" 0 "The client speaks a version of the protocol that this agent no longer does" "reload the page, or update the client";
    AgentTooOld "agent_too_old" 0 "The client needs a newer agent" "update foretune on this computer, or open the page that this agent carries at its own address";
    MessageTooLarge "message_too_large" 0 "A message is over the bound" "send data in parts with `upload`";
    NotText "not_text" 0 "A message is binary" "send JSON as text";
    Malformed "malformed" 0 "A message is not JSON, lacks a field, or holds a value out of bounds" "see docs/protocol.md";
    UnknownMessage "unknown_message" 0 "This agent knows no message of that type" "see docs/protocol.md; a newer agent may know it";
    QueueFull "queue_full" 0 "As many jobs wait as the agent keeps" "wait for a job to end, or cancel one";
    UnknownJob "unknown_job" 0 "There is no such job: it never was, or it was removed from the history" "ask for the list with `list_jobs`";
    WrongState "wrong_state" 0 "The job is in a state in which this cannot be done" "look at the job's state";
    UnknownUpload "unknown_upload" 0 "The job names data that was not handed over, or was removed since" "hand the rows over again with `upload`";
    UploadGap "upload_gap" 0 "A part does not begin where the last one ended" "go on at `received`";
    UploadTooLarge "upload_too_large" 0 "The data is over the bound" "hand over the sampled rows only";
    StorageFull "storage_full" 0 "The agent keeps as much handed-over data as it may, or the disk is full" "free some space, or cancel and remove old jobs";
    PathFromPage "path_from_page" 0 "A page of another site may not name files of this computer" "hand the rows over with `upload`, or use the agent's own page or the command line";
    BadJob "bad_job" 0 "The job cannot be done as it is described" "mend what the message names";
    Unavailable "unavailable" 0 "This agent cannot do that" "see `foretune doctor`";
    TooManySubscriptions "too_many_subscriptions" 0 "One connection follows as many jobs as it may" "send `unsubscribe` for jobs that are no longer shown";
    SlowClient "slow_client" 0 "The client took nothing for a minute" "connect again and subscribe from the next sequence number";
    Stopping "stopping" 0 "The agent is being stopped" "connect again when it runs; jobs go on by themselves";
    Internal "internal" 500 "The agent failed at something that is not the client's fault" "look at the agent's log";
}

/// The answer where an agent says no.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub rule: Rule,
    /// What was wrong, with its values.
    pub message: String,
    /// What to do.
    pub fix: String,
}

impl Refusal {
    pub fn new(rule: Rule, message: impl Into<String>) -> Self {
        let mut message = message.into();
        // Part of it is what the client sent.
        if message.len() > limits::MAX_REFUSAL_BYTES {
            message.truncate(message.floor_char_boundary(limits::MAX_REFUSAL_BYTES));
            message.push('…');
        }
        Self { rule, message, fix: rule.fix().to_owned() }
    }

    #[must_use]
    pub fn with_fix(self, fix: impl Into<String>) -> Self {
        Self { fix: fix.into(), ..self }
    }

    pub fn too_large(bytes: u64) -> Self {
        let most = limits::MAX_CLIENT_MESSAGE_BYTES;
        Self::new(Rule::MessageTooLarge, format!("a message of {bytes} bytes; at most {most} are read"))
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "refused by {}: {}; {}", self.rule.name(), self.message, self.fix)
    }
}

impl std::error::Error for Refusal {}
