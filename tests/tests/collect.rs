//! `foretune collect` with the real binary on a sweep of a few very short runs: resumed, shared, killed,
//! failing, verified.

use std::collections::BTreeSet;
use std::fs;

use foretune_tests::finished;
use foretune_tests::lab::{Lab, SWEEP, lasting, rows_of, wait_for, whole_lines};

#[test]
fn a_sweep_is_collected_once_verified_and_a_changed_record_is_found() {
    let lab = Lab::create();
    let first = lab.collect("runs", &["--jobs", "2"]);
    assert_eq!(first.code, 0, "{first:?}");
    let told = first.json();
    assert_eq!(
        (told["planned"].as_u64(), told["done"].as_u64(), told["failed"].as_u64()),
        (Some(6), Some(6), Some(0))
    );
    for record in lab.records("runs") {
        let steps: Vec<u64> = record.readings.iter().map(|reading| reading.step).collect();
        let third = record.total_steps.div_ceil(3);
        assert!(
            steps[0] == 0 && steps.contains(&third) && steps.last() == Some(&record.total_steps),
            "{steps:?}"
        );
        assert_eq!(record.items.as_ref().map(String::len), Some(30));
        let right = record.items.as_ref().unwrap().matches('1').count() as f64;
        assert!((record.score.unwrap() - 100.0 * right / 30.0).abs() < 1e-9);
        assert!(record.elsewhere.as_ref().unwrap().rows == 6 && record.dataset.condition["rows"] >= 27.0);
        assert!(
            record.features.get("neighbour_agreement").is_nan() && record.features.get("lora_rank") >= 2.0
        );
        assert!(!record.readings[0].features.get("neighbour_agreement").is_nan());
        assert!(lab.at("runs/traces").join(format!("{}.jsonl.gz", record.id)).exists());
    }

    let before = lab.text("runs");
    assert_eq!(lab.collect("runs", &[]).code, 0);
    assert_eq!(lab.text("runs"), before, "a settled sweep is left alone");

    // The workers had one thread, this process has all.
    let verified = lab.collect("runs", &["--verify", "2"]);
    assert_eq!((verified.code, verified.json()["verified"].as_u64()), (0, Some(2)), "{verified:?}");
    let changed = before.replace("\"p_gold\":", "\"p_gold\":1");
    fs::write(lab.at("runs/runs.jsonl"), changed).unwrap();
    let refused = lab.collect("runs", &["--verify", "1"]);
    assert_eq!((refused.code, refused.json()["verified"].as_u64()), (1, Some(0)), "{refused:?}");
    assert!(refused.stderr.contains("/p_gold: recorded"), "{}", refused.stderr);
}

#[test]
fn collectors_share_a_folder_and_killed_ones_lose_only_runs_in_flight() {
    let lab = Lab::create();
    let alone = lab.collect("alone", &["--jobs", "1"]);
    assert_eq!(alone.code, 0, "{alone:?}");

    let mut killed = lab.start("shared", &["--jobs", "2"]);
    let journal = lab.at("shared/runs.jsonl");
    wait_for("a first run", || whole_lines(&journal) >= 1);
    killed.kill().unwrap();
    // Its workers end after the run in flight; they hold its standard error until then.
    killed.wait_with_output().unwrap();
    // As if the machine had gone down in the middle of a line.
    let kept = lab.text("shared");
    fs::write(&journal, format!("{kept}{{\"schema\":1,\"id\":\"short-0")).unwrap();

    let both = [lab.start("shared", &["--jobs", "1"]), lab.start("shared", &["--jobs", "1"])];
    for child in both {
        let done = finished(child.wait_with_output().unwrap());
        assert_eq!((done.code, done.json()["done"].as_u64()), (0, Some(6)), "{done:?}");
    }
    let ids = |runs: &str| lab.records(runs).iter().map(|record| record.id.clone()).collect::<BTreeSet<_>>();
    assert_eq!((lab.records("shared").len(), ids("shared")), (6, ids("alone")));
    assert!(lab.text("shared").starts_with(kept.split_inclusive('\n').next().unwrap()));
    // Who made a run, and beside what, leaves no mark on it.
    let again = lab.records("shared");
    for record in lab.records("alone") {
        let other = again.iter().find(|other| other.id == record.id).unwrap();
        assert_eq!(
            serde_json::to_string(&lasting(&record)).unwrap(),
            serde_json::to_string(&lasting(other)).unwrap()
        );
    }
}

#[test]
fn another_base_model_gets_the_same_configurations_under_its_own_name() {
    let lab = Lab::create();
    fs::write(lab.sweep(), SWEEP.replace("configurations = 5", "configurations = 1")).unwrap();
    assert_eq!(lab.collect("runs", &[]).code, 0);
    let folder = lab.at("copy");
    fs::create_dir(&folder).unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        fs::copy(format!("{}/../lab/base/{name}", env!("CARGO_MANIFEST_DIR")), folder.join(name)).unwrap();
    }
    let model = folder.display().to_string();
    let other = lab.collect("others", &["--model", &model]);
    assert_eq!(other.code, 0, "{other:?}");
    let others = lab.records("others");
    assert_eq!(others.len(), lab.records("runs").len());
    for own in lab.records("runs") {
        // A journal stands in the order in which its runs ended.
        let name = own.id.replace("short-", "short-copy-");
        let other = others.iter().find(|other| other.id == name).unwrap();
        assert_eq!((other.base_model.name.as_str(), &other.dataset.hash), ("copy", &own.dataset.hash));
        // The same weights under another name make the same run.
        assert_eq!((other.seed, other.score, other.p_gold), (own.seed, own.score, own.p_gold));
    }
    assert!(lab.collect("runs", &["--model", &model]).stderr.contains("another sweep"));
}

#[test]
fn failures_are_recorded_with_their_cause_and_tried_twice() {
    let lab = Lab::create();
    let blank = rows_of("colours", "train", 150, [" ", "  "]);
    fs::write(lab.at("tasks/colours/train.jsonl"), blank).unwrap();
    let finished = lab.collect("runs", &["--jobs", "1"]);
    let told = finished.json();
    assert_eq!(finished.code, 1, "{finished:?}");
    let (done, failed) = (told["done"].as_u64().unwrap(), told["failed"].as_u64().unwrap());
    assert!(failed > 0 && done + failed == 6, "{told}");
    let failures = fs::read_to_string(lab.at("runs/failures.jsonl")).unwrap();
    assert_eq!(failures.lines().count() as u64, 2 * failed);
    assert!(failures.lines().all(|line| line.contains("no usable row")), "{failures}");
}

#[test]
fn a_folder_of_another_sweep_and_a_bad_sweep_file_are_refused() {
    let lab = Lab::create();
    fs::write(lab.sweep(), SWEEP.replace("configurations = 5", "configurations = 1")).unwrap();
    assert_eq!(lab.collect("runs", &[]).code, 0);
    fs::write(lab.sweep(), SWEEP.replace("seed = 5", "seed = 6")).unwrap();
    let other = lab.collect("runs", &[]);
    assert!(other.code == 2 && other.stderr.contains("another sweep"), "{other:?}");
    fs::write(lab.sweep(), SWEEP.replace("rank = [2, 4]", "rank = []")).unwrap();
    let bad = lab.collect("runs", &[]);
    assert!(bad.code == 2 && bad.stderr.contains("recipe.rank: expected a list"), "{bad:?}");
}
