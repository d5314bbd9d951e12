//! From runs to the anytime table: a row for what is known before any probe, and one for each reading.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Part, RunRecord};
use crate::features::FeatureVector;
use crate::hash;
use crate::numerics::stats;
use crate::predict::fit::Table;

/// The depth of a row that has no reading at all; step 0 is a reading of the untrained model.
pub const STATIC_ONLY_STEP: f64 = -1.0;

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
}

impl Label {
    pub fn of(self, run: &RunRecord) -> Option<f64> {
        match self {
            Self::Score => run.score,
            Self::PGold => run.p_gold,
        }
    }
}

impl AnytimeTable {
    /// Runs without a label and diverged runs are left out: divergence is a question of its own. Groups are
    /// source families, or configurations where `by_configuration`.
    pub fn of(runs: &[RunRecord], label: Label, by_configuration: bool) -> Self {
        let mut names = BTreeSet::new();
        for run in runs {
            for vector in vectors(run) {
                names.extend(vector.iter().map(|(name, _)| name.to_owned()));
            }
        }
        names.extend(["probe_step".to_owned(), "probe_share".to_owned(), "base_score".to_owned()]);
        let names: Vec<String> = names.into_iter().collect();
        let mut anytime = Self {
            table: Table { names, rows: Vec::new(), target: Vec::new(), groups: Vec::new() },
            run: Vec::new(),
            step: Vec::new(),
        };
        for (index, run) in runs.iter().enumerate() {
            let Some(target) = label.of(run).filter(|_| !run.diverged) else { continue };
            let key = if by_configuration { &run.configuration } else { run.family() };
            let group = hash::hash_bytes(key.as_bytes(), 0);
            let mut known: BTreeMap<&str, f64> = run.features.iter().collect();
            known.extend(run.proxy.iter().flat_map(FeatureVector::iter));
            if let Some(base) = run.base_score {
                known.insert("base_score", base);
            }
            anytime.push(index, STATIC_ONLY_STEP, &known, target, group);
            for reading in &run.readings {
                let mut all = known.clone();
                all.extend(reading.features.iter());
                all.insert("probe_step", reading.step as f64);
                all.insert("probe_share", reading.step as f64 / run.total_steps.max(1) as f64);
                anytime.push(index, reading.step as f64, &all, target, group);
            }
        }
        anytime
    }

    fn push(&mut self, run: usize, step: f64, values: &BTreeMap<&str, f64>, target: f64, group: u64) {
        let value = |name: &String| values.get(name.as_str()).copied().unwrap_or(f64::NAN);
        self.table.rows.push(self.table.names.iter().map(value).collect());
        self.table.target.push(target);
        self.table.groups.push(group);
        self.run.push(run);
        self.step.push(step);
    }

    #[must_use]
    pub fn select(&self, rows: &[usize]) -> Self {
        Self {
            table: self.table.select(rows),
            run: rows.iter().map(|row| self.run[*row]).collect(),
            step: rows.iter().map(|row| self.step[*row]).collect(),
        }
    }

    /// Positions of the rows of one part of a split.
    pub fn rows_of(&self, runs: &[RunRecord], split: &str, part: Part) -> Vec<usize> {
        (0..self.run.len()).filter(|row| part_of(&runs[self.run[*row]], split) == part).collect()
    }

    /// For each run its deepest row at or before this step.
    pub fn rows_at(&self, step: f64) -> Vec<usize> {
        let mut deepest: BTreeMap<usize, usize> = BTreeMap::new();
        for (row, run) in self.run.iter().enumerate().filter(|(row, _)| self.step[*row] <= step) {
            let known = deepest.entry(*run).or_insert(row);
            if self.step[row] > self.step[*known] {
                *known = row;
            }
        }
        deepest.into_values().collect()
    }
}

fn vectors(run: &RunRecord) -> impl Iterator<Item = &FeatureVector> {
    let whole_run = [Some(&run.features), run.proxy.as_ref()].into_iter().flatten();
    whole_run.chain(run.readings.iter().map(|reading| &reading.features))
}

/// As frozen in the record; else a third of the families (`group`) or of the configurations, by hash.
fn part_of(run: &RunRecord, split: &str) -> Part {
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
