//! The borrowed JSON value that every record becomes, whatever file format it came from.

use std::borrow::Cow;

/// One JSON value. Objects keep their keys in file order; a key that stands twice stays twice.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    Number(f64),
    /// A whole number of 64 bits that floating point would round: an id, usually.
    Wide {
        is_negative: bool,
        magnitude: u64,
    },
    String(Cow<'a, str>),
    Array(Vec<Value<'a>>),
    Object(Vec<(Cow<'a, str>, Value<'a>)>),
}

/// Whole numbers up to here are all told apart by 64-bit floating point.
pub(super) const EXACT_WHOLE: u64 = 1 << 53;

impl<'a> Value<'a> {
    pub(super) fn whole(is_negative: bool, magnitude: u64) -> Self {
        if magnitude > EXACT_WHOLE {
            return Value::Wide { is_negative, magnitude };
        }
        Value::Number(if is_negative { -(magnitude as f64) } else { magnitude as f64 })
    }

    /// First value under a key, if this is an object that has it.
    pub fn get(&self, key: &str) -> Option<&Value<'a>> {
        match self {
            Value::Object(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// What a finding calls this kind of value.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(_) | Value::Wide { .. } => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        }
    }
}

impl Value<'_> {
    /// The same value without borrows, for texts that had to be decoded first.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(value) => Value::Bool(value),
            Value::Number(value) => Value::Number(value),
            Value::Wide { is_negative, magnitude } => Value::Wide { is_negative, magnitude },
            Value::String(text) => Value::String(Cow::Owned(text.into_owned())),
            Value::Array(items) => Value::Array(items.into_iter().map(Value::into_owned).collect()),
            Value::Object(entries) => Value::Object(
                entries
                    .into_iter()
                    .map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned()))
                    .collect(),
            ),
        }
    }
}
