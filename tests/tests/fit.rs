//! The whole way on synthetic runs (made up, no claim about real ones): records, fit, file, forecast.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like the tests themselves")]

use foretune_core::features::FeatureVector;
use foretune_core::predict::build::{BuildError, BuildOptions, DepthRow, build, html_report, write};
use foretune_core::predict::fit::TableError;
use foretune_core::predict::predictor::{ForecastOptions, Predictor, PredictorError};
use foretune_core::predict::recalibrate::recalibrate;
use foretune_core::predict::verdict::Verdict;
use foretune_core::runs::{Known, Label, RunRecord, RunsError, read_runs};
use foretune_tests::synthetic;

fn runs(count: usize) -> Vec<RunRecord> {
    read_runs(&synthetic::lines(&synthetic::runs(count))).unwrap()
}

fn options() -> BuildOptions {
    BuildOptions { data_note: "Synthetic runs".into(), ..BuildOptions::default() }
}

#[test]
fn from_records_to_a_forecast() {
    let runs = runs(120);
    let built = build(&runs, &options(), |_, _| {}).unwrap();
    let report = &built.report.main;
    assert!(report.train_runs >= 60 && report.test_runs > 20, "{} {}", report.train_runs, report.test_runs);
    assert!(
        report.test.metrics.rmse < 0.5 * report.baselines["predict the mean"].metrics.rmse,
        "{:?}",
        report.test
    );
    assert!(
        report.test.metrics.rmse < report.baselines["evaluation score now"].metrics.rmse,
        "{:?}",
        report.test
    );
    for name in ["ridge on the same features", "ProxyLM", "early-stop extrapolation", "TuneAhead recipe"] {
        assert!(report.baselines.contains_key(name), "{name}");
    }
    // Nobody who reads no clean rows can extrapolate the loss on them.
    let blind = report.blind.iter().find(|row| row.name == "step 100").unwrap();
    let clean = report.by_depth.iter().find(|row| row.name == "step 100").unwrap();
    let early_stop = |row: &DepthRow| row.baselines["early-stop extrapolation"].metrics.rmse;
    assert!(early_stop(blind) > early_stop(clean), "{} {}", early_stop(blind), early_stop(clean));
    assert!(!blind.baselines.contains_key("clean error extrapolated"));
    let within = clean.within_noise.unwrap();
    assert!((clean.test.metrics.within_3..=1.0).contains(&within), "{within}");
    let mean = report.baselines["predict the mean"];
    assert!(mean.width > mean.foretune_width && mean.foretune_width > 0.0, "{mean:?}");
    let without = |name: &str| report.ablations.iter().find(|(ablated, _)| *ablated == name).unwrap().1.rmse;
    let all = without("all features");
    assert!(without("without evaluation rows, before and during the probe") > all, "{:?}", report.ablations);
    let names: Vec<&str> = report.by_depth.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(
        names[..3],
        ["before any probe, file and recipe alone", "before any probe, base score too", "step 0"]
    );
    assert_eq!(names[names.len() - 3..], ["step 100", "a third of the run", "half of the run"]);
    let rmse = |name: &str| report.by_depth.iter().find(|row| row.name == name).unwrap().test.metrics.rmse;
    assert!(rmse("half of the run") < rmse("step 0"));
    assert!(report.blind.len() >= 3 && report.stopping.is_some() && report.screening.len() >= 3);
    let floor = built.report.noise_floor.unwrap();
    assert!((floor / synthetic::SEED_NOISE_POINTS - 1.0).abs() < 0.3, "{floor}");
    assert!(built.card.risks.len() >= 2 && built.card.calibration.is_some());
    let page = html_report(&built.report, &built.card);
    assert!(page.contains("Synthetic runs") && page.matches("<svg").count() >= 5);
    assert!(!page.contains("NaN"));

    let predictor = Predictor::load(&built.onnx, |_| false).unwrap();
    let ask = |vector: &FeatureVector, threshold: f64| {
        let options = ForecastOptions { threshold: Some(threshold), ..ForecastOptions::default() };
        predictor.forecast(vector, &options).unwrap()
    };
    let known = |run: usize, seen: usize| {
        let known = Known {
            plan: &runs[run].features,
            proxy: None,
            base_score: runs[run].base_score,
            readings: &runs[run].readings,
            total_steps: runs[run].total_steps,
        };
        known.at(known.most(seen), seen)
    };
    let mut vector = known(0, 8);
    let forecast = ask(&vector, 20.0);
    let total = forecast.base + forecast.shap.values().sum::<f64>();
    assert!((total - forecast.score).abs() < 1e-9 && forecast.shap_method == "exact");
    assert!(forecast.in_distribution, "{:?}", forecast.outside);
    let (low, high) = forecast.interval.unwrap();
    assert!(low < forecast.score && forecast.score < high);
    assert!(ask(&vector, 20.0).probability_above > ask(&vector, 60.0).probability_above);

    vector.set("learning_rate", 5.0);
    let strange = ask(&vector, 20.0);
    let named: Vec<&str> = strange.outside.iter().map(|outside| outside.name.as_str()).collect();
    assert_eq!((named, strange.verdict), (vec!["learning_rate"], Verdict::Withheld));
    vector.set("learning_rate", f64::INFINITY);
    assert!(matches!(
        predictor.forecast(&vector, &ForecastOptions::default()),
        Err(PredictorError::Value { name, .. }) if name == "learning_rate"
    ));

    // Own runs that end 12 points lower move the forecast down, few by less than many.
    let vector = known(0, 8);
    let lower: Vec<RunRecord> = runs[..40]
        .iter()
        .map(|run| RunRecord { score: run.score.map(|score| score - 12.0), ..run.clone() })
        .collect();
    let offset_with = |count: usize| {
        let adjusted = recalibrate(&predictor, &lower[..count], Label::Score, 100.0).unwrap();
        assert!(adjusted.card.matches(&adjusted.model) && adjusted.widening >= 0.3);
        predictor.model.predict(&predictor.row(&vector).unwrap())
            - adjusted.model.predict(&predictor.row(&vector).unwrap())
    };
    assert!(offset_with(1) > 3.0 && (9.0..15.0).contains(&offset_with(40)), "{}", offset_with(40));

    // A card on other trees is found out by its own answers.
    let mut other = predictor.model.clone();
    other.stages[0].constant += 0.01;
    let swapped = write(&other, None, None, &built.card);
    assert!(matches!(Predictor::load(&swapped, |_| false), Err(PredictorError::Mismatch(_))));
}

