//! The fit as one HTML page: tables and charts without scripts or outside files, readable in print.

mod charts;
mod risk;
mod table;
mod tables;

use super::{FitReport, SplitReport};
use crate::predict::card::Card;
use crate::svg::escape;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;\
color:#1d2129;background:#fff}table{border-collapse:collapse;margin:1rem 0;font-size:14px}\
td,th{padding:.15rem .7rem;text-align:right;border-bottom:1px solid #ddd;vertical-align:top}\
td:first-child,th:first-child{text-align:left}td.text{text-align:left}svg{max-width:100%;height:auto}\
figure{margin:1.5rem 0;break-inside:avoid}.note{color:#6b7280}tr.ours td{font-weight:600}\
h2{margin-top:2.5rem;break-after:avoid}@media print{body{margin:0;padding:0;font-size:11px}\
table{font-size:9.5px;width:100%}td,th{padding:.1rem .3rem}tr{break-inside:avoid}\
.note,thead,tbody tr:first-child{break-after:avoid}}";

pub fn html_report(report: &FitReport, card: &Card) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Predictor report</title>\
         <style>{STYLE}</style><h1>Predictor report</h1>"
    );
    if !report.data_note.is_empty() {
        page += &format!("<p><strong>{}</strong></p>", escape(&report.data_note));
    }
    page += &format!("<p>Forecasts: {}.</p>", escape(&card.target));
    page += &tables::targets(report);
    page += &split(&report.main, report, card);
    if let Some(other) = &report.other {
        page += &split(other, report, card);
    }
    page += &risk::section(report, card);
    page += &tables::search(report);
    page + "</html>\n"
}

fn split(split: &SplitReport, report: &FitReport, card: &Card) -> String {
    let mut page = tables::heading(split, report);
    page += &tables::main(split);
    page += &tables::ablations(split);
    page += &tables::by_depth("By what is known", &split.by_depth);
    page += &tables::by_depth("Without an evaluation file", &split.blind);
    if !split.proxy.is_empty() {
        page += &tables::by_depth("With a smaller model's probe", &split.proxy);
    }
    page += &tables::transfer(split);
    page += &tables::coverage_by_width(split);
    page += &tables::stopping(split);
    page += &tables::screening(split);
    page += &tables::outlook(split);
    page += &tables::divergence(split);
    page += &tables::worst(split);
    for chart in charts::all(split, card) {
        page += &format!("<figure>{chart}</figure>");
    }
    page
}
