//! Static features in one streaming pass, from mergeable partial results: any split of a file, in any order,
//! merges to the identical description, bit for bit, native and in wasm. Memory is bounded by `limits`.

mod description;
mod descriptors;
mod sketch;
mod spot;
mod thread_shared;
mod tokens;

pub use description::{
    ConflictReport, Description, DriftBin, DuplicateReport, Histograms, LabelCount, LabelTable, OverlapPair,
    OverlapReport, RowGroup, Share,
};
pub use descriptors::{DescribeContext, DescribeOptions, Descriptors, RowCounts};
pub use sketch::Bar;
pub use tokens::{TokenCounter, estimate_tokens};
