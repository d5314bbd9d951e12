//! Bounded summaries of unbounded streams. Each is a function of the multiset it has seen, never of the order or
//! of how the stream was cut, so that merging parts gives the identical summary.

mod hash_sample;
mod histogram;
mod keyed_list;
mod priority_sample;

pub use hash_sample::{HashSample, Mergeable, Spread};
pub use histogram::{Bar, Histogram};
pub use keyed_list::SmallestList;
pub use priority_sample::{HasBytes, PrioritySample};
