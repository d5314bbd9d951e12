//! Where in a record a text stands: the key path that a finding shows. Looked up only for texts that have
//! a problem, so that converting rows does not pay for it.

use crate::json::Value;

/// Path such as `messages[2].content` of the string that is `text`, or that `text` begins with (an
/// instruction to which its input was joined). Empty if there is none.
pub fn path_of(record: &Value<'_>, text: &str) -> String {
    let mut best = Match::default();
    let mut path = String::new();
    search(record, text, &mut path, &mut best);
    best.path
}

#[derive(Debug, Default)]
struct Match {
    path: String,
    /// Bytes of `text` that the string covers; the same memory counts more than an equal copy.
    quality: usize,
}

fn search(value: &Value<'_>, text: &str, path: &mut String, best: &mut Match) {
    let length_before = path.len();
    match value {
        Value::String(found) => {
            let quality = match_quality(found, text);
            if quality > best.quality {
                *best = Match { path: path.clone(), quality };
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                search(item, text, path, best);
                path.truncate(length_before);
            }
        }
        Value::Object(entries) => {
            for (key, item) in entries {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
                search(item, text, path, best);
                path.truncate(length_before);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Wide { .. } => {}
    }
}

fn match_quality(found: &str, text: &str) -> usize {
    if found.is_empty() || !text.starts_with(found) {
        return 0;
    }
    let is_same_memory = std::ptr::eq(found.as_ptr(), text.as_ptr());
    2 * found.len() + usize::from(is_same_memory)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    fn string(text: &str) -> Value<'_> {
        Value::String(Cow::Borrowed(text))
    }

    fn message(content: &str) -> Value<'_> {
        Value::Object(vec![("role".into(), string("user")), ("content".into(), string(content))])
    }

    #[test]
    fn equal_texts_are_told_apart_by_memory() {
        let (first, second) = (String::from("same"), String::from("same"));
        let record =
            Value::Object(vec![("messages".into(), Value::Array(vec![message(&first), message(&second)]))]);
        assert_eq!(path_of(&record, &second), "messages[1].content");
        assert_eq!(path_of(&record, &first), "messages[0].content");
    }

    #[test]
    fn joined_texts_are_found_by_their_longest_beginning() {
        let record =
            Value::Object(vec![("instruction".into(), string("Add")), ("input".into(), string("1 and 2"))]);
        assert_eq!(path_of(&record, "Add\n1 and 2"), "instruction");
        assert_eq!(path_of(&record, "nowhere"), "");
    }
}
