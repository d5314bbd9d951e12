//! A predictor on a base model that it has not learnt from: how far off it is, how much wider its intervals must be,
//! and what a few of that model's own finished runs mend.

use std::collections::BTreeMap;

use serde::Serialize;

use super::judged::{JudgedRow, TestSummary, by_predictor, summary};
use crate::hash::combine;
use crate::numerics::stats;
use crate::predict::fit::metrics;
use crate::predict::predictor::Predictor;
use crate::predict::recalibrate::recalibrate;
use crate::runs::{AnytimeTable, Knowledge, Label, Part, RunRecord, part_of};

/// Own runs that a recalibration is given.
const OWN_RUNS: [usize; 5] = [0, 4, 8, 16, 32];
/// Draws of own runs that a figure is the mean of.
const DRAWS: u64 = 20;
/// Fewer judged runs than this say nothing.
const FEWEST_RUNS: usize = 10;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TransferReport {
    pub base_models: Vec<String>,
    /// What the intervals must be multiplied with so that they cover as often as promised.
    pub widening: Option<f64>,
    pub rows: Vec<TransferRow>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TransferRow {
    pub own_runs: usize,
    /// Whether other base models were trained on the same datasets.
    pub datasets: &'static str,
    pub known: String,
    /// The mean over draws of own runs.
    pub test: TestSummary,
    /// The root mean square error of the score now, on the same runs.
    pub score_now: Option<f64>,
}

struct Judge<'a> {
    runs: &'a [RunRecord],
    label: Label,
    split: &'a str,
    headline_step: f64,
    table: AnytimeTable,
}

/// Own runs come from datasets on the training side of the split, so that those on the other side stay unseen.
pub fn judge(
    predictor: &Predictor,
    runs: &[RunRecord],
    (label, split, headline_step): (Label, &str, f64),
    seed: u64,
) -> Option<TransferReport> {
    let table = AnytimeTable::of(runs, label, true);
    let judge = Judge { runs, label, split, headline_step, table };
    let coverage = predictor.card.as_ref()?.calibration.as_ref()?.coverage;
    let plain = judge.forecasts(predictor, Knowledge::Clean);
    if plain.len() < FEWEST_RUNS {
        return None;
    }
    let mut base_models: Vec<String> = runs.iter().map(|run| run.base_model.name.clone()).collect();
    base_models.sort_unstable();
    base_models.dedup();
    let mut rows = Vec::new();
    for own_runs in OWN_RUNS {
        rows.extend(judge.rows(predictor, own_runs, seed));
    }
    Some(TransferReport { base_models, widening: widening(predictor, &plain, coverage), rows })
}

/// The forecasts of a base model that the card does not know carry a widening already; it is taken out.
fn widening(predictor: &Predictor, judged: &[JudgedRow], coverage: f64) -> Option<f64> {
    let assumed = predictor.assumed_widening()?;
    let needed: Vec<f64> =
        judged.iter().map(|row| assumed * (row.truth - row.predicted).abs() / row.half_width).collect();
    Some(stats::quantile(&needed, coverage).max(1.0))
}

impl Judge<'_> {
    fn is_own(&self, run: usize) -> bool {
        part_of(&self.runs[run], self.split) == Part::Train
    }

    fn rows(&self, predictor: &Predictor, own_runs: usize, seed: u64) -> Vec<TransferRow> {
        let mut candidates: Vec<usize> =
            self.table.run.iter().copied().filter(|run| self.is_own(*run)).collect();
        candidates.dedup();
        if own_runs > 0 && candidates.len() < own_runs + FEWEST_RUNS {
            return Vec::new();
        }
        let mut found: BTreeMap<(usize, usize), Vec<TestSummary>> = BTreeMap::new();
        let kinds = [(Knowledge::Base, "base score"), (Knowledge::Clean, "probe")];
        for draw in 0..if own_runs == 0 { 1 } else { DRAWS } {
            let drawn = drawn(&candidates, own_runs, combine(seed, draw));
            let adjusted = self.adjusted(predictor, &drawn);
            let predictor = match &adjusted {
                Some(adjusted) => adjusted,
                None if drawn.is_empty() => predictor,
                None => continue,
            };
            for (kind, (knowledge, _)) in kinds.iter().enumerate() {
                let judged = self.forecasts(predictor, *knowledge);
                for (datasets, own) in [true, false].into_iter().enumerate() {
                    let rows: Vec<&JudgedRow> = judged
                        .iter()
                        .filter(|row| self.is_own(row.run) == own && !drawn.contains(&row.run))
                        .collect();
                    if rows.len() >= FEWEST_RUNS {
                        found.entry((datasets, kind)).or_default().push(summary(&rows));
                    }
                }
            }
        }
        let row = |((datasets, kind), draws): ((usize, usize), Vec<TestSummary>)| TransferRow {
            own_runs,
            datasets: ["known", "unseen"][datasets],
            known: match kinds[kind] {
                (Knowledge::Clean, _) => format!("step {}", self.headline_step),
                (_, name) => name.to_owned(),
            },
            test: mean(&draws),
            score_now: self.score_now(kinds[kind].0, datasets == 0),
        };
        found.into_iter().map(row).collect()
    }

    fn adjusted(&self, predictor: &Predictor, own: &[usize]) -> Option<Predictor> {
        let own: Vec<RunRecord> = own.iter().map(|run| self.runs[*run].clone()).collect();
        let adjusted = recalibrate(predictor, &own, self.label, self.headline_step).ok()?;
        Predictor::load(&adjusted.file(predictor), |_| false).ok()
    }

    fn at(&self, knowledge: Knowledge) -> Vec<usize> {
        self.table.rows_at(knowledge, self.headline_step)
    }

    fn forecasts(&self, predictor: &Predictor, knowledge: Knowledge) -> Vec<JudgedRow> {
        self.at(knowledge).into_iter().filter_map(|row| by_predictor(predictor, &self.table, row)).collect()
    }

    fn score_now(&self, knowledge: Knowledge, own: bool) -> Option<f64> {
        let name = if knowledge == Knowledge::Clean { self.label.read_as() } else { "base_score" };
        let column = self.table.table.column_index(name)?;
        let rows = self.at(knowledge).into_iter().filter(|row| self.is_own(self.table.run[*row]) == own);
        let (now, truth): (Vec<f64>, Vec<f64>) =
            rows.map(|row| (self.table.table.rows[row][column], self.table.table.target[row])).unzip();
        (!now.is_empty()).then(|| metrics(&now, &truth).rmse)
    }
}

/// Errors as the root of their mean square, shares and widths as their mean.
fn mean(draws: &[TestSummary]) -> TestSummary {
    let over = |of: fn(&TestSummary) -> f64| stats::mean(&draws.iter().map(of).collect::<Vec<f64>>());
    let mut mean = draws[0].clone();
    mean.metrics.rmse = over(|draw| draw.metrics.rmse.powi(2)).sqrt();
    mean.metrics.mae = over(|draw| draw.metrics.mae);
    mean.metrics.r2 = over(|draw| draw.metrics.r2);
    mean.metrics.within_1 = over(|draw| draw.metrics.within_1);
    mean.metrics.within_2 = over(|draw| draw.metrics.within_2);
    mean.metrics.within_3 = over(|draw| draw.metrics.within_3);
    mean.coverage = over(|draw| draw.coverage);
    mean.mean_width = over(|draw| draw.mean_width);
    mean
}

fn drawn(candidates: &[usize], count: usize, seed: u64) -> Vec<usize> {
    let mut order = candidates.to_vec();
    order.sort_by_key(|run| combine(seed, *run as u64));
    order.truncate(count);
    order
}
