//! `foretune forecast` as a user runs it, with a predictor of synthetic runs, and on everything that should be refused.

use std::path::Path;
use std::process::Command;

use foretune_core::features::{self, FeatureVector, Group};
use foretune_core::predict::onnx;
use foretune_core::predict::predictor::{ForecastOptions, Predictor, WhatIf};
use foretune_core::runs::{Known, ModelRecord, RunRecord, before_any_probe};
use foretune_tests::fitted::{data, fitted, forecast, forecast_at, predictor, refused, text, trace, write};
use foretune_tests::{finished, foretune, foretune_binary, synthetic};
use serde_json::{Value, json};

#[test]
fn a_forecast_says_what_the_contract_promises_and_sharpens_with_a_trace() {
    let place = tempfile::tempdir().unwrap();
    let file = data(place.path());
    let before = forecast(&[text(&file)]);
    assert_eq!(before.code, 0, "{before:?}");
    let before = before.json();
    let after =
        forecast(&[text(&file), "--trace", text(&trace(place.path(), &synthetic::runs(8)[6]))]).json();
    for answer in [&before, &after] {
        for key in ["score", "coverage", "base"] {
            assert!(answer[key].is_number(), "{key}: {answer}");
        }
        assert!(answer["in_distribution"].is_boolean() && answer["verdict"].is_string());
        for key in ["regime", "next_probe_steps", "outlook", "probability_above"] {
            assert!(answer.get(key).is_some(), "{key}: {answer}");
        }
        let shap: f64 = answer["shap"].as_object().unwrap().values().map(|part| part.as_f64().unwrap()).sum();
        let (base, score) = (answer["base"].as_f64().unwrap(), answer["score"].as_f64().unwrap());
        assert!((base + shap - score).abs() < 1e-9, "{answer}");
    }
    let width = |answer: &Value| {
        let end = |index: usize| answer["interval"][index].as_f64().unwrap();
        end(1) - end(0)
    };
    assert!(width(&after) < width(&before), "{before} {after}");
    let further = before["outlook"]["with_more"].as_array().unwrap();
    assert!(further.iter().any(|more| more["more"] == "probe"), "{before}");
    let told = foretune(&["forecast", text(&file), "--predictor", text(&predictor()), "--lr=1e-3"]);
    for more in further {
        let words = more["words"].as_str().unwrap();
        assert!(told.stdout.contains(words), "{words}: {}", told.stdout);
    }
    let regime = before["regime"].as_str().unwrap();
    for words in [&format!("regime: {regime} ("), "by group: ", "recipe "] {
        assert!(told.stdout.contains(words), "{words}: {}", told.stdout);
    }
}

