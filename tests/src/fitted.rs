//! One predictor fitted by `foretune fit` on synthetic runs (made up, no claim about real ones), shared by the tests of a
//! program, and what they ask of it.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Finished, foretune, synthetic};

pub fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

pub fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// One fit shared by the tests that forecast.
pub fn fitted() -> &'static (TempDir, Value) {
    static FITTED: OnceLock<(TempDir, Value)> = OnceLock::new();
    FITTED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let runs = folder.path().join("runs");
        std::fs::create_dir(&runs).unwrap();
        // The smaller model's finished runs stand in a folder of their own.
        let (mut own, mut smaller) = (synthetic::runs(120), synthetic::runs(120));
        for (run, beside) in own.iter_mut().zip(&mut smaller) {
            beside["score"] = run["smaller_model_score"].take();
            beside["p_gold"] = beside["score"].clone();
            beside["id"] = format!("small-{}", beside["id"].as_str().unwrap()).into();
            let parameters = beside["base_model"]["parameters"].as_u64().unwrap();
            beside["base_model"] = json!({ "name": "small", "hash": "s", "parameters": parameters / 2 });
        }
        write(&runs, "runs.jsonl", synthetic::lines(&own));
        let beside = write(folder.path(), "small.jsonl", synthetic::lines(&smaller));
        // A larger one, of which nothing is learnt, ends higher by a third of what is left.
        let mut larger = synthetic::runs(120);
        for run in &mut larger {
            run["id"] = format!("large-{}", run["id"].as_str().unwrap()).into();
            run["base_model"] = json!({ "name": "large", "hash": "l", "parameters": 4 });
            run["features"]["base_parameters"] = 4.0.into();
            let score = run["score"].as_f64().unwrap();
            run["score"] = (score + (100.0 - score) / 3.0).into();
        }
        let transfer = write(folder.path(), "large.jsonl", synthetic::lines(&larger));
        // What else `collect` keeps in its folder is no run.
        write(&runs, "failures.jsonl", "{\"id\":\"x\",\"cause\":\"none\"}\n");
        let at = |name: &str| text(&folder.path().join(name)).to_owned();
        let arguments = [
            "fit",
            text(&runs),
            "--beside",
            text(&beside),
            "--transfer",
            text(&transfer),
            "--out",
            &at("p.onnx"),
            "--report",
            &at("r.html"),
            "--json",
            "--note",
            "Synthetic",
        ];
        let finished = foretune(&arguments);
        assert_eq!(finished.code, 0, "{finished:?}");
        let report = finished.json();
        (folder, report)
    })
}

pub fn predictor() -> PathBuf {
    fitted().0.path().join("p.onnx")
}

/// A data set inside the ranges of the synthetic runs: two of five answers are wrong.
pub fn data(folder: &Path) -> PathBuf {
    let rows: Vec<Value> = (0..600)
        .map(|row| {
            let word = ["good", "bad", "odd"][row * 7 % 3];
            let label = ["yes", "no", "maybe"][(row * 7 + usize::from(row % 5 < 2)) % 3];
            json!({"prompt": format!("Is item {row} {word}?"), "completion": label})
        })
        .collect();
    write(folder, "data.jsonl", synthetic::lines(&rows))
}

/// A trace as `probe --out` writes it, with readings of one of the synthetic runs.
pub fn trace(folder: &Path, run: &Value) -> PathBuf {
    let mut lines = vec![json!({"type": "start", "trace_version": 1})];
    for reading in run["readings"].as_array().unwrap().iter().filter(|one| one["step"].as_u64() <= Some(100))
    {
        let mut line = reading.clone();
        line["type"] = "reading".into();
        lines.push(line);
    }
    write(folder, "probe.trace", synthetic::lines(&lines))
}

pub fn forecast(arguments: &[&str]) -> Finished {
    forecast_at("1e-3", arguments)
}

pub fn forecast_at(rate: &str, arguments: &[&str]) -> Finished {
    let (predictor, rate) = (predictor(), format!("--lr={rate}"));
    let mut all = vec!["forecast", "--predictor", text(&predictor), &rate, "--max-steps", "300", "--json"];
    all.extend(arguments);
    foretune(&all)
}

pub fn refused(finished: &Finished, words: &[&str]) {
    assert_eq!(finished.code, 2, "{finished:?}");
    assert!(finished.stdout.is_empty(), "{finished:?}");
    for word in words {
        assert!(finished.stderr.contains(word), "{word:?} is not said: {}", finished.stderr);
    }
}
