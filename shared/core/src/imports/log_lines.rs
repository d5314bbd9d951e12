//! Logs of one JSON object a line, such as LLaMA-Factory's `trainer_log.jsonl`.

use serde_json::{Map, Value};

use super::bare_words::without_bare_words;
use super::gather::Gathered;
use super::trainer_state::entry_into;
use super::{ImportError, ImportedRun};

const STEP_KEYS: [&str; 4] = ["current_steps", "global_step", "step", "_step"];

pub(super) fn read(name: &str, text: &str) -> Result<ImportedRun, ImportError> {
    let mut run = Gathered::default();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let place = || format!("line {}", index + 1);
        let (line, not_finite) = without_bare_words(line.trim_start_matches('\u{feff}'));
        run.not_finite += not_finite;
        let entry: Map<String, Value> = serde_json::from_str(&line).map_err(|error| {
            ImportError::Malformed { place: place(), detail: format!("no JSON object: {error}") }
        })?;
        let total = entry.get("total_steps").and_then(Value::as_f64);
        if let Some(total) = total.filter(|total| *total > 0.0) {
            run.recipe.set("total_steps", total);
        }
        if let Some(key) = STEP_KEYS.into_iter().find(|key| entry.contains_key(*key)) {
            entry_into(&mut run, &entry, key, place)?;
        }
    }
    run.finish(name.to_owned(), "log lines")
}