#[test]
fn a_smaller_models_probe_tells_more_than_file_and_recipe_and_less_than_an_own_one() {
    let error = |name: &str| {
        let rows = fitted().1["proxy"].as_array().unwrap();
        let row = rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("{name}: {rows:?}"));
        row["test"]["rmse"].as_f64().unwrap()
    };
    assert!(error("a smaller model's probe") < 0.7 * error("file and recipe alone"));
    assert!(error("a smaller model's probe, no clean rows") < error("file and recipe alone"));
    assert!(error("the model's own probe") < error("file and recipe alone"));

    let place = tempfile::tempdir().unwrap();
    let file = data(place.path());
    let trace = trace(place.path(), &synthetic::runs(8)[6]);
    let without = forecast(&[text(&file)]).json();
    let with = forecast(&[text(&file), "--proxy", text(&trace)]).json();
    assert_eq!(with["stage"], "a smaller model's probe", "{with}");
    let width = |forecast: &Value| {
        forecast["interval"][1].as_f64().unwrap() - forecast["interval"][0].as_f64().unwrap()
    };
    assert!(width(&with) < width(&without), "{with} {without}");
    assert!(with["shap_groups"]["proxy probe"].as_f64().unwrap().abs() > 0.0, "{with}");

    // To the run's end, alone and beside an own probe.
    let finished =
        ["a smaller model's finished run", "both: its own probe and a smaller model's finished run"];
    assert!(error(finished[0]) < 0.7 * error("file and recipe alone"), "{}", error(finished[0]));
    // Either says nearly all there is to say of these runs: two points, most of them drawn as noise.
    let (both, own) = (error(finished[1]), error("the model's own probe"));
    assert!(both < 1.25 * own.min(error(finished[0])), "{both} {own} {}", error(finished[0]));
    let end =
        json!({ "type": "reading", "step": 300, "features": { "eval_score": 61.0, "eval_p_gold": 60.0 } });
    let to_its_end = std::fs::read_to_string(&trace).unwrap() + &end.to_string() + "\n";
    let to_its_end = write(place.path(), "end.trace", to_its_end);
    let alone = forecast(&[text(&file), "--proxy", text(&to_its_end)]).json();
    assert_eq!(alone["stage"], finished[0], "{alone}");
    let beside = |proxy: &Path| {
        forecast(&[text(&file), "--trace", text(&trace), "--proxy", text(proxy)]).json()["stage"].clone()
    };
    let stage = beside(&to_its_end);
    assert!(stage.as_str().unwrap().starts_with("own probe and a smaller model's finished run, "), "{stage}");
    assert_eq!(beside(&trace), forecast(&[text(&file), "--trace", text(&trace)]).json()["stage"]);

    let read = onnx::read(&std::fs::read(predictor()).unwrap()).unwrap();
    let names: Vec<&str> = features::all()
        .filter(|feature| feature.group != Group::Proxy)
        .map(|feature| feature.name)
        .take(read.model.feature_count)
        .collect();
    let untold = onnx::write(&read.model, &[("feature_names".to_owned(), names.join(","))]);
    let untold = write(place.path(), "untold.onnx", untold);
    refused(
        &foretune(&["forecast", text(&file), "--predictor", text(&untold), "--proxy", text(&trace)]),
        &["probe.trace", "has learnt from no smaller model", "--beside"],
    );
}

/// Without them the clean rows' own features were missing, and the verdict was withheld.
#[test]
fn the_forecast_of_a_probe_that_set_rows_aside_divides_the_file_in_the_same_way() {
    let place = tempfile::tempdir().unwrap();
    let file = data(place.path());
    let trace = place.path().join("aside.trace");
    let recipe = ["--model", "tiny", "--lr", "1e-3", "--max-steps", "300", "--max-tokens", "64"];
    let probe = ["probe", text(&file), "--set-aside", "auto", "--steps", "1", "--out", text(&trace)];
    let probed = foretune(&[&probe[..], &recipe].concat());
    assert_eq!(probed.code, 0, "{probed:?}");
    let ask =
        |trace: &Path| foretune(&[&["forecast", text(&file), "--trace", text(trace)][..], &recipe].concat());
    let told = ask(&trace);
    assert!(told.code != 2 && told.stderr.contains("rows of the file are evaluation rows"), "{told:?}");
    let lacks_rows = |line: &str| line.starts_with("outside: eval_") && line.contains("is missing");
    assert!(!told.stdout.lines().any(lacks_rows), "{told:?}");
    let other = std::fs::read_to_string(&trace).unwrap().replacen(
        "\"seed\":0,\"wanted\"",
        "\"seed\":9,\"wanted\"",
        1,
    );
    let other = write(place.path(), "other.trace", other);
    refused(&ask(&other), &["other.trace", "other rows", "probe again"]);

    // Whose tokenizer it was is said by the trace, also where another model is asked about or none is named.
    let predictor = predictor();
    let with = |flag: &str, trace: &Path| {
        let asked = ["forecast", text(&file), flag, text(trace), "--predictor", text(&predictor)];
        foretune(&[&asked[..], &recipe[2..]].concat())
    };
    for flag in ["--trace", "--proxy"] {
        let told = with(flag, &trace);
        assert!(told.code != 2 && told.stderr.contains("rows of the file are evaluation rows"), "{told:?}");
    }
    let gone =
        std::fs::read_to_string(&trace).unwrap().replacen("\"model\":\"tiny\"", "\"model\":\"gone\"", 1);
    let gone = write(place.path(), "gone.trace", gone);
    refused(&with("--proxy", &gone), &["gone.trace", "tokenizer of gone", "--set-aside-to"]);
}

