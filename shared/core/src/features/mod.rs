//! The feature registry: every number that a forecast may use, described once.

mod docs;
mod dynamic;
mod recipe;
mod registry;
mod static_features;
mod vector;

pub use docs::{all, markdown};
pub use registry::{Better, FEATURES, Feature, Group, find};
pub use vector::FeatureVector;
