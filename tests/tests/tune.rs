//! `foretune tune` with the real binary on the bundled model: judges, questions in MMLU's format, early
//! stopping, adapters; quantised weights; indicators of a base model.
#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

use std::fs;
use std::path::PathBuf;

use foretune_tests::{Finished, foretune};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Place {
    folder: TempDir,
}

impl Place {
    fn create() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        let answers = ["A", "B", "C"];
        let rows = |from: usize, count: usize| -> String {
            (from..from + count)
                .map(|i| {
                    let word = ["apple", "stone", "cloud"][i % 3];
                    json!({"instruction": format!("{word} {i}"), "output": answers[i % 3]}).to_string() + "\n"
                })
                .collect()
        };
        fs::write(place.at("rows.jsonl"), rows(0, 90)).unwrap();
        fs::write(place.at("test.jsonl"), rows(300, 30)).unwrap();
        let questions = |count: usize| -> String {
            (0..count)
                .map(|i| {
                    json!({"subject": "sums", "question": format!("{i}+1?"), "choices": [i, i + 1, i + 2], "answer": 1}).to_string() + "\n"
                })
                .collect()
        };
        fs::write(place.at("questions.jsonl"), questions(12)).unwrap();
        fs::write(place.at("solved.jsonl"), questions(5).replace("+1?", " plus 1?")).unwrap();
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.at(name).to_str().unwrap().to_owned()
    }

    fn tune(&self, more: &[&str]) -> Finished {
        self.tune_at("1e-2", more)
    }

    fn tune_at(&self, rate: &str, more: &[&str]) -> Finished {
        let (rows, test) = (self.text("rows.jsonl"), self.text("test.jsonl"));
        let mut arguments = vec![
            "tune",
            &rows,
            "--model",
            "tiny",
            "--eval",
            &test,
            "--device",
            "cpu",
            "--batch",
            "8",
            "--max-steps",
            "30",
            "--lr",
            rate,
            "--json",
        ];
        arguments.extend(more);
        foretune(&arguments)
    }
}

#[test]
fn every_judge_scores_the_same_run_and_questions_are_asked_with_and_without_shots() {
    let place = Place::create();
    let out = place.text("out");
    let (questions, solved) = (place.text("questions.jsonl"), place.text("solved.jsonl"));
    let exact = place.tune(&["--out", &out, "--mmlu", &questions, "--mmlu-shots", &solved]);
    assert_eq!(exact.code, 0, "{exact:?}");
    let record = exact.json();
    assert!(record["harness"].as_str().unwrap().starts_with("exact-1"));
    assert!(record["mmlu"]["harness"].as_str().unwrap().starts_with("mmlu-1"));
    for state in ["base", "last", "best"] {
        let parts = record[state]["mmlu"].as_array().unwrap();
        let shots: Vec<u64> = parts.iter().map(|part| part["shots"].as_u64().unwrap()).collect();
        assert_eq!(shots, [0, 5]);
        assert!(
            parts.iter().all(|part| part["items"] == 12 && part["score"].as_f64().is_some()),
            "{parts:?}"
        );
    }
    assert!(record["last"]["p_gold"].as_f64() > record["base"]["p_gold"].as_f64(), "{record}");
    let lines = |name: &str| fs::read_to_string(place.at("out").join(name)).unwrap().lines().count();
    assert_eq!((lines("items.jsonl"), lines("mmlu.jsonl")), (30, 24));
    for kind in ["last", "best"] {
        let config: Value = serde_json::from_slice(
            &fs::read(place.at("out").join(kind).join("adapter_config.json")).unwrap(),
        )
        .unwrap();
        assert_eq!(config["peft_type"], "LORA");
        assert!(place.at("out").join(kind).join("adapter_model.safetensors").exists());
    }

    for judge in ["labels", "letters", "generate"] {
        let judged = place.tune(&["--judge", judge]).json();
        assert!(judged["harness"].as_str().unwrap().starts_with(judge), "{judged}");
        assert_eq!(judged["last"]["exact_score"], record["last"]["score"], "the run itself is the same");
        let (score, exact) =
            (judged["last"]["score"].as_f64().unwrap(), judged["last"]["exact_score"].as_f64().unwrap());
        if judge == "generate" {
            // What is written greedily is right exactly where every token was the likeliest.
            assert!((score - exact).abs() < 1e-9, "{judged}");
        } else {
            assert!(score >= exact - 1e-9 && judged["last"]["unparsed"] == 0, "{judged}");
        }
    }
}

