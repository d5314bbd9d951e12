//! Finished fine-tunes as records, one JSON object a line, and the tables that predictors are fitted on.

mod read;
mod record;
mod table;

pub use read::{RunsError, read_runs};
pub use record::{DatasetRecord, EvaluationRecord, ModelRecord, Part, Reading, RunRecord, SCHEMA_VERSION};
pub use table::{AnytimeTable, Label, STATIC_ONLY_STEP, noise_floor};
