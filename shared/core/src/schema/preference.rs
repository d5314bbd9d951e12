//! Pairs of a better and a worse answer, in every spelling; and the flag of unpaired rows.

use std::borrow::Cow;

use super::chat::read_messages;
use super::detect::chat_key;
use super::row::{Row, describe, is_blank};
use super::{Example, Role, SchemaKind, Turn, instruction, sharegpt, tools};
use crate::findings::{Code, Problem};
use crate::json::Value;

/// The turns are the prompt and the chosen answer (trained on); the rejected answer stands apart.
pub(super) fn convert<'a>(row: Row<'a, '_>, kind: SchemaKind, problems: &mut Vec<Problem>) -> Example<'a> {
    let mut turns = Vec::with_capacity(4);
    let (chosen_key, rejected_key) = match kind {
        SchemaKind::PreferenceOpenai => ("preferred_output", "non_preferred_output"),
        SchemaKind::PreferenceResponses => ("chosen_response", "rejected_response"),
        SchemaKind::PreferenceAutotrain => ("text", "rejected_text"),
        _ => ("chosen", "rejected"),
    };
    let chosen = answer(row, chosen_key, problems);
    let rejected = answer(row, rejected_key, problems);
    if let (Some(better), Some(worse)) = (row.get_some(chosen_key), row.get_some(rejected_key))
        && better == worse
    {
        problems.push(Problem::new(
            Code::IdenticalPreference,
            row.path(rejected_key),
            "the same answer as the chosen one",
            "another answer",
        ));
    }
    let (chosen_turns, shared_bytes) = match (kind, &chosen, &rejected) {
        (SchemaKind::Preference, Answer::Text(better), Answer::Text(worse))
            if row.get_some("prompt").is_none() =>
        {
            // TRL takes the common beginning of both texts as the prompt.
            let shared = common_prefix(better, worse);
            let prompt = slice(better, 0, shared);
            if !prompt.is_empty() {
                turns.push(Turn { role: Role::User, text: prompt, trained: false });
            }
            (
                vec![Turn {
                    role: Role::Assistant,
                    text: slice(better, shared, better.len()),
                    trained: true,
                }],
                shared,
            )
        }
        _ => {
            push_prompt(row, kind, &mut turns, problems);
            (chosen.into_turns(), 0)
        }
    };
    turns.extend(chosen_turns);
    let tools = row.get_some("tools").map(|tools| tools::definitions(tools, row.path("tools"), problems));
    Example { turns, rejected: rejected.last_text(shared_bytes), tools }
}

fn push_prompt<'a>(
    row: Row<'a, '_>,
    kind: SchemaKind,
    turns: &mut Vec<Turn<'a>>,
    problems: &mut Vec<Problem>,
) {
    match kind {
        SchemaKind::PreferenceOpenai => openai_prompt(row, turns, problems),
        SchemaKind::PreferenceSharegpt => {
            let key = chat_key(row.present());
            match row.get(key) {
                Some(Value::Array(items)) if items.first().is_some_and(super::detect::is_message) => {
                    prompt_messages(items, row.path(key), turns, problems);
                }
                Some(Value::Array(items)) => {
                    let (prompt, roles) = sharegpt::read_turns(items, row.path(key), problems);
                    sharegpt::check_alternation(&roles, row.path(key), false, problems);
                    turns.extend(prompt.into_iter().map(|turn| Turn { trained: false, ..turn }));
                }
                other => {
                    let found = other.map_or("no such key".to_owned(), describe);
                    problems.push(Problem::new(Code::WrongType, row.path(key), found, "a list of turns"));
                }
            }
        }
        SchemaKind::PreferenceAlpaca => {
            instruction::push_prompt(row, Some("system"), &["instruction"], &["input"], turns, problems);
        }
        SchemaKind::PreferenceResponses => {
            let key =
                ["prompt", "instruction", "question"].into_iter().find(|key| row.get_some(key).is_some());
            match key {
                Some(key) => {
                    instruction::push_prompt(row, Some("system"), &[key], &["input"], turns, problems);
                }
                None => instruction::push_prompt(row, Some("system"), &["input"], &[], turns, problems),
            }
        }
        _ => match row.get_some("prompt") {
            Some(Value::Array(items)) => prompt_messages(items, row.path("prompt"), turns, problems),
            // In chosen and rejected lists the prompt may be implicit.
            None if kind != SchemaKind::PreferenceAutotrain => {}
            _ => instruction::push_prompt(row, None, &["prompt"], &[], turns, problems),
        },
    }
}

fn prompt_messages<'a>(
    items: &'a [Value<'a>],
    path: &str,
    turns: &mut Vec<Turn<'a>>,
    problems: &mut Vec<Problem>,
) {
    let (prompt, _) = read_messages(items, path, problems);
    if prompt.is_empty() {
        problems.push(Problem::new(Code::EmptyPrompt, path, "an empty list", "at least one message"));
    }
    turns.extend(prompt.into_iter().map(|turn| Turn { trained: false, ..turn }));
}

