//! OpenAI messages: `[{role, content, …}]`, and prompt/completion pairs that may be such lists.

use std::borrow::Cow;

use super::chat_order::{self, Spoken};
use super::content::text_of;
use super::row::{Row, describe, is_blank, quoted};
use super::{Example, Role, Turn, instruction, tools};
use crate::findings::{Code, Problem};
use crate::json::{self, Value};
use crate::words::counted;

const ROLES: &str = "system, developer, user, assistant, tool or function";

pub(super) fn from_row<'a>(row: Row<'a, '_>, key: &str, problems: &mut Vec<Problem>) -> Example<'a> {
    let path = row.path(key);
    let mut example = match row.get(key) {
        Some(Value::Array(items)) => conversation(items, path, problems),
        Some(Value::String(text)) => from_text(text, path, problems),
        other => {
            let found = other.map_or("no such key".to_owned(), describe);
            problems.push(Problem::new(Code::WrongType, path, found, "a list of messages"));
            Example::default()
        }
    };
    if let Some(text) = row.optional_text("system", problems).filter(|text| !is_blank(text)) {
        example.turns.insert(0, Turn { role: Role::System, text, trained: false });
    }
    let definitions = ["tools", "functions"].into_iter().find_map(|key| Some((key, row.get_some(key)?)));
    example.tools = definitions.map(|(key, value)| tools::definitions(value, row.path(key), problems));
    example
}

/// Tables keep lists as text: JSON, or what Python prints.
fn from_text<'a>(text: &str, path: &str, problems: &mut Vec<Problem>) -> Example<'a> {
    problems.push(Problem::new(Code::WrongType, path, "a list written as text", "a list of messages"));
    let parsed = json::parse_tolerant(text);
    match &parsed.value {
        Some(Value::Array(items)) => {
            let sharegpt = items.first().is_some_and(super::detect::is_sharegpt_turn);
            let example = if sharegpt {
                super::sharegpt::conversation(items, path, None, problems)
            } else {
                conversation(items, path, problems)
            };
            own(example)
        }
        _ => Example::default(),
    }
}

fn own<'a>(example: Example<'_>) -> Example<'a> {
    let own_text = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
    Example {
        turns: example
            .turns
            .into_iter()
            .map(|turn| Turn { role: turn.role, text: own_text(turn.text), trained: turn.trained })
            .collect(),
        rejected: example.rejected.map(own_text),
        tools: example.tools.map(own_text),
    }
}

/// A whole conversation: order, calls and answers are judged.
pub(super) fn conversation<'a>(
    items: &'a [Value<'a>],
    path: &str,
    problems: &mut Vec<Problem>,
) -> Example<'a> {
    let (turns, spoken) = read_messages(items, path, problems);
    let assistants = spoken.iter().filter(|message| message.role == Some(Role::Assistant)).count();
    if assistants == 0 {
        let found =
            if items.is_empty() { "an empty list".to_owned() } else { counted(items.len() as u64, "turn") };
        problems.push(Problem::new(Code::NoAssistantTurn, path, found, "at least one assistant turn"));
    } else {
        chat_order::check(&spoken, path, problems);
        let answers = turns.iter().any(|turn| matches!(turn.role, Role::Assistant | Role::ToolCall));
        if answers && !turns.iter().any(|turn| turn.trained) {
            problems.push(Problem::new(
                Code::AllMasked,
                path,
                "weight 0 on every assistant turn",
                "a turn to train on",
            ));
        }
    }
    Example { turns, rejected: None, tools: None }
}

/// The messages one by one, without judging their order.
pub(super) fn read_messages<'a>(
    items: &'a [Value<'a>],
    path: &str,
    problems: &mut Vec<Problem>,
) -> (Vec<Turn<'a>>, Vec<Spoken<'a>>) {
    let mut turns = Vec::with_capacity(items.len());
    let mut spoken = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match item {
            Value::Object(entries) => {
                let mut message = Message { index, item, entries, path, problems };
                let said = message.read(&mut turns);
                spoken.push(said);
            }
            other => problems.push(Problem::new(
                Code::WrongType,
                format!("{path}[{index}]"),
                describe(other),
                "an object of role, content",
            )),
        }
    }
    (turns, spoken)
}

