use proptest::prelude::*;

use super::*;
use crate::advice::{ChangeList, CostTable, Recipe, estimate, preflight};
use crate::check::{CheckOptions, FileIdentity, GroupSummary, unreadable};
use crate::describe::Bar;
use crate::findings::{Code, Finding, Problem, Severity};
use crate::formats::{FormatError, Place};

fn export(hostile: &str) -> ReportExport {
    let file = FileIdentity { name: Some(hostile.to_owned()), stored_bytes: 12_345 };
    let error = FormatError::Binary { looks_like: hostile.to_owned(), hint: hostile.to_owned() };
    let mut report = unreadable(&error, file, &CheckOptions::default());
    let problem = Problem::new(Code::SpecialToken, hostile, hostile, hostile);
    let place = Place { row: 1234, line: 5, byte_offset: 6 };
    report.findings.push(Finding::new(Some(place), &problem));
    report.groups.push(GroupSummary {
        code: Code::SpecialToken,
        severity: Severity::Warning,
        count: 50,
        rows: 50,
        unlisted: 49,
    });
    report.features.set(hostile, 0.123_456);
    report.features.set("avg_output_length", f64::NAN);
    report.description.histograms.tokens_in =
        vec![Bar { from: 0, to: 8, count: 3 }, Bar { from: 8, to: 16, count: 9 }];
    let recipe = Recipe { model: Some(hostile.to_owned()), model_parameters: Some(1e9), ..Recipe::default() };
    let cost = estimate(1e6, false, &recipe, &CostTable::default());
    let points = preflight(&report, &recipe);
    ReportExport {
        report,
        recipe,
        preflight: points,
        cost: Some(cost),
        changes: Some(ChangeList::default()),
        made_at: Some(hostile.to_owned()),
    }
}

/// Names of the elements that stand in the page.
fn elements(html: &str) -> Vec<&str> {
    html.split('<')
        .skip(1)
        .map(|rest| rest.trim_start_matches('/'))
        .map(|rest| &rest[..rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len())])
        .filter(|name| !name.is_empty())
        .collect()
}

#[test]
fn the_page_loads_and_runs_nothing() {
    let html = html_report(&export("train.jsonl"));
    for needle in [
        "<script", "<link", "<img", "<iframe", "url(", "@import", " src=", " href=", "http:", "https:",
        " onclick",
    ] {
        assert!(!html.contains(needle), "{needle}");
    }
    assert!(html.contains("default-src 'none'"));
    assert!(html.contains("prefers-color-scheme:dark") && html.contains("@media print"));
    assert!(html.contains("and 49 more") && html.contains("1,234") && html.contains("missing"));
    assert_eq!(html.matches("<rect").count(), 2);
}

#[test]
fn the_json_export_reads_back() {
    let made = export("train.jsonl");
    let text = serde_json::to_string(&made).unwrap();
    let back: ReportExport = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), text);
    // The page makes its report from that text.
    assert_eq!(html_report(&back), html_report(&made));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_from_a_file_becomes_markup(hostile in "(</?(script|style|title|td|svg)[ >\"'=a-z/]{0,12}>?|[<>&\"'a-z\u{1}\u{202e}é]{0,12}){1,4}") {
        let plain = html_report(&export("x"));
        let html = html_report(&export(&hostile));
        prop_assert_eq!(elements(&html), elements(&plain));
        let controls = html.chars().filter(|character| character.is_control() && *character != '\n').count();
        prop_assert_eq!(controls, 0);
    }
}