/// 600 rows as in `data`, 120 of them again and 30 without an answer: mended, they are `data` again.
#[test]
fn fixes_are_forecast_from_the_mended_data() {
    let place = tempfile::tempdir().unwrap();
    let clean = data(place.path());
    let rows = std::fs::read_to_string(&clean).unwrap();
    let again: Vec<&str> = rows.lines().take(120).collect();
    let empty: Vec<Value> =
        (0..30).map(|row| json!({"prompt": format!("Is item {row} blue?"), "completion": ""})).collect();
    let empty = synthetic::lines(&empty);
    let spoiled = write(place.path(), "spoiled.jsonl", format!("{rows}{}\n{empty}", again.join("\n")));
    let asked = |file: &Path, more: &[&str]| {
        let predictor = predictor();
        let fixed = ["forecast", text(file), "--predictor", text(&predictor), "--json"];
        foretune(&[fixed.as_slice(), more].concat())
    };
    let before = asked(&spoiled, &[]).json();
    let fixed = asked(&spoiled, &["--fix", "drop_exact_duplicates,drop_empty_answers"]).json();
    assert_eq!(fixed["score"], asked(&clean, &[]).json()["score"]);
    assert_eq!(fixed["fixed"]["score_before"], before["score"]);
    assert_eq!(fixed["fixed"]["changes"]["rows_written"], 600);
    assert_eq!(before["fixed"], Value::Null);
    // Unasked, the fixes stand among the changes, with the gain that asking for them tells.
    let mended = |answer: &Value| {
        let mut tried = answer["what_if"].as_array().unwrap().clone();
        tried.retain(|change| {
            change["change"]
                .as_str()
                .unwrap()
                .starts_with("--fix drop_exact_duplicates,drop_empty_answers: 150 rows left out, 0 changed")
        });
        tried
    };
    let [tried] = mended(&before).try_into().unwrap();
    let (gain, asked_for) = (tried["gain"].as_f64().unwrap(), fixed["fixed"]["gain"].as_f64().unwrap());
    assert!((gain - asked_for).abs() < 1e-9, "{gain} and {asked_for}");
    assert_eq!(mended(&fixed).len() + mended(&asked(&clean, &[]).json()).len(), 0, "nothing is left to mend");
    let trace = trace(place.path(), &synthetic::runs(2)[0]);
    let both = asked(&spoiled, &["--fix", "safe", "--trace", text(&trace)]);
    assert!(both.code == 2 && both.stderr.contains("--trace"), "{both:?}");
}

/// Unasked, mending is tried: a file of which nothing would be left, and a machine without room for a copy, have a
/// forecast all the same.
#[test]
fn what_mending_cannot_be_tried_keeps_no_forecast_back() {
    let place = tempfile::tempdir().unwrap();
    let sorry = "I'm sorry, but I can't help with that.";
    let refusals: Vec<Value> =
        (0..40).map(|row| json!({"prompt": format!("Is item {row} blue?"), "completion": sorry})).collect();
    let file = write(place.path(), "refusals.jsonl", synthetic::lines(&refusals));
    let told = forecast(&[text(&file)]);
    assert!(told.code == 0 && told.stderr.contains("no row of"), "{told:?}");
    let twice =
        [std::fs::read(data(place.path())).unwrap(), std::fs::read(data(place.path())).unwrap()].concat();
    let file = write(place.path(), "twice.jsonl", twice);
    let predictor = predictor();
    let arguments = ["forecast", text(&file), "--predictor", text(&predictor), "--lr=1e-3", "--json"];
    let run = Command::new(foretune_binary()).args(arguments).env("TMPDIR", "/nonexistent").output();
    let told = finished(run.unwrap());
    assert!(
        told.code == 0 && told.stderr.contains("what mending the data would bring is not told"),
        "{told:?}"
    );
}

