//! What is written never takes the place of what is read, and flags that make no sense are refused before any work.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like the tests themselves")]

use std::path::Path;

use foretune_tests::fitted::{data, refused, write};
use foretune_tests::{foretune, synthetic};
use serde_json::json;

/// A dataset, clean rows, a table, a trace and run records, each of which was once overwritten without a word.
fn inputs(folder: &Path) -> [String; 5] {
    let at = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    data(folder);
    write(folder, "clean.jsonl", "{\"prompt\": \"Is item 1 red?\", \"completion\": \"no\"}\n");
    write(folder, "scores.csv", "run,score,base_parameters,source\nprobe,50,1000,a\n");
    write(
        folder,
        "trace.jsonl",
        synthetic::lines(&[
            json!({"type": "step", "step": 1, "loss": 2.0}),
            json!({"type": "reading", "step": 1, "features": {"eval_loss": 1.0}}),
        ]),
    );
    std::fs::create_dir(folder.join("runs")).unwrap();
    write(&folder.join("runs"), "runs.jsonl", synthetic::lines(&synthetic::runs(4)));
    ["data.jsonl", "clean.jsonl", "scores.csv", "trace.jsonl", "runs/runs.jsonl"].map(at)
}

#[test]
fn nothing_is_written_over_what_it_is_made_from() {
    let place = tempfile::tempdir().unwrap();
    let [data, clean, scores, trace, records] = inputs(place.path());
    let runs = place.path().join("runs").to_str().unwrap().to_owned();
    let before: Vec<Vec<u8>> =
        [&data, &clean, &scores, &trace, &records].iter().map(|path| std::fs::read(path).unwrap()).collect();
    let roundabout = data.replace("data.jsonl", "runs/../data.jsonl");
    for (arguments, flag) in [
        (vec!["check", &data, "--report", &data], "--report"),
        (vec!["check", &data, "--clean", &roundabout], "--clean"),
        (vec!["check", &data, "--eval", &clean, "--clean", &clean], "--clean"),
        (vec!["probe", &data, "--model", "tiny", "--eval", &clean, "--out", &clean], "--out"),
        (vec!["export", &trace, "--out", &trace], "--out"),
        (vec!["import", &trace, "--scores", &scores, "--records", &scores], "--records"),
        (vec!["fit", &runs, "--out", &records], "--out"),
    ] {
        refused(&foretune(&arguments), &[flag, "would overwrite"]);
    }
    let other = place.path().join("other.jsonl").to_str().unwrap().to_owned();
    refused(
        &foretune(&["check", &data, "--clean", &other, "--report", &other]),
        &["--report", "--clean writes there too"],
    );
    let after: Vec<Vec<u8>> =
        [&data, &clean, &scores, &trace, &records].iter().map(|path| std::fs::read(path).unwrap()).collect();
    assert_eq!(before, after);
    // What takes everything may take two things.
    let both = foretune(&["check", &data, "--clean", "/dev/null", "--report", "/dev/null", "--json"]);
    assert_eq!(both.code, 0, "{both:?}");
}

#[test]
fn a_place_that_cannot_be_written_is_named_before_any_work() {
    let place = tempfile::tempdir().unwrap();
    let file = data(place.path()).to_str().unwrap().to_owned();
    let nowhere = place.path().join("nowhere/trace.jsonl").to_str().unwrap().to_owned();
    let folder = place.path().to_str().unwrap();
    for out in [nowhere.as_str(), folder] {
        let answer = foretune(&["probe", &file, "--model", "tiny", "--out", out]);
        refused(&answer, &["cannot create", out]);
        assert!(!answer.stderr.contains("step"), "{answer:?}");
    }
}

#[test]
fn numbers_that_make_no_sense_are_refused_by_their_flag() {
    let place = tempfile::tempdir().unwrap();
    let file = data(place.path()).to_str().unwrap().to_owned();
    for (command, flags) in [
        (
            "forecast",
            vec!["--threshold=nan", "--cost-wasted=-1", "--cost-missed=nan", "--lr=0", "--quantize=3"],
        ),
        (
            "check",
            vec!["--lr=-1", "--epochs=nan", "--batch=0", "--rank=0", "--dropout=2", "--threads=1000000"],
        ),
    ] {
        for flag in flags {
            let name = flag.split('=').next().unwrap();
            let told = foretune(&[command, &file, flag]);
            let is_named = told.stderr.contains(name) || told.stderr.contains("learning rate");
            assert!(told.code == 2 && is_named, "{flag}: {told:?}");
        }
    }
    refused(&foretune(&["forecast", &file, "--max-steps=0"]), &["steps", "at least 1"]);
}
