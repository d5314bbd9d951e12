//! Jobs of a daemon: streamed to whoever watches, owned by nobody who does.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::fs;

use foretune_core::hash::{combine, hash_bytes};
use foretune_tests::daemon::{Client, Daemon, eval_rows, probe, train_rows};
use foretune_tests::foretune;
use serde_json::{Value, json};
use tungstenite::Message;

const STEPS: u64 = 12;

fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["kind"] == kind).map(|event| &event["payload"]).collect()
}

fn numbers(events: &[Value], kind: &str) -> Vec<u64> {
    of_kind(events, kind).iter().map(|payload| payload["step"].as_u64().unwrap()).collect()
}

fn seqs(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

fn start_probe(client: &mut Client, steps: u64) -> u64 {
    let data = client.upload(&train_rows());
    let eval = client.upload(&eval_rows());
    client.start(&probe(&data, &eval, steps))
}

/// Without what a clock or the machine decides.
fn lasting(result: &Value) -> Value {
    let mut result = result.clone();
    for key in ["tokens_per_second", "peak_memory_bytes", "seconds"] {
        result.as_object_mut().unwrap().remove(key);
    }
    result
}

#[test]
fn a_probe_streams_what_the_command_line_writes() {
    let place = tempfile::tempdir().unwrap();
    let state = place.path().join("state");
    let daemon = Daemon::start(&state, &[]);
    let mut client = daemon.client();
    let job = start_probe(&mut client, STEPS);
    client.subscribe(job, 1);
    let events = client.events_to_the_end(job);
    assert_eq!(events.last().unwrap()["payload"], json!({"answer": "yes", "stopped_early": false}));
    assert_eq!(seqs(&events), (1..=events.len() as u64).collect::<Vec<_>>());
    assert_eq!(numbers(&events, "step"), (1..=STEPS).collect::<Vec<_>>());
    assert_eq!(numbers(&events, "reading"), [0, 5, 10, STEPS]);
    let start = of_kind(&events, "start")[0];
    assert_eq!(start["stop_after"], STEPS);
    assert_eq!(start["features"]["learning_rate"], 0.002);

    let write = |name: &str, rows: String| {
        let path = place.path().join(name);
        fs::write(&path, rows).unwrap();
        path.display().to_string()
    };
    let (train, eval) = (write("train.jsonl", train_rows()), write("eval.jsonl", eval_rows()));
    let out = place.path().join("trace.jsonl").display().to_string();
    let steps = STEPS.to_string();
    let finished = foretune(&[
        "probe",
        &train,
        "--eval",
        &eval,
        "--model",
        "tiny",
        "--device",
        "cpu",
        "--steps",
        &steps,
        "--stop",
        "never",
        "--lr",
        "0.002",
        "--epochs",
        "20",
        "--batch",
        "4",
        "--rank",
        "2",
        "--max-tokens",
        "48",
        "--out",
        &out,
        "--json",
    ]);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(lasting(of_kind(&events, "result")[0]), lasting(&finished.json()));
    let trace = fs::read_to_string(&out).unwrap();
    let of_daemon = fs::read_to_string(state.join(format!("jobs/{job}/trace.jsonl"))).unwrap();
    assert_eq!(of_daemon, trace);
    let lines: Vec<Value> = trace.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for kind in ["step", "reading"] {
        let written: Vec<Value> = lines
            .iter()
            .filter(|line| line["type"] == kind)
            .map(|line| {
                let mut line = line.clone();
                line.as_object_mut().unwrap().remove("type");
                line
            })
            .collect();
        let streamed: Vec<Value> = of_kind(&events, kind).into_iter().cloned().collect();
        assert_eq!(streamed, written, "{kind}");
    }
    let info = client.info(job);
    assert_eq!(
        (&info["state"], &info["done"], &info["total"]),
        (&json!("done"), &json!(STEPS), &json!(STEPS))
    );
    assert_eq!(info["score"], of_kind(&events, "reading").last().unwrap()["features"]["eval_score"]);
}

#[test]
fn a_sample_gives_the_steps_of_the_whole_file() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(place.path(), &[]);
    let mut client = daemon.client();
    let rows = train_rows();
    let whole = client.upload(&rows);
    let mut lines: Vec<&str> = rows.lines().collect();
    lines.sort_by_key(|line| combine(0, hash_bytes(line.as_bytes(), 0)));
    let fingerprint = lines.iter().fold(0_u64, |sum, line| sum.wrapping_add(hash_bytes(line.as_bytes(), 0)));
    // Those of four steps, and 96 to hold out from.
    lines.truncate(4 * 4 + 96);
    let sample = client.upload(&(lines.join("\n") + "\n"));
    let eval = client.upload(&eval_rows());
    let mut whole = probe(&whole, &eval, 4);
    let mut sampled = probe(&sample, &eval, 4);
    // Long enough for every answer: whether a row that is cut has one left, only a tokenizer can tell.
    for job in [&mut whole, &mut sampled] {
        job["recipe"]["sequence_length"] = 128.into();
    }
    sampled["sampled"] = json!({"rows": 120, "fingerprint": format!("{fingerprint:016x}")});
    let mut told = Vec::new();
    for job in [whole, sampled] {
        let job = client.start(&job);
        client.subscribe(job, 1);
        let events = client.events_to_the_end(job);
        let start = of_kind(&events, "start")[0].clone();
        let steps: Vec<Value> = of_kind(&events, "step").into_iter().cloned().collect();
        told.push((start["dataset"].clone(), start["total_steps"].clone(), start["held_out"].clone(), steps));
    }
    assert_eq!(told[0].3.len(), 4);
    assert_eq!(told[0], told[1]);
}

