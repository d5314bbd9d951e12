//! The feature registry: every number that a forecast may use, described once.

mod dynamic;
mod recipe;
mod registry;
mod vector;

pub use registry::{Better, FEATURES, Feature, Group, find};
pub use vector::FeatureVector;