#[test]
fn early_stopping_ends_the_run_and_says_so() {
    let place = Place::create();
    let record = place.tune_at("1e-30", &["--patience", "1"]).json();
    assert_eq!(record["stopped_because"], "no_improvement", "{record}");
    assert!(record["steps"].as_u64().unwrap() < 30 && record["best"]["step"].as_u64().is_some());
}

/// The same command trained for nothing, and another one wrote over what had been paid for.
#[test]
fn a_finished_run_is_not_made_again_and_not_written_over() {
    let place = Place::create();
    let out = place.text("out");
    let run = |rate: &str, more: &[&str]| place.tune_at(rate, &[&["--out", &out], more].concat());
    let first = run("1e-2", &[]).json();
    let trace = fs::read(place.at("out/trace.jsonl")).unwrap();
    let again = run("1e-2", &[]);
    assert!(again.stderr.contains("nothing is trained again"), "{again:?}");
    // To the seconds that it took.
    assert_eq!(again.json(), first);
    for (rate, more, what) in [("2e-3", &[][..], "recipe"), ("1e-2", &["--patience", "3"][..], "patience")] {
        let other = run(rate, more);
        assert!(other.code == 2 && other.stderr.contains(&format!("differs in `{what}`")), "{other:?}");
    }
    assert_eq!(fs::read(place.at("out/trace.jsonl")).unwrap(), trace);
    fs::write(place.at("out/run.json"), "{").unwrap();
    let unread = run("1e-2", &[]);
    assert!(unread.code == 2 && unread.stderr.contains("run.json is no record of a run"), "{unread:?}");
}

#[test]
fn what_cannot_be_judged_is_refused_with_the_reason() {
    let place = Place::create();
    let test = place.at("test.jsonl");
    let rows = fs::read_to_string(&test).unwrap().replace("\"A\"", "\"yes\"");
    fs::write(&test, rows).unwrap();
    let refused = place.tune(&["--judge", "letters"]);
    assert!(
        refused.code == 2 && refused.stderr.contains("\"yes\"") && refused.stderr.contains("labels"),
        "{refused:?}"
    );
    let refused = place.tune(&["--mmlu", test.to_str().unwrap()]);
    assert!(refused.code == 2 && refused.stderr.contains("MMLU's format"), "{refused:?}");
}

#[test]
fn a_probe_on_quantised_weights_learns_too() {
    let place = Place::create();
    let rows = place.text("rows.jsonl");
    for bits in ["8", "4"] {
        let probe = [
            "probe",
            &rows,
            "--model",
            "tiny",
            "--quantize",
            bits,
            "--device",
            "cpu",
            "--steps",
            "20",
            "--stop",
            "never",
            "--batch",
            "8",
            "--lr",
            "1e-2",
            "--json",
        ];
        let probed = foretune(&probe);
        assert_eq!(probed.code, 0, "{probed:?}");
        let features = &probed.json()["features"];
        let (first, last) =
            (features["initial_loss"].as_f64().unwrap(), features["held_out_loss"].as_f64().unwrap());
        assert!(last < 0.7 * first, "{bits} bits: {first} -> {last}");
    }
    let refused = foretune(&["probe", &rows, "--model", "tiny", "--quantize", "3", "--device", "cpu"]);
    assert!(refused.code == 2 && refused.stderr.contains("expected 8 or 4"), "{refused:?}");
}

