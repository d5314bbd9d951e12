//! What is wrong with a dataset: one registry of codes, and the collector that counts and lists them.

mod code;
mod problem;

pub use code::{Code, Severity};
pub use problem::Problem;
