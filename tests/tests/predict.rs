//! `foretune fit` and `foretune forecast` as a user runs them, on synthetic runs (made up, no claim about real
//! ones) and on everything that should be refused.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like the tests themselves")]

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use foretune_core::features::{self, FeatureVector, Group};
use foretune_core::predict::card::CARD_KEY;
use foretune_core::predict::onnx;
use foretune_core::predict::predictor::{ForecastOptions, Predictor};
use foretune_core::predict::verdict::Verdict;
use foretune_core::runs::{Knowledge, Known, ModelRecord, Reading, RunRecord, before_any_probe};
use foretune_tests::{Finished, foretune, synthetic};
use serde_json::{Value, json};
use tempfile::TempDir;

fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// One fit shared by the tests that forecast.
fn fitted() -> &'static (TempDir, Value) {
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

fn predictor() -> PathBuf {
    fitted().0.path().join("p.onnx")
}

/// A data set inside the ranges of the synthetic runs: two of five answers are wrong.
fn data(folder: &Path) -> PathBuf {
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
fn trace(folder: &Path, run: &Value) -> PathBuf {
    let mut lines = vec![json!({"type": "start", "trace_version": 1})];
    for reading in run["readings"].as_array().unwrap().iter().filter(|one| one["step"].as_u64() <= Some(100))
    {
        let mut line = reading.clone();
        line["type"] = "reading".into();
        lines.push(line);
    }
    write(folder, "probe.trace", synthetic::lines(&lines))
}

fn forecast(arguments: &[&str]) -> Finished {
    forecast_at("1e-3", arguments)
}

fn forecast_at(rate: &str, arguments: &[&str]) -> Finished {
    let (predictor, rate) = (predictor(), format!("--lr={rate}"));
    let mut all = vec!["forecast", "--predictor", text(&predictor), &rate, "--max-steps", "300", "--json"];
    all.extend(arguments);
    foretune(&all)
}

fn refused(finished: &Finished, words: &[&str]) {
    assert_eq!(finished.code, 2, "{finished:?}");
    assert!(finished.stdout.is_empty(), "{finished:?}");
    for word in words {
        assert!(finished.stderr.contains(word), "{word:?} is not said: {}", finished.stderr);
    }
}

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
        for key in ["regime", "next_probe_steps", "probability_above"] {
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
}

/// 600 rows as in `data`, 120 of them again and 30 without an answer: mended, they are `data` again.
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
    let trace = trace(place.path(), &synthetic::runs(2)[0]);
    let both = asked(&spoiled, &["--fix", "safe", "--trace", text(&trace)]);
    assert!(both.code == 2 && both.stderr.contains("--trace"), "{both:?}");
}

/// What clean rows are worth is what the forecasts of a probe with and without them say.
#[test]
fn the_worth_of_clean_rows_is_that_of_the_intervals() {
    let bytes = std::fs::read(predictor()).unwrap();
    let predictor = Predictor::load(&bytes, |_| false).unwrap();
    let run: RunRecord = serde_json::from_value(synthetic::runs(8)[6].clone()).unwrap();
    let readings: Vec<_> = run.readings.iter().filter(|reading| reading.step <= 50).cloned().collect();
    let plan = before_any_probe(&run.features);
    let known = Known {
        plan: &plan,
        proxy: None,
        base_score: None,
        readings: &readings,
        total_steps: run.total_steps,
    };
    let certainty = predictor.certainty(&known).unwrap().unwrap();
    assert!(certainty.with.measured && certainty.without.measured && (certainty.step - 50.0).abs() < 1e-9);
    assert!(certainty.with.points < certainty.without.points, "{certainty:?}");
    for (side, knowledge) in [(certainty.with, Knowledge::Clean), (certainty.without, Knowledge::Blind)] {
        let vector = known.at(knowledge, readings.len());
        let forecast = predictor.forecast(&vector, &ForecastOptions::default()).unwrap();
        let (low, high) = forecast.interval.unwrap();
        // An end at the range of scores cuts the interval.
        let half = (forecast.score - low).max(high - forecast.score);
        assert!((half - side.points).abs() < 1e-9, "{half} {side:?}");
    }
    let before = predictor.certainty(&Known { readings: &[], ..known }).unwrap().unwrap();
    assert!(!before.with.measured && !before.without.measured && before.with.points < before.without.points);
    let blind: Vec<Reading> = readings
        .iter()
        .map(|reading| Reading {
            features: reading.features.clone().without(|name| name.starts_with("eval_")),
            ..*reading
        })
        .collect();
    let halfway = predictor.certainty(&Known { readings: &blind, ..known }).unwrap().unwrap();
    assert!(halfway.without.measured && !halfway.with.measured);
}

