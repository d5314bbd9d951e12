//! The ranking as a picture: predicted value with interval, and the last value seen.

use super::input::Measure;
use super::report::CurveReport;
use crate::svg::{Axis, Row, RowChart, Spacing, Tone};

pub fn picture(report: &CurveReport) -> String {
    let unit = match report.measure {
        Measure::Loss => "loss (nats per token)",
        Measure::Score => "score",
    };
    let rows = report
        .ranking
        .iter()
        .enumerate()
        .map(|(place, model)| Row {
            name: model.name.clone(),
            value: model.predicted,
            interval: model.lo.zip(model.hi),
            other: Some(model.last),
            tone: if place == 0 { Tone::Good } else { Tone::Accent },
            remark: model
                .probability_best
                .filter(|probability| *probability >= 0.005)
                .map(|probability| format!("{:.0} % best", 100.0 * probability))
                .unwrap_or_default(),
        })
        .collect();
    RowChart {
        title: format!(
            "Predicted at {} examples from {} (hollow: seen at the budget)",
            report.target, report.budget
        ),
        x: Axis {
            label: format!("{unit}, lower and upper end of {:.0} %", 100.0 * report.coverage),
            spacing: Spacing::Linear,
        },
        rows,
    }
    .svg()
}
