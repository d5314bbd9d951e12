//! Static features in one streaming pass, from mergeable partial results: any split of a file, in any order,
//! merges to the identical description, bit for bit, native and in wasm. Memory is bounded by `limits`.

mod alike;
mod chars;
mod description;
mod descriptors;
mod duplicates;
mod eval;
mod evaluation;
mod finish;
mod labels;
mod minhash;
mod near;
mod reference;
mod reference_build;
mod row_scan;
mod sample;
mod scan;
mod sketch;
mod spot;
mod thread_shared;
mod tokens;

pub(crate) use alike::AlikeIndex;
pub use description::{
    ConflictReport, Description, DriftBin, DuplicateReport, Histograms, LabelCount, LabelTable, OverlapPair,
    OverlapReport, RowGroup, Share, TokenEstimate,
};
pub use descriptors::{DescribeContext, DescribeOptions, Descriptors, RowCounts};
pub use eval::{EvalIndex, EvalIndexBuilder};
pub(crate) use evaluation::EvaluationFeatures;
pub(crate) use minhash::Signature;
pub use reference::{ReferenceError, ReferenceModel, TextCost};
pub use reference_build::{BuildOptions as ReferenceOptions, ReferenceBuilder};
pub(crate) use row_scan::RowScan;
pub use sketch::Bar;
pub use tokens::{ESTIMATE_ERROR, TokenCounter, estimate_tokens};
