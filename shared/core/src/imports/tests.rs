//! One file of each kind, its faults, and noise.

use proptest::prelude::*;

use super::tensorboard::writing;
use super::*;

const STATE: &str = r#"{
  "epoch": 2.0, "global_step": 40, "max_steps": 60, "num_train_epochs": 3, "train_batch_size": 8,
  "log_history": [
    {"eval_loss": 3.0, "step": 0},
    {"epoch": 0.5, "grad_norm": 2.0, "learning_rate": 0.0002, "loss": 2.5, "step": 10},
    {"epoch": 1.0, "grad_norm": 1.0, "learning_rate": 0.0001, "loss": 2.0, "step": 20, "mean_token_accuracy": 0.6},
    {"epoch": 1.0, "eval_loss": 1.8, "eval_runtime": 3.5, "step": 20},
    {"epoch": 2.0, "loss": 1.5, "grad_norm": NaN_, "step": 40},
    {"train_loss": 2.0, "train_runtime": 99.0, "step": 40}
  ]
}"#;

fn state() -> String {
    STATE.replace("NaN_", "\"nan\"")
}

/// The state of a run that diverged, as Python writes it, is no JSON.
#[test]
fn bare_words_of_python_for_no_finite_number_count_as_missing() {
    let bare =
        STATE.replace("NaN_", "NaN").replace("2.5", "-Infinity").replace("8,", "8, \"said\": \"NaN\\\"\",");
    let [run] = import("trainer_state.json", bare.as_bytes()).unwrap().try_into().unwrap();
    assert!(run.notes.iter().any(|note| note.starts_with("2 values are not finite")), "{:?}", run.notes);
    assert_eq!(run.steps.last().unwrap().grad_norm, None);
    assert!(run.steps.iter().all(|step| step.step != 10 || step.loss.is_none()));

    let lines = "{\"current_steps\": 10, \"loss\": 1.5, \"total_steps\": 20}\n{\"current_steps\": 20, \"loss\": NaN}\n";
    let [run] = import("trainer_log.jsonl", lines.as_bytes()).unwrap().try_into().unwrap();
    assert!(run.notes.iter().any(|note| note.starts_with("1 values are not finite")), "{:?}", run.notes);
    assert_eq!(run.steps.last().unwrap().loss, Some(1.5));
}

#[test]
fn the_state_of_a_trainer_becomes_a_partial_trace() {
    let runs = import("out/trainer_state.json", state().as_bytes()).unwrap();
    let [run] = runs.as_slice() else { panic!("{runs:?}") };
    assert!(
        (run.recipe.get("total_steps") - 60.0).abs() < 1e-12
            && (run.recipe.get("epochs") - 3.0).abs() < 1e-12
    );
    assert!((run.recipe.get("learning_rate") - 2e-4).abs() < 1e-12);
    assert!(run.recipe.get("batch_size").is_nan());
    let steps: Vec<u64> = run.readings.iter().map(|reading| reading.step).collect();
    assert_eq!(steps, [0, 5, 10, 20, 35]);
    let at = |step: u64, name: &str| {
        run.readings
            .iter()
            .find(|reading| reading.step == step)
            .map_or(f64::NAN, |reading| reading.features.get(name))
    };
    assert!(
        (at(20, "held_out_loss") - 1.8).abs() < 1e-12 && (at(20, "held_out_loss_change") + 1.2).abs() < 1e-12
    );
    assert!((at(35, "train_loss") - 2.0).abs() < 1e-12, "the last mean that was written");
    assert!((at(20, "avg_grad_norm") - 1.5).abs() < 1e-12);
    assert!(at(5, "train_loss").is_nan() && at(20, "eval_score").is_nan());
    let again = crate::runs::read_trace(&run.trace()).unwrap().readings;
    assert_eq!(again.len(), run.readings.len());
    assert_eq!(run.steps.last().unwrap().grad_norm, None);
}

