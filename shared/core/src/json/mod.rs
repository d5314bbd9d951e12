//! JSON as it is found in training files: a borrowed value that keeps key order, and a reader that
//! explains what is wrong instead of only refusing.

mod strict;
mod tolerant;
mod tolerant_string;
mod value;
mod write;

pub use strict::parse_strict;
pub(crate) use tolerant::clip;
pub use tolerant::{Parsed, parse_tolerant};
pub use value::Value;
pub use write::to_json_text;
#[cfg(feature = "columnar")]
pub(crate) use write::write_string;
pub(crate) use write::write_wide;

use crate::findings::{Code, Problem};

/// Strict JSON on the fast path; on any flaw the tolerant reader repairs what it can and names the rest.
pub fn parse<'a>(text: &'a str, problems: &mut Vec<Problem>) -> Option<Value<'a>> {
    let Some(value) = parse_strict(text) else {
        let parsed = parse_tolerant(text);
        problems.extend(parsed.problems);
        return parsed.value;
    };
    report_duplicate_keys(&value, &mut String::new(), problems);
    Some(value)
}

/// Keys that stand twice in one object: readers keep the last value, silently.
fn report_duplicate_keys(value: &Value<'_>, path: &mut String, problems: &mut Vec<Problem>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                if matches!(item, Value::Array(_) | Value::Object(_)) {
                    let length = path.len();
                    path.push_str(&format!("[{index}]"));
                    report_duplicate_keys(item, path, problems);
                    path.truncate(length);
                }
            }
        }
        Value::Object(entries) => {
            for key in duplicate_keys(entries) {
                problems.push(Problem::new(
                    Code::DuplicateKey,
                    join_key(path, key),
                    "the key stands more than once",
                    "each key once; readers keep the last value and drop the others",
                ));
            }
            for (key, item) in entries {
                if matches!(item, Value::Array(_) | Value::Object(_)) {
                    let length = path.len();
                    if length > 0 {
                        path.push('.');
                    }
                    path.push_str(key);
                    report_duplicate_keys(item, path, problems);
                    path.truncate(length);
                }
            }
        }
        _ => {}
    }
}

fn join_key(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Each repeated key once, in order of its second appearance.
fn duplicate_keys<'v>(entries: &'v [(std::borrow::Cow<'_, str>, Value<'_>)]) -> Vec<&'v str> {
    const QUADRATIC_UP_TO: usize = 24;
    let mut repeated: Vec<&str> = Vec::new();
    if entries.len() <= QUADRATIC_UP_TO {
        for (index, (key, _)) in entries.iter().enumerate() {
            if entries[..index].iter().any(|(earlier, _)| earlier == key) && !repeated.contains(&key.as_ref())
            {
                repeated.push(key);
            }
        }
        return repeated;
    }
    let mut seen = std::collections::BTreeMap::<&str, u32>::new();
    for (key, _) in entries {
        let count = seen.entry(key).or_default();
        *count += 1;
        if *count == 2 {
            repeated.push(key);
        }
    }
    repeated
}
