//! `docs/protocol.md`, written from the types and their examples.

use std::fmt::Write as _;

use serde::Serialize;

use super::{
    DIAGNOSE_PATH, Diagnosis, Finding, HEALTH_PATH, Health, Rule, SOCKET_PATH, ServerMessage, Versions,
    examples,
};
use crate::limits;

/// What a message is for, one sentence each, by its name.
const CLIENT: [(&str, &str); 11] = [
    (
        "hello",
        "The first message, within ten seconds. `token` is the pairing secret, or the one-time code of a link.",
    ),
    ("list_jobs", "The newest jobs; with `before`, those older than that job."),
    ("start", "Puts a job into the queue. What a recipe leaves out is as the command line has it."),
    ("subscribe", "Sends the job's events from sequence number `from` on (1: all), and those to come."),
    ("unsubscribe", "Ends a subscription."),
    ("cancel", "Ends the job and drops what it did."),
    ("stop_early", "Ends the job after the step in flight; its result is what there is by then."),
    ("pin", "Names the job that others are compared with; `null` for none."),
    ("forget", "Removes a job that is over, with its results and the rows that no other job reads."),
    (
        "upload",
        "A part of some rows as JSON Lines. `upload` is a name of the client's choice, `offset` the number of bytes (UTF-8) before this part.",
    ),
    ("ping", "Asks for a sign of life."),
];
const SERVER: [(&str, &str); 12] = [
    (
        "welcome",
        "The answer to `hello`; a `jobs` message follows. `token` is there after a one-time code: keep it for the next time.",
    ),
    ("refused", "The answer to whatever was not done: which rule, what was wrong, what to do."),
    (
        "jobs",
        "Jobs, the newest first; `more` where older ones exist. `differing` names the parts of their specifications that are not the same in all of them, such as `recipe.learning_rate`.",
    ),
    (
        "job",
        "The answer to `start`, `cancel` and `stop_early`; without `re`, to every client whenever a job's state changes.",
    ),
    ("subscribed", "The answer to `subscribe`; the events follow."),
    ("unsubscribed", "The answer to `unsubscribe`."),
    ("event", "One event of a job that the client follows."),
    ("uploaded", "The answer to `upload`; after the last part, `data` is what a job calls the rows."),
    ("pinned", "The answer to `pin`, to every client."),
    ("forgotten", "The answer to `forget`, to every client."),
    ("pong", "The answer to `ping`."),
    ("bye", "The agent is being stopped. Running jobs go on at its next start."),
];
const EVENTS: [(&str, &str); 10] = [
    ("attempt", "The work starts, or starts again after the agent was stopped in the middle of it."),
    ("progress", "How far it is. The only kind that may be left out: a client that lags gets the last one."),
    ("start", "First line of the trace: model, recipe, rows."),
    ("step", "One training step, as in the trace. A value that could not be measured is `null`."),
    ("reading", "Every dynamic feature after so many steps, by the names of the feature registry."),
    ("log", "A remark for people."),
    ("result", "What the command prints with `--json`."),
    ("done", "The end: done, or stopped early. `answer` is `no` where the command's exit code would be 1."),
    ("failed", "The end: it could not be done."),
    ("cancelled", "The end: somebody cancelled it."),
];