struct Message<'a, 'p> {
    index: usize,
    item: &'a Value<'a>,
    entries: &'a [(Cow<'a, str>, Value<'a>)],
    path: &'p str,
    problems: &'p mut Vec<Problem>,
}

impl<'a> Message<'a, '_> {
    fn report(&mut self, code: Code, key: &str, found: impl Into<String>, expected: impl Into<String>) {
        let path = format!("{}[{}].{key}", self.path, self.index);
        self.problems.push(Problem::new(code, path, found, expected));
    }

    fn key_path(&self, key: &str) -> String {
        format!("{}[{}].{key}", self.path, self.index)
    }

    fn read(&mut self, turns: &mut Vec<Turn<'a>>) -> Spoken<'a> {
        self.report_other_keys();
        let role = self.role();
        let weight = self.weight(role);
        let content = match self.item.get("content") {
            Some(Value::String(text)) => Some(Cow::Borrowed(text.as_ref())),
            Some(Value::Null) | None => None,
            content => {
                let path = self.key_path("content");
                text_of(content, &path, self.problems)
            }
        };
        let calls = self.calls();
        self.report_empty(role, content.as_deref(), !calls.is_empty());

        let trained = role == Some(Role::Assistant) && weight;
        if let Some(text) = content.filter(|text| !text.is_empty() || calls.is_empty()) {
            turns.push(Turn { role: role.unwrap_or(Role::User), text, trained });
        } else if calls.is_empty() {
            turns.push(Turn { role: role.unwrap_or(Role::User), text: Cow::Borrowed(""), trained });
        }
        let mut ids = Vec::with_capacity(calls.len());
        for call in calls {
            ids.push(call.id);
            turns.push(Turn { role: Role::ToolCall, text: Cow::Owned(call.text), trained });
        }
        let answers = self.item.get("tool_call_id").and_then(Value::as_str);
        Spoken { role, index: self.index, calls: ids, answers }
    }

    fn report_other_keys(&mut self) {
        const KNOWN: &[&str] = &[
            "role",
            "content",
            "name",
            "weight",
            "tool_calls",
            "tool_call_id",
            "function_call",
            "refusal",
            "reasoning_content",
            "thinking",
            "audio",
            "annotations",
        ];
        for (key, value) in self.entries {
            if !KNOWN.contains(&key.as_ref()) && !matches!(value, Value::Null) {
                self.report(
                    Code::UnknownKey,
                    key,
                    format!("the key {key}"),
                    "only role, content, name, weight, tool_calls, tool_call_id, function_call",
                );
            }
        }
    }

    fn role(&mut self) -> Option<Role> {
        let role = match self.item.get("role") {
            Some(Value::String(role)) => role.as_ref(),
            Some(Value::Null) | None => {
                self.report(Code::MissingKey, "role", "no such key", ROLES);
                return None;
            }
            Some(other) => {
                self.report(Code::WrongType, "role", describe(other), ROLES);
                return None;
            }
        };
        if let Some(role) = exact_role(role) {
            return Some(role);
        }
        self.report(Code::UnknownRole, "role", quoted(role), ROLES);
        similar_role(role)
    }

    /// Whether the turn counts; `weight` is OpenAI's switch for assistant turns.
    fn weight(&mut self, role: Option<Role>) -> bool {
        let Some(value) = self.item.get("weight") else { return true };
        match value {
            Value::Null => true,
            Value::Number(_) | Value::Wide { .. } | Value::Bool(_)
                if role.is_some() && role != Some(Role::Assistant) =>
            {
                self.report(
                    Code::BadWeight,
                    "weight",
                    "a weight on a turn that is not the assistant's",
                    "weights on assistant turns only",
                );
                false
            }
            Value::Number(number) if number.abs() < f64::EPSILON => false,
            Value::Number(number) if (number - 1.0).abs() < f64::EPSILON => true,
            other => {
                self.report(Code::BadWeight, "weight", describe(other), "0 or 1");
                true
            }
        }
    }

    fn calls(&mut self) -> Vec<tools::Call<'a>> {
        if let Some(value) = self.item.get("tool_calls") {
            let path = self.key_path("tool_calls");
            return tools::calls(value, &path, self.problems);
        }
        match self.item.get("function_call") {
            None | Some(Value::Null) => Vec::new(),
            Some(function) => {
                let path = self.key_path("function_call");
                let text = tools::function_call(function, &path, self.problems);
                // A legacy call has no id: its answer is matched by standing next.
                vec![tools::Call { id: None, text }]
            }
        }
    }

    fn report_empty(&mut self, role: Option<Role>, content: Option<&str>, has_calls: bool) {
        let Some(role) = role else { return };
        let blank = content.is_none_or(is_blank);
        match role {
            _ if !blank => {}
            Role::Assistant if has_calls => {}
            Role::Assistant => {
                self.report(Code::EmptyAnswer, "content", no_content(self.item), "an answer to train on");
            }
            Role::User if matches!(self.item.get("content"), Some(Value::Array(parts)) if !parts.is_empty()) =>
                {}
            Role::User => self.report(Code::EmptyPrompt, "content", no_content(self.item), "a request"),
            _ if self.item.get("content").is_none() => {
                self.report(Code::MissingKey, "content", "no such key", "a text");
            }
            _ => {}
        }
    }
}

