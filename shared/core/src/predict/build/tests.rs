//! The whole way on synthetic runs (made here, no claim about real ones): records, fit, file, forecast.

use super::*;
use crate::features::FeatureVector;
use crate::numerics::Random;
use crate::predict::predictor::{ForecastOptions, Predictor, PredictorError};
use crate::predict::verdict::Verdict;
use crate::runs::{
    DatasetRecord, EvaluationRecord, ModelRecord, Reading, RunRecord, RunsError, SCHEMA_VERSION, read_runs,
};

const STEPS: [u64; 6] = [0, 10, 20, 35, 50, 100];

/// Scores rise towards an end that the learning rate and the data decide; readings see it better with depth.
fn synthetic_runs(count: usize) -> Vec<RunRecord> {
    let mut random = Random::new(21);
    let sources: Vec<f64> = (0..12).map(|_| 30.0 + 40.0 * random.uniform()).collect();
    (0..count)
        .map(|index| {
            let source = index % sources.len();
            let rate = 10f64.powf(-4.0 + 2.0 * random.uniform());
            let noise = 0.5 * random.uniform();
            let end = (sources[source] - 30.0 * noise + 6.0 * (rate.log10() + 3.0)).clamp(0.0, 100.0);
            let mut features = FeatureVector::default();
            features.set("learning_rate", rate);
            features.set("batch_size", 16.0);
            features.set("total_steps", 300.0);
            features.set("lora_rank", f64::from(4 << random.below(3)));
            let readings = STEPS.map(|step| {
                let known = 1.0 - (-(step as f64) / 40.0).exp();
                let now = 10.0 + (end - 10.0) * known + 4.0 * random.normal() * (1.0 - 0.6 * known);
                let mut features = FeatureVector::default();
                features.set("eval_score", now);
                features.set("held_out_loss", 3.0 - 0.02 * now + 0.1 * random.normal());
                features.set("neighbour_agreement", 1.0 - noise + 0.05 * random.normal());
                Reading { step, features }
            });
            RunRecord {
                schema: SCHEMA_VERSION,
                id: format!("synthetic-{index}"),
                sweep: String::new(),
                configuration: format!("configuration-{}", index / 2),
                seed: index as u64,
                dataset: DatasetRecord {
                    source: format!("source-{source}"),
                    family: String::new(),
                    hash: "0".into(),
                    condition: BTreeMap::new(),
                },
                base_model: ModelRecord { name: "synthetic".into(), hash: "0".into(), parameters: 1 },
                evaluation: EvaluationRecord {
                    name: "synthetic".into(),
                    harness: "none".into(),
                    prompt: "none".into(),
                    rows: 800,
                },
                features,
                proxy: None,
                readings: readings.to_vec(),
                base_score: Some(10.0),
                score: Some((end + random.normal()).clamp(0.0, 100.0)),
                score_se: None,
                p_gold: None,
                test_loss: None,
                diverged: false,
                items: None,
                smaller_model_score: (index % 2 == 0).then_some(end - 5.0),
                split: BTreeMap::new(),
                total_steps: 300,
                trained_tokens: None,
                wall_seconds: None,
                cpu_seconds: None,
                device: "none".into(),
                versions: BTreeMap::new(),
            }
        })
        .collect()
}

fn as_lines(runs: &[RunRecord]) -> String {
    runs.iter().map(|run| serde_json::to_string(run).unwrap() + "\n").collect()
}

fn options() -> BuildOptions {
    BuildOptions { data_note: "Synthetic runs".into(), ..BuildOptions::default() }
}

#[test]
fn from_records_to_a_forecast() {
    let runs = read_runs(&as_lines(&synthetic_runs(90))).unwrap();
    let built = build(&runs, &options(), |_, _| {}).unwrap();
    let report = &built.report;
    assert!(report.train_runs > 40 && report.test_runs > 10, "{} {}", report.train_runs, report.test_runs);
    assert!(report.test.metrics.rmse < 0.6 * report.baselines["predict the mean"].rmse, "{:?}", report.test);
    for name in ["evaluation score now", "ridge on the same features", "ProxyLM", "early-stop extrapolation"]
    {
        assert!(report.baselines.contains_key(name), "{name}");
    }
    let steps: Vec<f64> = report.by_depth.iter().map(|row| row.step).collect();
    assert_eq!(steps, [-1.0, 0.0, 10.0, 20.0, 35.0, 50.0, 100.0]);
    assert!(built.card.risk.is_some() && built.card.calibration.is_some());
    let page = html_report(report, &built.card);
    assert!(page.contains("Synthetic runs") && page.matches("<svg").count() == 3);
    assert!(!page.contains("NaN"));

    let predictor = Predictor::load(&built.onnx, |_| false).unwrap();
    let mut vector = runs[0].features.clone();
    vector.set("base_score", 10.0);
    let ask = |vector: &FeatureVector, threshold: f64| {
        let options = ForecastOptions { threshold: Some(threshold), ..ForecastOptions::default() };
        predictor.forecast(vector, &options).unwrap()
    };
    for (name, value) in runs[0].readings[5].features.iter() {
        vector.set(name, value);
    }
    vector.set("probe_step", 100.0);
    vector.set("probe_share", 1.0 / 3.0);
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
    vector.set("learning_rate", 1e-3);
    let changes = vec![("smaller rate".to_owned(), vec![("learning_rate".to_owned(), 2e-4)])];
    let answer = predictor.what_if(&vector, &changes).unwrap();
    assert!(answer[0].gain < 0.5 && answer[0].in_distribution, "{answer:?}");

    // A card on other trees is found out by its own answers.
    let mut other = predictor.model.clone();
    other.constant += 0.01;
    let swapped = write(&other, &Model::constant(other.feature_count, 0.0), &built.card);
    assert!(matches!(Predictor::load(&swapped, |_| false), Err(PredictorError::Mismatch(_))));
}

#[test]
fn what_cannot_be_built_is_refused() {
    let runs = synthetic_runs(60);
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
        run.dataset.source = "only".into();
    }
    assert!(matches!(refuse(&one_source), BuildError::EmptyPart { .. }));
}

#[test]
fn records_that_are_none_are_refused_by_line() {
    let runs = synthetic_runs(3);
    let good = as_lines(&runs);
    assert!(matches!(read_runs(&format!("{good}{{\"id\":1}}\n")), Err(RunsError::Line { line: 4, .. })));
    assert!(matches!(read_runs(&format!("{good}{good}")), Err(RunsError::Twice { first: 1, second: 4, .. })));
    assert_eq!(read_runs("\n"), Err(RunsError::Empty));
    let newer = good.replacen("\"schema\":1", "\"schema\":2", 1);
    assert_eq!(read_runs(&newer), Err(RunsError::Version { line: 1, found: 2 }));
    let mut strange = runs;
    strange[1].features.set("horoscope", 1.0);
    let names = vec!["horoscope".to_owned()];
    assert_eq!(read_runs(&as_lines(&strange)), Err(RunsError::UnknownFeatures { names }));
}
