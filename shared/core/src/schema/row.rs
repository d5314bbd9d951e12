//! One row seen through a column mapping: keys, their values, and the paths that findings name.

use std::borrow::Cow;

use super::Mapping;
use super::keys::key_bit;
use crate::findings::{Code, Problem};
use crate::json::{Value, to_json_text};

#[derive(Clone, Copy)]
pub(super) struct Row<'a, 'm> {
    entries: &'a [(Cow<'a, str>, Value<'a>)],
    mapping: Option<&'m Mapping>,
}

impl<'a, 'm> Row<'a, 'm> {
    pub fn new(entries: &'a [(Cow<'a, str>, Value<'a>)], mapping: Option<&'m Mapping>) -> Self {
        Self { entries, mapping }
    }

    pub fn entries(&self) -> &'a [(Cow<'a, str>, Value<'a>)] {
        self.entries
    }

    pub fn is_mapped(&self) -> bool {
        self.mapping.is_some()
    }

    /// The keys that hold something, as bits. A null counts as absent: tables fill up with them.
    pub fn present(&self) -> u64 {
        match self.mapping {
            None => self
                .entries
                .iter()
                .filter(|(_, value)| !matches!(value, Value::Null))
                .fold(0, |bits, (key, _)| bits | key_bit(key)),
            // Whoever maps columns has said which shape they make, also where a cell is empty.
            Some(mapping) => mapping.pairs().iter().fold(0, |bits, (key, _)| bits | key_bit(key)),
        }
    }

    pub fn get(&self, key: &str) -> Option<&'a Value<'a>> {
        match self.mapping {
            None => self.column(key),
            Some(mapping) => self.column(mapping.column_of(key)?),
        }
    }

    /// The value unless it is null.
    pub fn get_some(&self, key: &str) -> Option<&'a Value<'a>> {
        self.get(key).filter(|value| !matches!(value, Value::Null))
    }

    fn column(&self, name: &str) -> Option<&'a Value<'a>> {
        // Readers keep the last of two equal keys.
        self.entries.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// The key as it stands in the file.
    pub fn path<'k>(&self, key: &'k str) -> &'k str
    where
        'm: 'k,
    {
        self.mapping.and_then(|mapping| mapping.column_of(key)).unwrap_or(key)
    }

    /// A text that has to be there; anything else is reported and shown as its JSON.
    pub fn required_text(&self, key: &str, problems: &mut Vec<Problem>) -> Cow<'a, str> {
        match self.get(key) {
            Some(Value::String(text)) => Cow::Borrowed(text),
            Some(Value::Null) | None => {
                let found = if self.get(key).is_some() { "null" } else { "no such key" };
                problems.push(Problem::new(Code::MissingKey, self.path(key), found, "a text"));
                Cow::Borrowed("")
            }
            Some(other) => wrong_text(other, self.path(key), problems),
        }
    }

    /// A text that may be missing or null.
    pub fn optional_text(&self, key: &str, problems: &mut Vec<Problem>) -> Option<Cow<'a, str>> {
        match self.get_some(key)? {
            Value::String(text) => Some(Cow::Borrowed(text)),
            other => Some(wrong_text(other, self.path(key), problems)),
        }
    }
}

fn wrong_text<'a>(value: &'a Value<'a>, path: &str, problems: &mut Vec<Problem>) -> Cow<'a, str> {
    problems.push(Problem::new(Code::WrongType, path, describe(value), "a text"));
    Cow::Owned(to_json_text(value))
}

/// A value in few words: its kind, and what it says where that is short.
pub(super) fn describe(value: &Value<'_>) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => format!("the boolean {flag}"),
        Value::Number(_) | Value::Wide { .. } => format!("the number {}", to_json_text(value)),
        Value::String(text) => format!("the text {}", quoted(text)),
        Value::Array(items) => format!("a list of {} items", items.len()),
        Value::Object(entries) => format!("an object of {} keys", entries.len()),
    }
}

/// The beginning of a text in quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", crate::json::clip(text))
}

pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

pub(super) fn join_lines<'a>(first: Cow<'a, str>, second: Option<Cow<'a, str>>) -> Cow<'a, str> {
    match second {
        Some(second) if second.is_empty() => first,
        None => first,
        Some(second) if first.is_empty() => second,
        Some(second) => Cow::Owned(format!("{first}\n{second}")),
    }
}
