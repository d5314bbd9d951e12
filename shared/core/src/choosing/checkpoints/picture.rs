//! The ranking as a picture: predicted tuned score, and the known one where the table has it.

use super::report::CheckpointReport;
use crate::svg::{Axis, Row, RowChart, Spacing, Tone};

pub fn picture(report: &CheckpointReport) -> String {
    let rows = report
        .ranking
        .iter()
        .enumerate()
        .map(|(place, model)| Row {
            name: model.name.clone(),
            value: model.predicted,
            interval: None,
            other: model.known,
            tone: if place == 0 { Tone::Good } else { Tone::Accent },
            remark: if model.probability_best >= 0.005 {
                format!("{:.0} % best", 100.0 * model.probability_best)
            } else {
                String::new()
            },
        })
        .collect();
    RowChart {
        title: format!("Predicted {} (hollow: known)", report.target),
        x: Axis {
            label: format!("{} after tuning, in its own unit", report.target),
            spacing: Spacing::Linear,
        },
        rows,
    }
    .svg()
}
