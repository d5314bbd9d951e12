//! `foretune import` and `export` as a user runs them: a trainer's log becomes a trace that a forecast takes, many
//! logs with a table of their ends become records that `fit` takes, and a trace becomes what trackers read.

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

#[test]
fn logs_and_a_table_of_ends_become_records_that_recalibrate_reads() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    let row = |row: usize| json!({"prompt": format!("word {row}"), "completion": "yes"}).to_string();
    let rows: Vec<String> = (0..40).map(row).collect();
    std::fs::write(at("train.jsonl"), rows.join("\n")).unwrap();
    for (run, loss) in [("one", 2.0), ("two", 3.0), ("unused", 4.0)] {
        std::fs::create_dir(at(run)).unwrap();
        let log = format!(
            "  0%|          | 0/20 [00:00<?, ?it/s]\r 50%|#####     | 10/20 [00:01<00:01]\n{{'loss': {loss}, 'epoch': 1.0}}\n\
             100%|##########| 20/20 [00:02<00:00]\n{{'loss': 1.0, 'learning_rate': 0.0002, 'epoch': 2.0}}\n"
        );
        std::fs::write(at(&format!("{run}/train.log")), log).unwrap();
    }
    let table = "run,score,base_parameters,base_model,dataset,lora_rank,batch_size\n\
                 one,61,7615616512,Qwen2.5-7B-Instruct,train.jsonl,8,4\n\
                 two,55,7615616512,Qwen2.5-7B-Instruct,train.jsonl,16,4\n";
    std::fs::write(at("scores.csv"), table).unwrap();

    let logs = [at("one/train.log"), at("two/train.log"), at("unused/train.log")];
    let options = ["--scores", &at("scores.csv"), "--records", &at("own.jsonl"), "--json"].map(str::to_owned);
    let arguments: Vec<String> = ["import".to_owned()].into_iter().chain(logs).chain(options).collect();
    let finished = foretune(&arguments);
    assert_eq!(finished.code, 0, "{finished:?}");
    assert_eq!(finished.json(), json!({"records": 2, "without_log": 0, "unused_logs": ["unused/train.log"]}));
    let records: Vec<Value> = std::fs::read_to_string(at("own.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let losses: Vec<&Value> =
        records.iter().map(|record| &record["readings"][0]["features"]["train_loss"]).collect();
    assert_eq!(losses, [&json!(2.0), &json!(3.0)], "{records:?}");
    assert_eq!(records[0]["features"]["dataset_num_items"], 40.0);
    assert_eq!(records[1]["features"]["lora_rank"], 16.0);
    assert_eq!(records[0]["dataset"]["hash"], records[1]["dataset"]["hash"]);

    // Two runs are too few for a predictor, and that is what is said: the records themselves are read.
    let refused = foretune(&["fit", &at("own.jsonl"), "--out", &at("p.onnx")]);
    assert!(
        refused.code == 2 && refused.stderr.contains('2') && !refused.stderr.contains("no run record"),
        "{refused:?}"
    );

    std::fs::write(at("scores.csv"), table.replace("lora_rank", "lora_rnak")).unwrap();
    let refused = foretune(&arguments);
    assert!(refused.code == 2 && refused.stderr.contains("lora_rnak"), "{refused:?}");
}

#[test]
fn a_trace_goes_to_a_tracker_and_comes_back() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    let trace = "{\"type\":\"start\",\"trace_version\":1}\n\
                 {\"type\":\"step\",\"step\":1,\"loss\":2.25,\"learning_rate\":0.001,\"gradient_norm\":1.5}\n\
                 {\"type\":\"reading\",\"step\":1,\"features\":{\"eval_loss\":1.75,\"eval_score\":50.0,\
                 \"held_out_loss\":7.5,\"eval_gap_loss\":-0.25,\"held_out_loss_change\":-1.0}}\n";
    std::fs::write(at("probe.jsonl"), trace).unwrap();
    for form in ["wandb", "mlflow"] {
        let written = foretune(&["export", &at("probe.jsonl"), "--as", form, "--out", &at("out.csv")]);
        assert_eq!(written.code, 0, "{written:?}");
        let back = foretune(&["import", &at("out.csv"), "--json"]).json();
        assert_eq!(back["runs"][0]["steps"][0]["loss"], 2.25, "{form}: {back}");
        assert_eq!(back["runs"][0]["name"], "probe", "{form}");
        // A gap between two losses was once taken for one of them.
        assert_eq!(back["runs"][0]["steps"][0]["held_out_loss"], 7.5, "{form}: {back}");
    }
    let printed = foretune(&["export", &at("probe.jsonl"), "--as", "json"]).json();
    assert_eq!(printed["steps"][0]["metrics"]["eval/score"], 50.0);
    std::fs::write(at("probe.jsonl"), "{\"type\":\"start\"}\n").unwrap();
    assert_eq!(foretune(&["export", &at("probe.jsonl")]).code, 2);
}
