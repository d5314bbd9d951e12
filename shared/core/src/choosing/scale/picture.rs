//! Each cluster's mean score over size with its law, and the prediction at the target.

use super::report::ScaleReport;
use crate::svg::{Axis, Chart, Mark, Spacing, Tone};

pub fn picture(report: &ScaleReport) -> String {
    let parameters = &report.support.parameters;
    let target = report.support.target_parameters;
    let mut marks = vec![Mark::Rule { x: target, tone: Tone::Muted, label: report.target.clone() }];
    for (number, cluster) in report.clusters.iter().enumerate() {
        let tone = if cluster.excluded.is_some() { Tone::Muted } else { Tone::Accent };
        let state = if cluster.excluded.is_some() { ", not extrapolated" } else { "" };
        let label = format!("cluster {} ({} tasks{state})", number + 1, cluster.members.len());
        let dots = parameters.iter().zip(&cluster.curve).map(|(x, y)| (*x, *y, label.clone())).collect();
        marks.push(Mark::Dots { points: dots, tone });
        let mut line: Vec<(f64, f64)> =
            parameters.iter().copied().zip(cluster.fitted.iter().copied()).collect();
        line.push((target, cluster.predicted));
        marks.push(Mark::Line { points: line, tone, dashed: cluster.excluded.is_some(), label });
    }
    let largest = report.per_task.iter().map(|task| task.predicted.max(task.last)).fold(0.0, f64::max);
    let unit = if largest > 1.0 { 100.0 } else { 1.0 };
    let dots =
        report.per_task.iter().map(|task| (target, task.predicted / unit, task.task.clone())).collect();
    marks.push(Mark::Dots { points: dots, tone: Tone::Good });
    Chart {
        title: format!("Scores by size; right: {} by task", report.target),
        x: Axis { label: "parameters".to_owned(), spacing: Spacing::Logarithmic },
        y: Axis { label: "score (share right)".to_owned(), spacing: Spacing::Linear },
        marks,
    }
    .svg()
}
