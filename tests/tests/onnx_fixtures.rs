//! Models made by other libraries and by ours, with what their makers (or onnxruntime) answer; written by
//! tests/onnx/make_fixtures.py and check_shap.py. Then the same files, damaged.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like the tests themselves")]

use std::path::{Path, PathBuf};

use foretune_core::hash;
use foretune_core::predict::onnx;
use foretune_core::predict::shap::Explainer;
use serde_json::Value;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("onnx/fixtures")
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap_or(f64::NAN)).collect()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn files(extension: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(fixtures())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == extension))
        .collect();
    found.sort();
    found
}

/// Graphs that are no sum: `foretune-tract` has the same tests for them.
fn is_for_second_engine(body: &Value) -> bool {
    body["engine"] == "tract"
}

#[test]
fn scores_are_those_of_the_maker() {
    let mut compared = 0;
    for path in files("json") {
        let body = json(&path);
        let Some(tolerance) = body["tolerance"].as_f64().filter(|_| !is_for_second_engine(&body)) else {
            continue;
        };
        let model = onnx::read(&std::fs::read(path.with_extension("onnx")).unwrap()).unwrap().model;
        for (row, expected) in body["rows"].as_array().unwrap().iter().zip(numbers(&body["expected"])) {
            let found = model.predict(&numbers(row));
            let allowed = tolerance * expected.abs().max(1.0);
            assert!((found - expected).abs() <= allowed, "{}: {found}, not {expected}", path.display());
        }
        compared += 1;
    }
    assert!(compared >= 16, "only {compared} fixtures were found");
}

#[test]
fn a_file_read_and_written_again_gives_the_same_numbers() {
    for path in files("json") {
        if is_for_second_engine(&json(&path)) {
            continue;
        }
        let first = onnx::read(&std::fs::read(path.with_extension("onnx")).unwrap()).unwrap();
        let again = onnx::read(&onnx::write(&first.model, &first.metadata)).unwrap();
        for row in json(&path)["rows"].as_array().unwrap().iter().map(numbers) {
            let (a, b) = (first.model.predict(&row), again.model.predict(&row));
            assert!((a - b).abs() <= 1e-9, "{}: {a}, then {b}", path.display());
        }
    }
}

#[test]
fn attributions_are_those_of_the_shap_package() {
    let body = json(&fixtures().join("shap_small.json"));
    let model = onnx::read(&std::fs::read(fixtures().join("shap_small.onnx")).unwrap()).unwrap().model;
    let explainer = Explainer::new(&model).unwrap();
    let expected = body["contributions"].as_array().unwrap();
    for (row, expected) in body["rows"].as_array().unwrap().iter().zip(expected) {
        let row = numbers(row);
        let found = explainer.explain(&row);
        assert!((found.base - body["base"].as_f64().unwrap()).abs() < 1e-6);
        for (found, expected) in found.contributions.iter().zip(numbers(expected)) {
            assert!((found - expected).abs() < 1e-6);
        }
        let total = found.base + found.contributions.iter().sum::<f64>();
        assert!((total - model.predict(&row)).abs() < 1e-9);
    }
}

#[test]
fn a_network_is_refused_by_the_name_of_its_operator() {
    let bytes = std::fs::read(fixtures().join("sklearn_mlp.onnx")).unwrap();
    let error = onnx::read(&bytes).unwrap_err().to_string();
    assert!(error.contains("MatMul") || error.contains("Relu"), "{error}");
}

/// Whatever is changed or cut, the reader answers or refuses; it never panics and never hangs.
#[test]
fn damaged_files_never_panic() {
    for path in files("onnx") {
        let bytes = std::fs::read(&path).unwrap();
        for round in 0..200u64 {
            let draw = |what: u64| hash::combine(hash::combine(round, what), bytes.len() as u64);
            let mut damaged = bytes.clone();
            for change in 0..=(draw(0) % 4) {
                let at = (draw(10 + change) % bytes.len() as u64) as usize;
                damaged[at] = draw(20 + change) as u8;
            }
            if draw(1).is_multiple_of(3) {
                damaged.truncate((draw(2) % bytes.len() as u64) as usize);
            }
            let Ok(read) = onnx::read(&damaged) else { continue };
            let row = vec![0.5; read.model.feature_count];
            let score = read.model.predict(&row);
            let Ok(explainer) = Explainer::new(&read.model) else { continue };
            let found = explainer.explain(&row);
            let total = found.base + found.contributions.iter().sum::<f64>();
            // A damaged leaf may be huge though this row does not reach it: the base and the contributions
            // then cancel, and only so many digits are left.
            let size = found.base.abs() + found.contributions.iter().map(|part| part.abs()).sum::<f64>();
            let tolerance = 1e-3 + 1e-9 * size;
            assert!(
                !size.is_finite() || (total - score).abs() < tolerance,
                "{}: {total}, not {score}",
                path.display()
            );
        }
    }
}