#[test]
fn whoever_comes_late_or_again_reads_on_from_where_they_were() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(place.path(), &[]);
    let mut first = daemon.client();
    let job = start_probe(&mut first, STEPS);
    first.subscribe(job, 1);
    let seen = first.event(job, |event| event["kind"] == "step")["seq"].as_u64().unwrap();
    drop(first);
    let mut again = daemon.client();
    again.subscribe(job, seen + 1);
    let rest = again.events_to_the_end(job);
    assert_eq!(seqs(&rest)[0], seen + 1);
    let mut watchers: Vec<Client> = (0..2).map(|_| daemon.client()).collect();
    let all: Vec<Vec<Value>> = watchers
        .iter_mut()
        .map(|watcher| {
            watcher.subscribe(job, 1);
            watcher.events_to_the_end(job)
        })
        .collect();
    assert_eq!(all[0], all[1]);
    assert_eq!(all[0][seen as usize..], rest);
    assert_eq!(numbers(&all[0], "step"), (1..=STEPS).collect::<Vec<_>>());
}

#[test]
fn two_watchers_see_the_same_while_it_happens_and_one_that_takes_nothing_stops_neither() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(place.path(), &[]);
    let mut first = daemon.client();
    let mut second = daemon.client();
    // It asks without end and reads nothing, so that the daemon cannot send it anything more.
    let mut stalled = daemon.client();
    let job = start_probe(&mut first, STEPS);
    stalled.say(&json!({"type": "subscribe", "job": job, "from": 1}));
    let flood = std::thread::spawn(move || {
        let question = json!({"type": "list_jobs"}).to_string();
        while stalled.try_say(Message::text(question.clone())) {}
    });
    first.subscribe(job, 1);
    second.subscribe(job, 1);
    let events = first.events_to_the_end(job);
    assert_eq!(second.events_to_the_end(job), events);
    assert_eq!(numbers(&events, "step"), (1..=STEPS).collect::<Vec<_>>());
    assert_eq!(first.ask(json!({"type": "ping"}))["type"], "pong");
    // The flood ends with the daemon.
    drop(daemon);
    flood.join().unwrap();
}