#[test]
fn what_diverges_is_learnt_from_few_runs_and_told_before_the_probe_has_gone_far() {
    let mut runs = runs(120);
    let rate = |run: &RunRecord| run.features.get("learning_rate");
    for run in &mut runs {
        if rate(run) > 2e-3 {
            run.dataset.condition.insert("unstable".into(), 1.0);
            run.diverged = rate(run) > 3e-3;
        }
    }
    let diverged = runs.iter().filter(|run| run.diverged).count();
    let built = build(&runs, &options(), |_, _| {}).unwrap();
    let report = built.report.main.divergence.as_ref().unwrap();
    assert_eq!((report.diverged_runs, report.runs), (diverged, 120));
    let early = report.by_depth.iter().find(|row| row.depth == "step 20").unwrap();
    assert!(early.out_of_fold_auc.unwrap() > 0.95, "{early:?}");
    // Among high rates alone it is harder, and said apart.
    let among = early.high_rates_out_of_fold_auc.unwrap();
    assert!((0.6..=early.out_of_fold_auc.unwrap()).contains(&among), "{early:?}");
    assert!(html_report(&built.report, &built.card).contains("high rates, out of fold"));
    let predictor = Predictor::load(&built.onnx, |_| false).unwrap();
    let told = |run: &RunRecord| {
        let known = Known::of(run);
        let forecast = predictor.forecast(&known.at(known.most(4), 4), &ForecastOptions::default()).unwrap();
        forecast.divergence_probability.unwrap()
    };
    let mean = |diverged: bool| {
        let all: Vec<f64> = runs.iter().filter(|run| run.diverged == diverged).map(told).collect();
        all.iter().sum::<f64>() / all.len() as f64
    };
    assert!(mean(true) > 0.5 && mean(false) < 0.1, "{} {}", mean(true), mean(false));
}

#[test]
fn what_cannot_be_built_is_refused() {
    let runs = runs(60);
    let refuse = |runs: &[RunRecord]| build(runs, &options(), |_, _| {}).unwrap_err();
    assert!(matches!(refuse(&runs[..3]), BuildError::Table(TableError::TooFewRows { rows: 3, .. })));
    let mut leaked = runs.clone();
    for run in &mut leaked {
        let score = run.score.unwrap();
        run.features.set("lora_alpha", score);
    }
    assert!(
        matches!(refuse(&leaked), BuildError::Table(TableError::Leak { name, .. }) if name == "lora_alpha")
    );
    let mut constant = runs.clone();
    for run in &mut constant {
        run.score = Some(40.0);
    }
    assert_eq!(refuse(&constant), BuildError::Table(TableError::ConstantTarget));
    let mut one_source = runs.clone();
    for run in &mut one_source {
        run.dataset.family = "only".into();
    }
    assert!(matches!(refuse(&one_source), BuildError::EmptyPart { .. }));
}

#[test]
fn records_that_are_none_are_refused_by_line() {
    let values = synthetic::runs(3);
    let good = synthetic::lines(&values);
    assert!(
        matches!(read_runs(&format!("{good}{{\"id\":1}}\n")), Err(RunsError::Line { at, .. }) if at.line == 4)
    );
    assert!(matches!(
        read_runs(&format!("{good}{good}")),
        Err(RunsError::Twice { first, second, .. }) if (first.line, second.line) == (1, 4)
    ));
    assert_eq!(read_runs("\n"), Err(RunsError::Empty));
    let newer = good.replacen("\"schema\":1", "\"schema\":2", 1);
    assert!(matches!(read_runs(&newer), Err(RunsError::Version { found: 2, .. })));
    let mut strange = values;
    strange[1]["features"]["horoscope"] = 1.0.into();
    let names = vec!["horoscope".to_owned()];
    assert_eq!(read_runs(&synthetic::lines(&strange)), Err(RunsError::UnknownFeatures { names }));
}
