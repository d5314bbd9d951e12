//! The feature registry: every number that a forecast may use, described once.

mod docs;
mod dynamic;
mod proxy;
mod recipe;
mod registry;
mod rules;
mod static_features;
mod vector;

pub use docs::{all, markdown};
pub(crate) use proxy::{PROXY, is_of_finished_run, own_name};
pub use registry::{Better, FEATURES, Feature, Group, find};
pub use rules::BETWEEN_RULES;
pub(crate) use rules::set_over_rules;
pub use vector::FeatureVector;
