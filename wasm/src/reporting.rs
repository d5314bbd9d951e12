//! The report as one HTML file to keep, from the JSON that the page has of it.

use foretune_core::advice::{ReportExport, html_report};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::failure::Failure;

/// `export` is the JSON of a report for a recipe, `changes` that of a cleaned copy's changes, or null.
#[wasm_bindgen]
pub fn report_page(export: &str, changes: &str, made_at: String) -> Result<String, JsValue> {
    let mut export: ReportExport = serde_json::from_str(export).map_err(Failure::mixed_builds)?;
    export.changes = serde_json::from_str(changes).map_err(Failure::mixed_builds)?;
    export.made_at = Some(made_at);
    Ok(html_report(&export))
}
