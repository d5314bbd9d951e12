//! Hand-counted expectations on the reference files. Where they are absent the test says so and passes.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that fails should say where; skips are printed"
)]

use std::path::{Path, PathBuf};

use foretune_core::formats::{FileFormat, open};

fn reference(name: &str) -> Option<Vec<u8>> {
    let path: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/instruct").join(name);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        println!("skipped: {} is not there", path.display());
    }
    bytes
}

/// Rows framed, rows readable.
fn count(bytes: &[u8]) -> (FileFormat, u64, u64, Vec<String>) {
    let mut opened = open(bytes).unwrap();
    let (mut rows, mut readable) = (0, 0);
    let mut notes = Vec::new();
    while let Some(batch) = opened.framer.next_batch().unwrap() {
        for placed in &batch.problems {
            notes.push(format!("{}@{}", placed.problem.code.name(), placed.place.row));
        }
        for index in 0..batch.len() {
            let record = opened.parser.parse(&batch, index);
            rows += 1;
            readable += u64::from(record.value.is_some());
            for problem in &record.problems {
                notes.push(format!("{}@{}", problem.code.name(), record.place.row));
            }
        }
    }
    (opened.info.format, rows, readable, notes)
}

#[test]
fn whole_files_have_the_rows_their_readme_says() {
    for (name, format, expected) in [
        ("alpaca_10k.json", FileFormat::JsonArray, 10_000),
        ("openai_messages.jsonl", FileFormat::JsonLines, 5_000),
        ("openai_messages_array.json", FileFormat::JsonArray, 3_000),
        ("sharegpt_toolcall.json", FileFormat::JsonArray, 300),
        ("gsm8k_train.jsonl", FileFormat::JsonLines, 7_473),
        ("prompt_completion_t0.jsonl", FileFormat::JsonLines, 7_884),
        ("dolly_3k.csv", FileFormat::Csv, 2_996),
    ] {
        let Some(bytes) = reference(name) else { continue };
        assert_eq!(count(&bytes), (format, expected, expected, vec![]), "{name}");
    }
}

#[test]
fn truncated_array_gives_1835_whole_rows_and_the_place_of_the_cut() {
    let Some(bytes) = reference("broken/truncated_messages_array.json.txt") else { return };
    let (format, rows, readable, notes) = count(&bytes);
    assert_eq!((format, rows, readable), (FileFormat::JsonArray, 1_835, 1_835));
    assert_eq!(notes, ["truncated_file@1836"]);
}

#[test]
fn cp1252_csv_is_decoded_row_by_row() {
    let Some(bytes) = reference("sms_spam_kaggle_cp1252.csv") else { return };
    let (format, rows, readable, notes) = count(&bytes);
    assert_eq!((format, rows, readable), (FileFormat::Csv, 5_572, 5_572));
    // 482 of the file's records have bytes that are not UTF-8 (counted with Python).
    assert_eq!(notes.iter().filter(|note| note.starts_with("not_utf8")).count(), 482);
    assert_eq!(notes.len(), 482, "{notes:?}");
}
