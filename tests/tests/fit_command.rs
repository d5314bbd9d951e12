//! `foretune fit` as a user runs it, on synthetic runs: fitting, judging, recalibrating, and what is refused.

use std::path::Path;

use foretune_core::predict::card::CARD_KEY;
use foretune_core::predict::onnx;
use foretune_tests::fitted::{data, fitted, predictor, refused, text, write};
use foretune_tests::{foretune, synthetic};
use serde_json::{Value, json};

#[test]
fn a_fit_says_what_the_contract_promises() {
    let (folder, report) = fitted();
    for key in ["n", "rmse", "mae", "r2", "within_1", "within_2", "within_3", "coverage"] {
        assert!(report["test"][key].is_number(), "{key}: {}", report["test"]);
    }
    for name in ["predict the mean", "evaluation score now", "ProxyLM"] {
        assert!(report["baselines"][name]["rmse"].is_number(), "{name}");
    }
    assert!(report["noise_floor"].is_number());
    let page = std::fs::read_to_string(folder.path().join("r.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("Synthetic") && !page.contains("NaN"));
    assert!(!page.contains("http://") || !page.contains("src="), "the report stands alone");
}

#[test]
fn what_more_knowledge_was_expected_to_bring_is_judged_on_the_test_runs() {
    let (folder, report) = fitted();
    let rows = report["outlook"].as_array().unwrap();
    let at = |known: &str, more: &str| {
        rows.iter()
            .find(|row| row["known"] == known && row["more"] == more)
            .unwrap_or_else(|| panic!("{rows:?}"))
    };
    let number = |row: &Value, name: &str| row[name].as_f64().unwrap();
    for row in rows {
        assert!(number(row, "expected_points") < number(row, "half_width_points"), "{row}");
        assert!(
            (0.0..=1.0).contains(&number(row, "covered_share")) && row["runs"].as_u64() > Some(0),
            "{row}"
        );
    }
    // The same intervals as in the tables of the errors.
    let mean_width = |name: &str| {
        let is_it = |row: &&Value| row["name"] == name;
        let row = report["by_depth"].as_array().unwrap().iter().find(is_it).unwrap();
        row["test"]["mean_width"].as_f64().unwrap()
    };
    let probe = at("file and recipe alone", "probe");
    assert_eq!(probe["runs"], report["test_runs"], "{probe}");
    let twice = |name: &str| 2.0 * number(probe, name);
    assert!(
        (twice("half_width_points") - mean_width("before any probe, file and recipe alone")).abs() < 1e-9
    );
    assert!((twice("came_points") - mean_width("step 100")).abs() < 1e-9, "{probe}");
    // Rows that a probe could have read are expected of the probe as it is, not of a deeper one.
    let read = at("step 35, no clean rows", "evaluation-rows");
    assert!((2.0 * number(read, "came_points") - mean_width("step 35")).abs() < 1e-9, "{read}");
    let page = std::fs::read_to_string(folder.path().join("r.html")).unwrap();
    assert!(
        page.contains("What more knowledge was expected to bring") && page.contains("step 35, no clean rows")
    );
}

#[test]
fn on_another_base_model_own_runs_mend_the_forecasts() {
    let found = &fitted().1["transfer"];
    assert_eq!(found["base_models"], json!(["large"]));
    let at = |own_runs: u64, datasets: &str| {
        let rows = found["rows"].as_array().unwrap();
        let is_it = |row: &&Value| {
            row["own_runs"] == own_runs && row["datasets"] == datasets && row["known"] == "step 100"
        };
        rows.iter().find(is_it).unwrap_or_else(|| panic!("{own_runs} {datasets}: {rows:?}"))["test"].clone()
    };
    for datasets in ["known", "unseen"] {
        let error = |own_runs: u64| at(own_runs, datasets)["rmse"].as_f64().unwrap();
        assert!(error(32) < 0.8 * error(0) && error(32) < error(4), "{found}");
    }
    let widening = found["widening"].as_f64().unwrap();
    assert!(widening > 1.0, "{found}");
    let read = onnx::read(&std::fs::read(predictor()).unwrap()).unwrap();
    let card: Value = serde_json::from_str(read.metadata(CARD_KEY).unwrap()).unwrap();
    assert!((card["transfer_widening"].as_f64().unwrap() - widening).abs() < 1e-9);
}

#[test]
fn runs_that_nothing_can_be_fitted_on_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let runs = synthetic::runs(60);
    let fit = |name: &str, runs: &[Value]| {
        let path = write(place.path(), name, synthetic::lines(runs));
        foretune(&["fit", text(&path), "--out", text(&place.path().join("never.onnx"))])
    };
    refused(&fit("three.jsonl", &runs[..3]), &["too few", "3"]);
    let changed = |change: &dyn Fn(&mut Value)| -> Vec<Value> {
        let mut runs = runs.clone();
        runs.iter_mut().for_each(change);
        runs
    };
    let constant = changed(&|run| {
        run["features"] = json!({"learning_rate": 1e-3});
        run["readings"] = json!([]);
        run["base_score"] = Value::Null;
    });
    refused(&fit("constant.jsonl", &constant), &["no feature varies"]);
    let leaked = changed(&|run| run["features"]["lora_alpha"] = run["score"].clone());
    refused(&fit("leaked.jsonl", &leaked), &["lora_alpha", "is the answer"]);
    let unknown = changed(&|run| run["features"]["horoscope"] = 1.0.into());
    refused(&fit("unknown.jsonl", &unknown), &["horoscope"]);
    let huge = synthetic::lines(&runs).replacen("\"batch_size\":16.0", "\"batch_size\":1e999", 1);
    let path = write(place.path(), "huge.jsonl", huge);
    refused(&foretune(&["fit", text(&path), "--out", text(&place.path().join("never.onnx"))]), &["line 1"]);
    assert!(!place.path().join("never.onnx").exists());
    let nowhere = place.path().join("empty folder");
    std::fs::create_dir(&nowhere).unwrap();
    refused(&foretune(&["fit", text(&nowhere), "--out", "x.onnx"]), &["runs.jsonl"]);
    write(&nowhere, "runs.jsonl.gz", b"cut off");
    refused(&foretune(&["fit", text(&nowhere), "--out", "x.onnx"]), &["runs.jsonl.gz", "unpacked"]);
}

#[test]
fn a_predictor_is_judged_on_finished_runs() {
    let place = tempfile::tempdir().unwrap();
    let runs = write(place.path(), "own.jsonl", synthetic::lines(&synthetic::runs(24)));
    let judge =
        |more: &[&str]| foretune(&[&["fit", text(&runs), "--judge", text(&predictor())], more].concat());
    let answer = judge(&["--json"]);
    assert_eq!(answer.code, 0, "{answer:?}");
    let found = answer.json();
    let rows = found["by_knowledge"].as_array().unwrap();
    let row =
        |name: &str| rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name}: {found}"));
    let error = |name: &str| row(name)["rmse"].as_f64().unwrap();
    assert!(error("step 100") < error("file and recipe alone"), "{found}");
    assert!(
        row("step 100")["score_now_rmse"].as_f64().unwrap() > 0.0 && row("step 100")["runs"] == 24,
        "{found}"
    );
    let families = found["by_family"].as_array().unwrap();
    let judged: u64 = families.iter().map(|row| row["runs"].as_u64().unwrap()).sum();
    assert!(families.len() > 1 && judged == 24, "{found}");

    // Scores that are all 20 points lower than they were: the error says so, and the intervals do not hold them.
    let mut lower_runs = synthetic::runs(24);
    for run in &mut lower_runs {
        run["score"] = (run["score"].as_f64().unwrap() - 20.0).max(0.0).into();
    }
    let lower = write(place.path(), "lower.jsonl", synthetic::lines(&lower_runs));
    let worse = foretune(&["fit", text(&lower), "--judge", text(&predictor())]);
    assert!(worse.code == 0 && worse.stdout.contains("score now"), "{worse:?}");
    let worse = foretune(&["fit", text(&lower), "--judge", text(&predictor()), "--json"]).json();
    let at_100 =
        worse["by_knowledge"].as_array().unwrap().iter().find(|row| row["name"] == "step 100").unwrap();
    assert!(at_100["rmse"].as_f64().unwrap() > error("step 100") + 5.0, "{worse}");
    assert!(at_100["coverage"].as_f64() < row("step 100")["coverage"].as_f64(), "{worse}");

    for run in &mut lower_runs {
        run["score"] = Value::Null;
    }
    let unknown = write(place.path(), "unknown.jsonl", synthetic::lines(&lower_runs));
    let nothing = foretune(&["fit", text(&unknown), "--judge", text(&predictor())]);
    refused(&nothing, &["unknown.jsonl", "none of the runs has a score"]);
    let junk = write(place.path(), "junk.onnx", "junk");
    refused(
        &foretune(&["fit", text(&runs), "--judge", text(&junk)]),
        &["junk.onnx", "not a readable ONNX file"],
    );
    let endless = foretune(&["fit", text(&runs), "--judge", "/dev/zero"]);
    refused(&endless, &["/dev/zero", "more than", "bytes"]);
    refused(&judge(&["--out", "p.onnx"]), &["--judge", "--out"]);
    refused(&foretune(&["fit", text(&runs)]), &["--out"]);
}

#[test]
fn own_runs_recalibrate_a_predictor() {
    let place = tempfile::tempdir().unwrap();
    let mut own = synthetic::runs(24);
    for run in &mut own {
        run["score"] = (run["score"].as_f64().unwrap() - 8.0).max(0.0).into();
    }
    let runs = write(place.path(), "own.jsonl", synthetic::lines(&own));
    let out = place.path().join("adjusted.onnx");
    let finished =
        foretune(&["fit", text(&runs), "--out", text(&out), "--recalibrate", text(&predictor()), "--json"]);
    assert_eq!(finished.code, 0, "{finished:?}");
    let answer = finished.json();
    assert_eq!(answer["runs"], 24);
    let file = data(place.path());
    let score = |predictor: &Path| {
        foretune(&["forecast", text(&file), "--predictor", text(predictor), "--lr", "1e-3", "--json"]).json()
            ["score"]
            .as_f64()
            .unwrap()
    };
    assert!(score(&out) < score(&predictor()) - 3.0);
}
