//! From runs to the anytime table: a row for each run and each state of knowledge about it.

use std::collections::{BTreeMap, BTreeSet};

use super::knowledge::{FINISHED, Knowledge, Known, OF_THE_ROWS};
use super::record::{Part, RunRecord};
use crate::choosing::table::csv_cell;
use crate::features::FeatureVector;
use crate::hash;
use crate::numerics::{parallel, stats};
use crate::predict::fit::Table;

/// The depth of a row that has no reading at all; step 0 is a reading of the untrained model.
pub const STATIC_ONLY_STEP: f64 = -1.0;
/// A reading this late has nothing left to forecast.
const LAST_SHARE: f64 = 0.9;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    Score,
    PGold,
}

/// Rows of the table beside what they came from.
#[derive(Debug, Clone, PartialEq)]
pub struct AnytimeTable {
    pub table: Table,
    /// Index of the run of each row.
    pub run: Vec<usize>,
    /// `STATIC_ONLY_STEP` or the reading's step.
    pub step: Vec<f64>,
    /// The step as a share of the run; `STATIC_ONLY_STEP` without a reading.
    pub share: Vec<f64>,
    pub knowledge: Vec<Knowledge>,
}

impl Label {
    pub fn of(self, run: &RunRecord) -> Option<f64> {
        match self {
            Self::Score => run.score,
            Self::PGold => run.p_gold,
        }
    }

    /// What is forecast and in which unit, as a card names it.
    pub fn target(self) -> &'static str {
        match self {
            Self::Score => "exact match, points",
            Self::PGold => "mean probability of the right answer, points",
        }
    }

    pub fn of_target(target: &str) -> Option<Self> {
        [Self::Score, Self::PGold].into_iter().find(|label| label.target() == target)
    }

    /// The same quantity read on clean rows while the run is under way.
    pub fn read_as(self) -> &'static str {
        match self {
            Self::Score => "eval_score",
            Self::PGold => "eval_p_gold",
        }
    }
}

/// Of the table that is written for learners of one's own, before target and features.
pub(super) const NAMED_COLUMNS: [&str; 7] =
    ["run", "configuration", "source", "family", "group_part", "random_part", "knowledge"];
pub(super) const TARGET_COLUMN: &str = "target";

impl AnytimeTable {
    /// Runs without a label are left out, and those that diverged or are likely to: that is a question of its
    /// own. Groups are source families, or configurations where `by_configuration`.
    pub fn of(runs: &[RunRecord], label: Label, by_configuration: bool) -> Self {
        let target = |run: &RunRecord| label.of(run).filter(|_| !run.diverged && !run.is_unstable());
        Self::with(runs, target, by_configuration)
    }

    /// With another target; runs without one are left out.
    pub fn with(
        runs: &[RunRecord],
        target: impl Fn(&RunRecord) -> Option<f64>,
        by_configuration: bool,
    ) -> Self {
        let wanted: Vec<(usize, f64)> =
            runs.iter().enumerate().filter_map(|(index, run)| Some((index, target(run)?))).collect();
        let moments = parallel::map(&wanted, |&(index, target)| {
            let run = &runs[index];
            let key = if by_configuration { &run.configuration } else { run.family() };
            let group = hash::hash_bytes(key.as_bytes(), 0);
            let of_run = moments_of(run).map(|moment| (index, target, group, moment));
            of_run.collect::<Vec<(usize, f64, u64, Moment)>>()
        });
        let moments: Vec<(usize, f64, u64, Moment)> = moments.into_iter().flatten().collect();
        let names: BTreeSet<&str> =
            moments.iter().flat_map(|(.., moment)| moment.features.iter().map(|(name, _)| name)).collect();
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let mut anytime = Self {
            table: Table { names, rows: Vec::new(), target: Vec::new(), groups: Vec::new() },
            run: Vec::new(),
            step: Vec::new(),
            share: Vec::new(),
            knowledge: Vec::new(),
        };
        for (run, target, group, moment) in moments {
            anytime
                .table
                .rows
                .push(anytime.table.names.iter().map(|name| moment.features.get(name)).collect());
            anytime.table.target.push(target);
            anytime.table.groups.push(group);
            anytime.run.push(run);
            anytime.step.push(moment.step);
            anytime.share.push(moment.share);
            anytime.knowledge.push(moment.knowledge);
        }
        anytime
    }

