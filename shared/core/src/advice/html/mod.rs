//! The report as one HTML file to keep: no scripts, no outside resources, both themes, legible on paper. Everything
//! that comes from a file goes through `escape`.

mod page;
mod sections;

use serde::{Deserialize, Serialize};

use super::{ChangeList, CostEstimate, Point, Recipe};
use crate::check::Report;

/// Everything that is exported; as JSON it is this struct, as HTML `html_report` of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportExport {
    pub report: Report,
    pub recipe: Recipe,
    pub preflight: Vec<Point>,
    pub cost: Option<CostEstimate>,
    /// Where a cleaned copy was made.
    pub changes: Option<ChangeList>,
    /// When the export was made, as the caller writes it; this crate has no clock.
    pub made_at: Option<String>,
}

/// One self-contained page.
pub fn html_report(export: &ReportExport) -> String {
    page::page(export)
}

/// Text for element content and quoted attributes. Control characters that HTML forbids become U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(character),
            _ if character.is_control() => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
