//! Whether more knowledge narrows a forecast as far as was expected of it: on test runs of which more is known in the end.

use std::collections::BTreeMap;

use serde::Serialize;

use super::judged::{JudgedRow, by_predictor};
use crate::numerics::stats;
use crate::predict::certainty::{More, WithMore};
use crate::predict::predictor::Predictor;
use crate::runs::{AnytimeTable, Knowledge};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OutlookRow {
    pub known: String,
    pub more: More,
    pub words: String,
    pub runs: usize,
    /// Mean half widths of the intervals: at first, as expected with more known, as they came out.
    pub half_width_points: f64,
    pub expected_points: f64,
    pub came_points: f64,
    /// How far a single expectation is off, in the mean.
    pub deviation_points: f64,
    /// Share of the truths no further from the later forecast than was expected.
    pub covered_share: f64,
}

/// Expectations of `words` from one state of knowledge, and what came of each.
struct Found {
    more: More,
    words: String,
    half_widths: Vec<f64>,
    expected: Vec<f64>,
    came: Vec<f64>,
    covered: usize,
}

/// What is known at first, in words, and at which step of a probe.
struct State {
    name: String,
    knowledge: Knowledge,
    step: Option<f64>,
}

pub fn judge(predictor: &Predictor, test: &AnytimeTable) -> Vec<OutlookRow> {
    let places = Places::of(test);
    let depths = predictor.card.as_ref().map_or(&[][..], |card| &card.depths);
    let judge = |state: State| from_state(predictor, test, &places, &state);
    states(depths).into_iter().flat_map(judge).collect()
}

/// Before any probe; of probes one that has hardly begun, and one half way.
fn states(depths: &[f64]) -> Vec<State> {
    let mut states = vec![
        State { name: "file and recipe alone".into(), knowledge: Knowledge::Plan, step: None },
        State { name: "and evaluation rows".into(), knowledge: Knowledge::Rows, step: None },
        State { name: "and the base score".into(), knowledge: Knowledge::Base, step: None },
    ];
    let half_way = depths.get(depths.len() / 2).filter(|_| depths.len() > 1);
    for step in depths.first().into_iter().chain(half_way) {
        let state =
            |words, knowledge| State { name: format!("step {step}{words}"), knowledge, step: Some(*step) };
        states.push(state(", no clean rows", Knowledge::Blind));
        states.push(state("", Knowledge::Clean));
    }
    states
}

fn from_state(
    predictor: &Predictor,
    test: &AnytimeTable,
    places: &Places<'_>,
    state: &State,
) -> Vec<OutlookRow> {
    let mut by_words: Vec<Found> = Vec::new();
    for run in places.runs() {
        let Some(row) = places.at(run, state.knowledge, state.step) else { continue };
        let Some(now) = by_predictor(predictor, test, row) else { continue };
        for more in further(predictor, test, row, &now) {
            let later = places.at(run, with(state.knowledge, more.more), more.step);
            let Some(later) = later.and_then(|row| by_predictor(predictor, test, row)) else { continue };
            let place = by_words.iter().position(|found| found.words == more.words).unwrap_or_else(|| {
                by_words.push(Found::new(&more));
                by_words.len() - 1
            });
            by_words[place].add(&now, &more, &later);
        }
    }
    by_words.into_iter().map(|found| found.row(&state.name)).collect()
}

fn further(predictor: &Predictor, test: &AnytimeTable, row: usize, now: &JudgedRow) -> Vec<WithMore> {
    let vector = test.vector(row);
    let Ok(inputs) = predictor.row(&vector) else { return Vec::new() };
    predictor.outlook(&inputs, &vector, now.half_width).map_or(Vec::new(), |outlook| outlook.with_more)
}

/// What is known of a run when this is added.
fn with(knowledge: Knowledge, more: More) -> Knowledge {
    match more {
        More::EvaluationRows if knowledge == Knowledge::Blind => Knowledge::Clean,
        More::EvaluationRows => Knowledge::Rows,
        More::BaseScore => Knowledge::Base,
        More::SmallerModelsProbe if knowledge == Knowledge::Base => Knowledge::ProxyBase,
        More::SmallerModelsProbe => Knowledge::Proxy,
        More::SmallerModelsRun if knowledge == Knowledge::Base => Knowledge::FinishedBase,
        More::SmallerModelsRun => Knowledge::Finished,
        More::ProbeWithoutCleanRows => Knowledge::Blind,
        More::Probe => Knowledge::Clean,
    }
}

impl Found {
    fn new(more: &WithMore) -> Self {
        Self {
            more: more.more,
            words: more.words.clone(),
            half_widths: Vec::new(),
            expected: Vec::new(),
            came: Vec::new(),
            covered: 0,
        }
    }

    fn add(&mut self, now: &JudgedRow, more: &WithMore, later: &JudgedRow) {
        self.half_widths.push(now.half_width);
        self.expected.push(more.half_width_points);
        self.came.push(later.half_width);
        self.covered += usize::from(later.residual().abs() <= more.half_width_points);
    }

    fn row(self, known: &str) -> OutlookRow {
        let deviations: Vec<f64> = self.expected.iter().zip(&self.came).map(|(a, b)| (a - b).abs()).collect();
        OutlookRow {
            known: known.to_owned(),
            more: self.more,
            words: self.words,
            runs: self.came.len(),
            half_width_points: stats::mean(&self.half_widths),
            expected_points: stats::mean(&self.expected),
            came_points: stats::mean(&self.came),
            deviation_points: stats::mean(&deviations),
            covered_share: self.covered as f64 / self.came.len() as f64,
        }
    }
}

/// The rows of each run.
struct Places<'a> {
    table: &'a AnytimeTable,
    by_run: BTreeMap<usize, Vec<usize>>,
}

impl<'a> Places<'a> {
    fn of(table: &'a AnytimeTable) -> Self {
        let mut by_run: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (row, run) in table.run.iter().enumerate() {
            by_run.entry(*run).or_default().push(row);
        }
        Self { table, by_run }
    }

    fn runs(&self) -> impl Iterator<Item = usize> {
        self.by_run.keys().copied()
    }

    /// `step`: of a probe; before any it does not matter.
    fn at(&self, run: usize, knowledge: Knowledge, step: Option<f64>) -> Option<usize> {
        let is_there = |row: &&usize| {
            let at = self.table.step[**row];
            self.table.knowledge[**row] == knowledge
                && (at < 0.0 || step.is_some_and(|step| (at - step).abs() < 0.5))
        };
        self.by_run[&run].iter().find(is_there).copied()
    }
}
