//! Hand-counted expectations on the reference files: rows from their README, empty answers, extra columns
//! and bytes that are not UTF-8 counted with Python. Where the files are absent the tests say so and pass.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that fails should say where; skips are printed"
)]

use std::collections::BTreeMap;
use std::path::Path;

use foretune_core::formats::{FileFormat, open};
use foretune_core::schema::{Mapping, convert, suggest_mapping};

fn reference(name: &str) -> Option<Vec<u8>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/instruct").join(name);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        println!("skipped: {} is not there", path.display());
    }
    bytes
}

struct Scan {
    format: FileFormat,
    rows: u64,
    /// Count by name of kind (`kind:alpaca`) and of problem (`empty_answer`).
    counts: BTreeMap<String, u64>,
    file_problems: Vec<(&'static str, u64, u64)>,
}

fn scan(bytes: &[u8], mapping: Option<&Mapping>) -> Scan {
    let mut opened = open(bytes).unwrap();
    let mut scan =
        Scan { format: opened.info.format, rows: 0, counts: BTreeMap::new(), file_problems: Vec::new() };
    while let Some(batch) = opened.framer.next_batch().unwrap() {
        for placed in &batch.problems {
            scan.file_problems.push((placed.problem.code.name(), placed.place.row, placed.place.line));
        }
        for index in 0..batch.len() {
            let mut record = opened.parser.parse(&batch, index);
            scan.rows += 1;
            assert_eq!(record.place.row, scan.rows, "rows are numbered one by one");
            if let Some(value) = &record.value
                && let Some(converted) = convert(value, mapping, &mut record.problems)
            {
                *scan.counts.entry(format!("kind:{}", converted.kind.name())).or_default() += 1;
            }
            for problem in &record.problems {
                *scan.counts.entry(problem.code.name().to_owned()).or_default() += 1;
            }
        }
    }
    scan
}

fn check(name: &str, format: FileFormat, rows: u64, counts: &[(&str, u64)]) {
    let Some(bytes) = reference(name) else { return };
    let scan = scan(&bytes, None);
    let expected: BTreeMap<String, u64> =
        counts.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect();
    assert_eq!((scan.format, scan.rows), (format, rows), "{name}");
    assert_eq!(scan.counts, expected, "{name}");
    assert_eq!(scan.file_problems, [], "{name}");
}

#[test]
fn alpaca_array() {
    check("alpaca_10k.json", FileFormat::JsonArray, 10_000, &[("kind:alpaca", 10_000), ("empty_answer", 4)]);
}

#[test]
fn openai_messages() {
    check("openai_messages.jsonl", FileFormat::JsonLines, 5_000, &[("kind:messages", 5_000)]);
    check("openai_messages_array.json", FileFormat::JsonArray, 3_000, &[("kind:messages", 3_000)]);
}

#[test]
fn sharegpt_with_tools() {
    check("sharegpt_toolcall.json", FileFormat::JsonArray, 300, &[("kind:sharegpt", 300)]);
}

#[test]
fn question_answer_and_prompt_completion() {
    check("gsm8k_train.jsonl", FileFormat::JsonLines, 7_473, &[("kind:question_answer", 7_473)]);
    check("prompt_completion_t0.jsonl", FileFormat::JsonLines, 7_884, &[("kind:prompt_completion", 7_884)]);
}

#[test]
fn dolly_csv_has_one_column_too_many() {
    check("dolly_3k.csv", FileFormat::Csv, 2_996, &[("kind:alpaca", 2_996), ("unknown_key", 2_996)]);
}

#[test]
fn truncated_array_gives_1835_whole_rows_and_the_place_of_the_cut() {
    let Some(bytes) = reference("broken/truncated_messages_array.json.txt") else { return };
    let scan = scan(&bytes, None);
    assert_eq!((scan.format, scan.rows), (FileFormat::JsonArray, 1_835));
    assert_eq!(scan.counts, BTreeMap::from([("kind:messages".to_owned(), 1_835)]));
    // Twelve lines a row behind the opening bracket.
    assert_eq!(scan.file_problems, [("truncated_file", 1_836, 2 + 12 * 1_835)]);
}

#[test]
fn cp1252_csv_is_decoded_row_by_row_and_offered_a_mapping() {
    let Some(bytes) = reference("sms_spam_kaggle_cp1252.csv") else { return };
    let plain = scan(&bytes, None);
    assert_eq!((plain.format, plain.rows), (FileFormat::Csv, 5_572));
    // 482 records have bytes that are not UTF-8; no row has a known shape.
    let expected = [("no_schema".to_owned(), 5_572), ("not_utf8".to_owned(), 482)];
    assert_eq!(plain.counts, BTreeMap::from(expected));

    let columns = open(bytes.as_slice()).unwrap().info.columns;
    assert_eq!(columns, ["v1", "v2", "Unnamed: 2", "Unnamed: 3", "Unnamed: 4"]);
    let mapping = suggest_mapping(&columns).unwrap();
    assert_eq!(mapping.to_string(), "instruction=v2,output=v1");
    let mapped = scan(&bytes, Some(&mapping));
    let expected = [("kind:alpaca".to_owned(), 5_572), ("not_utf8".to_owned(), 482)];
    assert_eq!(mapped.counts, BTreeMap::from(expected));
}

#[cfg(feature = "columnar")]
#[test]
fn gpteacher_parquet() {
    check("gpteacher_roleplay.parquet", FileFormat::Parquet, 1_923, &[("kind:alpaca_response", 1_923)]);
}
