//! The lab as it is committed: its records can be read, its test parts are the frozen ones, and the shipped
//! predictor is the one its card tells of.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like the tests themselves")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use foretune_core::lab::{Sweep, expand};
use foretune_core::links::{About, Link, predictor_hash};
use foretune_core::predict::predictor::{ForecastOptions, Predictor};
use foretune_core::runs::{AnytimeTable, Known, Label, Part, RunRecord, RunsReader, part_of};
use foretune_tests::foretune;

fn lab() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../lab")
}

fn runs() -> Vec<RunRecord> {
    let mut reader = RunsReader::default();
    for sweep in ["brief", "long", "main", "more", "unseen", "unstable"] {
        let packed = std::fs::read(lab().join(format!("runs/{sweep}/runs.jsonl.gz"))).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_string(&mut text).unwrap();
        reader.add(sweep, &text).unwrap();
    }
    reader.finish().unwrap()
}

/// Run, then its part of the `group` and of the `random` split.
fn parts_as_code_has_them(runs: &[RunRecord]) -> BTreeMap<String, [Part; 2]> {
    let table = AnytimeTable::with(runs, |_| Some(0.0), false);
    let mut parts = BTreeMap::new();
    for (index, split) in ["group", "random"].into_iter().enumerate() {
        for part in [Part::Train, Part::Test] {
            for row in table.rows_of(runs, split, part) {
                let id = runs[table.run[row]].id.clone();
                parts.entry(id).or_insert([Part::Train; 2])[index] = part;
            }
        }
    }
    parts
}

fn as_lines(parts: &BTreeMap<String, [Part; 2]>) -> String {
    let word = |part: Part| if part == Part::Test { "test" } else { "train" };
    let mut text = String::from("run,group,random\n");
    for (id, [group, random]) in parts {
        text += &format!("{id},{},{}\n", word(*group), word(*random));
    }
    text
}

#[test]
fn the_test_parts_are_the_frozen_ones() {
    let runs = runs();
    assert!(runs.len() >= 1500, "{}", runs.len());
    let parts = parts_as_code_has_them(&runs);
    assert_eq!(parts.len(), runs.len());
    let place = lab().join("parts.csv");
    if std::env::var_os("FORETUNE_FREEZE_PARTS").is_some() {
        std::fs::write(&place, as_lines(&parts)).unwrap();
    }
    assert_eq!(std::fs::read_to_string(place).unwrap(), as_lines(&parts), "a run has changed its part");
    let ordinary = AnytimeTable::of(&runs, Label::Score, false);
    for split in ["group", "random"] {
        let tested = ordinary.select(&ordinary.rows_of(&runs, split, Part::Test)).run_count();
        assert!(tested >= 370, "{split}: {tested}");
    }
}

/// The card's figure for its headline is what the file does to the records, computed here anew.
#[test]
fn the_shipped_predictor_does_what_its_card_says() {
    let runs = runs();
    let bytes = std::fs::read(lab().join("predictors/tiny-exact-match.onnx")).unwrap();
    let predictor = Predictor::load(&bytes, |_| false).unwrap();
    let told = predictor.card.as_ref().unwrap().test.as_ref().unwrap();
    let table = AnytimeTable::of(&runs, Label::Score, false);
    let tested = table.select(&table.rows_of(&runs, "group", Part::Test));
    let mut squares = Vec::new();
    for index in tested.run.iter().copied().collect::<std::collections::BTreeSet<usize>>() {
        let run = &runs[index];
        let known = Known::of(run);
        let seen = run.readings.iter().filter(|reading| reading.step <= 100).count();
        // Where the table ends a run's course before its last tenth, so does the card's figure.
        let late = |seen: &usize| run.readings[seen - 1].step as f64 <= 0.9 * run.total_steps as f64;
        let Some(seen) = (1..=seen).rev().find(late) else { continue };
        let forecast =
            predictor.forecast(&known.at(known.most(seen), seen), &ForecastOptions::default()).unwrap();
        squares.push((forecast.score - run.score.unwrap()).powi(2));
    }
    let rmse = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
    assert!((rmse - told.rmse).abs() < 0.02 * told.rmse, "{rmse} against {told:?}");
}

#[test]
fn every_run_of_the_lab_goes_into_a_link_and_comes_out_as_the_same_forecast() {
    let bytes = std::fs::read(lab().join("predictors/tiny-exact-match.onnx")).unwrap();
    let predictor = Predictor::load(&bytes, |_| false).unwrap();
    let options = ForecastOptions { threshold: Some(50.0), ..ForecastOptions::default() };
    for run in runs() {
        let known = Known::of(&run);
        let seen = run.readings.iter().take_while(|reading| reading.step <= 100).count();
        let vector = known.at(known.most(seen), seen);
        let about = About { model: None, fingerprint: run.dataset.hash.clone(), name: Some(run.id.clone()) };
        let hash = predictor_hash(&bytes);
        let (link, forecast) = Link::make(&predictor, hash, &vector, &options, about).unwrap();
        let opened = Link::parse(&link.to_text().unwrap()).unwrap();
        assert_eq!(opened, link, "{}", run.id);
        let opened = opened.open(Some(&predictor)).unwrap();
        assert_eq!((opened.agrees, opened.recomputed), (Some(true), Some(forecast)), "{}", run.id);
    }
}

/// What is advised is made as it was advised: rows, seed and the rest of the recipe are those of the run before.
#[test]
fn advice_becomes_a_sweep_of_the_same_runs_with_one_change() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (main, predictor) = (lab().join("sweeps/main.toml"), lab().join("predictors/tiny-exact-match.onnx"));
    let finished = foretune(&[
        "dev",
        "advice",
        &lab().join("runs").display().to_string(),
        "--sweep",
        &main.display().to_string(),
        "--predictor",
        &predictor.display().to_string(),
        "--count",
        "4",
        "--out",
        &at("advice.toml"),
        "--promises",
        &at("promises.csv"),
    ]);
    assert_eq!(finished.code, 0, "{finished:?}");
    let read = |path: &str| Sweep::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    let plain = expand(&read(&main.display().to_string()));
    let changed = expand(&read(&at("advice.toml")));
    let promises = std::fs::read_to_string(at("promises.csv")).unwrap();
    assert_eq!((changed.len(), promises.lines().count()), (4, 5), "{promises}");
    let runs = runs();
    for run in changed {
        let before = plain.iter().find(|old| old.id == run.id.replace("main_advice", "main")).unwrap();
        assert!(promises.contains(&before.id));
        let (old, new) = (&before.configuration, &run.configuration);
        let apart = usize::from(old.recipe.steps != new.recipe.steps)
            + usize::from(old.recipe.rank != new.recipe.rank)
            + usize::from((old.recipe.learning_rate - new.recipe.learning_rate).abs() > 1e-12);
        assert_eq!((apart, old.data_seed, before.seed), (1, new.data_seed, run.seed), "{run:?}");
        let made = runs.iter().find(|made| made.id == before.id).unwrap();
        assert_eq!(part_of(made, "group"), Part::Test);
    }
}
