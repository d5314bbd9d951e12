//! Changes of a recipe that cost nothing to try; the data's own faults are `check`'s to name.

use crate::features::FeatureVector;

/// What it is called, and the features it sets.
pub type Change = (String, Vec<(String, f64)>);

pub fn cheap_changes(plan: &FeatureVector) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut scaled = |label: &str, names: &[&str], factor: f64| {
        let values: Vec<(String, f64)> = names
            .iter()
            .map(|name| ((*name).to_owned(), plan.get(name) * factor))
            .filter(|(_, value)| value.is_finite())
            .collect();
        if !values.is_empty() {
            changes.push((label.to_owned(), values));
        }
    };
    scaled("learning rate x 3", &["learning_rate"], 3.0);
    scaled("learning rate / 3", &["learning_rate"], 1.0 / 3.0);
    scaled("twice the epochs", &["epochs", "total_steps"], 2.0);
    scaled("half the epochs", &["epochs", "total_steps"], 0.5);
    scaled("twice the rank", &["lora_rank", "lora_alpha", "trained_parameters"], 2.0);
    changes
}
