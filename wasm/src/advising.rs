//! Advice on a finished report: cost and preflight for a recipe and prices, which come as JSON.

use foretune_core::advice::{BASE_MODELS, CostTable, Recipe, ReportExport};
use foretune_core::check::{CheckOptions, Report};
use serde_json::{Value, json};

use crate::failure::Failure;

/// What the page starts from.
pub fn defaults() -> Value {
    let models: Vec<&str> = BASE_MODELS.iter().map(|model| model.name).collect();
    json!({ "recipe": Recipe::default(), "prices": CostTable::default(), "models": models })
}

/// As the command line writes it when nothing is said about the run.
pub fn first_export(report: Report, options: &CheckOptions) -> ReportExport {
    let recipe = Recipe { max_tokens: options.max_tokens, ..Recipe::default() };
    ReportExport::new(report, recipe, &CostTable::default())
}

pub fn export(report: Report, recipe: &str, prices: &str) -> Result<ReportExport, Failure> {
    let recipe: Recipe = serde_json::from_str(recipe).map_err(Failure::mixed_builds)?;
    let prices: CostTable = serde_json::from_str(prices).map_err(Failure::mixed_builds)?;
    Ok(ReportExport::new(report, recipe, &prices))
}

pub fn export_json(export: &ReportExport) -> Result<String, Failure> {
    serde_json::to_string_pretty(export).map_err(Failure::mixed_builds)
}
