//! From run records to a predictor file: choose on the training part, calibrate on its out-of-fold errors,
//! judge once on the test part, beside every baseline.

mod baselines;
mod report;

use serde::Serialize;
use std::collections::BTreeMap;

use thiserror::Error;

use super::card::{CARD_KEY, CARD_VERSION, Card, ERROR_MODEL_KEY, SeenFeature, to_base64, used_features};
use super::conformal::{Calibration, HeldOut};
use super::fit::{
    Choice, Learner, LogLine, Metrics, Recipe, SearchOptions, Table, TableError, Target, group_folds,
    metrics, search,
};
use super::model::Model;
use super::onnx;
use super::risk::{DepthError, RiskFit};
use crate::numerics::boosted_trees::BoostOptions;
use crate::numerics::stats;
use crate::runs::{AnytimeTable, Label, Part, RunRecord, STATIC_ONLY_STEP, noise_floor};

pub use report::html_report;

#[derive(Debug, Clone, PartialEq)]
pub struct BuildOptions {
    /// `group` (unseen datasets) or `random`.
    pub split: String,
    pub label: Label,
    pub coverage: f64,
    /// The depth of the headline: each test run at its deepest reading up to here.
    pub headline_step: f64,
    pub seed: u64,
    /// Said of the data in card and report, "synthetic" for instance.
    pub data_note: String,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self {
            split: "group".into(),
            label: Label::Score,
            coverage: 0.9,
            headline_step: 100.0,
            seed: 0,
            data_note: String::new(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Error)]
pub enum BuildError {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error("the {split} split leaves {train} training runs and {test} test runs; both parts need some")]
    EmptyPart { split: String, train: usize, test: usize },
    #[error("the runs come from {found} base models or evaluations with different units: {names}")]
    Mixed { found: usize, names: String },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TestSummary {
    #[serde(flatten)]
    pub metrics: Metrics,
    /// Share of test rows inside their interval, and the mean width of it in points.
    pub coverage: f64,
    pub mean_width: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FitReport {
    pub split: String,
    pub data_note: String,
    pub headline_step: f64,
    pub learner: String,
    pub train_runs: usize,
    pub test_runs: usize,
    pub test: TestSummary,
    pub baselines: BTreeMap<String, Metrics>,
    pub noise_floor: Option<f64>,
    /// Each depth by itself; -1 is before any probe.
    pub by_depth: Vec<DepthRow>,
    pub search: Vec<LogLine>,
    /// Mean absolute contribution in points over the test rows of the headline, largest first.
    pub importance: Vec<(String, f64)>,
    pub worst: Vec<Worst>,
    /// (predicted, true, run id) of the headline's test rows.
    pub pairs: Vec<(f64, f64, String)>,
    pub nominal_coverage: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DepthRow {
    pub step: f64,
    pub test: TestSummary,
    /// "Evaluation score now" on the same rows.
    pub score_now: Option<Metrics>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Worst {
    pub run: String,
    pub predicted: f64,
    pub truth: f64,
    pub largest_contribution: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Built {
    pub onnx: Vec<u8>,
    pub card: Card,
    pub report: FitReport,
}

pub fn build(
    runs: &[RunRecord],
    options: &BuildOptions,
    progress: impl FnMut(usize, usize),
) -> Result<Built, BuildError> {
    let anytime = AnytimeTable::of(runs, options.label, options.split != "group");
    let train = anytime.select(&anytime.rows_of(runs, &options.split, Part::Train));
    let test = anytime.select(&anytime.rows_of(runs, &options.split, Part::Test));
    let (train_runs, test_runs) = (count_runs(&train), count_runs(&test));
    // Too few runs is the plainer message where both hold.
    if train_runs + test_runs < super::fit::MIN_ROWS {
        let (rows, needed) = (train_runs + test_runs, super::fit::MIN_ROWS);
        return Err(TableError::TooFewRows { rows, needed }.into());
    }
    if train_runs == 0 || test_runs == 0 {
        return Err(BuildError::EmptyPart {
            split: options.split.clone(),
            train: train_runs,
            test: test_runs,
        });
    }
    let search_options = SearchOptions { seed: options.seed, ..SearchOptions::default() };
    let choice = search(&train.table, &search_options, progress)?;
    let errors = ErrorModel::fit(&train.table, &choice.out_of_fold, options.seed);
    let calibration = Calibration::of(&held_out(&train, &choice.out_of_fold, &errors), options.coverage);
    let risk = RiskFit::of(&depth_errors(&train, &choice.out_of_fold), options.seed);
    let floor = noise_floor(runs, options.label);
    let mut card = card_of(runs, &train, &choice, options, floor);
    card.calibration = calibration;
    card.risk = risk;
    let report = judge(runs, &train, &test, &choice, &errors.model, &card, options);
    card.test = Some(report.test.metrics);
    card.self_check = card.self_check_of(&choice.model);
    let onnx = write(&choice.model, &errors.model, &card);
    Ok(Built { onnx, card, report })
}

/// The file: the model, its card, and the model of its errors.
pub fn write(model: &Model, error_model: &Model, card: &Card) -> Vec<u8> {
    let card_text = serde_json::to_string(card).expect("a card is plain data");
    let errors = to_base64(&onnx::write(error_model, &[]));
    onnx::write(model, &[(CARD_KEY.to_owned(), card_text), (ERROR_MODEL_KEY.to_owned(), errors)])
}

/// Learns the logarithm of the out-of-fold error, so that intervals are wide where errors are.
struct ErrorModel {
    model: Model,
    /// Out-of-fold again: the calibration must not see an error model that saw the same errors.
    out_of_fold: Vec<f64>,
}

/// Added to every error before the logarithm, in points; below it errors do not differ.
const ERROR_SHIFT_POINTS: f64 = 0.3;

impl ErrorModel {
    fn fit(table: &Table, out_of_fold: &[f64], seed: u64) -> Self {
        let log_error =
            |row: usize| libm::log((table.target[row] - out_of_fold[row]).abs() + ERROR_SHIFT_POINTS);
        let mut table = table.clone();
        table.target = (0..table.rows.len()).map(log_error).collect();
        let options = BoostOptions {
            trees: 80,
            learning_rate: 0.05,
            leaves: 4,
            leaf_rows: (table.rows.len() / 30).clamp(5, 40),
            l2: 5.0,
            row_share: 0.6,
            column_share: 0.5,
            seed,
            ..BoostOptions::default()
        };
        let learner = Learner::Boosted { options, monotone: false };
        let recipe = Recipe { name: "expected error".into(), learner, target: Target::Score };
        let mut expected = vec![f64::NAN; table.rows.len()];
        for fold in group_folds(&table.groups, 5, seed ^ 1) {
            let model = recipe.fit(&table.select(&fold.train), &[]);
            for row in fold.test {
                expected[row] = model.predict(&table.rows[row]);
            }
        }
        Self { model: recipe.fit(&table, &[]), out_of_fold: expected }
    }
}

/// The same bounds as `Predictor::expected_error`.
fn expected_error(log_error: f64) -> f64 {
    libm::exp(log_error).clamp(0.1, 1e3)
}

fn held_out(train: &AnytimeTable, out_of_fold: &[f64], errors: &ErrorModel) -> Vec<HeldOut> {
    (0..out_of_fold.len())
        .map(|row| HeldOut {
            residual_points: train.table.target[row] - out_of_fold[row],
            expected_error_points: expected_error(errors.out_of_fold[row]),
            probe_step: train.step[row],
            group: train.table.groups[row],
        })
        .collect()
}

fn depth_errors(train: &AnytimeTable, out_of_fold: &[f64]) -> Vec<DepthError> {
    (0..out_of_fold.len())
        .filter(|row| train.step[*row] > STATIC_ONLY_STEP)
        .map(|row| DepthError {
            run: train.run[row] as u64,
            probe_step: train.step[row],
            squared_error: (train.table.target[row] - out_of_fold[row]).powi(2),
        })
        .collect()
}

fn count_runs(table: &AnytimeTable) -> usize {
    let mut runs = table.run.clone();
    runs.dedup();
    runs.len()
}

fn card_of(
    runs: &[RunRecord],
    train: &AnytimeTable,
    choice: &Choice,
    options: &BuildOptions,
    noise_floor_points: Option<f64>,
) -> Card {
    let used = used_features(&choice.model);
    let features = train
        .table
        .names
        .iter()
        .enumerate()
        .map(|(index, name)| {
            let present: Vec<f64> = train.table.column(index).into_iter().filter(|v| !v.is_nan()).collect();
            let or_zero = |value: f64| if value.is_nan() { 0.0 } else { value };
            SeenFeature {
                name: name.clone(),
                low: or_zero(stats::minimum(&present)),
                high: or_zero(stats::maximum(&present)),
                median: or_zero(stats::median(&present)),
                missing_share: 1.0 - present.len() as f64 / train.table.rows.len() as f64,
                used: used[index],
            }
        })
        .collect();
    let distinct = |pick: fn(&RunRecord) -> String| {
        let mut values: Vec<String> = runs.iter().map(pick).collect();
        values.sort_unstable();
        values.dedup();
        values
    };
    let mut depths: Vec<f64> = train.step.iter().copied().filter(|step| *step > STATIC_ONLY_STEP).collect();
    depths.sort_by(f64::total_cmp);
    depths.dedup();
    // Readings at a share of the run differ from run to run; only common steps are on offer.
    depths.retain(|depth| {
        let at = train.step.iter().filter(|step| (**step - depth).abs() < 0.5).count();
        2 * at >= count_runs(train)
    });
    Card {
        version: CARD_VERSION,
        features,
        target: match options.label {
            Label::Score => "exact match, points".into(),
            Label::PGold => "mean probability of the right answer, points".into(),
        },
        base_models: distinct(|run| run.base_model.name.clone()),
        evaluations: distinct(|run| run.evaluation.name.clone()),
        harness: distinct(|run| run.evaluation.harness.clone()).join(", "),
        prompt: distinct(|run| run.evaluation.prompt.clone()).join(", "),
        data: format!("{} training runs. {}", count_runs(train), options.data_note).trim().to_owned(),
        split: options.split.clone(),
        learner: choice.description.clone(),
        test: None,
        noise_floor_points,
        calibration: None,
        risk: None,
        depths,
        score_range: (0.0, 100.0),
        self_check: Vec::new(),
    }
}

fn judge(
    runs: &[RunRecord],
    train: &AnytimeTable,
    test: &AnytimeTable,
    choice: &Choice,
    error_model: &Model,
    card: &Card,
    options: &BuildOptions,
) -> FitReport {
    let forecast = |row: &Vec<f64>| choice.model.predict(row).clamp(card.score_range.0, card.score_range.1);
    let summary = |rows: &[usize]| -> TestSummary {
        let predicted: Vec<f64> = rows.iter().map(|row| forecast(&test.table.rows[*row])).collect();
        let truth: Vec<f64> = rows.iter().map(|row| test.table.target[*row]).collect();
        let half_widths: Vec<f64> = rows
            .iter()
            .map(|row| {
                let factor = card.calibration.as_ref().map_or(f64::NAN, |c| c.at(test.step[*row]).factor);
                factor * expected_error(error_model.predict(&test.table.rows[*row]))
            })
            .collect();
        let inside = (0..rows.len()).filter(|i| (predicted[*i] - truth[*i]).abs() <= half_widths[*i]).count();
        TestSummary {
            metrics: metrics(&predicted, &truth),
            coverage: inside as f64 / rows.len() as f64,
            mean_width: 2.0 * stats::mean(&half_widths),
        }
    };
    let headline_rows = test.rows_at(options.headline_step);
    let headline = test.select(&headline_rows);
    let mut steps = card.depths.clone();
    steps.insert(0, STATIC_ONLY_STEP);
    let by_depth = steps
        .iter()
        .filter_map(|step| {
            let rows: Vec<usize> =
                (0..test.step.len()).filter(|row| (test.step[*row] - step).abs() < 0.5).collect();
            let score_now = baselines::score_now(&test.select(&rows));
            (!rows.is_empty()).then(|| DepthRow { step: *step, test: summary(&rows), score_now })
        })
        .collect();
    let (importance, largest) = explain(&choice.model, &headline);
    let predicted: Vec<f64> = headline.table.rows.iter().map(forecast).collect();
    let mut order: Vec<usize> = (0..predicted.len()).collect();
    let miss = |row: usize| (predicted[row] - headline.table.target[row]).abs();
    order.sort_by(|a, b| miss(*b).total_cmp(&miss(*a)));
    let id = |row: usize| runs[headline.run[row]].id.clone();
    FitReport {
        split: options.split.clone(),
        data_note: options.data_note.clone(),
        headline_step: options.headline_step,
        learner: choice.description.clone(),
        train_runs: count_runs(train),
        test_runs: count_runs(test),
        test: summary(&headline_rows),
        baselines: baselines::all(
            runs,
            &train.select(&train.rows_at(options.headline_step)),
            &headline,
            options.seed,
        ),
        noise_floor: card.noise_floor_points,
        by_depth,
        search: choice.log.clone(),
        importance,
        worst: order
            .iter()
            .take(10)
            .map(|row| Worst {
                run: id(*row),
                predicted: predicted[*row],
                truth: headline.table.target[*row],
                largest_contribution: largest.get(*row).cloned().unwrap_or_default(),
            })
            .collect(),
        pairs: (0..predicted.len())
            .map(|row| (predicted[row], headline.table.target[row], id(row)))
            .collect(),
        nominal_coverage: options.coverage,
    }
}

/// Mean absolute contributions, and for each row the feature that moved it most.
fn explain(model: &Model, rows: &AnytimeTable) -> (Vec<(String, f64)>, Vec<String>) {
    let Ok(explainer) = super::shap::Explainer::new(model, None) else { return (Vec::new(), Vec::new()) };
    let names = &rows.table.names;
    let mut sums = vec![0.0; names.len()];
    let mut largest = Vec::with_capacity(rows.table.rows.len());
    for row in &rows.table.rows {
        let found = explainer.explain(row).contributions;
        for (sum, value) in sums.iter_mut().zip(&found) {
            *sum += value.abs();
        }
        let most = (0..found.len()).max_by(|a, b| found[*a].abs().total_cmp(&found[*b].abs()));
        largest.push(most.map_or(String::new(), |at| format!("{} {:+.1}", names[at], found[at])));
    }
    let count = rows.table.rows.len().max(1) as f64;
    let mut importance: Vec<(String, f64)> = names
        .iter()
        .cloned()
        .zip(sums.into_iter().map(|sum| sum / count))
        .filter(|(_, v)| *v > 0.0)
        .collect();
    importance.sort_by(|a, b| b.1.total_cmp(&a.1));
    (importance, largest)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