/// It was cut at both ends where the raw answer stood: trees that extrapolated to -24 gave 0.0 to 1.3 points, the
/// surest of all forecasts.
#[test]
fn an_answer_beyond_the_range_keeps_its_interval() {
    let mut predictor = Predictor::load(&std::fs::read(predictor()).unwrap(), |_| false).unwrap();
    let run: RunRecord = serde_json::from_value(synthetic::runs(8)[6].clone()).unwrap();
    let vector = Known::of(&run).at(Knowledge::Clean, 3);
    let ask = |predictor: &Predictor| {
        predictor.forecast(&vector, &ForecastOptions { threshold: Some(2.0), ..Default::default() }).unwrap()
    };
    let within = ask(&predictor);
    assert!(within.score > 0.0, "{within:?}");
    let own = predictor.model.clone();
    for (shift, end) in [(-500.0, 0.0), (500.0, 100.0)] {
        predictor.model = own.then_affine(shift, 1.0);
        let beyond = ask(&predictor);
        let (low, high) = beyond.interval.unwrap();
        assert!((beyond.score - end).abs() < 1e-9 && (low..=high).contains(&end), "{beyond:?}");
        assert!(high - low > 1.0, "{beyond:?}");
        // 2 points are well inside an interval that begins at 0.
        let above = beyond.probability_above.unwrap();
        assert!(if end < 50.0 { (0.02..0.5).contains(&above) } else { above > 0.9 }, "{beyond:?}");
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

/// At 51 per cent, with an interval from 0 to 100, it said go: a probe was believed to remove only what it removes after
/// step 0, where the base model's answers are known already.
#[test]
fn a_coin_is_not_flipped_where_a_short_probe_would_tell() {
    let plain = Predictor::load(&std::fs::read(predictor()).unwrap(), |_| false).unwrap();
    assert!(plain.card.as_ref().unwrap().stages.iter().all(|stage| stage.squared_error.unwrap() > 0.0));
    let knowing = |squared_error: Option<f64>| {
        let mut predictor = plain.clone();
        for stage in &mut predictor.card.as_mut().unwrap().stages {
            stage.squared_error = squared_error;
        }
        predictor
    };
    let after = plain.card.as_ref().unwrap().risk.as_ref().unwrap().curve.at(0.0);
    let (open, unsaid) = (knowing(Some(6.0 * after)), knowing(None));
    let run: RunRecord = serde_json::from_value(synthetic::runs(8)[6].clone()).unwrap();
    let known = Known::of(&run);
    let ask = |predictor: &Predictor, seen: usize, step_cost: f64| {
        let vector = known.at(known.most(seen), seen);
        let score = predictor.forecast(&vector, &ForecastOptions::default()).unwrap().score;
        let options = ForecastOptions {
            threshold: Some(score - 0.1),
            step_cost: Some(step_cost),
            ..ForecastOptions::default()
        };
        predictor.forecast(&vector, &options).unwrap()
    };
    let costs: Vec<f64> = (0..40).map(|step| 1e-4 * 1.25f64.powi(step)).collect();
    let dearest = |predictor: &Predictor, seen: usize| {
        let is_worth = |cost: &&f64| ask(predictor, seen, **cost).verdict == Verdict::ProbeLonger;
        costs.iter().rev().find(is_worth).copied().unwrap_or(0.0)
    };
    assert!(dearest(&open, 0) > 1.5 * dearest(&unsaid, 0), "{} {}", dearest(&open, 0), dearest(&unsaid, 0));
    let first = ask(&open, 0, dearest(&open, 0));
    assert!(first.next_probe_steps.is_some_and(|steps| steps > 0.0), "{first:?}");
    // Once there is a reading it says nothing of what came before.
    assert!((dearest(&open, 3) - dearest(&unsaid, 3)).abs() < 1e-12);
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
