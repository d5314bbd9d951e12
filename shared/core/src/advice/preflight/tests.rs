use super::*;
use crate::advice::Method;
use crate::check::{CheckOptions, FileIdentity, unreadable};
use crate::describe::OverlapReport;
use crate::findings::{Code, Severity};
use crate::formats::FormatError;
use crate::schema::SchemaKind;

/// A report of a healthy file, to which each test adds what it is about.
fn healthy() -> Report {
    let error = FormatError::Empty { found: "nothing".to_owned() };
    let file = FileIdentity { name: Some("train.jsonl".to_owned()), stored_bytes: 1 };
    let mut report = unreadable(&error, file, &CheckOptions::default());
    report.counts.clear();
    report.groups.clear();
    report.findings.clear();
    report.rows = 2000;
    report.rows_valid = 2000;
    report.schema = Some(SchemaKind::Messages);
    report.schemas = vec![crate::check::SchemaCount {
        name: SchemaKind::Messages,
        label: SchemaKind::Messages.label().to_owned(),
        rows: 2000,
    }];
    for (name, value) in [
        ("semantic_diversity", 0.6),
        ("english_share", 0.98),
        ("total_length_max", 700.0),
        ("total_length_p95", 400.0),
        ("avg_output_length", 120.0),
        ("approximate_duplicates", 0.0),
        ("conflicting_answer_share", 0.0),
    ] {
        report.features.set(name, value);
    }
    report.description.eval_overlap = Some(OverlapReport { eval_rows: 500, ..OverlapReport::default() });
    report
}

fn recipe() -> Recipe {
    Recipe {
        model: Some("Qwen2.5-0.5B".to_owned()),
        learning_rate: Some(2e-4),
        dropout: Some(0.05),
        max_tokens: Some(1024),
        ..Recipe::default()
    }
}

fn point(report: &Report, recipe: &Recipe, key: &str) -> Point {
    preflight(report, recipe).into_iter().find(|point| point.key == key).unwrap()
}

#[test]
fn a_healthy_file_and_recipe_are_good_on_all_ten() {
    let points = preflight(&healthy(), &recipe());
    assert_eq!(points.iter().map(|point| point.number).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
    for point in &points {
        assert_eq!(point.status, Status::Good, "{point:?}");
        assert!(!point.evidence.is_empty() && point.action.ends_with('.'), "{point:?}");
        assert!(point.evidence.iter().all(|line| !line.ends_with('.')), "{point:?}");
    }
}

#[test]
fn what_was_not_measured_is_never_called_good() {
    let mut report = healthy();
    report.features = crate::features::FeatureVector::default();
    report.description.eval_overlap = None;
    let blank = Recipe::default();
    for key in ["objective", "method", "base_model", "hyper_parameters", "overfitting"] {
        assert_eq!(point(&report, &blank, key).status, Status::Unknown, "{key}");
    }
    for key in ["evaluation", "monitoring", "record"] {
        assert_eq!(point(&report, &blank, key).status, Status::Watch, "{key}");
    }
}

#[test]
fn each_point_sees_its_fault() {
    let base = healthy();
    let mut few = base.clone();
    (few.rows, few.rows_valid) = (30, 30);
    assert_eq!(point(&few, &recipe(), "data").status, Status::Bad);
    let mut broken = base.clone();
    broken.rows_valid = 1800;
    assert_eq!(point(&broken, &recipe(), "data").status, Status::Bad);
    let mut mixture = base.clone();
    mixture.features.set("semantic_diversity", 0.97);
    assert_eq!(point(&mixture, &recipe(), "objective").status, Status::Watch);
    let mut leak = base.clone();
    leak.description.eval_overlap.as_mut().unwrap().eval_rows_exact = 3.0;
    assert_eq!(point(&leak, &recipe(), "evaluation").status, Status::Bad);
    let hot = Recipe { learning_rate: Some(0.05), ..recipe() };
    assert_eq!(point(&base, &hot, "hyper_parameters").status, Status::Bad);
    let nonsense = Recipe { learning_rate: Some(f64::NAN), ..recipe() };
    assert_eq!(point(&base, &nonsense, "hyper_parameters").status, Status::Bad);
    let full = Recipe { method: Method::Full, learning_rate: Some(1e-5), ..recipe() };
    assert_eq!(point(&base, &full, "method").status, Status::Watch);
    assert_eq!(point(&base, &full, "hyper_parameters").status, Status::Good);
    let short = Recipe { max_tokens: Some(256), ..recipe() };
    assert_eq!(point(&base, &short, "base_model").status, Status::Bad);
    let long_run = Recipe { epochs: 20.0, dropout: None, model: Some("Qwen2.5-7B".to_owned()), ..recipe() };
    assert_eq!(point(&few, &long_run, "overfitting").status, Status::Bad);
}

#[test]
fn without_a_usable_row_no_recipe_is_good() {
    let mut report = healthy();
    report.rows_valid = 0;
    for key in ["method", "hyper_parameters", "monitoring", "overfitting"] {
        assert_eq!(point(&report, &recipe(), key).status, Status::Unknown, "{key}");
    }
    assert_eq!(point(&report, &recipe(), "data").status, Status::Bad);
}

#[test]
fn the_next_iteration_starts_with_the_largest_expected_gain() {
    let mut report = healthy();
    let group =
        |code, severity, rows| crate::check::GroupSummary { code, severity, count: rows, rows, unlisted: 0 };
    report.groups = vec![
        group(Code::ExactDuplicate, Severity::Warning, 400),
        group(Code::EmptyAnswer, Severity::Warning, 200),
        group(Code::PersonalData, Severity::Warning, 900),
    ];
    let next = point(&report, &recipe(), "next_iteration");
    assert_eq!(next.status, Status::Bad);
    assert!(next.evidence[0].starts_with("An empty answer: 200 rows (10.0 %)"), "{next:?}");
    assert_eq!(next.action, crate::findings::registry::entry(Code::EmptyAnswer).fix);
}

#[test]
fn labels_are_judged_by_accuracy() {
    let mut report = healthy();
    report.description.labels.label_like = true;
    report.description.labels.distinct = 4.0;
    report.features.set("output_label_entropy", 2.0);
    assert!(point(&report, &recipe(), "evaluation").evidence[0].contains("accuracy"));
    assert!(point(&report, &recipe(), "monitoring").evidence[1].contains("1.39"));
    report.counts.insert("class_imbalance".to_owned(), 1);
    assert!(point(&report, &recipe(), "evaluation").evidence[0].contains("macro F1 beside accuracy"));
}
