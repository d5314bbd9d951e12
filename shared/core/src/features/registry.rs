//! One table of features, from which the page, the documentation, SHAP labels and model cards read.
//! Each group's rows stand in a file of its own; this one only joins them.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    Static,
    Recipe,
    Dynamic,
    Proxy,
}

/// Which way is better for the final score, where that is known in general.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    Higher,
    Lower,
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Feature {
    pub name: &'static str,
    pub group: Group,
    pub unit: &'static str,
    /// One sentence, sentence case, no full stop.
    pub measures: &'static str,
    pub better: Better,
}

pub static FEATURES: &[&[Feature]] = &[];

pub fn find(name: &str) -> Option<&'static Feature> {
    FEATURES.iter().flat_map(|group| group.iter()).find(|feature| feature.name == name)
}
