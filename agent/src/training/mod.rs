//! What probe and tune share: rows from files, the recipe's flags, and driving a run with checkpoints,
//! a trace, progress and Ctrl-C.

mod aside;
mod drive;
mod quiz;
mod recipe;
mod rows;

pub use aside::{AsideFlags, tell_set_aside};
pub use drive::{Run, beside, drive, trace};
pub use foretune_engine::rows::{Sampling, rows_of, split, tokenize};
pub use quiz::{Quiz, QuizMarks};
pub use recipe::RecipeFlags;
pub use rows::{evaluation_features, general_rows, read_aside, read_rows, set_aside, write_parts};

/// How the lab's answers are judged; part of every record.
pub const HARNESS: &str = foretune_engine::judge::Judge::Exact.harness();
