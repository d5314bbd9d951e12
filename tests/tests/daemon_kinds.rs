//! Every kind of job beside the probe, through the socket to its end, and what is left of cancelled ones.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::fs;
use std::path::Path;

use foretune_tests::daemon::{Client, Daemon, eval_rows, probe, train_rows};
use foretune_tests::hub::{COMMIT, Fault, TestHub, large_files};
use foretune_tests::lab::Lab;
use foretune_tests::{foretune, synthetic};
use serde_json::{Value, json};

fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["kind"] == kind).map(|event| &event["payload"]).collect()
}

/// Starts it and reads it to its end, which is `done`.
fn done(client: &mut Client, job: &Value) -> Vec<Value> {
    let number = client.start(job);
    client.subscribe(number, 1);
    let events = client.events_to_the_end(number);
    let last = events.last().unwrap();
    assert_eq!(
        (&last["kind"], &last["payload"]),
        (&json!("done"), &json!({"answer": "yes", "stopped_early": false})),
        "{last}"
    );
    assert_eq!(of_kind(&events, "result").len(), 1);
    assert_eq!(client.info(number)["state"], "done");
    events
}

fn result(events: &[Value]) -> &Value {
    of_kind(events, "result")[0]
}

/// How far it was, each time it said so.
fn progress(events: &[Value]) -> Vec<u64> {
    of_kind(events, "progress").iter().map(|payload| payload["done"].as_u64().unwrap()).collect()
}

/// Cancels it as soon as it has come so far, waits for its end, and gives what it told from there on.
fn cancelled_after(client: &mut Client, job: &Value, done: u64) -> Vec<Value> {
    let number = client.start(job);
    client.subscribe(number, 1);
    client.event(number, |event| {
        event["kind"] == "progress" && event["payload"]["done"].as_u64().unwrap() >= done
    });
    client.ask(json!({"type": "cancel", "job": number}));
    let events = client.events_to_the_end(number);
    assert_eq!(events.last().unwrap()["kind"], "cancelled", "{events:?}");
    assert_eq!(client.info(number)["state"], "cancelled");
    events
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_check_says_what_the_command_line_says() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(&place.path().join("state"), &[]);
    let mut client = daemon.client();
    let (data, eval) = (client.upload(&train_rows()), client.upload(&eval_rows()));
    let events = done(&mut client, &json!({"kind": "check", "data": data, "eval": eval, "max_tokens": 64}));
    let [rows, clean] = [("rows.jsonl", train_rows()), ("clean.jsonl", eval_rows())].map(|(name, rows)| {
        fs::write(place.path().join(name), rows).unwrap();
        place.path().join(name)
    });
    let told =
        foretune(&["check", text(&rows), "--eval", text(&clean), "--max-tokens", "64", "--json"]).json();
    for key in ["rows", "rows_valid", "counts", "features", "trainers"] {
        assert_eq!(result(&events)[key], told[key], "{key}");
    }
    assert!(result(&events)["features"]["eval_overlap_exact"].is_number());
}

#[test]
fn a_fine_tune_is_judged_by_rows_set_aside_and_a_probe_sets_the_same_aside() {
    let place = tempfile::tempdir().unwrap();
    let daemon = Daemon::start(&place.path().join("state"), &[]);
    let mut client = daemon.client();
    let data = client.upload(&train_rows());
    let mut tune = json!({
        "kind": "tune", "data": data, "set_aside": {"rows": 20, "seed": 3}, "model": "tiny", "device": "cpu",
        "recipe": {"learning_rate": 0.002, "max_steps": 6, "batch_size": 4, "rank": 2, "sequence_length": 48},
    });
    let events = done(&mut client, &tune);
    let steps = of_kind(&events, "step");
    assert_eq!(steps.len(), 6);
    assert!(steps.iter().all(|step| step["loss"].is_number()));
    let start = of_kind(&events, "start")[0];
    assert!(start["features"]["eval_constant_score"].is_number(), "{start}");
    let record = result(&events);
    assert_eq!((&record["steps"], &record["evaluation"]["rows"]), (&json!(6), &json!(20)), "{record}");
    assert!(record["score"].is_number() && record["base"]["score"].is_number());
    assert_eq!(record["set_aside"], start["set_aside"]);

    let mut short = probe(&data, &Value::Null, 1);
    short.as_object_mut().unwrap().remove("eval");
    short["set_aside"] = tune["set_aside"].clone();
    let probed = done(&mut client, &short);
    assert_eq!(result(&probed)["set_aside"], record["set_aside"]);

    let refused = |client: &mut Client, job: &Value| {
        let answer = client.ask(json!({"type": "start", "job": job}));
        (answer["rule"].as_str().unwrap_or_default().to_owned(), answer["message"].to_string())
    };
    tune["eval"] = data.clone();
    let (rule, message) = refused(&mut client, &tune);
    assert!(rule == "bad_job" && message.contains("no evaluation file"), "{message}");
    for key in ["eval", "set_aside"] {
        tune.as_object_mut().unwrap().remove(key);
    }
    let (rule, message) = refused(&mut client, &tune);
    assert!(rule == "bad_job" && message.contains("no test rows"), "{message}");
}