/// `input: {messages, tools}`.
fn openai_prompt<'a>(row: Row<'a, '_>, turns: &mut Vec<Turn<'a>>, problems: &mut Vec<Problem>) {
    match row.get("input").and_then(|input| input.get("messages")) {
        Some(Value::Array(items)) => prompt_messages(items, "input.messages", turns, problems),
        Some(other) => {
            problems.push(Problem::new(
                Code::WrongType,
                "input.messages",
                describe(other),
                "a list of messages",
            ));
        }
        None => {
            problems.push(Problem::new(
                Code::MissingKey,
                "input.messages",
                "no such key",
                "a list of messages",
            ));
        }
    }
}

/// One side of a pair.
enum Answer<'a> {
    None,
    Text(Cow<'a, str>),
    Turns(Vec<Turn<'a>>),
}

impl<'a> Answer<'a> {
    fn into_turns(self) -> Vec<Turn<'a>> {
        match self {
            Answer::None => Vec::new(),
            Answer::Text(text) => vec![Turn { role: Role::Assistant, text, trained: true }],
            Answer::Turns(mut turns) => {
                // Only the last answer differs between the two sides; what stands before is prompt.
                let last = turns.len().saturating_sub(1);
                for turn in &mut turns[..last] {
                    turn.trained = false;
                }
                turns
            }
        }
    }

    /// The answer itself, without the first bytes that belong to the prompt.
    fn last_text(self, skipped_bytes: usize) -> Option<Cow<'a, str>> {
        match self {
            Answer::None => None,
            Answer::Text(text) => {
                let length = text.len();
                Some(slice(&text, skipped_bytes, length))
            }
            Answer::Turns(turns) => turns.into_iter().last().map(|turn| turn.text),
        }
    }
}

/// A text, a `{from, value}`, a `{role, content}` or a list of messages.
fn answer<'a>(row: Row<'a, '_>, key: &str, problems: &mut Vec<Problem>) -> Answer<'a> {
    let path = row.path(key);
    let answer = match row.get_some(key) {
        None => {
            let found = if row.get(key).is_some() { "null" } else { "no such key" };
            problems.push(Problem::new(Code::MissingKey, path, found, "an answer"));
            return Answer::None;
        }
        Some(Value::String(text)) => Answer::Text(Cow::Borrowed(text)),
        Some(Value::Array(items)) => {
            let is_sharegpt = items.first().is_some_and(super::detect::is_sharegpt_turn);
            let turns = if is_sharegpt {
                sharegpt::read_turns(items, path, problems).0
            } else {
                read_messages(items, path, problems).0
            };
            if !turns.last().is_some_and(|turn| matches!(turn.role, Role::Assistant | Role::ToolCall)) {
                let found = if turns.is_empty() { "an empty list" } else { "another turn last" };
                problems.push(Problem::new(Code::NoAssistantTurn, path, found, "an assistant turn last"));
            }
            return Answer::Turns(turns);
        }
        Some(object @ Value::Object(_)) if super::detect::is_sharegpt_turn(object) => {
            let (turn, _) = sharegpt::read_turn(object, &|| path.to_owned(), problems);
            return Answer::Turns(turn.into_iter().collect());
        }
        Some(object @ Value::Object(_)) if super::detect::is_message(object) => {
            let (turns, _) = read_messages(std::slice::from_ref(object), path, problems);
            return Answer::Turns(turns);
        }
        Some(other) => {
            problems.push(Problem::new(
                Code::WrongType,
                path,
                describe(other),
                "a text or a list of messages",
            ));
            return Answer::None;
        }
    };
    if let Answer::Text(text) = &answer
        && is_blank(text)
    {
        problems.push(Problem::new(Code::EmptyAnswer, path, "no text", "an answer"));
    }
    answer
}

/// As TRL's `extract_prompt` does: up to the first difference, a blank just before it included in the answers.
fn common_prefix(left: &str, right: &str) -> usize {
    let same = left.char_indices().zip(right.chars()).find(|((_, a), b)| a != b).map(|((at, _), _)| at);
    let at = same.unwrap_or(left.len().min(right.len()));
    if at > 0 && left.as_bytes()[at - 1] == b' ' { at - 1 } else { at }
}

fn slice<'a>(text: &Cow<'a, str>, from: usize, to: usize) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[from..to]),
        Cow::Owned(text) => Cow::Owned(text[from..to].to_owned()),
    }
}

/// `label` or `kto_tag`: true for a good answer.
pub(super) fn flag(row: Row<'_, '_>, key: &str, problems: &mut Vec<Problem>) -> Option<bool> {
    let value = row.get_some(key);
    if let Some(Value::Bool(flag)) = value {
        return Some(*flag);
    }
    let found = value.map_or("no such key".to_owned(), describe);
    let code = if value.is_some() { Code::WrongType } else { Code::MissingKey };
    problems.push(Problem::new(code, row.path(key), found, "true or false"));
    match value {
        Some(Value::Number(number)) if number.abs() < f64::EPSILON => Some(false),
        Some(Value::Number(_) | Value::Wide { .. }) => Some(true),
        _ => None,
    }
}
