//! What probe and tune share: rows from files, the recipe's flags, and driving a run with checkpoints,
//! a trace, progress and Ctrl-C.

mod drive;
mod recipe;
mod rows;

pub use drive::{Run, beside, drive, trace};
pub use recipe::RecipeFlags;
pub use rows::{Sampling, general_rows, read_rows, rows_of, split, tokenize};

/// How answers are judged; part of every record.
pub const HARNESS: &str =
    "exact-1: every answer token, end mark included, is the most likely one (greedy match)";
