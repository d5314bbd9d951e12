//! Collecting runs of a sweep: a folder that any number of processes share, workers that make runs, the
//! executors that start them, and running recorded ones again.

mod corpus;
mod describe_again;
mod folder;
mod local;
mod maker;
mod progress;
mod slurm;
mod suite;
mod tokens;
mod verify;
mod worker;

pub use corpus::Corpus;
pub use describe_again::describe_again;
pub use folder::{Header, RunFolder, Tally};
pub use local::collect;
pub use maker::{Maker, recipe};
pub use slurm::{Submission, collect as collect_with_slurm, report_free_lock};
pub use verify::{Comparison, verify};
pub use worker::work;
