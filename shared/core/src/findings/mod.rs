//! What is wrong with a dataset: one registry of codes, the collector that counts and lists findings, the rules
//! on text and the rules on the rows together.

mod code;
mod collector;
mod dataset;
mod finding;
mod problem;
pub mod registry;
pub mod text;

pub use code::{Code, Severity};
pub use collector::{FindingCollector, FindingGroup};
pub use dataset::{DatasetFacts, EvalMatch, LabelFacts, OrderDrift, Repeat, RepeatedRows, dataset_findings};
pub use finding::{Finding, excerpt};
pub use problem::Problem;