/// A trace of another file or recipe was taken for this one's without a word.
#[test]
fn a_trace_of_another_run_is_named() {
    let place = tempfile::tempdir().unwrap();
    let file = data(place.path());
    let run = &synthetic::runs(8)[6];
    let same = trace(place.path(), run);
    let notes = |answer: &Value| answer["notes"].to_string();
    assert!(!notes(&forecast(&[text(&file), "--trace", text(&same)]).json()).contains("another run"));
    let start = json!({"type": "start", "trace_version": 1, "dataset": "00000000000000ff", "set_aside": null,
        "recipe": {"learning_rate": 0.003, "lora": {"rank": 8}}});
    let rest = std::fs::read_to_string(&same).unwrap();
    let rest: Vec<&str> = rest.lines().skip(1).collect();
    let other = write(place.path(), "other.trace", format!("{start}\n{}\n", rest.join("\n")));
    let told = notes(&forecast(&[text(&file), "--trace", text(&other)]).json());
    for words in [
        "other.trace is of another run",
        "00000000000000ff",
        "--lr was 0.003 there and is 0.001",
        "--rank was 8",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

/// The page and the link that it made told different gains of the same change: one knew the base score by the first
/// reading, the other by its own field.
#[test]
fn advice_is_the_same_however_the_base_score_is_known() {
    let predictor = Predictor::load(&std::fs::read(predictor()).unwrap(), |_| false).unwrap();
    let run: RunRecord = serde_json::from_value(synthetic::runs(8)[6].clone()).unwrap();
    let plan = before_any_probe(&run.features);
    let read = Known { plan: &plan, base_score: None, ..Known::of(&run) };
    let score = run.readings[0].features.get("eval_score");
    let told = Known { readings: &[], base_score: Some(score), ..read };
    let changes = [("a higher rate".to_owned(), vec![("learning_rate".to_owned(), 2e-3)])];
    let gains = predictor.what_if(&read, &changes).unwrap();
    assert_eq!(gains, predictor.what_if(&told, &changes).unwrap());
    assert!(gains[0].gain.abs() > 0.0, "{gains:?}");

    // The best change first, those that lead out of what the predictor knows behind all others.
    let rate = |value: f64| (format!("rate {value}"), vec![("learning_rate".to_owned(), value)]);
    let gains = predictor.what_if(&read, &[1e-5, 1e-4, 5e-4, 2e-3, 5e-3, 50.0].map(rate)).unwrap();
    let is_before = |a: &WhatIf, b: &WhatIf| {
        if a.in_distribution == b.in_distribution { a.gain >= b.gain } else { a.in_distribution }
    };
    assert!(gains.windows(2).all(|pair| is_before(&pair[0], &pair[1])), "{gains:?}");
    assert!(gains[0].in_distribution && gains[0].gain > gains[1].gain, "{gains:?}");
    // A rate far below all that was seen is as strange as one far above, however near on a line.
    let strange: Vec<&str> = gains[4..].iter().map(|gain| gain.change.as_str()).collect();
    assert_eq!(strange, ["rate 50", "rate 0.00001"], "{gains:?}");
    assert!(gains[3].in_distribution && !gains[4].in_distribution && !gains[5].in_distribution, "{gains:?}");
}

#[test]
fn the_verdict_decides_the_exit_code() {
    let place = tempfile::tempdir().unwrap();
    let (file, run) = (data(place.path()), &synthetic::runs(8)[6]);
    let trace = trace(place.path(), run);
    let ask = |threshold: &str| forecast(&[text(&file), "--trace", text(&trace), "--threshold", threshold]);
    let (go, no) = (ask("1"), ask("99"));
    assert_eq!((go.code, go.json()["verdict"].as_str()), (0, Some("go")), "{go:?}");
    assert_eq!((no.code, no.json()["verdict"].as_str()), (1, Some("no-go")), "{no:?}");
    let strange = forecast_at("3", &[text(&file), "--trace", text(&trace), "--threshold", "20"]);
    let answer = strange.json();
    assert_eq!((strange.code, answer["verdict"].as_str()), (0, Some("withheld")), "{answer}");
    assert_eq!(answer["in_distribution"], false);
    assert_eq!(answer["outside"][0]["name"], "learning_rate");
}

#[test]
fn a_predictor_that_cannot_be_trusted_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let file = data(place.path());
    let bytes = std::fs::read(predictor()).unwrap();
    let ask = |name: &str, content: &[u8]| {
        let path = write(place.path(), name, content);
        foretune(&["forecast", text(&file), "--predictor", text(&path)])
    };
    refused(&ask("cut.onnx", &bytes[..bytes.len() / 2]), &["cut.onnx"]);
    refused(&ask("text.onnx", b"this is no ONNX file at all"), &["text.onnx"]);
    refused(&ask("empty.onnx", b""), &["empty.onnx"]);

    let read = onnx::read(&bytes).unwrap();
    let mut other = read.model.clone();
    other.stages[0].constant += 0.5;
    refused(&ask("swapped.onnx", &onnx::write(&other, &read.metadata)), &["card does not belong"]);
    // Each part is checked, however many questions it stands behind.
    for stage in 0..read.model.stages.len() {
        let mut other = read.model.clone();
        other.stages[stage].constant += 0.5;
        let loaded = Predictor::load(&onnx::write(&other, &read.metadata), |_| false);
        assert!(loaded.is_err_and(|error| error.to_string().contains("card does not belong")), "{stage}");
    }

    let names: Vec<String> =
        (0..read.model.feature_count).map(|index| format!("horoscope_{index}")).collect();
    let unknown = onnx::write(&read.model, &[("feature_names".to_owned(), names.join(","))]);
    refused(&ask("unknown.onnx", &unknown), &["horoscope_0", "does not measure"]);
    refused(&ask("nameless.onnx", &onnx::write(&read.model, &[])), &["without names"]);
    let of_another_model = foretune(&["forecast", text(&file), "--model", "Qwen/Qwen2.5-7B-Instruct"]);
    refused(&of_another_model, &["knows nothing of Qwen/Qwen2.5-7B-Instruct", "--predictor"]);
    refused(
        &foretune(&["forecast", text(&file), "--predictor", text(&place.path().join("none.onnx"))]),
        &["none.onnx", "check the spelling"],
    );
}

#[test]
fn a_candidate_that_cannot_be_read_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let file = data(place.path());
    let nothing = write(place.path(), "nothing.jsonl", "{\"colour\": \"red\"}\n");
    refused(&forecast(&[text(&nothing)]), &["no usable row", "foretune check"]);
    let bad = write(
        place.path(),
        "bad.trace",
        "{\"type\":\"reading\",\"step\":0,\"features\":{\"eval_score\":\"high\"}}\n",
    );
    refused(&forecast(&[text(&file), "--trace", text(&bad)]), &["line 1", "bad.trace"]);
    let infinite = write(
        place.path(),
        "inf.trace",
        "{\"type\":\"reading\",\"step\":0,\"features\":{\"eval_score\":1e999}}\n",
    );
    refused(&forecast(&[text(&file), "--trace", text(&infinite)]), &["inf.trace"]);
    let without = write(place.path(), "none.trace", "{\"type\":\"start\"}\n");
    refused(&forecast(&[text(&file), "--trace", text(&without)]), &["no reading"]);
    refused(&forecast_at("-1", &[text(&file)]), &["learning rate"]);
}

