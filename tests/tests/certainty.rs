//! What a predictor says of its own errors: intervals, what more knowledge is worth, whether to probe on.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like the tests themselves")]

use foretune_core::features::FeatureVector;
use foretune_core::predict::build::write;
use foretune_core::predict::card::CARD_KEY;
use foretune_core::predict::certainty::More;
use foretune_core::predict::onnx;
use foretune_core::predict::predictor::{Forecast, ForecastOptions, Predictor};
use foretune_core::predict::probe_kind::ProbeKind;
use foretune_core::predict::verdict::Verdict;
use foretune_core::runs::{Knowledge, Known, Reading, RunRecord, before_any_probe};
use foretune_tests::fitted::predictor as predictor_file;
use foretune_tests::synthetic;
use serde_json::Value;

fn predictor() -> Predictor {
    Predictor::load(&std::fs::read(predictor_file()).unwrap(), |_| false).unwrap()
}

fn plain_forecast(predictor: &Predictor, known: &Known<'_>, knowledge: Knowledge, seen: usize) -> Forecast {
    predictor.forecast(&known.at(knowledge, seen), &ForecastOptions::default()).unwrap()
}

/// What clean rows are worth is what the forecasts of a probe with and without them say.
#[test]
fn the_worth_of_clean_rows_is_that_of_the_intervals() {
    let predictor = predictor();
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
    let mut predictor = predictor();
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

/// At 51 per cent, with an interval from 0 to 100, it said go: a probe was believed to remove only what it removes after
/// step 0, where the base model's answers are known already.
#[test]
fn a_coin_is_not_flipped_where_a_short_probe_would_tell() {
    let plain = predictor();
    assert!(plain.card.as_ref().unwrap().stages.iter().all(|stage| stage.squared_error.unwrap() > 0.0));
    let knowing = |squared_error: Option<f64>| {
        let mut predictor = plain.clone();
        for stage in &mut predictor.card.as_mut().unwrap().stages {
            stage.squared_error = squared_error;
        }
        predictor
    };
    let after = plain.card.as_ref().unwrap().risks[&ProbeKind::CleanRows].curve.at(0.0);
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

/// What is expected of more knowledge is what the forecasts of those who have it say, over runs that none was asked of.
#[test]
fn what_would_narrow_a_forecast_is_what_narrows_it() {
    let predictor = predictor();
    let runs: Vec<RunRecord> =
        synthetic::runs(60).into_iter().map(|run| serde_json::from_value(run).unwrap()).collect();
    let (mut expected, mut found) = (0.0, 0.0);
    for run in &runs {
        let known = Known::of(run);
        let outlook = plain_forecast(&predictor, &known, Knowledge::Plan, 0).outlook.unwrap();
        let width = |wanted: More| {
            let told = outlook.with_more.iter().find(|one| one.more == wanted);
            told.unwrap_or_else(|| panic!("{wanted:?}: {outlook:?}")).half_width_points
        };
        assert!(outlook.with_more.iter().all(|more| more.half_width_points < outlook.half_width_points));
        assert!(width(More::Probe) < 0.5 * width(More::ProbeWithoutCleanRows), "{outlook:?}");
        expected += width(More::Probe);
        let at_100 = run.readings.iter().filter(|reading| reading.step <= 100).count();
        found += half_width(&predictor, &known.at(Knowledge::Clean, at_100));
    }
    assert!((expected / found - 1.0).abs() < 0.15, "{expected} {found}");
}

fn half_width(predictor: &Predictor, vector: &FeatureVector) -> f64 {
    let row = predictor.row(vector).unwrap();
    let stage = predictor.model.gate.stage_of(&row);
    let score = predictor.shown(predictor.model.predict(&row));
    let calibration = predictor.card.as_ref().unwrap().calibration.as_ref().unwrap();
    calibration.stages[stage].factor * predictor.expected_error(&row, score).unwrap()
}

/// A probe that reads no clean rows removed 15 per cent of the squared error on real runs, and was advised as if it
/// removed the 65 of one that does.
#[test]
fn a_probe_without_clean_rows_is_worth_what_it_removed_without_them() {
    let predictor = predictor();
    let card = predictor.card.as_ref().unwrap();
    let run: RunRecord = serde_json::from_value(synthetic::runs(8)[6].clone()).unwrap();
    let known = Known::of(&run);
    for (knowledge, probe_kind) in
        [(Knowledge::Blind, ProbeKind::WithoutCleanRows), (Knowledge::Clean, ProbeKind::CleanRows)]
    {
        let vector = known.at(knowledge, 1);
        let phase = predictor.phase(&vector, &ForecastOptions::default()).unwrap().unwrap();
        assert_eq!(phase.probe_kind, probe_kind);
        assert_eq!(phase.map().reads_clean_rows, probe_kind == ProbeKind::CleanRows);
        let curve = card.risks[&probe_kind].curve;
        let removed = 1.0 - curve.at(100.0) / curve.at(0.0);
        assert!((phase.removed_until(100.0) - removed.max(0.0)).abs() < 1e-9, "{probe_kind:?}");
    }
}

#[test]
fn a_card_that_knows_one_kind_of_probe_is_still_read() {
    let plain = predictor();
    let card = plain.card.clone().unwrap();
    let bytes = write(&plain.model, plain.error_model.as_ref(), plain.divergence_model.as_ref(), &card);
    let file = onnx::read(&bytes).unwrap();
    let mut older: Value = serde_json::from_str(file.metadata(CARD_KEY).unwrap()).unwrap();
    let risks = older.as_object_mut().unwrap().remove("risks").unwrap();
    older["risk"] = risks["clean-rows"].clone();
    let load = |card: &Value| {
        let told = |key: &String, value: &String| {
            if key == CARD_KEY { card.to_string() } else { value.clone() }
        };
        let metadata: Vec<(String, String)> =
            file.metadata.iter().map(|(key, value)| (key.clone(), told(key, value))).collect();
        Predictor::load(&onnx::write(&plain.model, &metadata), |_| false)
    };
    let predictor = load(&older).unwrap();
    let read = predictor.card.as_ref().unwrap();
    let clean = card.risks.get(&ProbeKind::CleanRows);
    assert!(clean.is_some() && read.risks.len() == 1 && read.risks.get(&ProbeKind::CleanRows) == clean);
    assert_eq!(read.risk_along(ProbeKind::WithoutCleanRows), clean);
    // It cannot tell what clean rows would have been worth to a probe that read none.
    let run: RunRecord = serde_json::from_value(synthetic::runs(8)[6].clone()).unwrap();
    let blind: Vec<Reading> = run
        .readings
        .iter()
        .map(|reading| Reading {
            features: reading.features.clone().without(|name| name.starts_with("eval_")),
            ..*reading
        })
        .collect();
    assert_eq!(predictor.certainty(&Known { readings: &blind, ..Known::of(&run) }).unwrap(), None);
    let mut unsound = older.clone();
    unsound["risk"]["curve"]["floor"] = (-4.0).into();
    assert!(load(&unsound).is_err_and(|error| error.to_string().contains("card does not belong")));
}
