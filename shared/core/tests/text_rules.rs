//! The text rules on real files: what they find is counted, and each count was looked at by eye. A rule that starts
//! to report ordinary text moves a number here.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use foretune_core::findings::text::check_text;
use foretune_core::schema::Role;

fn data(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} is not there", path.display());
    None
}

/// Prompt and answer of one row, whatever its keys.
fn texts(row: &serde_json::Value) -> Vec<(Role, String)> {
    let mut texts = Vec::new();
    for key in ["instruction", "input", "question", "prompt"] {
        texts.extend(row[key].as_str().map(|text| (Role::User, text.to_owned())));
    }
    for key in ["output", "answer", "completion", "response"] {
        texts.extend(row[key].as_str().map(|text| (Role::Assistant, text.to_owned())));
    }
    for (list, role, content) in [("messages", "role", "content"), ("conversations", "from", "value")] {
        for turn in row[list].as_array().into_iter().flatten() {
            let assistant = matches!(turn[role].as_str(), Some("assistant" | "gpt"));
            let role = if assistant { Role::Assistant } else { Role::User };
            texts.extend(turn[content].as_str().map(|text| (role, text.to_owned())));
        }
    }
    texts
}

fn rows(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    if text.starts_with('[') {
        serde_json::from_str(&text).unwrap()
    } else {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

type Counts = BTreeMap<&'static str, u64>;

/// Problems by code; with SHOW_FINDINGS set each is printed, to be looked at.
fn counts(path: &Path) -> Counts {
    let mut counts = Counts::new();
    for (index, row) in rows(path).iter().enumerate() {
        for (role, text) in texts(row) {
            let mut problems = Vec::new();
            check_text(role, role == Role::Assistant, &text, String::new, &mut problems);
            for problem in problems {
                *counts.entry(problem.code.name()).or_default() += 1;
                if std::env::var_os("SHOW_FINDINGS").is_some() {
                    println!(
                        "{} row {} {} {}",
                        path.display(),
                        index + 1,
                        problem.code.name(),
                        problem.found
                    );
                }
            }
        }
    }
    counts
}

/// Most of alpaca's placeholders are spellings of `<nooutput>`, the refusals of the tool calls are real, every completion of the t0 file
/// ends in `<|endoftext|>` and 400 have nothing else.
#[test]
fn instruct_files_have_exactly_the_problems_that_were_looked_at() {
    let expected: &[(&str, &[(&str, u64)])] = &[
        ("alpaca_10k.json", &[("control_characters", 1), ("personal_data", 6), ("placeholder", 21)]),
        ("gsm8k_train.jsonl", &[]),
        ("openai_messages.jsonl", &[("personal_data", 5), ("placeholder", 9), ("refusal", 1)]),
        ("openai_messages_array.json", &[("personal_data", 2), ("placeholder", 8)]),
        ("prompt_completion_t0.jsonl", &[("empty_answer", 400), ("special_token", 7884)]),
        ("sharegpt_toolcall.json", &[("personal_data", 15), ("placeholder", 1), ("refusal", 44)]),
    ];
    for (name, expected) in expected {
        if let Some(path) = data(&format!("instruct/{name}")) {
            assert_eq!(counts(&path), expected.iter().copied().collect::<Counts>(), "{name}");
        }
    }
}

/// The mojibake of language_id and rte_entailment is real. “kiosk.Valid”, a missing space in an SMS, is no address.
#[test]
fn task_files_have_few_problems_and_all_of_them_looked_at() {
    let Some(folder) = data("tasks") else { return };
    let expected: BTreeMap<&str, Counts> = [
        ("ag_news_topic", &[("personal_data", 1)][..]),
        ("cola_acceptability", &[("control_characters", 3)]),
        ("language_id", &[("mojibake", 15), ("personal_data", 15)]),
        ("mmlu_choice", &[("mojibake", 1)]),
        ("mrpc_paraphrase", &[("control_characters", 1), ("personal_data", 6)]),
        ("rte_entailment", &[("mojibake", 3)]),
        ("sms_spam", &[("personal_data", 7)]),
        ("tweet_irony", &[("mojibake", 1), ("personal_data", 1)]),
        ("tweet_stance", &[("personal_data", 4)]),
    ]
    .into_iter()
    .map(|(name, counts)| (name, counts.iter().copied().collect()))
    .collect();
    let mut rows_seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let path = folder.join("train.jsonl");
        assert_eq!(counts(&path), expected.get(name.as_str()).cloned().unwrap_or_default(), "{name}");
        rows_seen += rows(&path).len();
    }
    assert!(rows_seen > 200_000, "{rows_seen}");
}