#[test]
fn the_predictor_that_comes_with_the_program_says_whose_it_is() {
    let place = tempfile::tempdir().unwrap();
    let file = data(place.path());
    let answer = foretune(&["forecast", text(&file), "--lr", "0.001", "--max-steps", "300"]);
    assert_eq!(answer.code, 0, "{answer:?}");
    assert!(answer.stdout.contains("points") && answer.stderr.contains("bundled model"), "{answer:?}");
    let link = foretune(&["link", "make", text(&file), "--lr", "0.001", "--max-steps", "300", "--no-name"]);
    assert!(link.code == 0 && link.stdout.trim().len() < 2500, "{} characters: {link:?}", link.stdout.len());
}

/// Given as a file it read estimated lengths and forecast something else than as the program's own.
#[test]
fn a_predictor_of_the_bundled_model_counts_its_tokens_wherever_it_comes_from() {
    let place = tempfile::tempdir().unwrap();
    let file = data(place.path());
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../lab/predictors/tiny-exact-match.onnx");
    let ask = |more: &[&str]| {
        let answer = foretune(&[&["forecast", text(&file), "--json"], more].concat());
        let score = answer.json()["score"].as_f64().unwrap();
        (score, answer.stderr.contains("lengths are estimates"))
    };
    let shipped = ask(&[]);
    assert_eq!(ask(&["--predictor", own]), shipped);
    assert!(!shipped.1);
    assert!(ask(&["--predictor", text(&predictor())]).1);
}