    /// What the same runs show of their own course, with clean rows: at each reading after the first step, the score
    /// at every later one is a shorter forecast whose end is known. Rows to learn from beside these, never to judge by.
    #[must_use]
    pub fn on_the_way(&self, runs: &[RunRecord], label: Label) -> Table {
        let names = &self.table.names;
        let mut table =
            Table { names: names.clone(), rows: Vec::new(), target: Vec::new(), groups: Vec::new() };
        let groups: BTreeMap<usize, u64> =
            self.run.iter().copied().zip(self.table.groups.iter().copied()).collect();
        let groups: Vec<(usize, u64)> = groups.into_iter().collect();
        let courses = parallel::map(&groups, |(index, _)| course_of(&runs[*index], label, names));
        for ((_, group), course) in groups.into_iter().zip(courses) {
            for (row, target) in course {
                table.rows.push(row);
                table.target.push(target);
                table.groups.push(group);
            }
        }
        table
    }

    /// The same rows with these columns, in this order; what is not there is missing.
    #[must_use]
    pub fn with_names(self, names: &[String]) -> Self {
        let from: Vec<Option<usize>> = names.iter().map(|name| self.table.column_index(name)).collect();
        let pick = |row: &Vec<f64>| from.iter().map(|at| at.map_or(f64::NAN, |at| row[at])).collect();
        let table = Table {
            names: names.to_vec(),
            rows: self.table.rows.iter().map(pick).collect(),
            target: self.table.target,
            groups: self.table.groups,
        };
        Self { table, ..self }
    }

    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            table: self.table.select(rows),
            run: rows.iter().map(|row| self.run[*row]).collect(),
            step: rows.iter().map(|row| self.step[*row]).collect(),
            share: rows.iter().map(|row| self.share[*row]).collect(),
            knowledge: rows.iter().map(|row| self.knowledge[*row]).collect(),
        }
    }

    /// The features of a row by name.
    pub fn vector(&self, row: usize) -> FeatureVector {
        let mut vector = FeatureVector::default();
        for (name, value) in self.table.names.iter().zip(&self.table.rows[row]) {
            vector.set(name, *value);
        }
        vector
    }

    /// Positions of the rows of one part of a split.
    pub fn rows_of(&self, runs: &[RunRecord], split: &str, part: Part) -> Vec<usize> {
        (0..self.run.len()).filter(|row| part_of(&runs[self.run[*row]], split) == part).collect()
    }

    /// For each run its deepest row of this knowledge at or before this step.
    pub fn rows_at(&self, knowledge: Knowledge, step: f64) -> Vec<usize> {
        self.deepest(|row| self.knowledge[row] == knowledge && self.step[row] <= step)
    }

    /// For each run its deepest row of this knowledge at or before this share of the run, one step more allowed
    /// for rounding.
    pub fn rows_at_share(&self, runs: &[RunRecord], knowledge: Knowledge, share: f64) -> Vec<usize> {
        self.deepest(|row| {
            let steps = runs[self.run[row]].total_steps as f64;
            self.knowledge[row] == knowledge && self.step[row] <= share * steps + 1.0
        })
    }

    fn deepest(&self, allowed: impl Fn(usize) -> bool) -> Vec<usize> {
        let mut deepest: BTreeMap<usize, usize> = BTreeMap::new();
        for (row, run) in self.run.iter().enumerate().filter(|(row, _)| allowed(*row)) {
            let known = deepest.entry(*run).or_insert(row);
            if self.step[row] > self.step[*known] {
                *known = row;
            }
        }
        deepest.into_values().collect()
    }

    /// As CSV for learners of one's own: whose row it is, what is known in it, the target, and the features by the
    /// names that an imported predictor's inputs carry. What is missing is an empty cell.
    pub fn csv(&self, runs: &[RunRecord]) -> String {
        let mut text = format!("{},{TARGET_COLUMN}", NAMED_COLUMNS.join(","));
        for name in &self.table.names {
            text += &format!(",{}", csv_cell(name));
        }
        text.push('\n');
        for (row, values) in self.table.rows.iter().enumerate() {
            let cells: Vec<_> = self.named(row, runs).into_iter().map(csv_cell).collect();
            text += &format!("{},{}", cells.join(","), self.table.target[row]);
            for value in values {
                text.push(',');
                if !value.is_nan() {
                    text += &value.to_string();
                }
            }
            text.push('\n');
        }
        text
    }

    /// Whose row it is and what is known in it, by `NAMED_COLUMNS`.
    pub(super) fn named<'a>(&self, row: usize, runs: &'a [RunRecord]) -> [&'a str; NAMED_COLUMNS.len()] {
        let run = &runs[self.run[row]];
        let part = |split| match part_of(run, split) {
            Part::Train => "train",
            Part::Test => "test",
        };
        [
            &run.id,
            &run.configuration,
            &run.dataset.source,
            run.family(),
            part("group"),
            part("random"),
            self.knowledge[row].word(),
        ]
    }

    pub fn run_count(&self) -> usize {
        let runs: BTreeSet<usize> = self.run.iter().copied().collect();
        runs.len()
    }
}

