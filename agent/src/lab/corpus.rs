//! The tasks of a sweep, read once: rows to tune on, clean rows, test rows.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use foretune_core::hash::{combine, hash_bytes};
use foretune_core::lab::{EvaluationSizes, Sweep, TaskRow, TaskSplit};

use crate::files;

#[derive(Debug)]
pub struct Task {
    pub split: TaskSplit,
    /// Those that are scored.
    pub test: Vec<TaskRow>,
}

#[derive(Debug)]
pub struct Corpus {
    tasks: BTreeMap<String, Task>,
    /// Of all files.
    pub fingerprint: u64,
}

impl Corpus {
    pub fn read(folder: &Path, sweep: &Sweep) -> Result<Self> {
        let mut corpus = Self { tasks: BTreeMap::new(), fingerprint: 0 };
        for name in sweep.tasks.keys() {
            let mut read = |part: &str| -> Result<Vec<TaskRow>> {
                let path = folder.join(name).join(part);
                let text = files::read_text(&path)
                    .context("the tasks' folder is `data` in the sweep file, or --data")?;
                corpus.fingerprint = combine(corpus.fingerprint, hash_bytes(text.as_bytes(), 0));
                rows(&text).with_context(|| format!("{} cannot be used", path.display()))
            };
            let EvaluationSizes { clean_rows, test_rows, .. } = sweep.evaluation;
            let split = TaskSplit::of(name, read("train.jsonl")?, clean_rows);
            let test = TaskSplit::choose(read("test.jsonl")?, test_rows);
            if split.pool.is_empty() || split.clean.is_empty() || test.is_empty() {
                bail!("the task {name} in {} has too few rows to tune and judge on", folder.display());
            }
            corpus.tasks.insert(name.clone(), Task { split, test });
        }
        if let Some(name) = &sweep.conditions.language_task
            && !corpus.tasks.contains_key(name)
        {
            bail!("conditions.language_task: expected one of the tasks, found {name:?}");
        }
        Ok(corpus)
    }

    /// A task of the sweep's.
    pub fn task(&self, name: &str) -> &Task {
        self.tasks.get(name).expect("plans name tasks of the sweep, and all of them were read")
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Task)> {
        self.tasks.iter().map(|(name, task)| (name.as_str(), task))
    }
}

fn rows(text: &str) -> Result<Vec<TaskRow>> {
    text.lines()
        .enumerate()
        .map(|(index, line)| {
            serde_json::from_str(line).with_context(|| {
                format!("line {}: expected {{\"instruction\", \"input\", \"output\"}}", index + 1)
            })
        })
        .collect()
}