/// The record names what was set aside, and the same command chooses the same rows again.
#[test]
fn rows_set_aside_are_recorded_and_chosen_again() {
    let place = Place::create();
    let rows = place.text("rows.jsonl");
    let probe = |more: &[&str]| {
        let asked =
            ["probe", &rows, "--model", "tiny", "--device", "cpu", "--steps", "2", "--batch", "4", "--json"];
        foretune(&[asked.as_slice(), more].concat())
    };
    let trace = place.text("aside.trace");
    let parts = place.text("parts");
    let first = probe(&["--set-aside", "15", "--out", &trace, "--set-aside-to", &parts]).json();
    let lines = |name: &str| -> Vec<String> {
        fs::read_to_string(place.at("parts").join(name)).unwrap().lines().map(str::to_owned).collect()
    };
    let (training, evaluation) = (lines("training.jsonl"), lines("evaluation.jsonl"));
    assert_eq!((training.len(), evaluation.len()), (75, 15));
    assert!(evaluation.iter().all(|row| !training.contains(row)));
    assert_eq!(first["set_aside"]["rows"], 15);
    assert_eq!(first["set_aside"]["seed"], 0);
    assert!(first["features"]["eval_loss"].as_f64().is_some(), "{first}");
    let header: Value =
        serde_json::from_str(fs::read_to_string(&trace).unwrap().lines().next().unwrap()).unwrap();
    assert_eq!((&header["set_aside"], &header["evaluation"]), (&first["set_aside"], &15.into()));
    assert_eq!(header["rows"], 75);
    // What the rows aside tell of the others is told with the probe, as `check` tells it of both files.
    let [training, evaluation] = ["training", "evaluation"].map(|part| format!("{parts}/{part}.jsonl"));
    let checked = foretune(&["check", &training, "--eval", &evaluation, "--json"]).json();
    for (name, value) in checked["features"].as_object().unwrap() {
        if name.starts_with("eval_") {
            assert_eq!(&first["features"][name], value, "{name}");
        }
    }
    assert!(first["features"]["eval_constant_score"].as_f64().is_some(), "{first}");
    let again = probe(&["--set-aside", "15"]).json();
    assert_eq!((&again["set_aside"], &again["features"]), (&first["set_aside"], &first["features"]));
    let other = probe(&["--set-aside", "15", "--set-aside-seed", "3"]).json();
    assert_ne!(other["set_aside"]["fingerprint"], first["set_aside"]["fingerprint"]);
    assert_eq!(probe(&["--set-aside", "auto"]).json()["set_aside"]["rows"], 18);
    let both = probe(&["--set-aside", "15", "--eval", &place.text("test.jsonl")]);
    assert!(both.code == 2 && both.stderr.contains("--eval"), "{both:?}");
    let long = probe(&["--set-aside", "15", "--max-tokens", "3"]);
    assert!(long.code == 2 && long.stderr.contains("give clean rows with --eval"), "{long:?}");
}

