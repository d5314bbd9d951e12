//! Advice on a finished report: cost, preflight, the report as HTML. Recipe and prices come as JSON.

use foretune_core::advice::{
    BASE_MODELS, ChangeList, CostTable, Point, Recipe, ReportExport, estimate, html_report, preflight,
};
use foretune_core::check::Report;
use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::Failure;

/// What the page starts from.
pub fn defaults() -> Value {
    let models: Vec<&str> = BASE_MODELS.iter().map(|model| model.name).collect();
    json!({ "recipe": Recipe::default(), "prices": CostTable::default(), "models": models })
}

#[derive(Serialize)]
struct Advice {
    cost: foretune_core::advice::CostEstimate,
    preflight: Vec<Point>,
}

fn advise(report: &Report, recipe: &Recipe, prices: &CostTable) -> Advice {
    let tokens = report.tokens_per_epoch();
    Advice {
        cost: estimate(tokens, report.description.tokens_exact, recipe, prices),
        preflight: preflight(report, recipe),
    }
}

pub fn advice_json(report: &Report, recipe: &str, prices: &str) -> Result<String, Failure> {
    let (recipe, prices) = parse(recipe, prices)?;
    serde_json::to_string(&advise(report, &recipe, &prices)).map_err(Failure::mixed_builds)
}

pub fn html(report: &Report, recipe: &str, prices: &str, changes: &str, made_at: String) -> Result<String, Failure> {
    let (recipe, prices) = parse(recipe, prices)?;
    let changes: Option<ChangeList> = serde_json::from_str(changes).map_err(Failure::mixed_builds)?;
    let Advice { cost, preflight } = advise(report, &recipe, &prices);
    Ok(html_report(&ReportExport {
        report: report.clone(),
        recipe,
        preflight,
        cost: Some(cost),
        changes,
        made_at: Some(made_at),
    }))
}

fn parse(recipe: &str, prices: &str) -> Result<(Recipe, CostTable), Failure> {
    Ok((
        serde_json::from_str(recipe).map_err(Failure::mixed_builds)?,
        serde_json::from_str(prices).map_err(Failure::mixed_builds)?,
    ))
}
