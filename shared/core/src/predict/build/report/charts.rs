//! The charts of the report.

use crate::predict::build::SplitReport;
use crate::predict::card::Card;
use crate::predict::probe_kind::ProbeKind;
use crate::svg::{Axis, Chart, Mark, Row, RowChart, Spacing, Tone};

pub fn all(split: &SplitReport, card: &Card) -> Vec<String> {
    let mut charts = vec![
        predicted_against_true(split),
        error_by_depth(split, card),
        coverage_by_depth(split),
        calibration(split),
        importance(split),
    ];
    if split.screening.len() > 1 {
        charts.push(screening(split));
    }
    charts
}

pub(super) fn axis(label: &str) -> Axis {
    Axis { label: label.to_owned(), spacing: Spacing::Linear }
}

pub(super) fn line(points: Vec<(f64, f64)>, tone: Tone, dashed: bool, label: &str) -> Mark {
    Mark::Line { points, tone, dashed, label: label.to_owned() }
}

fn predicted_against_true(split: &SplitReport) -> String {
    let points =
        split.pairs.iter().map(|(predicted, truth, run)| (*truth, *predicted, run.clone())).collect();
    Chart {
        title: format!("Forecast at step {} against truth, test part", split.headline_step),
        x: axis("true score, points"),
        y: axis("forecast, points"),
        marks: vec![
            line(vec![(0.0, 0.0), (100.0, 100.0)], Tone::Muted, true, "exact"),
            Mark::Dots { points, tone: Tone::Accent },
        ],
    }
    .svg()
}

fn error_by_depth(split: &SplitReport, card: &Card) -> String {
    let at_steps = || split.by_depth.iter().filter(|row| row.name.starts_with("step"));
    let ours = at_steps().filter_map(|row| Some((row.step?, row.test.metrics.rmse))).collect();
    let now: Vec<(f64, f64)> = at_steps()
        .filter_map(|row| Some((row.step?, row.baselines.get("evaluation score now")?.metrics.rmse)))
        .collect();
    let mut marks = vec![line(ours, Tone::Accent, false, "Foretune, test")];
    if !now.is_empty() {
        marks.push(line(now, Tone::Ink, false, "score now, test"));
    }
    if let Some(risk) = card.risks.get(&ProbeKind::CleanRows) {
        let points = risk.points.iter().map(|(step, _)| (*step, risk.curve.at(*step).sqrt())).collect();
        marks.push(line(points, Tone::Muted, true, "fitted, out of fold"));
    }
    Chart {
        title: "Error against probe depth".into(),
        x: axis("probe steps"),
        y: axis("RMSE, points"),
        marks,
    }
    .svg()
}

fn coverage_by_depth(split: &SplitReport) -> String {
    let row = |row: &crate::predict::build::DepthRow| Row {
        name: row.name.clone(),
        value: 100.0 * row.test.coverage,
        interval: None,
        other: Some(90.0),
        tone: Tone::Accent,
        remark: format!("{:.1} %, {:.0}", 100.0 * row.test.coverage, row.test.mean_width),
    };
    RowChart {
        title: "Coverage of the intervals and their width in points, test part (ring: 90 %)".into(),
        x: axis("share of runs inside, %"),
        rows: split.by_depth.iter().map(row).collect(),
    }
    .svg()
}

fn calibration(split: &SplitReport) -> String {
    let points = split
        .calibration
        .iter()
        .map(|row| (100.0 * row.forecast, 100.0 * row.observed, format!("{} rows", row.rows)))
        .collect();
    Chart {
        title: "Probability of reaching a threshold: forecast and observed".into(),
        x: axis("forecast, %"),
        y: axis("reached, %"),
        marks: vec![
            line(vec![(0.0, 0.0), (100.0, 100.0)], Tone::Muted, true, "calibrated"),
            Mark::Dots { points, tone: Tone::Accent },
        ],
    }
    .svg()
}

fn importance(split: &SplitReport) -> String {
    let rows = split
        .importance
        .iter()
        .take(20)
        .map(|(name, points)| Row {
            name: name.clone(),
            value: *points,
            interval: Some((0.0, *points)),
            other: None,
            tone: Tone::Accent,
            remark: format!("{points:.2}"),
        })
        .collect();
    RowChart { title: "Mean absolute contribution (SHAP), points".into(), x: axis("points"), rows }.svg()
}

fn screening(split: &SplitReport) -> String {
    let mut points: Vec<_> = split.screening.iter().collect();
    points.sort_by(|a, b| a.threshold.total_cmp(&b.threshold));
    let series = |value: fn(&crate::predict::build::ScreeningPoint) -> f64| -> Vec<(f64, f64)> {
        points.iter().map(|point| (point.threshold, 100.0 * value(point))).collect()
    };
    Chart {
        title: "Screening, test part".into(),
        x: axis("threshold, points"),
        y: axis("%"),
        marks: vec![
            line(series(|point| point.good_kept), Tone::Good, false, "good runs kept"),
            line(series(|point| point.bad_compute_saved), Tone::Accent, false, "bad compute saved"),
            line(series(|point| point.all_compute_saved), Tone::Muted, true, "all compute saved"),
        ],
    }
    .svg()
}
