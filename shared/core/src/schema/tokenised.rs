//! Rows that are token ids already: lengths must agree, and something must be left to train on.

use super::TokenCounts;
use super::row::{Row, describe};
use crate::findings::{Code, Problem};
use crate::json::Value;

/// The label that losses skip.
const MASKED: f64 = -100.0;

pub(super) fn count(row: Row<'_, '_>, problems: &mut Vec<Problem>) -> TokenCounts {
    let ids = numbers(row, "input_ids", problems);
    let total = ids.map_or(0, <[_]>::len);
    if ids.is_some_and(<[_]>::is_empty) {
        problems.push(Problem::new(Code::EmptyAnswer, "input_ids", "an empty list", "token ids"));
    }
    for key in ["attention_mask", "labels"] {
        let Some(other) = row.get_some(key).and_then(|_| numbers(row, key, problems)) else { continue };
        if ids.is_some() && other.len() != total {
            let expected = format!("{total}, as many as input_ids");
            problems.push(Problem::new(
                Code::LengthMismatch,
                key,
                format!("{} numbers", other.len()),
                expected,
            ));
        }
    }
    let trained = match row.get_some("labels") {
        Some(Value::Array(labels)) => labels.iter().filter(|label| !is_masked(label)).count(),
        _ => total,
    };
    if total > 0 && trained == 0 {
        problems.push(Problem::new(
            Code::AllMasked,
            "labels",
            "-100 everywhere",
            "at least one label to train on",
        ));
    }
    TokenCounts { total: total as u64, trained: trained as u64 }
}

fn is_masked(label: &Value<'_>) -> bool {
    matches!(label, Value::Number(number) if (number - MASKED).abs() < f64::EPSILON)
}

fn numbers<'a>(row: Row<'a, '_>, key: &str, problems: &mut Vec<Problem>) -> Option<&'a [Value<'a>]> {
    let path = row.path(key);
    match row.get(key) {
        Some(Value::Array(items)) => {
            let is_whole = |item: &Value<'_>| matches!(item, Value::Number(number) if number.fract().abs() < f64::EPSILON);
            if let Some(index) = items.iter().position(|item| !is_whole(item)) {
                let found = describe(&items[index]);
                problems.push(Problem::new(
                    Code::WrongType,
                    format!("{path}[{index}]"),
                    found,
                    "a whole number",
                ));
            }
            Some(items)
        }
        other => {
            let found = other.map_or("no such key".to_owned(), describe);
            problems.push(Problem::new(Code::WrongType, path, found, "a list of whole numbers"));
            None
        }
    }
}