/// The whole page. Generated: the same types give the same bytes.
pub fn markdown() -> String {
    let (newest, oldest) = examples::VERSIONS;
    let mut page = format!(
        "# Protocol\n\n\
         Generated from `shared/core/src/wire` by `just docs`; edit that, not this page. How to reach an agent and \
         how it guards itself is in `agent.md`; `client.py` is a whole client.\n\n\
         Version {newest}; version {oldest} is still spoken. Messages are JSON objects, one in each text message of a \
         websocket at `{SOCKET_PATH}`. `type` names the message. A client may put a number of its own into `id`; the \
         answer repeats it as `re`. Unknown fields of the agent's messages are to be ignored: new ones do not raise \
         the version.\n\n\
         The first message is `hello` with the protocol the client speaks and the oldest it would accept. The newest \
         version that both know is spoken from then on, or the refusal says which side is too old. A number that \
         could not be measured is `null`, never zero. Times are milliseconds since 1970.\n\n\
         Events of a job count from 1 without gaps and are kept on disk: whoever was away subscribes from the next \
         number, also after the agent was killed. `seq` may skip only where `progress` events were left out for a \
         client that lagged.\n"
    );
    section(&mut page, "From the client", &CLIENT, examples::client(), |one| one.message.name());
    section(&mut page, "From the agent", &SERVER, examples::server(), |one| one.message.name());
    let events = examples::events().into_iter().map(examples::event).map(ServerMessage::Event).collect();
    section(&mut page, "Events of a job", &EVENTS, events, |one| match one {
        ServerMessage::Event(event) => event.body.name(),
        _ => "",
    });
    page.push_str("\n## Jobs\n\nData is `{\"upload\": …}`, or `{\"path\": …}` on the agent's computer, which pages of other sites may not name. The rows of a probe may be a sample: `sampled` then says how many rows of the whole file can be trained on and what its fingerprint is, and the rows stand in the order of their hashes. A probe without `eval` may have `\"set_aside\": {\"rows\": 300, \"seed\": 0}` instead: so many clean rows of `data` are read as evaluation rows and not trained on, the usual number where `rows` is missing, and the trace's `start` says which and has, among its `features`, what they tell of the other rows: those static features that need evaluation rows. A `tune` needs one of the two, `eval` or `set_aside`. States: `queued`, `running`, `stopping`, `done`, `failed`, `cancelled`. Jobs that train wait for each other.\n");
    for job in examples::jobs() {
        let _ = write!(page, "\n### `{}`\n\n```json\n{}\n```\n", job.name(), pretty(&job));
    }
    plain(&mut page);
    page.push_str("\n## Refusals\n\n| rule | means | what to do |\n|---|---|---|\n");
    for rule in Rule::ALL {
        let status = rule.http_status();
        let status = if status == 0 { String::new() } else { format!(" (HTTP {status})") };
        let _ = writeln!(page, "| `{}`{status} | {} | {} |", rule.name(), rule.meaning(), rule.fix());
    }
    page.push_str("\n## Bounds\n\n| what | at most |\n|---|---|\n");
    for (what, most) in [
        ("bytes of a client's message", limits::MAX_CLIENT_MESSAGE_BYTES as u64),
        ("bytes of an agent's message", limits::MAX_SERVER_MESSAGE_BYTES as u64),
        ("bytes of one upload", limits::MAX_UPLOAD_BYTES),
        ("bytes of all uploads kept", limits::MAX_KEPT_UPLOAD_BYTES),
        ("uploads begun at a time", limits::MAX_OPEN_UPLOADS as u64),
        ("jobs waiting", limits::MAX_QUEUED_JOBS as u64),
        ("jobs kept", limits::MAX_KEPT_JOBS as u64),
        ("jobs in one answer", limits::MAX_LISTED_JOBS as u64),
        ("events of one job", limits::MAX_JOB_EVENTS),
        ("starts of one job", u64::from(limits::MAX_JOB_ATTEMPTS)),
        ("bytes of a name, a path or a logged line", limits::MAX_NAME_BYTES as u64),
        ("connections", limits::MAX_CLIENTS as u64),
        ("jobs followed by one connection", limits::MAX_SUBSCRIPTIONS as u64),
        ("milliseconds until `hello`", limits::HELLO_DEADLINE_MS),
        ("wrong secrets from one origin in a minute", limits::MAX_WRONG_SECRETS as u64),
        ("milliseconds without a sign of life", limits::SILENCE_MS),
    ] {
        let _ = writeln!(page, "| {what} | {most} |");
    }
    page
}

fn section<T: Serialize>(
    page: &mut String,
    title: &str,
    said: &[(&str, &str)],
    examples: Vec<T>,
    name: impl Fn(&T) -> &str,
) {
    let _ = write!(page, "\n## {title}\n");
    for example in &examples {
        let name = name(example);
        let said = said.iter().find(|(known, _)| *known == name).map_or("", |(_, said)| said);
        let _ = write!(page, "\n### `{name}`\n\n{said}\n\n```json\n{}\n```\n", pretty(example));
    }
}

fn plain(page: &mut String) {
    let foretune = "0.1.0".to_owned();
    let health = Health { foretune: foretune.clone(), versions: Versions::OURS };
    let fine = |found: &str| Finding { ok: true, found: found.to_owned(), refusal: None };
    let diagnosis = Diagnosis {
        foretune,
        versions: Versions::OURS,
        host: fine("127.0.0.1:7878"),
        origin: fine("http://127.0.0.1:7878"),
        version: fine("not asked"),
        clients: fine("1 of 64"),
    };
    let _ = write!(
        page,
        "\n## Without a socket\n\n\
         `GET {HEALTH_PATH}` answers every page, also before a browser lets one open a socket: ask it first, from a \
         click.\n\n```json\n{}\n```\n\n\
         `GET {DIAGNOSE_PATH}?protocol=1&min_version=1` says what a socket from the same place would meet. A browser \
         hides from a page why its socket failed; this does not.\n\n```json\n{}\n```\n\n\
         A refused request is answered with the fields of `refused` as JSON.\n",
        pretty(&health),
        pretty(&diagnosis)
    );
}

fn pretty<T: Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).expect("messages have text keys only")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_explained_and_has_an_example() {
        let same = |said: &[(&str, &str)], shown: Vec<&str>| {
            let said: Vec<&str> = said.iter().map(|(name, _)| *name).collect();
            assert_eq!(said, shown);
        };
        same(&CLIENT, examples::client().iter().map(|one| one.message.name()).collect());
        same(&SERVER, examples::server().iter().map(|one| one.message.name()).collect());
        same(&EVENTS, examples::events().iter().map(super::super::event::EventBody::name).collect());
    }
}
