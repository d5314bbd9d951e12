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

pub static FEATURES: &[&[Feature]] = &[
    super::static_features::STATIC_FEATURES,
    super::recipe::RECIPE,
    super::dynamic::DYNAMIC,
    super::proxy::PROXY,
];

pub fn find(name: &str) -> Option<&'static Feature> {
    FEATURES.iter().flat_map(|group| group.iter()).find(|feature| feature.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_sentences_have_no_full_stop() {
        let mut names: Vec<&str> = FEATURES.iter().flat_map(|group| group.iter()).map(|f| f.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for feature in FEATURES.iter().flat_map(|group| group.iter()) {
            assert!(!feature.measures.ends_with('.') && !feature.measures.is_empty(), "{}", feature.name);
            assert_eq!(find(feature.name), Some(feature));
        }
    }
}
