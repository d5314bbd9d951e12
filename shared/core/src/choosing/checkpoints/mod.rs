//! Which pretraining variant fine-tunes best, from indicators measured before tuning (perplexities, few-shot
//! scores, run settings): learned on variants whose tuned scores are known. The published pairwise learner
//! (arXiv 2504.12491) stands beside ours; a check looks for labels that leaked into indicators.

mod benchmark;
mod ensemble;
mod input;
mod leak;
mod pairs;
mod picture;
mod published;
mod report;
mod scores;

pub use benchmark::{CheckpointBenchmark, CheckpointLearner, LearnerScore, RowSet, benchmark, row_sets};
pub use input::CheckpointOptions;
pub use leak::{Leak, LeakReport, leak_check};
pub use picture::picture;
pub use report::{CheckpointReport, PairJudgement, RankedCheckpoint, rank, rank_table};

#[cfg(test)]
mod tests;