/// The score is of rows that the run never saw, nor copies of them; a probe with the same seed sees none of them either.
#[test]
fn a_fine_tune_is_judged_by_rows_set_aside() {
    let place = Place::create();
    // Spaced as parts are written: the order of training follows from the bytes of each row.
    let spaced = fs::read_to_string(place.at("rows.jsonl")).unwrap();
    fs::write(place.at("rows.jsonl"), spaced.replace("\":\"", "\": \"").replace("\",\"", "\", \"")).unwrap();
    let rows = place.text("rows.jsonl");
    let common = ["--model", "tiny", "--device", "cpu", "--batch", "8", "--json"];
    let tune =
        |more: &[&str]| foretune(&[&["tune", &rows, "--max-steps", "4"], common.as_slice(), more].concat());
    let (out, parts) = (place.text("out"), place.text("parts"));
    let record =
        tune(&["--set-aside", "15", "--set-aside-seed", "2", "--out", &out, "--set-aside-to", &parts]).json();
    assert_eq!(record["set_aside"]["rows"], 15);
    assert_eq!(record["set_aside"]["seed"], 2);
    assert_eq!(record["evaluation"]["rows"], 15);
    assert_eq!(record["evaluation"]["fingerprint"], record["set_aside"]["fingerprint"]);
    assert_eq!((&record["data"]["rows"], &record["copies_left_out"]), (&json!(75), &json!(0)));
    assert_eq!(record["last"]["items"], 15);
    let read = |name: &str| fs::read_to_string(place.at(name)).unwrap();
    let written: Value = serde_json::from_str(&read("out/run.json")).unwrap();
    assert_eq!(written, record);
    let header: Value = serde_json::from_str(read("out/trace.jsonl").lines().next().unwrap()).unwrap();
    assert_eq!(header["set_aside"], record["set_aside"]);

    // The same as with both parts as files of their own, judged by the one and trained on the other.
    let [training, evaluation] = ["training", "evaluation"].map(|part| format!("{parts}/{part}.jsonl"));
    let apart = [&["tune", &training, "--eval", &evaluation, "--max-steps", "4"], common.as_slice()].concat();
    let apart = foretune(&apart).json();
    for state in ["base", "last", "best"] {
        assert_eq!(apart[state], record[state], "{state}");
    }
    let checked = foretune(&["check", &training, "--eval", &evaluation, "--json"]).json();
    assert_eq!(record["features"]["eval_naive_bayes_score"], checked["features"]["eval_naive_bayes_score"]);

    let probe = ["probe", &rows, "--steps", "1", "--set-aside", "15", "--set-aside-seed", "2"];
    let probed = foretune(&[probe.as_slice(), &common].concat()).json();
    assert_eq!(probed["set_aside"], record["set_aside"]);
    assert_eq!(tune(&["--set-aside", "auto"]).json()["set_aside"]["rows"], 18);
    for (more, words) in [
        (vec!["--set-aside", "15", "--eval", &rows], ["--set-aside", "--eval", "cannot be used with"]),
        (vec![], ["--eval", "required", "--help"]),
        (
            vec!["--eval", &rows, "--set-aside-seed", "3"],
            ["--set-aside-seed", "--eval", "cannot be used with"],
        ),
    ] {
        let refused = tune(&more);
        assert!(refused.code == 2 && words.iter().all(|word| refused.stderr.contains(word)), "{refused:?}");
    }
}

#[test]
fn indicators_of_a_base_model_are_measured_without_training() {
    let place = Place::create();
    let (rows, test) = (place.text("rows.jsonl"), place.text("test.jsonl"));
    let arguments =
        ["probe", &rows, "--model", "tiny", "--indicators", "--eval", &test, "--device", "cpu", "--json"];
    let first = foretune(&arguments);
    assert_eq!(first.code, 0, "{first:?}");
    let told = first.json();
    let number = |key: &str| told[key].as_f64().unwrap();
    // Far better than guessing among 2,048 pieces; a gap is read with the words after it, but without practice.
    assert!(number("causal_perplexity") < 500.0 && number("gap_perplexity") < 5_000.0, "{told}");
    let parts = told["few_shot"].as_array().unwrap();
    assert_eq!(parts.len(), 2);
    assert!(parts.iter().all(|part| part["rows"] == 30 && part["label_score"].as_f64().is_some()), "{told}");
    assert!(
        parts[1]["p_gold"].as_f64() > parts[0]["p_gold"].as_f64(),
        "solved rows show the shape of an answer: {told}"
    );
    assert_eq!(foretune(&arguments).stdout, first.stdout);
    let alone = foretune(&arguments[..5]);
    assert!(alone.code == 0 && alone.stdout.contains("after 5 solved rows"), "{alone:?}");
}