/// One row to be.
struct Moment {
    knowledge: Knowledge,
    step: f64,
    share: f64,
    features: FeatureVector,
}

/// What was known at each clean reading after the first step, toward every later one.
fn course_of(run: &RunRecord, label: Label, names: &[String]) -> Vec<(Vec<f64>, f64)> {
    let known = Known::of(run);
    let mut course = Vec::new();
    for (before, later) in known.readings.iter().enumerate() {
        let target = later.features.get(label.read_as());
        if target.is_nan() || later.step >= known.total_steps {
            continue;
        }
        for seen in 1..=before {
            if known.readings[seen - 1].step == 0 || !known.most(seen).has_clean_probe() {
                continue;
            }
            let features = known.toward(Knowledge::Clean, seen, later.step);
            course.push((names.iter().map(|name| features.get(name)).collect(), target));
        }
    }
    course
}

fn moments_of(run: &RunRecord) -> impl Iterator<Item = Moment> {
    let known = Known::of(run);
    let before = move |knowledge| Moment {
        knowledge,
        step: STATIC_ONLY_STEP,
        share: STATIC_ONLY_STEP,
        features: known.at(knowledge, 0),
    };
    let total = run.total_steps.max(1) as f64;
    let during = move |seen: usize, knowledge| {
        let step = known.readings[seen - 1].step as f64;
        Moment { knowledge, step, share: step / total, features: known.at(knowledge, seen) }
    };
    let has_base = known.at(Knowledge::Base, 0).get("base_score").is_finite();
    let has_rows = run.features.get(OF_THE_ROWS).is_finite();
    let is_finished = known.proxy_says(FINISHED);
    let before_any = std::iter::once(Knowledge::Plan)
        .chain(has_rows.then_some(Knowledge::Rows))
        .chain(known.proxy_says("proxy_held_out_loss").then_some(Knowledge::BlindProxy))
        .chain(known.proxy_says("proxy_eval_score").then_some(Knowledge::Proxy))
        .chain(has_base.then_some(Knowledge::Base))
        .chain((has_base && known.proxy_says("proxy_eval_score")).then_some(Knowledge::ProxyBase))
        .chain(is_finished.then_some(Knowledge::Finished))
        .chain((has_base && is_finished).then_some(Knowledge::FinishedBase));
    let readings = (1..=known.readings.len()).filter(move |seen| {
        let share = known.readings[seen - 1].step as f64 / total;
        share <= LAST_SHARE
    });
    before_any.map(before).chain(readings.flat_map(move |seen| {
        let clean = known.most(seen).has_clean_probe();
        std::iter::once(Knowledge::Blind)
            .chain(clean.then_some(Knowledge::Clean))
            .chain((clean && is_finished).then_some(Knowledge::CleanFinished))
            .map(move |knowledge| during(seen, knowledge))
    }))
}

/// Frozen in the record, else by hash: a third of the families or of the configurations is for testing.
pub fn part_of(run: &RunRecord, split: &str) -> Part {
    if let Some(part) = run.split.get(split) {
        return *part;
    }
    let key = if split == "group" { run.family() } else { &run.configuration };
    if hash::hash_bytes(key.as_bytes(), 0x5b17).is_multiple_of(3) { Part::Test } else { Part::Train }
}

/// Standard deviation between seeds of one configuration, pooled; `None` where nothing was repeated.
pub fn noise_floor(runs: &[RunRecord], label: Label) -> Option<f64> {
    let mut by_configuration: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for run in runs.iter().filter(|run| !run.diverged) {
        by_configuration.entry(&run.configuration).or_default().extend(label.of(run));
    }
    let (mut squares, mut degrees) = (0.0, 0.0);
    for scores in by_configuration.values().filter(|scores| scores.len() > 1) {
        squares += stats::variance(scores, 1) * (scores.len() - 1) as f64;
        degrees += (scores.len() - 1) as f64;
    }
    (degrees > 0.0).then(|| (squares / degrees).sqrt())
}
