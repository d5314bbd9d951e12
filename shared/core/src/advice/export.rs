//! The report with everything that depends on the recipe: what `--json` prints and what a report file holds.

use serde::{Deserialize, Serialize};

use super::{ChangeList, CostEstimate, CostTable, Point, Recipe, estimate, preflight};
use crate::check::Report;

/// In JSON the report's own fields stand at the top level beside these.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportExport {
    #[serde(flatten)]
    pub report: Report,
    pub recipe: Recipe,
    pub preflight: Vec<Point>,
    pub cost: Option<CostEstimate>,
    /// Where a cleaned copy was made.
    pub changes: Option<ChangeList>,
    /// When the export was made, as the caller writes it; this crate has no clock.
    pub made_at: Option<String>,
}

impl ReportExport {
    /// Judges the report for a recipe at the given prices.
    pub fn new(report: Report, recipe: Recipe, prices: &CostTable) -> Self {
        let tokens_per_epoch = (report.features.get("avg_input_length")
            + report.features.get("avg_output_length"))
            * report.rows_valid as f64;
        let cost = tokens_per_epoch
            .is_finite()
            .then(|| estimate(tokens_per_epoch, report.description.tokens_exact, &recipe, prices));
        let preflight = preflight(&report, &recipe);
        Self { report, recipe, preflight, cost, changes: None, made_at: None }
    }
}
