//! What core knows about its own words, once, as JSON: the page repeats none of it.

use foretune_core::features::FEATURES;
use foretune_core::findings::registry;
use foretune_core::recognise::recognise;
use foretune_core::runs::{RecipeNumbers, SMALL_MODEL_PARAMETERS};
use foretune_core::trainers::Trainer;
use serde_json::{Value, json};
use wasm_bindgen::prelude::wasm_bindgen;

/// Which screen a file belongs to, from its name and its first bytes; and what to call it.
#[wasm_bindgen]
pub fn recognised(name: &str, head: &[u8]) -> Vec<String> {
    let kind = recognise(name, head);
    let code = serde_json::to_value(kind).ok().and_then(|value| value.as_str().map(str::to_owned));
    vec![code.unwrap_or_default(), kind.words().to_owned()]
}

#[wasm_bindgen]
pub fn catalogue() -> String {
    let trainers: Vec<Value> = Trainer::ALL
        .iter()
        .map(|trainer| json!({ "name": trainer.name(), "title": trainer.title() }))
        .collect();
    let features: Vec<_> = FEATURES.iter().flat_map(|group| group.iter()).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "trainers": trainers,
        "findings": registry::entries().map(finding).collect::<Vec<_>>(),
        "features": features,
        "usual_recipes": [
            { "below_parameters": SMALL_MODEL_PARAMETERS, "recipe": RecipeNumbers::usual_for(Some(0), usize::MAX) },
            { "below_parameters": null, "recipe": RecipeNumbers::usual_for(None, usize::MAX) },
        ],
        "advice": crate::advising::defaults(),
    })
    .to_string()
}

fn finding(entry: &registry::Entry) -> Value {
    let treatments: Vec<Value> = Trainer::ALL
        .iter()
        .map(|trainer| {
            let treatment = entry.treatment(*trainer);
            json!({
                "outcome": treatment.outcome,
                "outcome_words": treatment.outcome.words(),
                "provenance_words": treatment.provenance.words(),
                "rejects_row": treatment.outcome.rejects_row(),
                "stops_the_file": treatment.outcome.stops_the_file(),
            })
        })
        .collect();
    json!({
        "code": entry.code, "severity": entry.severity, "title": entry.title, "meaning": entry.meaning,
        "example": entry.example, "fix": entry.fix, "trainers": treatments,
    })
}
