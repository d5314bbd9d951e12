//! The whole check of one file: framed batches go to checkers, their partial results merge in any order,
//! and `finish` makes the report.

mod aside;
mod checker;
mod eval_rows;
mod excerpt;
mod facts;
mod finish;
mod locate;
mod options;
mod parts;
mod report;

pub use aside::{Aside, AsideRecord, Candidates, Fate, Sieve, TooFewClean, Wish, usual_rows};
pub use checker::{Checker, Partial};
pub use eval_rows::EvalRows;
pub use excerpt::{RowExcerpt, excerpt_row};
pub use finish::{FileIdentity, finish, unreadable};
pub use options::CheckOptions;
pub use parts::{Parts, evaluation_features};
pub use report::{FileSummary, GroupSummary, REPORT_VERSION, Report, SchemaCount};
