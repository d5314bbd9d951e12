//! `foretune check` against hand-counted expectations on real files. The counts were made with a few lines
//! of Python over each file (rows, roles, empty answers, equal rows), not with Foretune.

use foretune_tests::{foretune, reference_data};
use serde_json::Value;

struct Expected {
    file: &'static str,
    extra: &'static [&'static str],
    code: i32,
    format: &'static str,
    schema: Option<&'static str>,
    rows: u64,
    rows_valid: u64,
    counts: &'static [(&'static str, u64)],
    /// Codes that must not appear.
    absent: &'static [&'static str],
    survives: &'static [(&'static str, u64)],
}

const EXPECTED: &[Expected] = &[
    Expected {
        file: "alpaca_10k.json",
        extra: &[],
        code: 0,
        format: "json_array",
        schema: Some("alpaca"),
        rows: 10_000,
        rows_valid: 10_000,
        counts: &[("empty_answer", 4)],
        absent: &["exact_duplicate", "conflicting_answers", "unreadable_row", "unknown_key"],
        survives: &[("openai", 0), ("together", 0)],
    },
    Expected {
        file: "openai_messages.jsonl",
        extra: &[],
        code: 0,
        format: "json_lines",
        schema: Some("messages"),
        rows: 5_000,
        rows_valid: 5_000,
        counts: &[],
        absent: &["role_order", "no_assistant_turn", "exact_duplicate", "empty_answer", "missing_key"],
        survives: &[("openai", 5_000), ("together", 5_000), ("trl", 5_000)],
    },
    Expected {
        file: "openai_messages_array.json",
        extra: &[],
        code: 0,
        format: "json_array",
        schema: Some("messages"),
        rows: 3_000,
        rows_valid: 3_000,
        counts: &[],
        absent: &["role_order", "exact_duplicate", "empty_answer"],
        survives: &[("trl", 3_000)],
    },
    Expected {
        file: "sharegpt_toolcall.json",
        extra: &[],
        code: 0,
        format: "json_array",
        schema: Some("sharegpt"),
        rows: 300,
        rows_valid: 300,
        counts: &[],
        absent: &["unknown_role", "role_order", "tool_call_without_answer"],
        survives: &[("llama_factory", 300)],
    },
    Expected {
        file: "gsm8k_train.jsonl",
        extra: &[],
        code: 0,
        format: "json_lines",
        schema: Some("question_answer"),
        rows: 7_473,
        rows_valid: 7_473,
        counts: &[],
        absent: &["exact_duplicate", "empty_answer", "mojibake"],
        survives: &[("axolotl", 7_473), ("openai", 0)],
    },
    Expected {
        file: "prompt_completion_t0.jsonl",
        extra: &[],
        code: 0,
        format: "json_lines",
        schema: Some("prompt_completion"),
        rows: 7_884,
        rows_valid: 7_884,
        counts: &[("special_token", 7_884), ("empty_answer", 400)],
        absent: &["exact_duplicate"],
        survives: &[("trl", 7_884)],
    },
    Expected {
        file: "dolly_3k.csv",
        extra: &[],
        code: 0,
        format: "csv",
        schema: Some("alpaca"),
        rows: 2_996,
        rows_valid: 2_996,
        counts: &[("unknown_key", 2_996), ("exact_duplicate", 2)],
        absent: &["empty_answer", "column_count", "bad_quote"],
        survives: &[("openai", 0)],
    },
    Expected {
        file: "sms_spam_kaggle_cp1252.csv",
        extra: &["--map", "instruction=v2,output=v1"],
        code: 1,
        format: "csv",
        schema: Some("alpaca"),
        rows: 5_572,
        // 482 rows are Windows-1252: decoded, and an error for every trainer that reads UTF-8.
        rows_valid: 5_572 - 482,
        counts: &[("not_utf8", 482), ("text_encoding", 1)],
        absent: &["no_schema", "column_count"],
        survives: &[],
    },
    Expected {
        file: "gpteacher_roleplay.parquet",
        extra: &[],
        code: 0,
        format: "parquet",
        schema: Some("alpaca_response"),
        rows: 1_923,
        rows_valid: 1_923,
        counts: &[],
        absent: &["empty_answer", "exact_duplicate"],
        survives: &[],
    },
    Expected {
        file: "broken/truncated_messages_array.json.txt",
        extra: &[],
        code: 1,
        format: "json_array",
        schema: Some("messages"),
        rows: 1_835,
        rows_valid: 1_835,
        counts: &[("truncated_file", 1)],
        absent: &["unreadable_row"],
        survives: &[],
    },
];

fn check(expected: &Expected, threads: &str) -> Option<(i32, Value)> {
    let path = reference_data("instruct")?.join(expected.file);
    let mut arguments = vec!["check", path.to_str().expect("a UTF-8 path"), "--json", "--threads", threads];
    arguments.extend_from_slice(expected.extra);
    let finished = foretune(&arguments);
    Some((finished.code, finished.json()))
}

#[test]
fn every_real_file_gives_the_counts_made_by_hand() {
    for expected in EXPECTED {
        let Some((code, report)) = check(expected, "1") else { return };
        let file = expected.file;
        assert_eq!(report["format"], expected.format, "{file}");
        assert_eq!(report["schema"].as_str(), expected.schema, "{file}");
        assert_eq!(report["rows"], expected.rows, "{file}");
        assert_eq!(report["rows_valid"], expected.rows_valid, "{file}");
        for (name, count) in expected.counts {
            assert_eq!(report["counts"][name], *count, "{file}: {name}");
        }
        for name in expected.absent {
            assert!(report["counts"][name].is_null(), "{file}: {name} {}", report["counts"][name]);
        }
        for (trainer, rows) in expected.survives {
            assert_eq!(
                report["trainers"][trainer]["survives"], *rows,
                "{file}: {trainer} {}",
                report["trainers"][trainer]
            );
        }
        assert_eq!(code, expected.code, "{file}: {}", report["counts"]);
    }
}

#[test]
fn the_number_of_threads_never_shows() {
    for expected in EXPECTED {
        let Some(one) = check(expected, "1") else { return };
        let many = check(expected, "3").expect("the folder is still there");
        assert_eq!(one, many, "{}", expected.file);
    }
}

#[test]
fn the_whole_part_of_a_truncated_array_is_described() {
    let Some((_, report)) = check(&EXPECTED[9], "2") else { return };
    let finding = report["findings"]
        .as_array()
        .and_then(|findings| findings.iter().find(|finding| finding["code"] == "truncated_file"));
    let finding = finding.expect("the cut is reported");
    assert_eq!(finding["row"], 1_836);
    assert_eq!(finding["severity"], "error");
    assert!(report["features"]["avg_output_length"].as_f64().is_some_and(|tokens| tokens > 10.0));
}

/// Sixty rows were called drifting by chance: one shuffle in three was.
#[test]
fn sixty_rows_without_an_order_do_not_drift() {
    let Some(folder) = reference_data("instruct") else { return };
    let all = std::fs::read_to_string(folder.join("gsm8k_train.jsonl")).expect("the file can be read");
    let rows: Vec<&str> = all.lines().step_by(80).take(60).collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("rows.jsonl");
    std::fs::write(&path, rows.join("\n")).expect("the temporary folder can be written");
    let report = foretune(&["check", path.to_str().expect("a UTF-8 path"), "--json"]).json();
    assert_eq!(report["rows_valid"], 60);
    assert!(report["counts"]["order_drift"].is_null(), "{}", report["counts"]);
}
