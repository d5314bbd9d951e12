//! From one framed record to a value. Cheap to clone and to send: each worker has its own.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::csv::{bad_quote, for_each_field};
use super::{Batch, FileFormat, FormatInfo, Place};
use crate::findings::{Code, Problem};
use crate::json::{self, Value};
use crate::limits::MAX_KEYS;
use crate::source::decode_mixed;

#[derive(Debug, Clone, PartialEq)]
pub struct ParsedRecord<'a> {
    /// `None` exactly when the record cannot be read; the problems say why.
    pub value: Option<Value<'a>>,
    pub problems: Vec<Problem>,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordParser {
    rows: Rows,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Rows {
    Json,
    /// `flags` are columns of true and false: a table has texts only, but those trainers read as booleans.
    Csv {
        delimiter: u8,
        columns: Vec<String>,
        flags: Vec<usize>,
    },
}

impl RecordParser {
    pub fn new(info: &FormatInfo) -> Self {
        let rows = match info.format {
            FileFormat::Csv => Rows::Csv {
                delimiter: info.delimiter.and_then(|c| u8::try_from(c).ok()).unwrap_or(b','),
                columns: info.columns.clone(),
                flags: flag_columns(&info.columns),
            },
            _ => Rows::Json,
        };
        Self { rows }
    }

    pub fn parse<'a>(&'a self, batch: &'a Batch, index: usize) -> ParsedRecord<'a> {
        let mut problems = Vec::new();
        let value = self.parse_bytes(batch.raw(index), &mut problems);
        ParsedRecord { value, problems, place: batch.place(index) }
    }

    /// The same for a record that stands outside a batch.
    pub fn parse_bytes<'a>(&'a self, raw: &'a [u8], problems: &mut Vec<Problem>) -> Option<Value<'a>> {
        match std::str::from_utf8(raw) {
            Ok(text) => self.parse_text(text, problems),
            Err(error) => {
                let first_bad = error.valid_up_to();
                problems.push(Problem::new(
                    Code::NotUtf8,
                    "",
                    format!(
                        "byte 0x{:02x} (byte {first_bad} of the row), read as Windows-1252",
                        raw[first_bad]
                    ),
                    "UTF-8",
                ));
                let text = decode_mixed(raw);
                self.parse_text(&text, problems).map(Value::into_owned)
            }
        }
    }

    fn parse_text<'a>(&'a self, text: &'a str, problems: &mut Vec<Problem>) -> Option<Value<'a>> {
        match &self.rows {
            Rows::Json => json::parse(text, problems),
            Rows::Csv { delimiter, columns, flags } => {
                let mut row = csv_row(text, *delimiter, columns, problems);
                read_flags(&mut row, flags);
                Some(Value::Object(row))
            }
        }
    }
}

type Entries<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

/// Which columns say good or bad in an unpaired preference table.
fn flag_columns(columns: &[String]) -> Vec<usize> {
    let at = |name: &str| columns.iter().position(|column| column == name);
    let label = at("label").filter(|_| at("prompt").is_some() && at("completion").is_some());
    at("kto_tag").into_iter().chain(label).collect()
}

fn read_flags(row: &mut Entries<'_>, flags: &[usize]) {
    for &column in flags {
        let Some((_, value)) = row.get_mut(column) else { continue };
        let flag = match value.as_str() {
            Some("True" | "true" | "TRUE") => true,
            Some("False" | "false" | "FALSE") => false,
            _ => continue,
        };
        *value = Value::Bool(flag);
    }
}

fn csv_row<'a>(
    text: &'a str,
    delimiter: u8,
    columns: &'a [String],
    problems: &mut Vec<Problem>,
) -> Entries<'a> {
    let mut entries = Vec::with_capacity(columns.len());
    let mut fields = 0;
    let misquoted = for_each_field(text, delimiter, |field| {
        if fields < MAX_KEYS {
            let name = columns.get(fields).map_or_else(
                || Cow::Owned(format!("Unnamed: {fields}")),
                |name| Cow::Borrowed(name.as_str()),
            );
            entries.push((name, Value::String(field)));
        }
        fields += 1;
    });
    if misquoted {
        problems.push(bad_quote());
    }
    if fields != columns.len() {
        problems.push(Problem::new(
            Code::ColumnCount,
            "",
            format!("{fields} fields"),
            format!("{} fields, as in the header", columns.len()),
        ));
    }
    if memchr::memchr(0, text.as_bytes()).is_some() {
        problems.push(Problem::new(Code::NulBytes, "", "a NUL byte", "text"));
    }
    entries
}
