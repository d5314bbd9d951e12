//! ShareGPT rows: `conversations: [{from, value}]`, with LLaMA-Factory's rules of alternation.

use std::borrow::Cow;

use super::content::text_of;
use super::row::{Row, describe, is_blank, quoted};
use super::{Example, Role, Turn, chat, tools};
use crate::findings::{Code, Problem};
use crate::json::Value;
use crate::words::counted;

const ROLES: &str = "human, gpt, system, function_call or observation";

pub(super) fn from_row<'a>(row: Row<'a, '_>, key: &str, problems: &mut Vec<Problem>) -> Example<'a> {
    let Some(Value::Array(items)) = row.get(key) else {
        return chat::from_row(row, key, problems);
    };
    let system = row.optional_text("system", problems).filter(|text| !is_blank(text));
    let mut example = conversation(items, row.path(key), system, problems);
    example.tools = row.get_some("tools").map(|tools| tools::definitions(tools, row.path("tools"), problems));
    example
}

/// A conversation whose last turn is the answer.
pub(super) fn conversation<'a>(
    items: &'a [Value<'a>],
    path: &str,
    system: Option<Cow<'a, str>>,
    problems: &mut Vec<Problem>,
) -> Example<'a> {
    let (mut turns, roles) = read_turns(items, path, problems);
    if roles.iter().any(|role| is_answer(*role)) {
        check_alternation(&roles, path, true, problems);
        check_calls(&roles, path, problems);
    } else {
        let found =
            if items.is_empty() { "an empty list".to_owned() } else { counted(items.len() as u64, "turn") };
        problems.push(Problem::new(Code::NoAssistantTurn, path, found, "at least one gpt turn"));
    }
    if let Some(text) = system {
        turns.insert(0, Turn { role: Role::System, text, trained: false });
    }
    Example { turns, rejected: None, tools: None }
}

fn is_answer(role: Option<Role>) -> bool {
    matches!(role, Some(Role::Assistant | Role::ToolCall))
}

/// The turns, and each one's role (`None` where nobody knows it).
pub(super) fn read_turns<'a>(
    items: &'a [Value<'a>],
    path: &str,
    problems: &mut Vec<Problem>,
) -> (Vec<Turn<'a>>, Vec<Option<Role>>) {
    let mut turns = Vec::with_capacity(items.len());
    let mut roles = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let (turn, role) = read_turn(item, &|| format!("{path}[{index}]"), problems);
        roles.push(role);
        turns.extend(turn);
    }
    (turns, roles)
}

/// One `{from, value}`.
pub(super) fn read_turn<'a>(
    item: &'a Value<'a>,
    path: &dyn Fn() -> String,
    problems: &mut Vec<Problem>,
) -> (Option<Turn<'a>>, Option<Role>) {
    let Value::Object(entries) = item else {
        problems.push(Problem::new(Code::WrongType, path(), describe(item), "an object of from, value"));
        return (None, None);
    };
    for (key, value) in entries {
        if !matches!(key.as_ref(), "from" | "value" | "weight" | "name") && !matches!(value, Value::Null) {
            problems.push(Problem::new(
                Code::UnknownKey,
                format!("{}.{key}", path()),
                format!("the key {key}"),
                "only from, value",
            ));
        }
    }
    let role = read_role(item, path, problems);
    let text = match item.get("value") {
        Some(Value::String(text)) => Cow::Borrowed(text.as_ref()),
        Some(Value::Null) | None => {
            let found = if item.get("value").is_some() { "null" } else { "no such key" };
            problems.push(Problem::new(Code::MissingKey, format!("{}.value", path()), found, "a text"));
            return (Some(turn_of(role, Cow::Borrowed(""))), role);
        }
        other => text_of(other, &format!("{}.value", path()), problems).unwrap_or_default(),
    };
    if is_blank(&text) {
        let report = match role {
            Some(Role::Assistant | Role::ToolCall) => Some((Code::EmptyAnswer, "an answer to train on")),
            Some(Role::User) => Some((Code::EmptyPrompt, "a request")),
            _ => None,
        };
        if let Some((code, expected)) = report {
            problems.push(Problem::new(code, format!("{}.value", path()), "no text", expected));
        }
    }
    (Some(turn_of(role, text)), role)
}

