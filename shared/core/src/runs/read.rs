//! Reads run records from JSON Lines, one or several files; a line that is no record is refused by file and
//! line, because a table that silently shrinks gives other numbers.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use super::record::{RunRecord, SCHEMA_VERSION};
use crate::features::{self, FeatureVector};
use crate::limits;

/// A file and a line in it, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub file: String,
    pub line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}, line {}", self.file, self.line)
    }
}

#[derive(Debug, Clone, PartialEq, Error)]
pub enum RunsError {
    #[error("{at} is no run record: {reason}")]
    Line { at: Place, reason: String },
    #[error("{at}: schema version {found}; this build reads version {SCHEMA_VERSION}")]
    Version { at: Place, found: u32 },
    #[error("{at} has {found} {what}; at most {limit} are read")]
    TooMany { at: Place, what: &'static str, found: usize, limit: usize },
    #[error("run {id:?} stands in {first} and again in {second}")]
    Twice { id: String, first: Place, second: Place },
    #[error("the runs hold features that the registry does not know: {}", names.join(", "))]
    UnknownFeatures { names: Vec<String> },
    #[error("there are no runs in it")]
    Empty,
}

#[derive(Debug, Default)]
pub struct RunsReader {
    runs: Vec<RunRecord>,
    places: BTreeMap<String, Place>,
    unknown: BTreeSet<String>,
}

impl RunsReader {
    /// Adds the lines of one file.
    pub fn add(&mut self, file: &str, text: &str) -> Result<(), RunsError> {
        for (index, content) in text.lines().enumerate() {
            if !content.trim().is_empty() {
                self.add_line(Place { file: file.to_owned(), line: index + 1 }, content)?;
            }
        }
        Ok(())
    }

    pub fn finish(self) -> Result<Vec<RunRecord>, RunsError> {
        if !self.unknown.is_empty() {
            return Err(RunsError::UnknownFeatures { names: self.unknown.into_iter().take(10).collect() });
        }
        if self.runs.is_empty() { Err(RunsError::Empty) } else { Ok(self.runs) }
    }

    fn add_line(&mut self, at: Place, content: &str) -> Result<(), RunsError> {
        if self.runs.len() == limits::MAX_RUNS {
            let (found, limit) = (self.runs.len() + 1, limits::MAX_RUNS);
            return Err(RunsError::TooMany { at, what: "runs", found, limit });
        }
        let run: RunRecord = match serde_json::from_str(content) {
            Ok(run) => run,
            Err(error) => return Err(RunsError::Line { at, reason: error.to_string() }),
        };
        if run.schema != SCHEMA_VERSION {
            return Err(RunsError::Version { at, found: run.schema });
        }
        if run.readings.len() > limits::MAX_READINGS {
            let (found, limit) = (run.readings.len(), limits::MAX_READINGS);
            return Err(RunsError::TooMany { at, what: "readings", found, limit });
        }
        if let Some(first) = self.places.insert(run.id.clone(), at.clone()) {
            return Err(RunsError::Twice { id: run.id, first, second: at });
        }
        let vectors = [Some(&run.features), run.proxy.as_ref()];
        let all = vectors.into_iter().flatten().chain(run.readings.iter().map(|reading| &reading.features));
        for (name, _) in all.flat_map(FeatureVector::iter) {
            if features::find(name).is_none() {
                self.unknown.insert(name.to_owned());
            }
        }
        self.runs.push(run);
        Ok(())
    }
}

/// The runs of one text.
pub fn read_runs(text: &str) -> Result<Vec<RunRecord>, RunsError> {
    let mut reader = RunsReader::default();
    reader.add("the runs", text)?;
    reader.finish()
}