#[test]
fn jobs_wait_for_each_other_and_a_full_queue_refuses() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(place.path(), &[]);
    let mut client = daemon.client();
    let data = client.upload(&train_rows());
    let eval = client.upload(&eval_rows());
    let long = probe(&data, &eval, 100_000);
    let running = client.start(&long);
    client.wait_for_state(running, "running");
    let waiting: Vec<u64> = (0..16).map(|_| client.start(&long)).collect();
    let refused = client.ask(json!({"type": "start", "job": long}));
    assert_eq!((&refused["type"], &refused["rule"]), (&json!("refused"), &json!("queue_full")), "{refused}");
    assert!(waiting.iter().all(|job| client.info(*job)["state"] == "queued"));
    // What needs no device does not wait for one that has it, but for room.
    assert_eq!(client.ask(json!({"type": "cancel", "job": waiting[0]}))["job"]["state"], "cancelled");
    let check = client.start(&json!({"kind": "check", "data": data}));
    client.subscribe(check, 1);
    let events = client.events_to_the_end(check);
    assert_eq!(of_kind(&events, "result")[0]["rows"], 120);
    for job in &waiting[2..] {
        client.ask(json!({"type": "cancel", "job": job}));
    }
    client.subscribe(running, 1);
    assert_eq!(client.ask(json!({"type": "forget", "job": running}))["rule"], "wrong_state");
    client.ask(json!({"type": "cancel", "job": running}));
    assert_eq!(client.events_to_the_end(running).last().unwrap()["kind"], "cancelled");
    client.wait_for_state(waiting[1], "running");
    let again = client.ask(json!({"type": "cancel", "job": running}));
    assert_eq!(again["rule"], "wrong_state");
}

#[test]
fn stopped_early_a_probe_keeps_what_it_has() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(place.path(), &[]);
    let mut client = daemon.client();
    let job = start_probe(&mut client, 100_000);
    client.subscribe(job, 1);
    client.event(job, |event| event["kind"] == "step" && event["payload"]["step"] == 3);
    client.ask(json!({"type": "stop_early", "job": job}));
    let events = client.events_to_the_end(job);
    assert_eq!(events.last().unwrap()["payload"], json!({"answer": "yes", "stopped_early": true}));
    let result = of_kind(&events, "result")[0];
    assert!(result["steps"].as_u64().unwrap() >= 3, "{result}");
    assert!(result["features"]["eval_score"].is_number(), "{result}");
    let pinned = client.ask(json!({"type": "pin", "job": job}));
    assert_eq!(pinned["type"], "pinned");
    assert_eq!(client.ask(json!({"type": "list_jobs"}))["pinned"], job);
    let handed_over = || fs::read_dir(place.path().join("uploads")).unwrap().count();
    assert_eq!(handed_over(), 2);
    assert_eq!(client.ask(json!({"type": "forget", "job": job}))["type"], "forgotten");
    let list = client.ask(json!({"type": "list_jobs"}));
    assert_eq!((&list["jobs"], &list["pinned"]), (&json!([]), &json!(null)));
    assert_eq!(handed_over(), 0);
    assert!(!place.path().join(format!("jobs/{job}")).exists());
    assert_eq!(client.ask(json!({"type": "subscribe", "job": job, "from": 1}))["rule"], "unknown_job");
}

#[test]
fn a_job_that_fails_or_dies_fails_alone_and_says_why() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(place.path(), &[]);
    let mut client = daemon.client();
    let data = client.upload("{\"nothing\": \"known\"}\n");
    let job = client.start(&probe(&data, &data, 5));
    client.subscribe(job, 1);
    let events = client.events_to_the_end(job);
    let last = events.last().unwrap();
    assert_eq!(last["kind"], "failed", "{last}");
    assert!(last["payload"]["message"].as_str().unwrap().contains("no usable row"), "{last}");
    let job = start_probe(&mut client, 100_000);
    client.subscribe(job, 1);
    client.event(job, |event| event["kind"] == "step");
    for process in daemon.jobs() {
        foretune_tests::daemon::signal("KILL", process);
    }
    let events = client.events_to_the_end(job);
    let last = events.last().unwrap();
    assert_eq!(last["kind"], "failed", "{last}");
    assert!(last["payload"]["message"].as_str().unwrap().contains("signal"), "{last}");
    assert!(client.info(job)["error"].is_string());
}