/// Before a probe the page called every file unlike the runs: its form began with the recipe of large models.
#[test]
fn a_recipe_begins_with_what_the_predictor_knows() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../lab/predictors/tiny-exact-match.onnx");
    let predictor = Predictor::load(&std::fs::read(path).unwrap(), |_| false).unwrap();
    let usual = predictor.card.unwrap().usual_recipe();
    assert!(usual.learning_rate > 5e-4 && usual.sequence_length <= 512, "{usual:?}");

    let place = tempfile::tempdir().unwrap();
    let known = Predictor::load(&std::fs::read(self::predictor()).unwrap(), |_| false).unwrap();
    let longest = known.card.unwrap().usual_recipe().sequence_length;
    let file = data(place.path());
    let begun = |more: &[&str]| {
        let (predictor, length) = (self::predictor(), longest.to_string());
        let mut all = vec!["forecast", text(&file), "--predictor", text(&predictor), "--json"];
        all.extend(more.iter().map(|word| if *word == "LENGTH" { length.as_str() } else { word }));
        foretune(&all).json()["score"].as_f64().unwrap()
    };
    let said = begun(&["--lr", "0.001", "--max-tokens", "LENGTH"]);
    assert!((begun(&[]) - said).abs() < 1e-12, "{said}");
}

/// How many numbers an adapter has is known by the model's layers, and the page has no model.
#[test]
fn without_a_model_the_card_knows_the_size_of_its_adapters() {
    let predictor = Predictor::load(&std::fs::read(predictor()).unwrap(), |_| false).unwrap();
    let run: RunRecord = serde_json::from_value(synthetic::runs(8)[6].clone()).unwrap();
    let known = Known::of(&run);
    let vector = known.at(known.most(0), 0);
    let ask = |vector: &FeatureVector| predictor.forecast(vector, &ForecastOptions::default()).unwrap();
    let whole = ask(&vector);
    let without = vector.clone().without(|name| name == "trained_parameters");
    assert!(without.get("trained_parameters").is_nan());
    assert_eq!(ask(&without), whole);
    // Own runs of a model without a name, as recalibration adds them: the adjusted forecast lost the value.
    let mut adjusted = predictor.clone();
    let stranger = ModelRecord { name: "not named".to_owned(), hash: String::new(), parameters: 0 };
    adjusted.card.as_mut().unwrap().base_models.push(stranger);
    let adjusted = adjusted.forecast(&without, &ForecastOptions::default()).unwrap();
    assert!(
        (adjusted.score - whole.score).abs() < 1e-12 && adjusted.outside == whole.outside,
        "{adjusted:?}"
    );
    let mut elsewhere = without.clone();
    elsewhere.set("base_parameters", 7e9);
    let mut partial = without;
    partial.set("lora_modules", 2.0);
    for unknown in [elsewhere, partial] {
        let row = predictor.row(&unknown).unwrap();
        let place = predictor.names.iter().position(|name| name == "trained_parameters").unwrap();
        assert!(row[place].is_nan(), "{row:?}");
    }
}
