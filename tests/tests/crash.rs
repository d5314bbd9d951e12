//! A few kills at the points where a write could be caught half-done; `just crash` does it by the hundred.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;
use std::time::Duration;

use foretune_tests::crash::collected::Collected;
use foretune_tests::crash::probed::Probed;
use foretune_tests::crash::served::Served;
use foretune_tests::crash::{Moment, served};
use foretune_tests::daemon::{Daemon, eval_rows, probe, train_rows};
use foretune_tests::lab::wait_for;

#[test]
fn a_probe_killed_within_its_writes_goes_on_to_the_same_trace() {
    let mut probed = Probed::new(60);
    let at = |point, file| Moment::At(point, file, 1);
    probed.round(&[
        at("written", "trace.jsonl"),
        at("renamed", "trace.jsonl"),
        at("synced", "trace.jsonl.checkpoint"),
        at("folder-synced", "trace.jsonl.checkpoint"),
    ]);
    assert_eq!(probed.kills.at_points, 4);
}

#[test]
fn a_collection_killed_within_its_writes_has_each_run_once() {
    let mut collected = Collected::new();
    let at = |point, file| Moment::At(point, file, 1);
    collected.round(&[
        at("written", "plan.json"),
        at("synced", ".jsonl.gz"),
        at("renamed", ".jsonl.gz"),
        at("written", "runs.jsonl"),
        at("synced", "runs.jsonl"),
    ]);
    assert_eq!(collected.kills.at_points, 5);
}

#[test]
fn a_daemon_killed_while_it_starts_leaves_a_folder_that_serves() {
    let mut served = Served::new(25);
    for moment in served::points_of_the_start().into_iter().step_by(3) {
        served.start_killed_at(&moment);
    }
}

#[test]
fn a_daemon_killed_within_its_jobs_writes_loses_and_doubles_nothing() {
    let mut served = Served::new(60);
    served.round(&[
        Moment::At("synced", "trace.jsonl", 2),
        Moment::At("renamed", "trace.jsonl.checkpoint", 2),
        Moment::After(Duration::from_millis(300)),
    ]);
    assert!(served.kills.all() >= 2, "{served:?}");
}

/// As on a full disk, without one: no file may grow beyond so many blocks of 512 bytes. Not as a signal.
fn with_small_files(blocks: u32, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""))
        .arg(command.get_program());
    shell.args(command.get_args());
    shell
}

#[test]
fn a_probe_that_cannot_write_says_so_and_goes_on_when_it_can() {
    let probed = Probed::new(60);
    let output = with_small_files(16, &probed.command("small")).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("cannot write") && told.contains("trace.jsonl"), "{told}");
    let left = fs::read_dir(probed.at("small")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().contains("partial")));
    assert!(probed.command("small").output().unwrap().status.success());
    let trace = |folder: &str| fs::read_to_string(probed.at(folder).join("trace.jsonl")).unwrap();
    assert_eq!(trace("small"), trace("whole"));
}

#[test]
fn a_daemon_whose_memory_is_full_waits_serves_on_and_loses_nothing() {
    let place = tempfile::tempdir().unwrap();
    let state = place.path().join("state");
    // Made with room, so that its tables are there.
    assert_eq!(Daemon::start(&state, &[]).terminate(), 0);
    let daemon = Daemon::of(&state, with_small_files(192, &Daemon::command(&state)));
    let mut client = daemon.client();
    let data = client.upload(&train_rows());
    let eval = client.upload(&eval_rows());
    let job = client.start(&probe(&data, &eval, 400));
    wait_for("the daemon's word on it", || daemon.log().contains("cannot be kept yet"));
    assert_eq!(client.ask(serde_json::json!({"type": "ping"}))["type"], "pong");
    drop(client);
    drop(daemon);
    let daemon = Daemon::start(&state, &[]);
    let mut client = daemon.client();
    client.subscribe(job, 1);
    let events = client.events_to_the_end(job);
    assert_eq!(events.last().unwrap()["kind"], "done");
    let steps = events.iter().filter(|event| event["kind"] == "step").count();
    assert_eq!(steps, 400, "each once");
}
