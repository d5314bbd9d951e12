//! The fit as one HTML page: tables and charts without scripts or outside files, readable in print.

use super::FitReport;
use crate::predict::card::Card;
use crate::predict::fit::Metrics;
use crate::svg::{Axis, Chart, Mark, Row, RowChart, Spacing, Tone, escape};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
color:#1d2129;background:#fff}table{border-collapse:collapse;margin:1rem 0}td,th{padding:.2rem .8rem;\
text-align:right;border-bottom:1px solid #ddd}td:first-child,th:first-child{text-align:left}\
svg{max-width:100%;height:auto}figure{margin:1.5rem 0;break-inside:avoid}.note{color:#6b7280}";

pub fn html_report(report: &FitReport, card: &Card) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Predictor report</title>\
         <style>{STYLE}</style><h1>Predictor report</h1>"
    );
    if !report.data_note.is_empty() {
        page += &format!("<p><strong>{}</strong></p>", escape(&report.data_note));
    }
    page += &format!(
        "<p>Forecasts {}. Fitted on {} runs, judged once on {} ({} split), each test run at its deepest reading \
         up to step {}. Learner: {}.</p>",
        escape(&card.target),
        report.train_runs,
        report.test_runs,
        escape(&report.split),
        report.headline_step,
        escape(&report.learner)
    );
    page += &main_table(report);
    page += &depth_table(report);
    page += &search_table(report);
    for chart in [predicted_against_true(report), error_by_depth(report, card), importance(report)] {
        page += &format!("<figure>{chart}</figure>");
    }
    page += &worst_table(report);
    page + "</html>\n"
}

fn main_table(report: &FitReport) -> String {
    let mut table = String::from(
        "<h2>Test part</h2><table><tr><th>Forecast by</th><th>runs</th><th>RMSE</th><th>MAE</th><th>R²</th>\
         <th>within 1</th><th>within 2</th><th>within 3</th></tr>",
    );
    table += &metrics_row("Foretune", &report.test.metrics);
    for (name, found) in &report.baselines {
        table += &metrics_row(name, found);
    }
    table += "</table>";
    let floor =
        report.noise_floor.map_or("not measured: no configuration was repeated".to_owned(), |floor| {
            format!("{floor:.2} points between seeds of one configuration")
        });
    table
        + &format!(
            "<p class=\"note\">Noise floor: {floor}. {:.0} % intervals cover {:.1} % of the test runs and are {:.1} \
         points wide on average.</p>",
            100.0 * report.nominal_coverage,
            100.0 * report.test.coverage,
            report.test.mean_width
        )
}

fn metrics_row(name: &str, found: &Metrics) -> String {
    format!(
        "<tr><td>{}</td><td>{}</td><td>{:.2}</td><td>{:.2}</td><td>{:.3}</td><td>{:.0} %</td><td>{:.0} %</td>\
         <td>{:.0} %</td></tr>",
        escape(name),
        found.n,
        found.rmse,
        found.mae,
        found.r2,
        100.0 * found.within_1,
        100.0 * found.within_2,
        100.0 * found.within_3
    )
}

fn depth_table(report: &FitReport) -> String {
    let mut table = String::from(
        "<h2>By probe depth</h2><table><tr><th>Step</th><th>runs</th><th>RMSE</th><th>within 3</th>\
         <th>coverage</th><th>mean width</th><th>RMSE of score now</th></tr>",
    );
    for row in &report.by_depth {
        let step = if row.step < 0.0 { "before any probe".to_owned() } else { format!("{}", row.step) };
        let now = row.score_now.map_or("–".to_owned(), |found| format!("{:.2}", found.rmse));
        table += &format!(
            "<tr><td>{step}</td><td>{}</td><td>{:.2}</td><td>{:.0} %</td><td>{:.1} %</td><td>{:.1}</td>\
             <td>{now}</td></tr>",
            row.test.metrics.n,
            row.test.metrics.rmse,
            100.0 * row.test.metrics.within_3,
            100.0 * row.test.coverage,
            row.test.mean_width
        );
    }
    table + "</table>"
}

