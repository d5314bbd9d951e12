//! The sweep file: base model, tasks, and the ranges from which recipes and data conditions are drawn.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Condition;
use super::slurm::SlurmTable;
use crate::hash::hash_bytes;
use crate::runs::{Part, SPLITS};

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SweepError {
    /// The message names line, key and what was expected there.
    #[error("{0}")]
    Syntax(String),
    #[error("{key}: expected {expected}, found {found}")]
    Value { key: String, expected: &'static str, found: String },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Begins the name of every run.
    pub name: String,
    /// Every draw depends on it.
    pub seed: u64,
    /// Different configurations; a larger number only adds to the list.
    pub configurations: u64,
    /// Folder with `TASK/train.jsonl` and `TASK/test.jsonl`, relative to the sweep file.
    pub data: String,
    pub model: ModelChoice,
    /// On which side of every split its runs stand; where it is not said, hashes of their names decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Part>,
    #[serde(default)]
    pub evaluation: EvaluationSizes,
    #[serde(default)]
    pub repeats: Repeats,
    /// Rows of the prepared file, drawn on a logarithmic scale; a task that has fewer gives all it has.
    pub rows: Range,
    pub recipe: RecipeRanges,
    #[serde(default)]
    pub conditions: Conditions,
    pub tasks: BTreeMap<String, TaskEntry>,
    /// Where there are any: only these configurations, each with its recipe changed and everything else as drawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<ChangedRecipe>,
    /// Where and how the Slurm executor makes the runs; changes none of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slurm: Option<SlurmTable>,
}

/// What is said replaces what was drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedRecipe {
    /// Its place in the list of the unchanged sweep.
    pub configuration: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// `alpha` keeps its ratio to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelChoice {
    pub name: String,
    /// Folder relative to the sweep file, or the name of a cached or bundled model.
    pub path: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluationSizes {
    /// Train rows set aside and read at every depth.
    pub clean_rows: usize,
    /// Test rows of the final score.
    pub test_rows: usize,
    /// Test rows of each other task, on which side effects are measured.
    pub suite_rows_per_task: usize,
}

impl Default for EvaluationSizes {
    fn default() -> Self {
        Self { clean_rows: 400, test_rows: 800, suite_rows_per_task: 6 }
    }
}

/// Some configurations are run with several training seeds, for the noise floor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Repeats {
    pub configurations: u64,
    pub seeds: u64,
    /// One configuration in so many, from the beginning, until there are enough.
    pub every: u64,
}

impl Default for Repeats {
    fn default() -> Self {
        Self { configurations: 0, seeds: 1, every: 1 }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    pub low: f64,
    pub high: f64,
}

/// On a logarithmic scale, bent so that half of the runs are at most `median` long.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepRange {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

/// Runs above the usual rates, to be judged by whether they diverge.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unstable {
    pub share: f64,
    pub learning_rate: Range,
}

