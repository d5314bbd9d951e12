//! The entry: one value in, one example out, and everything that is wrong with its shape.

use super::detect::{chat_key, detect, detect_row};
use super::keys::{MEDIA, allowed_keys, key_bit, names_of};
use super::row::{Row, describe};
use super::{Example, Mapping, SchemaKind, chat, instruction, preference, sharegpt, tokenised};
use crate::findings::{Code, Problem};
use crate::json::Value;
use crate::limits::MAX_PROBLEMS_PER_RECORD;
use crate::trainers::Columns;

/// Lengths of a row that is tokens already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenCounts {
    pub total: u64,
    /// Labels that are not masked (-100).
    pub trained: u64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Converted<'a> {
    pub kind: SchemaKind,
    pub example: Example<'a>,
    /// Of tokenised rows, whose example has no turns.
    pub tokens: Option<TokenCounts>,
    /// Of unpaired rows: whether the answer is a good one.
    pub desirable: Option<bool>,
    pub columns: Columns,
}

/// `None` for a row of no known shape; the problems then hold `wrong_type` (not an object) or
/// `no_schema` (an object with other keys). A row with a shape is always converted, as far as it goes.
pub fn convert<'a>(
    value: &'a Value<'a>,
    mapping: Option<&Mapping>,
    problems: &mut Vec<Problem>,
) -> Option<Converted<'a>> {
    let before = problems.len();
    let converted = match value {
        Value::Object(entries) => convert_row(Row::new(entries, mapping), problems),
        Value::Array(items) => detect(value, mapping).map(|kind| {
            let example = if items.first().is_some_and(super::detect::is_sharegpt_turn) {
                sharegpt::conversation(items, "", None, problems)
            } else {
                chat::conversation(items, "", problems)
            };
            Converted { kind, example, tokens: None, desirable: None, columns: Columns::Standard }
        }),
        _ => None,
    };
    if converted.is_none() && !matches!(value, Value::Object(_)) {
        problems.push(Problem::new(Code::WrongType, "", describe(value), "an object with the keys of a row"));
    }
    problems.truncate(before + MAX_PROBLEMS_PER_RECORD);
    converted
}

fn convert_row<'a>(row: Row<'a, '_>, problems: &mut Vec<Problem>) -> Option<Converted<'a>> {
    let present = row.present();
    let Some(kind) = detect_row(row, present) else {
        problems.push(no_schema(row));
        return None;
    };
    if !row.is_mapped() {
        report_other_keys(row, kind, problems);
    }
    let mut tokens = None;
    let mut desirable = None;
    let example = match kind {
        SchemaKind::Messages => chat::from_row(row, chat_key(present), problems),
        SchemaKind::Sharegpt => sharegpt::from_row(row, chat_key(present), problems),
        SchemaKind::UnpairedMessages | SchemaKind::UnpairedSharegpt | SchemaKind::UnpairedAlpaca => {
            desirable = preference::flag(row, "kto_tag", problems);
            match kind {
                SchemaKind::UnpairedMessages => chat::from_row(row, chat_key(present), problems),
                SchemaKind::UnpairedSharegpt => sharegpt::from_row(row, chat_key(present), problems),
                _ => instruction::convert(row, SchemaKind::Alpaca, problems),
            }
        }
        SchemaKind::Unpaired | SchemaKind::UnpairedChat => {
            desirable = preference::flag(row, "label", problems);
            chat::prompt_completion(row, problems)
        }
        SchemaKind::PromptCompletion | SchemaKind::PromptCompletionChat => {
            chat::prompt_completion(row, problems)
        }
        SchemaKind::Tokenised => {
            tokens = Some(tokenised::count(row, problems));
            Example::default()
        }
        kind if kind.family() == super::Family::Preference => preference::convert(row, kind, problems),
        kind => instruction::convert(row, kind, problems),
    };
    Some(Converted { kind, example, tokens, desirable, columns: columns(row, kind, present) })
}

/// Under which of the names that occur the messages stand.
fn columns(row: Row<'_, '_>, kind: SchemaKind, present: u64) -> Columns {
    match (kind, chat_key(present)) {
        (SchemaKind::Messages, "conversations") => Columns::Conversations,
        (SchemaKind::Messages, "texts") => Columns::Texts,
        (SchemaKind::Messages, _) if row.get_some("system").is_some() => Columns::SystemBeside,
        _ => Columns::Standard,
    }
}

fn no_schema(row: Row<'_, '_>) -> Problem {
    const SHOWN_KEYS: usize = 12;
    let mut keys: Vec<&str> = row.entries().iter().take(SHOWN_KEYS).map(|(key, _)| key.as_ref()).collect();
    if row.entries().len() > SHOWN_KEYS {
        keys.push("…");
    }
    let found =
        if keys.is_empty() { "no keys at all".to_owned() } else { format!("the keys {}", keys.join(", ")) };
    Problem::new(
        Code::NoSchema,
        "",
        found,
        "the keys of a known shape, such as messages or instruction and output",
    )
}

fn report_other_keys(row: Row<'_, '_>, kind: SchemaKind, problems: &mut Vec<Problem>) {
    let allowed = allowed_keys(kind);
    for (key, value) in row.entries() {
        let bit = key_bit(key);
        if bit & allowed != 0 || matches!(value, Value::Null) {
            continue;
        }
        // Empty cells of unnamed columns are what spreadsheets leave behind.
        if key.starts_with("Unnamed: ") && value.as_str() == Some("") {
            continue;
        }
        if bit & MEDIA != 0 {
            problems.push(Problem::new(Code::ImageContent, key.as_ref(), describe(value), "text only"));
            continue;
        }
        problems.push(Problem::new(
            Code::UnknownKey,
            key.as_ref(),
            format!("the key {key}"),
            format!("only {}", names_of(allowed).join(", ")),
        ));
    }
}