fn search_table(report: &FitReport) -> String {
    let mut table = String::from(
        "<h2>What was tried</h2><p class=\"note\">Out-of-fold error inside the training part, all depths; groups \
         stay together.</p><table><tr><th>Learner</th><th>RMSE</th><th></th></tr>",
    );
    for line in &report.search {
        let target = match &line.target {
            crate::predict::fit::Target::Score => String::new(),
            crate::predict::fit::Target::ChangeFrom(name) => format!(" (change from {name})"),
        };
        table += &format!(
            "<tr><td>{}{}</td><td>{:.3}</td><td>{}</td></tr>",
            escape(&line.recipe),
            escape(&target),
            line.rmse,
            if line.chosen { "chosen" } else { "" }
        );
    }
    table + "</table>"
}

fn worst_table(report: &FitReport) -> String {
    let mut table = String::from(
        "<h2>Largest misses</h2><table><tr><th>Run</th><th>forecast</th><th>truth</th><th>largest contribution</th>\
         </tr>",
    );
    for worst in &report.worst {
        table += &format!(
            "<tr><td>{}</td><td>{:.1}</td><td>{:.1}</td><td>{}</td></tr>",
            escape(&worst.run),
            worst.predicted,
            worst.truth,
            escape(&worst.largest_contribution)
        );
    }
    table + "</table>"
}

fn axis(label: &str) -> Axis {
    Axis { label: label.to_owned(), spacing: Spacing::Linear }
}

fn predicted_against_true(report: &FitReport) -> String {
    let points =
        report.pairs.iter().map(|(predicted, truth, run)| (*truth, *predicted, run.clone())).collect();
    let diagonal = Mark::Line {
        points: vec![(0.0, 0.0), (100.0, 100.0)],
        tone: Tone::Muted,
        dashed: true,
        label: "exact".into(),
    };
    let dots = Mark::Dots { points, tone: Tone::Accent };
    Chart {
        title: "Forecast against truth, test part".into(),
        x: axis("true score, points"),
        y: axis("forecast, points"),
        marks: vec![diagonal, dots],
    }
    .svg()
}

fn error_by_depth(report: &FitReport, card: &Card) -> String {
    let read: Vec<_> = report.by_depth.iter().filter(|row| row.step >= 0.0).collect();
    let mut marks = vec![Mark::Line {
        points: read.iter().map(|row| (row.step, row.test.metrics.rmse)).collect(),
        tone: Tone::Accent,
        dashed: false,
        label: "Foretune, test".into(),
    }];
    let now: Vec<(f64, f64)> =
        read.iter().filter_map(|row| row.score_now.map(|found| (row.step, found.rmse))).collect();
    if !now.is_empty() {
        marks.push(Mark::Line {
            points: now,
            tone: Tone::Ink,
            dashed: false,
            label: "score now, test".into(),
        });
    }
    if let Some(risk) = &card.risk {
        let points = risk.points.iter().map(|(step, _)| (*step, risk.curve.at(*step).sqrt())).collect();
        marks.push(Mark::Line {
            points,
            tone: Tone::Muted,
            dashed: true,
            label: "fitted, out of fold".into(),
        });
    }
    Chart {
        title: "Error against probe depth".into(),
        x: axis("probe steps"),
        y: axis("RMSE, points"),
        marks,
    }
    .svg()
}

fn importance(report: &FitReport) -> String {
    let rows = report
        .importance
        .iter()
        .take(15)
        .map(|(name, points)| Row {
            name: name.clone(),
            value: *points,
            interval: Some((0.0, *points)),
            other: None,
            tone: Tone::Accent,
            remark: format!("{points:.2}"),
        })
        .collect();
    RowChart { title: "Mean absolute contribution, points".into(), x: axis("points"), rows }.svg()
}
