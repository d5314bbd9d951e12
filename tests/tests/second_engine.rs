//! The second engine as a user meets it: a network that the exact reader refuses, and the cross-check of predictors
//! that it runs.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like the tests themselves")]

use std::path::{Path, PathBuf};

use foretune_core::predict::onnx::wire::Message;
use foretune_tests::{foretune, synthetic};
use serde_json::{Value, json};

const NETWORK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/onnx/fixtures/sklearn_mlp.onnx");
const NAMES: &str = "learning_rate, batch_size, epochs, lora_rank, lora_alpha, weight_decay";

/// The network of scikit-learn's export, whose inputs are given names of ours.
fn network(folder: &Path, names: &str) -> PathBuf {
    let entry = Message::default().text(1, "feature_names").text(2, names);
    let mut bytes = std::fs::read(NETWORK).unwrap();
    bytes.extend(Message::default().message(14, entry).finish());
    let path = folder.join("network.onnx");
    std::fs::write(&path, bytes).unwrap();
    path
}

fn data(folder: &Path) -> PathBuf {
    let rows: Vec<Value> =
        (0..60).map(|row| json!({"prompt": format!("Is item {row} good?"), "completion": "yes"})).collect();
    let path = folder.join("data.jsonl");
    std::fs::write(&path, synthetic::lines(&rows)).unwrap();
    path
}

#[test]
fn a_network_forecasts_with_sampled_attributions_and_says_so() {
    let place = tempfile::tempdir().unwrap();
    let (file, network) = (data(place.path()), network(place.path(), NAMES));
    let (file, network) = (file.to_str().unwrap(), network.to_str().unwrap());
    let asked = ["forecast", file, "--predictor", network, "--epochs", "2", "--lr", "0.001", "--json"];
    let answer = foretune(&asked);
    assert_eq!(answer.code, 0, "{answer:?}");
    let told = answer.json();
    assert_eq!(told["shap_method"], "sampled (200 orders)");
    assert!(told["notes"].to_string().contains("second engine"), "{told}");
    let parts: f64 = told["shap"].as_object().unwrap().values().map(|part| part.as_f64().unwrap()).sum();
    let (base, score) = (told["base"].as_f64().unwrap(), told["score"].as_f64().unwrap());
    assert!((base + parts - score).abs() < 1e-6 && told["interval"].is_null(), "{told}");

    // Nothing runs a network but the second engine.
    let checked = foretune(&[&asked[..], &["--cross-check"]].concat());
    assert_eq!(checked.code, 2, "{checked:?}");
    assert!(checked.stderr.contains("nothing to compare with"), "{checked:?}");
}

#[test]
fn a_network_without_a_feature_or_without_names_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let file = data(place.path());
    let ask = |names: &str| {
        let network = network(place.path(), names);
        foretune(&["forecast", file.to_str().unwrap(), "--predictor", network.to_str().unwrap()])
    };
    let unread = ask("learning_rate, batch_size, epochs, lora_rank, lora_alpha, base_score");
    assert_eq!(unread.code, 2, "{unread:?}");
    assert!(unread.stderr.contains("base_score"), "{unread:?}");
    let unknown = ask("a, b, c, d, e, f");
    assert!(unknown.code == 2 && unknown.stderr.contains("does not measure"), "{unknown:?}");
    let few = ask("learning_rate");
    assert!(few.code == 2 && few.stderr.contains("6 features"), "{few:?}");
}

#[test]
fn the_shipped_predictor_is_the_same_by_both_engines() {
    let place = tempfile::tempdir().unwrap();
    let file = data(place.path());
    let asked = ["forecast", file.to_str().unwrap(), "--max-steps", "300", "--cross-check=1000"];
    let answer = foretune(&[&asked[..], &["--json"]].concat());
    assert_eq!(answer.code, 0, "{answer:?}");
    let found = &answer.json()["cross_check"];
    assert!(found["largest_difference"].as_f64().unwrap() <= 1e-9, "{found}");
    assert_eq!(
        (found["rows"].as_u64(), found["models"].as_u64()),
        (Some(1_000), Some(3)),
        "with its errors and divergence"
    );
}
