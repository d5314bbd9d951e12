//! Reads run records from JSON Lines; a line that is no record is refused with its number, because a table
//! that silently shrinks gives other numbers.

use std::collections::BTreeSet;

use thiserror::Error;

use super::record::{RunRecord, SCHEMA_VERSION};
use crate::features;
use crate::limits;

#[derive(Debug, Clone, PartialEq, Error)]
pub enum RunsError {
    #[error("line {line} is no run record: {reason}")]
    Line { line: usize, reason: String },
    #[error("line {line}: schema version {found}; this build reads version {SCHEMA_VERSION}")]
    Version { line: usize, found: u32 },
    #[error("line {line} has {found} {what}; at most {limit} are read")]
    TooMany { line: usize, what: &'static str, found: usize, limit: usize },
    #[error("run {id:?} stands on line {first} and on line {second}")]
    Twice { id: String, first: usize, second: usize },
    #[error("the runs hold features that the registry does not know: {}", names.join(", "))]
    UnknownFeatures { names: Vec<String> },
    #[error("there are no runs in the file")]
    Empty,
}

pub fn read_runs(text: &str) -> Result<Vec<RunRecord>, RunsError> {
    let mut runs: Vec<RunRecord> = Vec::new();
    let mut seen = std::collections::BTreeMap::new();
    let mut unknown = BTreeSet::new();
    for (index, content) in text.lines().enumerate() {
        let line = index + 1;
        if content.trim().is_empty() {
            continue;
        }
        if runs.len() == limits::MAX_RUNS {
            let (found, limit) = (runs.len() + 1, limits::MAX_RUNS);
            return Err(RunsError::TooMany { line, what: "runs", found, limit });
        }
        let run: RunRecord = serde_json::from_str(content)
            .map_err(|error| RunsError::Line { line, reason: error.to_string() })?;
        if run.schema != SCHEMA_VERSION {
            return Err(RunsError::Version { line, found: run.schema });
        }
        if run.readings.len() > limits::MAX_READINGS {
            let (found, limit) = (run.readings.len(), limits::MAX_READINGS);
            return Err(RunsError::TooMany { line, what: "readings", found, limit });
        }
        if let Some(first) = seen.insert(run.id.clone(), line) {
            return Err(RunsError::Twice { id: run.id, first, second: line });
        }
        let vectors = [Some(&run.features), run.proxy.as_ref()];
        let all = vectors.into_iter().flatten().chain(run.readings.iter().map(|reading| &reading.features));
        for (name, _) in all.flat_map(|vector| vector.iter()) {
            if features::find(name).is_none() {
                unknown.insert(name.to_owned());
            }
        }
        runs.push(run);
    }
    if !unknown.is_empty() {
        return Err(RunsError::UnknownFeatures { names: unknown.into_iter().take(10).collect() });
    }
    if runs.is_empty() { Err(RunsError::Empty) } else { Ok(runs) }
}