#[test]
fn a_cancelled_collection_keeps_its_runs_and_the_next_makes_the_rest() {
    let lab = Lab::create();
    let daemon = Daemon::start(&lab.at("state"), &[]);
    let mut client = daemon.client();
    let collect = json!({
        "kind": "collect", "sweep": text(&lab.sweep()), "runs": text(&lab.at("runs")), "jobs": 1, "device": "cpu",
    });
    let cancelled = cancelled_after(&mut client, &collect, 1);
    let kept = lab.text("runs");
    let made = lab.records("runs").len();
    assert!((1..6).contains(&made), "{made} of 6 runs");
    // It says what there is.
    assert_eq!(result(&cancelled)["done"], made);
    let events = done(&mut client, &collect);
    assert_eq!(
        (&result(&events)["planned"], &result(&events)["done"], &result(&events)["failed"]),
        (&json!(6), &json!(6), &json!(0))
    );
    assert_eq!(progress(&events).last(), Some(&6));
    assert!(lab.text("runs").starts_with(&kept));
    assert_eq!(lab.records("runs").len(), 6);
}

#[test]
fn a_cancelled_fit_writes_nothing_and_a_finished_one_a_predictor() {
    let place = tempfile::tempdir().unwrap();
    let [runs, out, report] = ["runs.jsonl", "made.onnx", "made.html"].map(|name| place.path().join(name));
    fs::write(&runs, synthetic::lines(&synthetic::runs(48))).unwrap();
    let daemon = Daemon::start(&place.path().join("state"), &[]);
    let mut client = daemon.client();
    let fit = json!({"kind": "fit", "runs": text(&runs), "out": text(&out), "report": text(&report)});
    assert!(of_kind(&cancelled_after(&mut client, &fit, 1), "result").is_empty());
    assert!(!out.exists() && !report.exists());
    let events = done(&mut client, &fit);
    assert!(result(&events)["test"]["rmse"].as_f64().unwrap() > 0.0, "{}", result(&events));
    let steps = progress(&events);
    assert!(steps.len() > 1 && steps.is_sorted(), "{steps:?}");
    assert!(fs::read_to_string(&report).unwrap().contains("<svg"));
    let rows = place.path().join("rows.jsonl");
    fs::write(&rows, train_rows()).unwrap();
    let forecast = foretune(&["forecast", text(&rows), "--predictor", text(&out), "--json"]);
    assert!(forecast.json()["score"].is_number(), "{forecast:?}");
}

#[test]
fn a_model_is_pulled_once_a_cancelled_pull_was_begun() {
    const NAME: &str = "someone/model";
    let place = tempfile::tempdir().unwrap();
    let (state, cache) = (place.path().join("state"), place.path().join("cache"));
    let hub = TestHub::start(NAME, large_files(9 << 20));
    fs::create_dir_all(&state).unwrap();
    let mut command = Daemon::command(&state);
    hub.lend(&mut command, &cache);
    let daemon = Daemon::of(&state, command);
    let mut client = daemon.client();
    let pull = json!({"kind": "pull", "model": NAME});
    // The second of two chunks never comes.
    let is_rest = |range: Option<(usize, usize)>| range.is_some_and(|(from, _)| from > 0);
    hub.fail(move |request, _| if is_rest(request.range) { Fault::Hang } else { Fault::None });
    assert!(of_kind(&cancelled_after(&mut client, &pull, 0), "result").is_empty());
    hub.fail(|_, _| Fault::None);
    hub.release();
    let events = done(&mut client, &pull);
    assert_eq!(result(&events)["commit"], COMMIT);
    assert!(progress(&events).last().is_some_and(|bytes| *bytes > 0), "{events:?}");
    let weights = cache.join("hub/models--someone--model/snapshots").join(COMMIT).join("model.safetensors");
    assert_eq!(fs::read(weights).unwrap(), hub.file("model.safetensors"));
    let unknown = client.start(&json!({"kind": "pull", "model": "someone/other"}));
    client.subscribe(unknown, 1);
    let events = client.events_to_the_end(unknown);
    let last = events.last().unwrap();
    assert_eq!(last["kind"], "failed", "{last}");
    assert!(last["payload"]["message"].as_str().unwrap().contains("someone/other"), "{last}");
}
