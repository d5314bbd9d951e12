//! `foretune import` as a user runs it: a trainer's log becomes a trace that a forecast takes.

use foretune_tests::foretune;
use serde_json::{Value, json};

#[test]
fn a_trainer_state_becomes_a_trace() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    let history: Vec<Value> = (1..=30)
        .map(|step| json!({"step": step, "loss": 3.0 / f64::from(step), "grad_norm": 1.5, "learning_rate": 1e-4}))
        .chain([json!({"step": 20, "eval_loss": 1.25})])
        .collect();
    let state = json!({"epoch": 1.0, "global_step": 30, "max_steps": 90, "num_train_epochs": 3, "log_history": history});
    std::fs::write(at("trainer_state.json"), state.to_string()).unwrap();

    let finished = foretune(&["import", &at("trainer_state.json"), "--out", &at("run.trace"), "--json"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    let run = finished.json()["runs"][0].clone();
    assert_eq!(
        (&run["recipe"]["total_steps"], &run["recipe"]["learning_rate"]),
        (&90.0.into(), &1e-4.into())
    );
    let reading = run["readings"].as_array().unwrap().iter().find(|reading| reading["step"] == 20).unwrap();
    assert_eq!(reading["features"]["held_out_loss"], 1.25);
    let trace = std::fs::read_to_string(at("run.trace")).unwrap();
    let kinds: Vec<Value> =
        trace.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["type"].clone()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "reading").count(), 3, "{trace}");

    std::fs::write(at("data.jsonl"), "{\"prompt\": \"a\", \"completion\": \"b\"}\n").unwrap();
    let refused = foretune(&["import", &at("data.jsonl")]);
    assert!(refused.code == 2 && refused.stderr.contains("a dataset"), "{refused:?}");
}