fn no_content(item: &Value<'_>) -> &'static str {
    match item.get("content") {
        None => "no such key",
        Some(Value::Null) => "null",
        _ => "no text",
    }
}

fn exact_role(role: &str) -> Option<Role> {
    match role {
        "system" | "developer" => Some(Role::System),
        "user" => Some(Role::User),
        "assistant" => Some(Role::Assistant),
        "tool" | "function" => Some(Role::ToolResult),
        _ => None,
    }
}

/// What was meant, so that the rest of the row can still be read.
fn similar_role(role: &str) -> Option<Role> {
    match role.trim().to_lowercase().as_str() {
        "system" | "developer" => Some(Role::System),
        "user" | "human" | "customer" | "student" => Some(Role::User),
        "assistant" | "gpt" | "bot" | "model" | "ai" | "chatgpt" | "agent" => Some(Role::Assistant),
        "tool" | "function" | "observation" | "ipython" => Some(Role::ToolResult),
        _ => None,
    }
}

/// TRL's prompt and completion: both texts, or both message lists.
pub(super) fn prompt_completion<'a>(row: Row<'a, '_>, problems: &mut Vec<Problem>) -> Example<'a> {
    let mut turns = Vec::with_capacity(2);
    match (row.get("prompt"), row.get("completion")) {
        (Some(Value::Array(prompt)), Some(Value::Array(completion))) => {
            return message_lists(prompt, row.path("prompt"), completion, row.path("completion"), problems);
        }
        (Some(Value::Array(_)), Some(other)) => {
            problems.push(Problem::new(
                Code::WrongType,
                row.path("completion"),
                describe(other),
                "a message list, as the prompt is one",
            ));
        }
        (Some(other), Some(Value::Array(_))) => {
            problems.push(Problem::new(
                Code::WrongType,
                row.path("prompt"),
                describe(other),
                "a message list, as the completion is one",
            ));
        }
        _ => {
            instruction::push_prompt(row, None, &["prompt"], &[], &mut turns, problems);
            instruction::push_answer(row, "completion", &mut turns, problems);
        }
    }
    Example { turns, ..Example::default() }
}

/// A prompt and its continuation as two message lists.
pub(super) fn message_lists<'a>(
    prompt: &'a [Value<'a>],
    prompt_path: &str,
    completion: &'a [Value<'a>],
    completion_path: &str,
    problems: &mut Vec<Problem>,
) -> Example<'a> {
    let (mut turns, _) = read_messages(prompt, prompt_path, problems);
    for turn in &mut turns {
        turn.trained = false;
    }
    if turns.is_empty() {
        problems.push(Problem::new(Code::EmptyPrompt, prompt_path, "an empty list", "at least one message"));
    }
    let (answers, spoken) = read_messages(completion, completion_path, problems);
    if !spoken.iter().any(|message| message.role == Some(Role::Assistant)) {
        let found = counted(spoken.len() as u64, "turn");
        problems.push(Problem::new(Code::NoAssistantTurn, completion_path, found, "an assistant turn"));
    }
    turns.extend(answers);
    Example { turns, ..Example::default() }
}
