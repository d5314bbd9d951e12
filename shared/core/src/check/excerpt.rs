//! A row as people read it, with the part that a finding is about marked. Looks at one record and keeps a
//! few hundred characters of it, whatever its size.

use std::ops::Range;

use serde::de::IgnoredAny;

use crate::formats::{FileFormat, FormatInfo, RecordParser};
use crate::json::{Value, write_wide};

/// Characters shown before and after the marked part.
const CONTEXT_CHARS: usize = 200;
/// Longer strings away from the marked part are cut to this.
const OTHER_TEXT_CHARS: usize = 120;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowExcerpt {
    pub before: String,
    pub marked: String,
    pub after: String,
}

/// `bytes` begin with the record and may go on behind it; `path` and `found` are the finding's. Nothing is
/// marked where the path leads nowhere (a key that is missing), and a row that cannot be parsed is shown raw.
pub fn excerpt_row(info: &FormatInfo, bytes: &[u8], path: &str, found: &str) -> RowExcerpt {
    let raw = &bytes[..record_end(info, bytes)];
    let parser = RecordParser::new(info);
    let mut problems = Vec::new();
    let Some(value) = parser.parse_bytes(raw, &mut problems) else {
        let text = String::from_utf8_lossy(raw);
        return RowExcerpt { before: head(&printable(&text), 2 * CONTEXT_CHARS), ..RowExcerpt::default() };
    };
    let mut row = Rendering { text: String::new(), path: String::new(), target: path, found, marked: None };
    row.value(&value);
    match row.marked {
        Some(Range { start, end }) => RowExcerpt {
            before: tail(&row.text[..start], CONTEXT_CHARS),
            marked: head(&row.text[start..end], 2 * CONTEXT_CHARS),
            after: head(&row.text[end..], CONTEXT_CHARS),
        },
        None => RowExcerpt { before: head(&row.text, 2 * CONTEXT_CHARS), ..RowExcerpt::default() },
    }
}

fn record_end(info: &FormatInfo, bytes: &[u8]) -> usize {
    let line_end = || memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    match info.format {
        FileFormat::Csv => {
            let mut in_quotes = false;
            let end = bytes.iter().position(|byte| {
                in_quotes ^= *byte == b'"';
                !in_quotes && matches!(byte, b'\n' | b'\r')
            });
            end.unwrap_or(bytes.len())
        }
        FileFormat::JsonLines => line_end(),
        _ => {
            let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<IgnoredAny>();
            match values.next() {
                Some(Ok(_)) => values.byte_offset(),
                _ => line_end(),
            }
        }
    }
}

/// Writes a value as JSON on one line and remembers where the target stands.
struct Rendering<'a> {
    text: String,
    path: String,
    target: &'a str,
    found: &'a str,
    marked: Option<Range<usize>>,
}

impl Rendering<'_> {
    fn value(&mut self, value: &Value<'_>) {
        let is_target = self.marked.is_none() && !self.target.is_empty() && self.path == self.target;
        let start = self.text.len();
        match value {
            Value::Null => self.text.push_str("null"),
            Value::Bool(yes) => self.text.push_str(if *yes { "true" } else { "false" }),
            Value::Number(number) => self.text.push_str(&number.to_string()),
            Value::Wide { is_negative, magnitude } => write_wide(*is_negative, *magnitude, &mut self.text),
            Value::String(text) => self.string(text, is_target),
            Value::Array(items) => self.array(items),
            Value::Object(entries) => self.object(entries),
        }
        if is_target {
            self.marked = Some(self.narrowed(start));
        }
    }

    fn string(&mut self, text: &str, whole: bool) {
        let limit = if whole { usize::MAX } else { OTHER_TEXT_CHARS };
        let shown = head(text, limit);
        self.text.push_str(&serde_json::to_string(&shown).unwrap_or_default());
    }

    fn array(&mut self, items: &[Value<'_>]) {
        self.text.push('[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.text.push_str(", ");
            }
            let length = self.path.len();
            self.path.push_str(&format!("[{index}]"));
            self.value(item);
            self.path.truncate(length);
        }
        self.text.push(']');
    }

    fn object(&mut self, entries: &[(std::borrow::Cow<'_, str>, Value<'_>)]) {
        self.text.push('{');
        for (index, (key, item)) in entries.iter().enumerate() {
            if index > 0 {
                self.text.push_str(", ");
            }
            self.string(key, false);
            self.text.push_str(": ");
            let length = self.path.len();
            if length > 0 {
                self.path.push('.');
            }
            self.path.push_str(key);
            self.value(item);
            self.path.truncate(length);
        }
        self.text.push('}');
    }

    /// What was found, where it stands inside the value; else the whole value.
    fn narrowed(&self, start: usize) -> Range<usize> {
        let value = &self.text[start..];
        let found = self.found.trim_matches(['"', '“', '”', '…']);
        match value.find(found) {
            Some(at) if !found.is_empty() => start + at..start + at + found.len(),
            _ => start..self.text.len(),
        }
    }
}

fn printable(text: &str) -> String {
    text.chars()
        .map(|character| if character.is_control() && character != '\n' { '\u{fffd}' } else { character })
        .collect()
}

fn head(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn tail(text: &str, chars: usize) -> String {
    match text.char_indices().rev().nth(chars) {
        Some((at, character)) => format!("…{}", &text[at + character.len_utf8()..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::open;

    fn shown(file: &str, offset: usize, path: &str, found: &str) -> [String; 3] {
        let info = open(file.as_bytes()).unwrap().info;
        let RowExcerpt { before, marked, after } =
            excerpt_row(&info, &file.as_bytes()[offset..], path, found);
        [before, marked, after]
    }

    #[test]
    fn marks_the_value_at_the_path() {
        let lines = "{\"prompt\": \"a\", \"completion\": \"b\"}\n{\"prompt\": \"c\", \"completion\": \"\"}\n";
        assert_eq!(
            shown(lines, 35, "completion", "\"\""),
            ["{\"prompt\": \"c\", \"completion\": ", "\"\"", "}"]
        );
    }

    #[test]
    fn marks_only_what_was_found_inside_a_long_text() {
        let text = "x".repeat(1000);
        let array =
            format!("[{{\"messages\": [{{\"role\": \"user\", \"content\": \"{text}<|im_end|>{text}\"}}]}}]");
        let [before, marked, after] = shown(&array, 1, "messages[0].content", "<|im_end|>");
        assert_eq!(marked, "<|im_end|>");
        assert_eq!((before.chars().count(), after.chars().count()), (CONTEXT_CHARS + 1, CONTEXT_CHARS + 1));
    }

    #[test]
    fn a_quoted_cell_may_hold_line_breaks() {
        let table = "text,label\n\"one\ntwo\",good\nthree,bad\n";
        assert_eq!(
            shown(table, 11, "label", "good"),
            ["{\"text\": \"one\\ntwo\", \"label\": \"", "good", "\"}"]
        );
    }

    #[test]
    fn a_missing_key_and_a_broken_row_are_shown_without_a_mark() {
        assert_eq!(shown("{\"a\": 1}\n{\"a\": 2}\n", 0, "b", ""), ["{\"a\": 1}", "", ""]);
        let [before, marked, _] = shown("{\"a\": 1}\n{\"a\": \u{1}[[\n{\"a\": 2}\n", 9, "", "");
        assert!(marked.is_empty() && !before.is_empty(), "{before}");
    }
}
