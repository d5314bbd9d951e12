//! The lab: which fine-tunes a sweep consists of, how their data is spoiled on purpose, and which rows may
//! never be tuned on. Pure: the same sweep file gives the same list everywhere.

mod condition;
mod divergence;
mod draws;
mod expand;
mod journal;
pub mod slurm;
mod sweep;
mod task;
mod taught;

pub use condition::{Condition, Material, Spoiled, spoil};
pub use divergence::has_diverged;
pub use expand::{Configuration, PlannedRecipe, PlannedRun, expand};
pub use journal::{JournalError, whole_length};
pub use sweep::{
    ChangedRecipe, ConditionRange, Conditions, EvaluationSizes, ModelChoice, Range, RecipeRanges, Repeats,
    StepRange, Sweep, SweepError, TaskEntry, Unstable,
};
pub use task::{TaskRow, TaskSplit, fit_into};
pub use taught::{TAUGHT_TASKS, is_taught, prompt_of};
