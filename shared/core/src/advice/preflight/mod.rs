//! Ten points to go through before paying, each with evidence from this file and recipe, a status and the one next
//! action. Thresholds are rules of thumb and say so; what was not measured is unknown, never good.

mod data;
mod outlook;
mod training;

use serde::{Deserialize, Serialize};

use super::Recipe;
use crate::check::Report;
use crate::words::{counted, grouped};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Good,
    Watch,
    Bad,
    /// Not enough is known to say.
    Unknown,
}

impl Status {
    pub fn words(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Watch => "watch",
            Self::Bad => "bad",
            Self::Unknown => "not known",
        }
    }
}

/// `title` and `evidence` are labels without a full stop, `action` is one sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    pub number: u8,
    pub key: String,
    pub title: String,
    pub status: Status,
    pub evidence: Vec<String>,
    pub action: String,
}

/// The ten points, in order.
pub fn preflight(report: &Report, recipe: &Recipe) -> Vec<Point> {
    let view = View { report, recipe };
    let points = [
        ("objective", "A clear single objective", data::objective(&view)),
        ("data", "Dataset quality and size", data::quality(&view)),
        ("method", "Method: LoRA or full", training::method(&view)),
        ("base_model", "Base model fit", training::base_model_fit(&view)),
        ("hyper_parameters", "Hyper-parameters", training::hyper_parameters(&view)),
        ("evaluation", "Evaluation set and metric", data::evaluation(&view)),
        ("monitoring", "What to watch during training", outlook::monitoring(&view)),
        ("overfitting", "Overfitting risk", training::overfitting(&view)),
        ("next_iteration", "The next iteration", outlook::next_iteration(&view)),
        ("record", "A record of it all", outlook::record(&view)),
    ];
    // Of a recipe without rows nothing can be said.
    let needs_rows = ["method", "hyper_parameters", "monitoring", "overfitting"];
    points
        .into_iter()
        .map(|(key, title, judged)| {
            let empty = if key == "objective" { report.rows == 0 } else { needs_rows.contains(&key) }
                && report.rows_valid == 0;
            (key, title, if empty { without_rows() } else { judged })
        })
        .zip(1..)
        .map(|((key, title, judged), number)| Point {
            number,
            key: key.to_owned(),
            title: title.to_owned(),
            status: judged.status,
            evidence: judged.evidence,
            action: judged.action,
        })
        .collect()
}

struct Judged {
    status: Status,
    evidence: Vec<String>,
    action: String,
}

fn without_rows() -> Judged {
    Judged {
        status: Status::Unknown,
        evidence: vec!["No usable row".to_owned()],
        action: "Make the rows readable first.".to_owned(),
    }
}

/// What the points look at.
struct View<'a> {
    report: &'a Report,
    recipe: &'a Recipe,
}

impl View<'_> {
    /// A feature, `None` where it was not measured.
    fn feature(&self, name: &str) -> Option<f64> {
        Some(self.report.features.get(name)).filter(|value| value.is_finite())
    }

    fn count(&self, code: crate::findings::Code) -> u64 {
        self.report.counts.get(code.name()).copied().unwrap_or(0)
    }

    fn is_label_task(&self) -> bool {
        self.report.description.labels.label_like
    }
}

fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.1 { "under 0.1 %".to_owned() } else { format!("{percent:.1} %") }
}

fn rows(count: u64) -> String {
    counted(count, "row")
}

/// 40,370,176 as “40 million”.
fn large(number: f64) -> String {
    match number {
        _ if !number.is_finite() => "unknown".to_owned(),
        _ if number >= 1e9 => format!("{:.1} billion", number / 1e9),
        _ if number >= 1e6 => format!("{:.1} million", number / 1e6),
        _ => grouped(number.max(0.0).round() as u64),
    }
}

#[cfg(test)]
mod tests;
