//! Fitting: a table of rows, learners that end as explainable sums, grouped cross-validation that chooses
//! among them, and the search's log.

mod additive;
mod comparison;
mod extra_trees;
mod folds;
mod learner;
mod metrics;
mod mixture;
mod search;
mod table;
mod trials;

pub use additive::AdditiveOptions;
pub use extra_trees::ExtraTreesOptions;
pub use folds::{Fold, group_folds};
pub use learner::{Learner, Recipe, Target, as_model};
pub use metrics::{Metrics, metrics};
pub use search::{Choice, LogLine, SearchOptions, search, search_steps};
pub use table::{MIN_ROWS, Table, TableError};
