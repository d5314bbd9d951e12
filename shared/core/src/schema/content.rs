//! The content of a chat message: a text, or a list of parts.

use std::borrow::Cow;

use super::row::describe;
use crate::findings::{Code, Problem};
use crate::json::Value;

/// The text of a message; `None` where there is none (null, missing, or nothing but pictures).
pub(super) fn text_of<'a>(
    content: Option<&'a Value<'a>>,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Option<Cow<'a, str>> {
    match content? {
        Value::Null => None,
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Array(parts) => parts_text(parts, path, problems),
        other => {
            problems.push(Problem::new(Code::WrongType, path, describe(other), "a text or a list of parts"));
            None
        }
    }
}

fn parts_text<'a>(parts: &'a [Value<'a>], path: &str, problems: &mut Vec<Problem>) -> Option<Cow<'a, str>> {
    let mut text: Option<Cow<'a, str>> = None;
    for (index, part) in parts.iter().enumerate() {
        let part_path = || format!("{path}[{index}]");
        let kind = part.get("type").and_then(Value::as_str);
        match (kind, part.get("text")) {
            (Some("text" | "input_text" | "output_text") | None, Some(Value::String(piece))) => {
                let piece: &'a str = piece;
                text = Some(match text {
                    None => Cow::Borrowed(piece),
                    Some(before) => Cow::Owned(format!("{before}{piece}")),
                });
                if kind.is_none() {
                    let found = "no such key";
                    problems.push(Problem::new(
                        Code::MissingKey,
                        format!("{path}[{index}].type"),
                        found,
                        "\"text\"",
                    ));
                }
            }
            (Some("text"), other) => {
                let found = other.map_or("no such key".to_owned(), describe);
                let code = if other.is_some() { Code::WrongType } else { Code::MissingKey };
                problems.push(Problem::new(code, format!("{path}[{index}].text"), found, "a text"));
            }
            (Some(media), _) if is_media(media) => {
                problems.push(Problem::new(
                    Code::ImageContent,
                    part_path(),
                    format!("a part of type {media}"),
                    "text only",
                ));
            }
            (Some(other), _) => {
                let found = format!("the type {}", super::row::quoted(other));
                problems.push(Problem::new(Code::WrongType, format!("{path}[{index}].type"), found, "text"));
            }
            (None, _) => {
                problems.push(Problem::new(
                    Code::WrongType,
                    part_path(),
                    describe(part),
                    "an object of type, text",
                ));
            }
        }
    }
    text
}

fn is_media(kind: &str) -> bool {
    ["image", "audio", "video", "file"].iter().any(|media| kind.contains(media))
}
