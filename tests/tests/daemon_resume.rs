//! A daemon that is killed or stopped in the middle of a probe: the next one goes on, and nobody can tell from the
//! result.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::fs;
use std::path::Path;

use foretune_tests::daemon::{Daemon, eval_rows, probe, signal, train_rows};
use serde_json::{Value, json};

/// Many of the checkpoints that come every 20 steps, and long enough to be met in its middle.
const STEPS: u64 = 120;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// `kill -9` of the daemon; its job hears that and ends by itself.
    Daemon,
    /// `kill -9` of the job, then at once of the daemon: the last checkpoint is what there is.
    Both,
    /// As systemd stops it.
    Terminate,
}

/// The events of one probe, interrupted after some steps, and its trace.
fn interrupted(state: &Path, how: Option<How>) -> (Vec<Value>, String) {
    let mut daemon = Daemon::start(state, &[]);
    let mut client = daemon.client();
    let data = client.upload(&train_rows());
    let eval = client.upload(&eval_rows());
    let job = client.start(&probe(&data, &eval, STEPS));
    client.subscribe(job, 1);
    let mut events = Vec::new();
    if let Some(how) = how {
        while events.last().is_none_or(|event: &Value| event["payload"]["step"] != 27) {
            events.push(client.event(job, |_| true));
        }
        let processes = daemon.jobs();
        assert_eq!(processes.len(), 1);
        match how {
            How::Daemon => daemon.kill(),
            How::Both => {
                // Stopped first, so that the daemon does not see the job die and call it a failure.
                signal("STOP", daemon_id(state));
                signal("KILL", processes[0]);
                daemon.kill();
            }
            How::Terminate => assert_eq!(daemon.terminate(), 0),
        }
        // What was on its way when it ended is not missed, but asked for again.
        let boot = events.len();
        drop(client);
        daemon = Daemon::start(state, &[]);
        client = daemon.client();
        let seen = events[boot - 1]["seq"].as_u64().unwrap();
        client.subscribe(job, seen + 1);
    }
    events.extend(client.events_to_the_end(job));
    let info = client.info(job);
    assert_eq!(info["state"], "done");
    assert_eq!(info["attempts"], if how.is_some() { 2 } else { 1 });
    let trace = fs::read_to_string(state.join(format!("jobs/{job}/trace.jsonl"))).unwrap();
    (events, trace)
}

fn daemon_id(state: &Path) -> u32 {
    let place: Value = serde_json::from_str(&fs::read_to_string(state.join("daemon.json")).unwrap()).unwrap();
    place["process"].as_u64().unwrap() as u32
}

/// What training told, without the remarks about its interruption.
fn lasting(events: &[Value]) -> Vec<Value> {
    let kinds = ["start", "step", "reading", "done"];
    let kept = events.iter().filter(|event| kinds.iter().any(|kind| event["kind"] == *kind));
    kept.map(|event| json!([event["kind"], event["payload"]])).collect()
}

#[test]
fn a_killed_or_stopped_daemon_goes_on_as_if_nothing_had_been() {
    let place = tempfile::tempdir().unwrap();
    let (whole, trace) = interrupted(&place.path().join("whole"), None);
    let steps = whole.iter().filter(|event| event["kind"] == "step").count();
    assert_eq!(steps as u64, STEPS);
    for how in [How::Daemon, How::Both, How::Terminate] {
        let (events, same) = interrupted(&place.path().join(format!("{how:?}")), Some(how));
        assert_eq!(lasting(&events), lasting(&whole), "{how:?}");
        assert_eq!(same, trace, "{how:?}");
        let seqs: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
        assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "{how:?}: {seqs:?}");
        let attempts = events.iter().filter(|event| event["kind"] == "attempt").count();
        assert_eq!(attempts, 2, "{how:?}");
    }
}
