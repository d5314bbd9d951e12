//! Weights from a Hugging Face-compatible hub into the cache that Python shares: fetched in parallel ranges,
//! gone on with after a kill, checked against the hub's hashes.

mod cache;
mod checksum;
mod download;
mod hub;
mod pull;

pub use cache::{Cache, Held, ModelName, shards};
pub use checksum::Checksum;
pub use hub::Hub;
pub use pull::{Watcher, pull};
