//! Logs of other training programs as partial traces: losses, gradient norms, learning rates and evaluation losses
//! under our names, everything else honestly missing. Bounded, and nothing is guessed silently.

mod bare_words;
mod console_log;
pub mod finished;
mod gather;
mod log_lines;
mod metrics_csv;
mod tensorboard;
mod trainer_log;
mod trainer_state;

use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::choosing::problem::Problem;
use crate::features::FeatureVector;
use crate::limits;
use crate::recognise::{FileKind, recognise};
use crate::runs::Reading;

#[derive(Debug, Clone, PartialEq, Error)]
pub enum ImportError {
    #[error("this is {found}, not the log of a training program: expected {EXPECTED}")]
    OtherKind { found: &'static str },
    #[error("the file has {found} bytes, and at most {most} are read")]
    TooLarge { found: usize, most: usize },
    #[error("more than {most} {what}")]
    TooMany { what: &'static str, most: usize },
    #[error("{place}: {detail}")]
    Malformed { place: String, detail: String },
    #[error(transparent)]
    Table(#[from] Problem),
    #[error("no loss of any step was found; the file names: {present}")]
    NoLoss { present: String },
}

const EXPECTED: &str = "trainer_state.json, a console log, log lines in JSON, a CSV export of Weights & Biases or \
                        MLflow, or a TensorBoard event file";

/// One run of a log file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImportedRun {
    /// As the file names it; the file's own name where it does not.
    pub name: String,
    /// What it was read from.
    pub source: &'static str,
    /// What the log tells of the recipe.
    pub recipe: FeatureVector,
    /// Ascending.
    pub steps: Vec<LoggedStep>,
    pub readings: Vec<Reading>,
    /// What was left out, assumed or could not be known.
    pub notes: Vec<String>,
}

/// What a log told of one step. Missing is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct LoggedStep {
    pub step: u64,
    pub loss: Option<f64>,
    pub grad_norm: Option<f64>,
    pub learning_rate: Option<f64>,
    /// Loss on rows that are not trained on.
    pub held_out_loss: Option<f64>,
}

/// Every run that the file tells of.
pub fn import(name: &str, bytes: &[u8]) -> Result<Vec<ImportedRun>, ImportError> {
    let (found, most) = (bytes.len(), limits::MAX_IMPORT_BYTES);
    if found > most {
        return Err(ImportError::TooLarge { found, most });
    }
    let kind = recognise(name, bytes);
    let text = || {
        std::str::from_utf8(bytes).map_err(|error| ImportError::Malformed {
            place: format!("byte {}", error.valid_up_to() + 1),
            detail: "this is not UTF-8 text".to_owned(),
        })
    };
    match kind {
        FileKind::TrainerState => Ok(vec![trainer_state::read(name, text()?)?]),
        FileKind::LogLines => Ok(vec![log_lines::read(name, text()?)?]),
        FileKind::ConsoleLog => Ok(vec![console_log::read(name, text()?)?]),
        FileKind::MetricsCsv => metrics_csv::read(name, text()?),
        FileKind::TensorBoard => Ok(vec![tensorboard::read(name, bytes)?]),
        other => Err(ImportError::OtherKind { found: other.words() }),
    }
}

impl ImportedRun {
    /// As the lines of a trace file.
    pub fn trace(&self) -> String {
        let line = |mut value: Value, kind: &str| {
            value["type"] = kind.into();
            format!("{value}\n")
        };
        let start = json!({
            "trace_version": 1, "imported_from": self.source, "name": self.name, "recipe": self.recipe,
            "notes": self.notes,
        });
        let mut text = line(start, "start");
        for step in &self.steps {
            text += &line(json!(step), "logged_step");
        }
        for reading in &self.readings {
            text += &line(json!(reading), "reading");
        }
        text
    }
}

#[cfg(test)]
mod tests;
