//! The fit itself: a search for each stage, the error model on all out-of-fold errors, calibration, card.

use std::collections::BTreeMap;

use super::error_model::ErrorModel;
use super::stages::Division;
use super::{BuildError, BuildOptions, seen};
use crate::predict::card::{CARD_VERSION, Card, StageCard};
use crate::predict::conformal::{Calibration, HeldOut};
use crate::predict::fit::{LogLine, SearchOptions, Table, search, search_steps};
use crate::predict::staged::Staged;
use crate::runs::{
    AnytimeTable, FINISHED, Knowledge, Label, ModelRecord, RecipeNumbers, RunRecord, noise_floor,
};

#[derive(Debug, Clone)]
pub struct Fitted {
    pub model: Staged,
    pub errors: ErrorModel,
    /// As they would be shown.
    pub out_of_fold: Vec<f64>,
    /// Stage of each training row.
    pub stage: Vec<usize>,
    pub card: Card,
    /// Name of the stage and what was tried for it.
    pub log: Vec<(String, Vec<LogLine>)>,
}

pub fn fit(
    runs: &[RunRecord],
    train: &AnytimeTable,
    options: &BuildOptions,
    mut progress: impl FnMut(usize, usize) + Send,
) -> Result<Fitted, BuildError> {
    train.table.check()?;
    let division = Division::of(train);
    let stage: Vec<usize> = train.table.rows.iter().map(|row| division.gate.stage_of(row)).collect();
    let rows_of: Vec<Vec<usize>> = (0..division.names.len())
        .map(|wanted| (0..stage.len()).filter(|row| stage[*row] == wanted).collect())
        .collect();
    let search_options = SearchOptions {
        seed: options.seed,
        anchors: anchors(options.label),
        compare: options.compare,
        quick: options.quick,
        ..SearchOptions::default()
    };
    let on_the_way = train.on_the_way(runs, options.label);
    let ways: Vec<Option<Table>> = rows_of.iter().map(|rows| ways_of(train, rows, &on_the_way)).collect();
    let total: usize = rows_of
        .iter()
        .zip(&ways)
        .map(|(rows, way)| search_steps(&train.table.select(rows), way.as_ref(), &search_options))
        .sum();
    let mut done = 0;
    let mut out_of_fold = vec![f64::NAN; stage.len()];
    let (mut stages, mut log, mut learners) = (Vec::new(), Vec::new(), Vec::new());
    for ((rows, name), way) in rows_of.iter().zip(&division.names).zip(&ways) {
        let choice = search(&train.table.select(rows), way.as_ref(), &search_options, || {
            done += 1;
            progress(done, total);
        })?;
        for (row, forecast) in rows.iter().zip(&choice.out_of_fold) {
            out_of_fold[*row] = *forecast;
        }
        stages.push(choice.model);
        log.push((name.clone(), choice.log));
        learners.push(choice.description);
    }
    let mut card = card(runs, train, options);
    for forecast in &mut out_of_fold {
        *forecast = card.shown(*forecast);
    }
    let feature_count = train.table.names.len();
    let model = Staged { feature_count, gate: division.gate, stages };
    let errors = ErrorModel::fit(&train.table, &out_of_fold, options.seed);
    let held_out: Vec<HeldOut> = (0..stage.len())
        .map(|row| HeldOut {
            residual_points: train.table.target[row] - out_of_fold[row],
            expected_error_points: errors.expected[row],
            stage: stage[row],
            group: train.table.groups[row],
        })
        .collect();
    card.calibration = Calibration::of(&held_out, model.stages.len(), options.coverage);
    card.stages = (0..model.stages.len())
        .map(|index| StageCard {
            name: division.names[index].clone(),
            rows: rows_of[index].len(),
            learner: learners[index].clone(),
            squared_error: None,
            ranges: seen::ranges(train, &rows_of[index], &model.stages[index]),
        })
        .collect();
    card.learner = "a mixture of its own for each state of knowledge, see the stages".into();
    card.self_check = card.self_check_of(&model);
    Ok(Fitted { model, errors, out_of_fold, stage, card, log })
}

