//! From run records to a predictor file: choose on the training part, calibrate on its out-of-fold errors,
//! judge once on the test part, beside every baseline.

mod baselines;
mod depth_risk;
mod divergence;
mod early_stop;
mod error_model;
mod fitted;
mod judged;
mod on_runs;
mod outlook_check;
mod report;
mod screening;
mod seen;
mod split_report;
mod stages;
mod stopping;
mod transfer;

use serde::Serialize;
use thiserror::Error;

use super::card::{CARD_KEY, Card, DIVERGENCE_MODEL_KEY, ERROR_MODEL_KEY, to_base64};
use super::fit::{LogLine, TableError};
use super::onnx;
use super::predictor::{Predictor, PredictorError};
use super::staged::Staged;
use crate::runs::{AnytimeTable, Label, Part, RunRecord};

use depth_risk::Standard;
use judged::JudgedRow;

pub use depth_risk::FamilyRisk;
pub use divergence::{DivergenceReport, DivergenceRow};
pub use judged::{Rival, TestSummary};
pub use on_runs::{OnRuns, OnRunsError, OnRunsRow, judge_on_runs};
pub use outlook_check::OutlookRow;
pub use report::html_report;
pub use screening::ScreeningPoint;
pub use split_report::{DepthRow, SplitReport, Worst};
pub use stopping::StoppingReplay;
pub use transfer::{TransferReport, TransferRow};

/// Tells how many evaluation rows there are, which is the same in all runs of a lab: learnt from, it would call every
/// user with fewer rows unlike them. `eval_score_spread` says the rest of it.
const OF_THE_MEASURING: &str = "eval_score_se";

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
    /// Runs of base models that nothing is learnt from: the forecasts are judged on them as well.
    pub transfer_runs: Vec<RunRecord>,
    /// Try learners for comparison that cannot be chosen, because they cannot be explained exactly.
    pub compare: bool,
    /// Few learners instead of a search.
    pub quick: bool,
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
            transfer_runs: Vec::new(),
            compare: false,
            quick: false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Error)]
pub enum BuildError {
    #[error(transparent)]
    Table(#[from] TableError),
    #[error("the {split} split leaves {train} training runs and {test} test runs; both parts need some")]
    EmptyPart { split: String, train: usize, test: usize },
    /// Nothing is written that could not be read again.
    #[error("the fitted predictor could not be used: {0}")]
    Unreadable(#[source] PredictorError),
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FitReport {
    pub data_note: String,
    pub target: String,
    pub nominal_coverage: f64,
    pub noise_floor: Option<f64>,
    #[serde(flatten)]
    pub main: SplitReport,
    /// The same on the other split, where it was asked for.
    pub other: Option<Box<SplitReport>>,
    /// How the error falls with depth, family by family of the training part of the main split.
    pub families: Vec<FamilyRisk>,
    /// Stage by stage, of the main split.
    pub search: Vec<StageLog>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageLog {
    pub stage: String,
    pub tried: Vec<LogLine>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Built {
    pub onnx: Vec<u8>,
    pub card: Card,
    pub report: FitReport,
}

/// `progress` is told how many of how many steps are done.
pub fn build(
    runs: &[RunRecord],
    options: &BuildOptions,
    progress: impl FnMut(usize, usize) + Send,
) -> Result<Built, BuildError> {
    let anytime = AnytimeTable::of(runs, options.label, options.split != "group");
    let learnt: Vec<String> =
        anytime.table.names.iter().filter(|name| *name != OF_THE_MEASURING).cloned().collect();
    let anytime = anytime.with_names(&learnt);
    let train = anytime.select(&anytime.rows_of(runs, &options.split, Part::Train));
    let test = anytime.select(&anytime.rows_of(runs, &options.split, Part::Test));
    let (train_runs, test_runs) = (train.run_count(), test.run_count());
    // Too few runs is the plainer message where both hold.
    if train_runs + test_runs < super::fit::MIN_ROWS {
        let (rows, needed) = (train_runs + test_runs, super::fit::MIN_ROWS);
        return Err(TableError::TooFewRows { rows, needed }.into());
    }
    if train_runs == 0 || test_runs == 0 {
        let split = options.split.clone();
        return Err(BuildError::EmptyPart { split, train: train_runs, test: test_runs });
    }
    let mut fitted = fitted::fit(runs, &train, options, progress)?;
    let held_out = judged::out_of_fold(&train, &fitted);
    add_risk(&mut fitted.card, &held_out, options.seed);
    let diverging = divergence::fit(runs, options, &train.table.names);
    let mut main = split_report::make(runs, &train, &test, &fitted, &held_out, options);
    main.divergence = diverging.as_ref().map(|(_, report)| report.clone());
    let mut card = fitted.card;
    card.test = Some(main.test.metrics);
    let divergence_model = diverging.as_ref().map(|(model, _)| model);
    let mut onnx = write(&fitted.model, Some(&fitted.errors.model), divergence_model, &card);
    let predictor = Predictor::load(&onnx, |_| false).map_err(BuildError::Unreadable)?;
    main.outlook = outlook_check::judge(&predictor, &test);
    main.transfer = judge_transfer(&predictor, options);
    if let Some(widening) = main.transfer.as_ref().and_then(|transfer| transfer.widening) {
        card.transfer_widening = Some(widening);
        onnx = write(&fitted.model, Some(&fitted.errors.model), divergence_model, &card);
    }
    let families = depth_risk::by_family(runs, &held_out, &card, options.seed);
    let search = fitted.log.into_iter().map(|(stage, tried)| StageLog { stage, tried }).collect();
    let report = FitReport {
        data_note: options.data_note.clone(),
        target: card.target.clone(),
        nominal_coverage: options.coverage,
        noise_floor: card.noise_floor_points,
        main,
        other: None,
        families,
        search,
    };
    Ok(Built { onnx, card, report })
}

/// What the errors of the training part, out of fold, say of what a longer probe or another state of knowledge is worth.
fn add_risk(card: &mut Card, held_out: &[JudgedRow], seed: u64) {
    let standard = Standard::of(held_out);
    for (index, stage) in card.stages.iter_mut().enumerate() {
        let squared_error = standard.squared_error(|row| row.stage == index);
        stage.squared_error = squared_error.is_finite().then_some(squared_error);
    }
    card.risks = depth_risk::by_kind(held_out, &card.depths, seed);
    card.step_price = stopping::choose_price(held_out, card).map(|price| price.0);
}

/// Only where the split is by datasets: configurations of another base model are on no side of the other one.
fn judge_transfer(predictor: &Predictor, options: &BuildOptions) -> Option<TransferReport> {
    if options.transfer_runs.is_empty() || options.split != "group" {
        return None;
    }
    let how = (options.label, options.split.as_str(), options.headline_step);
    transfer::judge(predictor, &options.transfer_runs, how, options.seed)
}

/// The file: the model, its card, the models of its errors and of divergence.
pub fn write(
    model: &Staged,
    error_model: Option<&Staged>,
    divergence_model: Option<&Staged>,
    card: &Card,
) -> Vec<u8> {
    let card_text = serde_json::to_string(card).expect("a card is plain data");
    let mut metadata = vec![(CARD_KEY.to_owned(), card_text)];
    for (key, inner) in [(ERROR_MODEL_KEY, error_model), (DIVERGENCE_MODEL_KEY, divergence_model)] {
        if let Some(inner) = inner {
            metadata.push((key.to_owned(), to_base64(&onnx::write(inner, &[]))));
        }
    }
    onnx::write(model, &metadata)
}
