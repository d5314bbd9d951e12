//! The whole way on real files: check, verdict, preflight, report, and a cleaned copy that is checked again.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

use std::path::Path;

use foretune_core::advice::{
    ChangeList, CleanOptions, Cleaner, CostTable, Recipe, ReportExport, Status, estimate, html_report,
    preflight,
};
use foretune_core::check::{CheckOptions, Checker, FileIdentity, Report, finish};
use foretune_core::describe::DescribeContext;
use foretune_core::findings::text::check_text;
use foretune_core::formats::open;
use foretune_core::schema::convert;

fn reference(name: &str) -> Option<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/instruct").join(name);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        println!("skipped: {} is not there", path.display());
    }
    bytes
}

fn check(name: &str, bytes: &[u8]) -> Report {
    let options = CheckOptions::default();
    let context = DescribeContext::default();
    let mut opened = open(bytes).unwrap();
    let info = opened.info.clone();
    let mut checker = Checker::new(opened.parser.clone(), &options, context);
    while let Some(batch) = opened.framer.next_batch().unwrap() {
        checker.push(&batch);
    }
    let file = FileIdentity { name: Some(name.to_owned()), stored_bytes: bytes.len() as u64 };
    finish(checker.into_partial(), &info, file, &options, &context)
}

fn clean(bytes: &[u8], options: CleanOptions) -> (String, ChangeList) {
    let mut cleaner = Cleaner::new(options);
    let mut copy = String::new();
    let mut opened = open(bytes).unwrap();
    while let Some(batch) = opened.framer.next_batch().unwrap() {
        for index in 0..batch.len() {
            let record = opened.parser.parse(&batch, index);
            let mut problems = record.problems;
            if let Some(converted) =
                record.value.as_ref().and_then(|value| convert(value, None, &mut problems))
            {
                for turn in &converted.example.turns {
                    check_text(turn.role, turn.trained, &turn.text, String::new, &mut problems);
                }
            }
            cleaner.row(record.place, record.value.as_ref(), &problems, &mut copy);
        }
    }
    (copy, cleaner.finish())
}

#[test]
fn verdicts_of_the_reference_files() {
    for (name, expected) in [
        (
            "alpaca_10k.json",
            "Ready for Axolotl and LLaMA-Factory; for TRL and Unsloth once the columns are named; \
             OpenAI and Together would refuse it: not a format it reads",
        ),
        (
            "openai_messages.jsonl",
            "Ready for OpenAI, Together, Axolotl, TRL and Unsloth; for LLaMA-Factory once the columns are named",
        ),
        ("sms_spam_kaggle_cp1252.csv", "No trainer takes it as it is: no known training format"),
        (
            "broken/truncated_messages_array.json.txt",
            "No trainer takes it as it is: the file ends in the middle of a record",
        ),
    ] {
        if let Some(bytes) = reference(name) {
            assert_eq!(check(name, &bytes).verdict, expected, "{name}");
        }
    }
}

#[test]
fn survivors_and_rejects_are_the_rows_of_every_reference_file() {
    for name in [
        "alpaca_10k.json",
        "dolly_3k.csv",
        "gsm8k_train.jsonl",
        "openai_messages.jsonl",
        "openai_messages_array.json",
        "prompt_completion_t0.jsonl",
        "sharegpt_toolcall.json",
        "sms_spam_kaggle_cp1252.csv",
    ] {
        let Some(bytes) = reference(name) else { continue };
        let report = check(name, &bytes);
        println!("{name}: {}\n    {:?}", report.verdict, report.counts);
        for (trainer, verdict) in &report.trainers {
            assert_eq!(verdict.survives + verdict.rejects, report.rows, "{name} {trainer}");
        }
        let recipe =
            Recipe { model: Some("Qwen2.5-7B".to_owned()), learning_rate: Some(2e-4), ..Recipe::default() };
        let points = preflight(&report, &recipe);
        for point in &points {
            println!("    {} {:?} {:?}", point.key, point.status, point.evidence);
        }
        assert_eq!(points.len(), 10);
        let tokens = report.features.get("dataset_total_tokens");
        let cost = estimate(tokens, report.description.tokens_exact, &recipe, &CostTable::default());
        let export = ReportExport {
            report,
            recipe,
            preflight: points,
            cost: Some(cost),
            changes: None,
            made_at: None,
        };
        let html = html_report(&export);
        assert!(html.len() < 1 << 20, "{name}: {}", html.len());
        assert!(!html.contains("<script"));
    }
}

/// The t0 completions all end in an end mark, and 400 have nothing else.
#[test]
fn a_cleaned_copy_has_none_of_what_was_cleaned() {
    let Some(bytes) = reference("prompt_completion_t0.jsonl") else { return };
    let options = CleanOptions {
        strip_special_tokens: true,
        drop_empty_answers: true,
        drop_exact_duplicates: true,
        ..CleanOptions::default()
    };
    let data = |report: &Report| {
        preflight(report, &Recipe::default()).into_iter().find(|point| point.key == "data").unwrap()
    };
    let before = data(&check("prompt_completion_t0.jsonl", &bytes));
    assert_eq!(before.status, Status::Watch);
    assert!(
        before.evidence.iter().any(|line| line.starts_with("A special token inside the text: 7,884 rows"))
    );
    let (copy, changes) = clean(&bytes, options);
    assert_eq!(changes.rows_read, 7884);
    let dropped: u64 = changes.dropped.values().map(|count| count.rows).sum();
    assert_eq!(changes.rows_written, 7884 - dropped);
    assert_eq!(changes.dropped[&foretune_core::findings::Code::EmptyAnswer].rows, 400);
    let report = check("cleaned.jsonl", copy.as_bytes());
    assert_eq!(report.rows, changes.rows_written);
    for code in ["special_token", "empty_answer", "exact_duplicate"] {
        assert_eq!(report.counts.get(code), None, "{code}");
    }
    assert!(data(&report).evidence.iter().all(|line| !line.contains("special token")));
}
