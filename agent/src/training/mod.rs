//! What probe and tune share: rows from files, the recipe's flags, and driving a run with checkpoints,
//! a trace, progress and Ctrl-C.

mod drive;
mod recipe;
mod rows;

pub use drive::{Run, beside, drive};
pub use recipe::RecipeFlags;
pub use rows::{Sampling, general_rows, read_rows};
