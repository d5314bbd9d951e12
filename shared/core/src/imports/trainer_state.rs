//! `trainer_state.json` of the Hugging Face Trainer (also written by TRL, axolotl and LLaMA-Factory).

use serde::Deserialize;
use serde_json::{Map, Value};

use super::bare_words::without_bare_words;
use super::gather::{Gathered, step_of};
use super::{ImportError, ImportedRun};
use crate::limits;

#[derive(Deserialize)]
struct State {
    log_history: Vec<Map<String, Value>>,
    #[serde(default)]
    max_steps: Option<f64>,
    #[serde(default)]
    num_train_epochs: Option<f64>,
    #[serde(default)]
    train_batch_size: Option<f64>,
}

pub(super) fn read(name: &str, text: &str) -> Result<ImportedRun, ImportError> {
    let (text, not_finite) = without_bare_words(text.trim_start_matches('\u{feff}'));
    let state: State = serde_json::from_str(&text).map_err(|error| ImportError::Malformed {
        place: format!("line {}, column {}", error.line(), error.column()),
        detail: format!("no trainer state: {error}"),
    })?;
    let mut run = Gathered::default();
    run.not_finite += not_finite;
    if let Some(steps) = state.max_steps.filter(|steps| *steps > 0.0) {
        run.recipe.set("total_steps", steps);
    }
    if let Some(epochs) = state.num_train_epochs.filter(|epochs| *epochs > 0.0) {
        run.recipe.set("epochs", epochs);
    }
    if let Some(rows) = state.train_batch_size {
        run.notes.push(format!(
            "{rows} rows a step and device; the state does not tell devices and accumulation, so the batch size is \
             missing"
        ));
    }
    for (index, entry) in state.log_history.iter().enumerate() {
        entry_into(&mut run, entry, "step", || format!("entry {} of log_history", index + 1))?;
    }
    run.finish(name.to_owned(), "Hugging Face trainer state")
}

/// Every number of one logged object under its step.
pub(super) fn entry_into(
    run: &mut Gathered,
    entry: &Map<String, Value>,
    step_key: &str,
    place: impl Fn() -> String,
) -> Result<(), ImportError> {
    if entry.len() > limits::MAX_KEYS {
        return Err(ImportError::TooMany { what: "keys in one entry", most: limits::MAX_KEYS });
    }
    let Some(step) = entry.get(step_key) else { return Ok(()) };
    let step = step.as_f64().and_then(step_of).ok_or_else(|| ImportError::Malformed {
        place: place(),
        detail: format!("{step_key:?} is {step}, expected a whole number"),
    })?;
    // The summary at the end repeats means of the whole run.
    if entry.contains_key("train_runtime") {
        return Ok(());
    }
    for (name, value) in entry.iter().filter(|(name, _)| *name != step_key) {
        match value {
            Value::Number(number) => run.add(step, name, number.as_f64().unwrap_or(f64::NAN))?,
            Value::String(text)
                if ["nan", "inf", "-inf", "infinity"].contains(&text.to_lowercase().as_str()) =>
            {
                run.add(step, name, f64::NAN)?;
            }
            _ => {}
        }
    }
    Ok(())
}
