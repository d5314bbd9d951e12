//! The reference page of all features, written from the registry.

use super::{Better, FEATURES, Feature, Group};

pub fn markdown() -> String {
    let mut out = String::from(
        "# Features\n\nWritten from the registry by `just docs`. A feature that could not be measured is missing (`null`), never zero.\n",
    );
    for (group, title) in [
        (Group::Static, "Static: from the data alone"),
        (Group::Recipe, "Recipe: how the training is set up"),
        (Group::Dynamic, "Dynamic: measured by the probe"),
        (Group::Proxy, "Proxy: measured by the same probe of a smaller model"),
    ] {
        let features: Vec<&Feature> = all().filter(|feature| feature.group == group).collect();
        if features.is_empty() {
            continue;
        }
        out.push_str(&format!("\n## {title}\n\n| name | unit | measures | better |\n|---|---|---|---|\n"));
        for feature in features {
            let better = match feature.better {
                Better::Higher => "higher",
                Better::Lower => "lower",
                Better::Unknown => "depends",
            };
            let unit = if feature.unit.is_empty() { "–" } else { feature.unit };
            out.push_str(&format!("| `{}` | {} | {} | {better} |\n", feature.name, unit, feature.measures));
        }
    }
    out
}

pub fn all() -> impl Iterator<Item = &'static Feature> {
    FEATURES.iter().flat_map(|group| group.iter())
}
