//! The dataset check with this machine's means: files, threads, a progress bar, text for people.

mod parallel;
pub mod summary;

pub use parallel::{CheckInput, run};
