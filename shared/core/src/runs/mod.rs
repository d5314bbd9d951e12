//! Finished fine-tunes as records, one JSON object a line, and the tables that predictors are fitted on.

mod bases;
#[cfg(feature = "columnar")]
mod columns;
mod derived;
mod knowledge;
mod metrics;
mod plan;
mod read;
mod record;
mod table;
mod trace;

pub use bases::pair_with_smaller;
pub use derived::DERIVED_FROM_READINGS;
pub(crate) use knowledge::{FINISHED, OF_THE_ROWS, is_proxy, needs_clean_rows};
pub use knowledge::{Knowledge, Known, proxy_features};
pub use metrics::Metrics;
pub use plan::{
    HELD_OUT_ROWS, RecipeNumbers, SMALL_MODEL_PARAMETERS, Schedule, before_any_probe, held_out_rows,
    plan_features, trained_rows,
};
pub use read::{Place, RunsError, RunsReader, read_runs};
pub use record::{
    BUNDLED_MODEL, DatasetRecord, Elsewhere, EvaluationRecord, ModelRecord, Part, Reading, RunRecord,
    SCHEMA_VERSION, SPLITS, StepRecord,
};
pub use table::{AnytimeTable, Label, STATIC_ONLY_STEP, noise_floor, part_of};
pub use trace::{Trace, TraceError, read_trace};