#[test]
fn every_kind_of_log_gives_the_same_course() {
    let lines = "{\"current_steps\": 5, \"total_steps\": 50, \"loss\": 2.5, \"lr\": 0.001}\n\n\
                 {\"current_steps\": 10, \"total_steps\": 50, \"eval_loss\": 2.25}\n";
    let wandb = "\"Step\",\"a - train/loss\",\"a - train/loss__MIN\",\"a - eval/loss\",\"a - train/learning_rate\"\n\
                 5,2.5,2.4,,0.001\n10,,,2.25,\n";
    let mlflow =
        "key,value,step,timestamp\ntrain_loss,2.5,5,1\nlearning_rate,0.001,5,1\neval_loss,2.25,10,2\n";
    let events: Vec<u8> = [
        writing::record(&[0x09, 0, 0, 0, 0, 0, 0, 0, 0]),
        writing::scalar(5, "train/loss", 2.5, false),
        writing::scalar(5, "train/learning_rate", 0.001, true),
        writing::scalar(10, "eval/loss", 2.25, true),
    ]
    .concat();
    let files: [(&str, &[u8]); 4] = [
        ("trainer_log.jsonl", lines.as_bytes()),
        ("wandb_export.csv", wandb.as_bytes()),
        ("metrics.csv", mlflow.as_bytes()),
        ("events.out.tfevents.17.host.1.0", &events),
    ];
    for (name, bytes) in files {
        let runs = import(name, bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(runs.len(), 1, "{name}");
        let steps: Vec<(u64, Option<f64>, Option<f64>)> =
            runs[0].steps.iter().map(|step| (step.step, step.loss, step.held_out_loss)).collect();
        assert_eq!(steps, [(5, Some(2.5), None), (10, None, Some(2.25))], "{name}");
        assert!((runs[0].recipe.get("learning_rate") - 0.001).abs() < 1e-6, "{name}");
    }
}

#[test]
fn several_runs_of_one_export_stay_apart() {
    let text = "Step,one - train/loss,two - train/loss,two - note\n1,2.0,3.0,x\n2,1.0,,y\n";
    let runs = import("export.csv", text.as_bytes()).unwrap();
    let names: Vec<(&str, usize)> = runs.iter().map(|run| (run.name.as_str(), run.steps.len())).collect();
    assert_eq!(names, [("one", 2), ("two", 1)]);
}

#[test]
fn faults_are_named_with_their_place() {
    let error = |name: &str, text: &str| import(name, text.as_bytes()).unwrap_err().to_string();
    assert!(error("data.jsonl", "{\"prompt\": \"a\", \"completion\": \"b\"}\n").contains("a dataset"));
    assert!(error("p.onnx", "x").contains("a predictor"));
    assert!(
        error("trainer_state.json", "{\"log_history\": [{\"step\": 1.5, \"loss\": 1}]}").contains("entry 1")
    );
    assert!(
        error("trainer_state.json", "{\"log_history\": [{\"step\": 1, \"accuracy\": 1}]}")
            .contains("accuracy")
    );
    assert!(error("x.csv", "Step,train/loss\n1,2\n2,high\n").contains("row 3"));
    assert!(error("x.jsonl", "{\"step\": 1, \"loss\": 1}\nno\n").contains("line 2"));
    let mut events = writing::scalar(1, "loss", 1.0, false);
    let last = events.len() - 1;
    events[last] ^= 1;
    let damaged = import("a.tfevents.1", &events).unwrap_err();
    assert!(damaged.to_string().contains("damaged"), "{damaged}");
    let cut = [writing::scalar(1, "loss", 1.0, false), events[..20].to_vec()].concat();
    assert!(
        import("a.tfevents.1", &cut).unwrap()[0].notes.iter().any(|note| note.contains("within a record"))
    );
}

proptest! {
    #[test]
    fn noise_is_refused_and_nothing_else(noise in prop::collection::vec(any::<u8>(), 0..200), kind in 0..4usize) {
        let name = ["trainer_state.json", "x.csv", "x.tfevents.1", "x.jsonl"][kind];
        let _ = import(name, &noise);
        let _ = import(name, &writing::record(&noise));
    }
}