/// Lists are drawn from evenly: a value that stands there twice comes twice as often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecipeRanges {
    /// Logarithmic.
    pub learning_rate: Range,
    #[serde(default)]
    pub unstable: Option<Unstable>,
    pub steps: StepRange,
    pub batch: Vec<usize>,
    pub rank: Vec<usize>,
    pub alpha_over_rank: Vec<f64>,
    pub dropout: Vec<f64>,
    /// Each a list with commas, such as `q,v`.
    pub targets: Vec<String>,
    pub schedule: Vec<String>,
    pub warmup: Vec<f64>,
    pub weight_decay: Vec<f64>,
    pub sequence_length: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Conditions {
    /// How many conditions a configuration has: a list drawn from evenly.
    pub how_many: Vec<usize>,
    /// The task whose inputs are sentences and whose answers are their languages.
    pub language_task: Option<String>,
    pub kinds: BTreeMap<Condition, ConditionRange>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionRange {
    /// How often it is chosen relative to the others.
    pub weight: f64,
    pub low: f64,
    pub high: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskEntry {
    /// Related tasks share one: a grouped split keeps it on one side.
    pub family: String,
    /// How often it comes relative to the others.
    #[serde(default = "one")]
    pub weight: u32,
    /// Many-way tasks learn nothing in short runs.
    #[serde(default)]
    pub min_steps: f64,
    #[serde(default)]
    pub min_batch: usize,
}

fn one() -> u32 {
    1
}

impl Sweep {
    pub fn parse(text: &str) -> Result<Self, SweepError> {
        let sweep: Self =
            toml::from_str(text).map_err(|error| SweepError::Syntax(error.to_string().trim().to_owned()))?;
        sweep.check()?;
        Ok(sweep)
    }

    /// As a sweep file.
    pub fn text(&self) -> String {
        toml::to_string(self).expect("numbers, texts, and tables with text keys")
    }

    /// Hash of everything that decides about runs, but not of the length of the list: a longer list belongs
    /// into the same folder.
    pub fn fingerprint(&self) -> u64 {
        let open_ended = Self { configurations: 0, slurm: None, ..self.clone() };
        let text = serde_json::to_vec(&open_ended).expect("numbers, texts and maps with text keys");
        hash_bytes(&text, 0)
    }

    /// The part of each split, where the sweep file says one.
    pub fn frozen_parts(&self) -> BTreeMap<String, Part> {
        self.part.into_iter().flat_map(|part| SPLITS.map(|split| (split.to_owned(), part))).collect()
    }

    fn check(&self) -> Result<(), SweepError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if self.name.is_empty() || !self.name.chars().all(plain) {
            return bad("name", "lower-case letters, digits and _", &self.name);
        }
        if self.configurations == 0 {
            return bad("configurations", "1 or more", "0");
        }
        for (key, found) in [
            ("evaluation.clean_rows", self.evaluation.clean_rows),
            ("evaluation.test_rows", self.evaluation.test_rows),
        ] {
            if found == 0 {
                return bad(key, "1 or more", "0");
            }
        }
        if self.repeats.seeds == 0 || self.repeats.every == 0 {
            return bad("repeats", "seeds and every of 1 or more", "0");
        }
        check_range("rows", self.rows, 8.0, 1e7)?;
        self.recipe.check()?;
        self.check_conditions()?;
        if self.tasks.is_empty() {
            return bad("tasks", "at least one task", "none");
        }
        for (name, task) in &self.tasks {
            if task.weight == 0 {
                return bad(&format!("tasks.{name}.weight"), "1 or more", "0");
            }
            if task.min_steps > self.recipe.steps.high {
                return bad(&format!("tasks.{name}.min_steps"), "at most recipe.steps.high", task.min_steps);
            }
            if !self.recipe.batch.iter().any(|batch| *batch >= task.min_batch) {
                return bad(
                    &format!("tasks.{name}.min_batch"),
                    "at most the largest of recipe.batch",
                    task.min_batch,
                );
            }
        }
        for changed in &self.changed {
            changed.check(self.configurations)?;
        }
        match self.slurm.as_ref().and_then(SlurmTable::problem) {
            Some((key, expected, found)) => bad(&key, expected, found),
            None => Ok(()),
        }
    }

    fn check_conditions(&self) -> Result<(), SweepError> {
        let Conditions { how_many, language_task, kinds } = &self.conditions;
        if let Some(most) = how_many.iter().max().filter(|most| **most >= kinds.len().max(1)) {
            return bad("conditions.how_many", "less than the number of conditions.kinds", most);
        }
        for (condition, range) in kinds {
            let key = format!("conditions.kinds.{}", condition.name());
            let highest = if *condition == Condition::Imbalance { 5.0 } else { 0.9 };
            check_range(&key, Range { low: range.low, high: range.high }, 1e-6, highest)?;
            if range.weight.is_nan() || range.weight <= 0.0 {
                return bad(&format!("{key}.weight"), "a positive number", range.weight);
            }
            if *condition == Condition::WrongLanguage && language_task.is_none() {
                return bad(
                    "conditions.language_task",
                    "the task that has sentences in other languages",
                    "nothing",
                );
            }
            if condition.needs_another_task() && self.tasks.len() < 2 {
                return bad(&key, "at least two tasks to take rows from", self.tasks.len());
            }
        }
        Ok(())
    }
}

impl ChangedRecipe {
    fn check(&self, configurations: u64) -> Result<(), SweepError> {
        let Self { configuration, learning_rate, steps, rank } = *self;
        if configuration >= configurations {
            return bad("changed.configuration", "below configurations", configuration);
        }
        if learning_rate.is_some_and(|rate| !(1e-12..=10.0).contains(&rate)) {
            return bad("changed.learning_rate", "1e-12 to 10", learning_rate.unwrap_or(f64::NAN));
        }
        if steps == Some(0) || rank == Some(0) {
            return bad("changed", "steps and rank of 1 or more", "0");
        }
        Ok(())
    }
}

impl RecipeRanges {
    fn check(&self) -> Result<(), SweepError> {
        check_range("recipe.learning_rate", self.learning_rate, 1e-12, 10.0)?;
        if let Some(unstable) = &self.unstable {
            check_range("recipe.unstable.learning_rate", unstable.learning_rate, 1e-12, 10.0)?;
            if !(0.0..=1.0).contains(&unstable.share) {
                return bad("recipe.unstable.share", "0 to 1", unstable.share);
            }
        }
        let StepRange { low, median, high } = self.steps;
        check_range("recipe.steps", Range { low, high }, 1.0, 1e7)?;
        if low < high && !(low < median && median < high) {
            return bad("recipe.steps.median", "between low and high", median);
        }
        for (key, length) in [
            ("batch", self.batch.len()),
            ("rank", self.rank.len()),
            ("alpha_over_rank", self.alpha_over_rank.len()),
            ("dropout", self.dropout.len()),
            ("targets", self.targets.len()),
            ("schedule", self.schedule.len()),
            ("warmup", self.warmup.len()),
            ("weight_decay", self.weight_decay.len()),
            ("sequence_length", self.sequence_length.len()),
        ] {
            if length == 0 {
                return bad(&format!("recipe.{key}"), "a list with at least one value", "an empty list");
            }
        }
        Ok(())
    }
}

fn check_range(key: &str, range: Range, least: f64, most: f64) -> Result<(), SweepError> {
    let Range { low, high } = range;
    if low >= least && low <= high && high <= most {
        return Ok(());
    }
    let expected = "low and high in ascending order, within what makes sense for it";
    bad(key, expected, format!("{low} to {high} (allowed: {least} to {most})"))
}

fn bad<T>(key: &str, expected: &'static str, found: impl ToString) -> Result<T, SweepError> {
    Err(SweepError::Value { key: key.to_owned(), expected, found: found.to_string() })
}
