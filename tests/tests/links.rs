//! `foretune link` as a user runs it: a forecast made into a link opens elsewhere as the same forecast.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like the tests themselves")]

use std::path::{Path, PathBuf};

use foretune_tests::{foretune, synthetic};
use serde_json::json;

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn a_link_opens_as_the_forecast_it_was_made_from() {
    let place = tempfile::tempdir().unwrap();
    let runs = write(place.path(), "runs.jsonl", synthetic::lines(&synthetic::runs(80)));
    let predictor = place.path().join("p.onnx");
    let fitted = foretune(&["fit".as_ref(), runs.as_os_str(), "--out".as_ref(), predictor.as_os_str()]);
    assert_eq!(fitted.code, 0, "{fitted:?}");
    let rows: Vec<_> = (0..300)
        .map(|row| json!({"prompt": format!("Is {row} odd?"), "completion": (["no", "yes"][row % 2])}))
        .collect();
    let file = write(place.path(), "odd.jsonl", synthetic::lines(&rows));
    let (file, predictor) = (file.to_str().unwrap(), predictor.to_str().unwrap());

    let asked = ["--predictor", predictor, "--lr=1e-3", "--max-steps=300", "--threshold=40", "--json"];
    let made =
        foretune(&[&["link", "make", file, "--page=https://example.org/x/"], asked.as_slice()].concat());
    let forecast = foretune(&[&["forecast", file], asked.as_slice()].concat()).json();
    let made = made.json();
    let link = made["link"].as_str().unwrap();
    assert!(link.starts_with("https://example.org/x/#f1.") && link.len() < 2000, "{link}");
    let close = |a: &serde_json::Value, b: &serde_json::Value| {
        assert!((a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 0.5, "{a} {b}");
    };
    close(&made["forecast"]["score"], &forecast["score"]);

    for name in ["card.svg", "card.html"] {
        let card = place.path().join(name);
        let flag = format!("--card={}", card.display());
        let base = ["link", "make", file, "--page=https://example.org/x/", &flag];
        let made = foretune(&[base.as_slice(), asked.as_slice()].concat()).json();
        let (text, score) =
            (std::fs::read_to_string(&card).unwrap(), made["forecast"]["score"].as_f64().unwrap());
        assert!(text.contains("odd.jsonl") && text.contains(&format!("{score:.1}")), "{text}");
    }
    let picture = foretune(&[&["link", "make", file, "--card=card.png"], asked.as_slice()].concat());
    assert!(picture.code == 2 && picture.stderr.contains(".svg or .html"), "{picture:?}");

    let opened = foretune(&["link", "open", link, "--predictor", predictor, "--json"]);
    assert_eq!(opened.code, i32::from(made["forecast"]["verdict"] == "no-go"), "{opened:?}");
    let opened = opened.json();
    assert_eq!(opened["recomputed"], made["forecast"]);
    assert_eq!((&opened["agrees"], &opened["link"]["dataset"]["name"]), (&true.into(), &"odd.jsonl".into()));
    assert!(!opened["what_if"].as_array().unwrap().is_empty());
    let claimed = foretune(&["link", "open", link, "--json"]).json();
    assert!(claimed["recomputed"].is_null());
    assert_eq!(claimed["link"]["claimed"]["score"], made["forecast"]["score"]);

    let cut = foretune(&["link", "open", &link[..link.len() - 5]]);
    assert_eq!(cut.code, 2);
    assert!(cut.stderr.contains("incomplete"), "{}", cut.stderr);
    let none = foretune(&["link", "open", "https://example.org/"]);
    assert!(none.code == 2 && none.stderr.contains("no Foretune link"), "{}", none.stderr);
}
