//! How far a finished predictor's forecasts are off on finished runs, by what is known and by family of tasks: whether
//! it is any good for somebody's own work.

use std::collections::BTreeMap;

use serde::Serialize;
use thiserror::Error;

use super::judged::{JudgedRow, TestSummary, by_predictor, summary};
use crate::predict::fit::metrics;
use crate::predict::predictor::Predictor;
use crate::runs::{AnytimeTable, Knowledge, Label, RunRecord};

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OnRunsError {
    #[error("the predictor's card says nothing of its errors, so its forecasts have no intervals to judge")]
    NoCard,
    #[error("the predictor forecasts {0}, which run records do not have")]
    UnknownTarget(String),
    #[error("none of the runs has a score to compare with")]
    NoRuns,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OnRuns {
    pub target: String,
    pub by_knowledge: Vec<OnRunsRow>,
    /// At the headline's depth, or with the most that the runs tell.
    pub by_family: Vec<OnRunsRow>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OnRunsRow {
    pub name: String,
    pub runs: usize,
    #[serde(flatten)]
    pub test: TestSummary,
    /// The root mean square error of the score now, on the same runs.
    pub score_now_rmse: Option<f64>,
}

pub fn judge_on_runs(
    predictor: &Predictor,
    runs: &[RunRecord],
    headline_step: f64,
) -> Result<OnRuns, OnRunsError> {
    let card =
        predictor.card.as_ref().filter(|card| card.calibration.is_some()).ok_or(OnRunsError::NoCard)?;
    let unknown = || OnRunsError::UnknownTarget(card.target.clone());
    let label = Label::of_target(&card.target).ok_or_else(unknown)?;
    let judge = Judge { predictor, runs, label, table: AnytimeTable::of(runs, label, true) };
    let by_knowledge: Vec<(Knowledge, OnRunsRow)> = judge
        .depths(headline_step)
        .into_iter()
        .filter_map(|(name, knowledge, rows)| Some((knowledge, judge.row(name, knowledge, &rows)?)))
        .collect();
    let most = by_knowledge.iter().map(|(knowledge, _)| *knowledge).find(|known| *known == Knowledge::Clean);
    let most = most.or(by_knowledge.last().map(|(knowledge, _)| *knowledge)).ok_or(OnRunsError::NoRuns)?;
    Ok(OnRuns {
        target: card.target.clone(),
        by_family: judge.by_family(most, headline_step),
        by_knowledge: by_knowledge.into_iter().map(|(_, row)| row).collect(),
    })
}

struct Judge<'a> {
    predictor: &'a Predictor,
    runs: &'a [RunRecord],
    label: Label,
    table: AnytimeTable,
}

impl Judge<'_> {
    /// Name, knowledge, and each run's row of the table.
    fn depths(&self, headline_step: f64) -> Vec<(String, Knowledge, Vec<usize>)> {
        let at = |knowledge, step| self.table.rows_at(knowledge, step);
        let share = |share| self.table.rows_at_share(self.runs, Knowledge::Clean, share);
        let mut depths = vec![
            ("file and recipe alone".to_owned(), Knowledge::Plan, at(Knowledge::Plan, -1.0)),
            ("and evaluation rows".to_owned(), Knowledge::Rows, at(Knowledge::Rows, -1.0)),
            ("and the base score".to_owned(), Knowledge::Base, at(Knowledge::Base, -1.0)),
            ("a smaller model's probe".to_owned(), Knowledge::Proxy, at(Knowledge::Proxy, -1.0)),
            ("a smaller model's finished run".to_owned(), Knowledge::Finished, at(Knowledge::Finished, -1.0)),
        ];
        for (step, knowledge, words) in [
            (headline_step, Knowledge::Blind, ", no clean rows"),
            (0.0, Knowledge::Clean, ""),
            (headline_step, Knowledge::Clean, ""),
        ] {
            depths.push((format!("step {step}{words}"), knowledge, at(knowledge, step)));
        }
        depths.push(("a third of the run".to_owned(), Knowledge::Clean, share(1.0 / 3.0)));
        depths.push(("half of the run".to_owned(), Knowledge::Clean, share(0.5)));
        depths
    }

    fn row(&self, name: String, knowledge: Knowledge, rows: &[usize]) -> Option<OnRunsRow> {
        let judged: Vec<JudgedRow> =
            rows.iter().filter_map(|row| by_predictor(self.predictor, &self.table, *row)).collect();
        if judged.is_empty() {
            return None;
        }
        Some(OnRunsRow {
            name,
            runs: judged.len(),
            test: summary(&judged.iter().collect::<Vec<_>>()),
            score_now_rmse: self.score_now(knowledge, rows),
        })
    }

    fn score_now(&self, knowledge: Knowledge, rows: &[usize]) -> Option<f64> {
        let name = match knowledge {
            Knowledge::Clean => self.label.read_as(),
            Knowledge::Base if self.label == Label::Score => "base_score",
            _ => return None,
        };
        let column = self.table.table.column_index(name)?;
        let (now, truth): (Vec<f64>, Vec<f64>) = rows
            .iter()
            .map(|row| (self.table.table.rows[*row][column], self.table.table.target[*row]))
            .unzip();
        Some(metrics(&now, &truth).rmse)
    }

    fn by_family(&self, knowledge: Knowledge, headline_step: f64) -> Vec<OnRunsRow> {
        let mut families: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for row in self.table.rows_at(knowledge, headline_step) {
            families.entry(self.runs[self.table.run[row]].family()).or_default().push(row);
        }
        families
            .into_iter()
            .filter_map(|(family, rows)| self.row(family.to_owned(), knowledge, &rows))
            .collect()
    }
}