fn turn_of(role: Option<Role>, text: Cow<'_, str>) -> Turn<'_> {
    Turn { role: role.unwrap_or(Role::User), text, trained: is_answer(role) }
}

fn read_role(item: &Value<'_>, path: &dyn Fn() -> String, problems: &mut Vec<Problem>) -> Option<Role> {
    let from = match item.get("from") {
        Some(Value::String(from)) => from.as_ref(),
        other => {
            let code = if other.is_some() { Code::WrongType } else { Code::MissingKey };
            let found = other.map_or("no such key".to_owned(), describe);
            problems.push(Problem::new(code, format!("{}.from", path()), found, ROLES));
            return None;
        }
    };
    let exact = match from {
        "human" => Some(Role::User),
        "gpt" => Some(Role::Assistant),
        "system" => Some(Role::System),
        "function_call" => Some(Role::ToolCall),
        "observation" => Some(Role::ToolResult),
        _ => None,
    };
    if exact.is_some() {
        return exact;
    }
    problems.push(Problem::new(Code::UnknownRole, format!("{}.from", path()), quoted(from), ROLES));
    match from.trim().to_lowercase().as_str() {
        "human" | "user" => Some(Role::User),
        "gpt" | "assistant" | "chatgpt" | "bard" | "bing" | "model" | "bot" => Some(Role::Assistant),
        "system" => Some(Role::System),
        "function_call" | "tool_call" => Some(Role::ToolCall),
        "observation" | "tool" | "function_response" | "tool_response" => Some(Role::ToolResult),
        _ => None,
    }
}

/// A leading system turn aside: human or observation in odd places, gpt or function_call in even ones.
/// The first break is named; behind it every place is off.
pub(super) fn check_alternation(
    roles: &[Option<Role>],
    path: &str,
    ends_with_answer: bool,
    problems: &mut Vec<Problem>,
) {
    let skipped = usize::from(roles.first() == Some(&Some(Role::System)));
    let turns = &roles[skipped..];
    for (place, role) in turns.iter().enumerate() {
        let Some(role) = role else { continue };
        let odd_place = place % 2 == 0;
        let fits = if odd_place {
            matches!(role, Role::User | Role::ToolResult)
        } else {
            matches!(role, Role::Assistant | Role::ToolCall)
        };
        if !fits {
            let (found, expected) = if odd_place {
                (format!("{} in an odd place", role_name(*role)), "human or observation")
            } else {
                (format!("{} in an even place", role_name(*role)), "gpt or function_call")
            };
            let index = place + skipped;
            problems.push(Problem::new(Code::RoleOrder, format!("{path}[{index}].from"), found, expected));
            return;
        }
    }
    if turns.len().is_multiple_of(2) != ends_with_answer {
        let expected = if ends_with_answer {
            "an even number, ending with gpt"
        } else {
            "an odd number, ending with human"
        };
        problems.push(Problem::new(Code::RoleOrder, path, counted(turns.len() as u64, "turn"), expected));
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "human",
        Role::Assistant => "gpt",
        Role::ToolCall => "function_call",
        Role::ToolResult => "observation",
        Role::Plain => "text",
    }
}

/// A function_call as the last turn is what the model shall learn; elsewhere an observation follows.
pub(super) fn check_calls(roles: &[Option<Role>], path: &str, problems: &mut Vec<Problem>) {
    for (index, role) in roles.iter().enumerate() {
        let next = roles.get(index + 1);
        let previous = index.checked_sub(1).map(|before| roles[before]);
        if *role == Some(Role::ToolCall) && next.is_some_and(|next| *next != Some(Role::ToolResult)) {
            let expected = "an observation as the next turn";
            problems.push(Problem::new(
                Code::ToolCallWithoutAnswer,
                format!("{path}[{index}]"),
                "no observation after it",
                expected,
            ));
        }
        if *role == Some(Role::ToolResult) && previous != Some(Some(Role::ToolCall)) {
            let expected = "a function_call before it";
            problems.push(Problem::new(
                Code::ToolAnswerWithoutCall,
                format!("{path}[{index}]"),
                "an observation to no call",
                expected,
            ));
        }
    }
}