/// Of the courses, what is read about as deep as the rows of this stage; before the first step it says nothing, and
/// without clean rows there is no course.
fn ways_of(train: &AnytimeTable, rows: &[usize], on_the_way: &Table) -> Option<Table> {
    const FEWEST_ROWS: usize = 60;
    let is_clean = rows.iter().all(|row| train.knowledge[*row] == Knowledge::Clean);
    let low = rows.iter().map(|row| train.step[*row]).fold(f64::INFINITY, f64::min);
    let high = rows.iter().map(|row| train.step[*row]).fold(0.0, f64::max);
    if !is_clean || low < 1.0 {
        return None;
    }
    let step = on_the_way.column_index("probe_step")?;
    let is_near = |row: &usize| (low / 3.0..=1.2 * high).contains(&on_the_way.rows[*row][step]);
    let near: Vec<usize> = (0..on_the_way.rows.len()).filter(is_near).collect();
    (near.len() >= FEWEST_ROWS).then(|| on_the_way.select(&near))
}

/// Values that the score may be forecast from as a change: readings first, then what a simple rule reaches, which needs
/// no model. With families of the lab's training part held out in turn, boosted trees of the change from naive Bayes'
/// score were off by 15.7 points with evaluation rows alone where those of the score were by 18.1, by 12.8 instead of 13.8
/// where the base score is known and by 12.9 instead of 13.3 at step 0.
fn anchors(label: Label) -> Vec<String> {
    let of_the_rule = "eval_naive_bayes_score";
    let names: &[&str] = match label {
        Label::Score => &["eval_score", FINISHED, of_the_rule, "eval_score_end", "base_score"],
        Label::PGold => &["eval_p_gold", "proxy_final_p_gold", of_the_rule, "eval_p_gold_end"],
    };
    names.iter().chain(&["naive_bayes_accuracy"]).map(|name| (*name).to_owned()).collect()
}

/// Readings at a share of the run differ from run to run; only steps that most runs have are on offer.
fn common_depths(train: &AnytimeTable) -> Vec<f64> {
    let mut depths: Vec<f64> = train.step.iter().copied().filter(|step| *step >= 0.0).collect();
    depths.sort_by(f64::total_cmp);
    depths.dedup();
    let runs = train.run_count();
    depths.retain(|depth| {
        let at = (0..train.step.len()).filter(|row| {
            train.knowledge[*row] == Knowledge::Blind && (train.step[*row] - depth).abs() < 0.5
        });
        2 * at.count() >= runs
    });
    depths
}

fn card(runs: &[RunRecord], train: &AnytimeTable, options: &BuildOptions) -> Card {
    let distinct = |pick: fn(&RunRecord) -> String| {
        let mut values: Vec<String> = runs.iter().map(pick).collect();
        values.sort_unstable();
        values.dedup();
        values
    };
    let mut base_models: Vec<ModelRecord> = Vec::new();
    for run in runs {
        if !base_models.contains(&run.base_model) {
            base_models.push(run.base_model.clone());
        }
    }
    Card {
        version: CARD_VERSION,
        features: seen::features(train),
        stages: Vec::new(),
        target: options.label.target().into(),
        trained_per_rank: trained_per_rank(runs),
        base_models,
        evaluations: distinct(|run| run.evaluation.name.clone()),
        harness: distinct(|run| run.evaluation.harness.clone()).join(", "),
        prompt: distinct(|run| run.evaluation.prompt.clone()).join(", "),
        data: format!("{} training runs. {}", train.run_count(), options.data_note).trim().to_owned(),
        split: options.split.clone(),
        learner: String::new(),
        test: None,
        noise_floor_points: noise_floor(runs, options.label),
        transfer_widening: None,
        calibration: None,
        risks: BTreeMap::new(),
        step_price: None,
        depths: common_depths(train),
        score_range: (0.0, 100.0),
        self_check: Vec::new(),
    }
}

/// Of the base models whose runs agree on it.
fn trained_per_rank(runs: &[RunRecord]) -> BTreeMap<String, f64> {
    let mut found: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for run in runs.iter().filter(|run| RecipeNumbers::has_every_module(&run.features)) {
        let per_rank = run.features.get("trained_parameters") / run.features.get("lora_rank");
        found.entry(&run.base_model.name).or_default().push(per_rank);
    }
    found
        .into_iter()
        .filter(|(_, of_runs)| of_runs.iter().all(|one| (one - of_runs[0]).abs() <= 1e-9 * of_runs[0]))
        .map(|(name, of_runs)| (name.to_owned(), of_runs[0]))
        .collect()
}
