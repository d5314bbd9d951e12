//! Tool definitions and tool calls: are they what the trainers' templates can render?

use std::borrow::Cow;

use super::row::describe;
use crate::findings::{Code, Problem};
use crate::json::{Value, parse_strict, to_json_text};

/// The definitions as one text. LLaMA-Factory keeps them as a JSON text, OpenAI as a list.
pub(super) fn definitions<'a>(tools: &'a Value<'a>, path: &str, problems: &mut Vec<Problem>) -> Cow<'a, str> {
    match tools {
        Value::String(text) => {
            if !text.trim().is_empty() {
                match parse_strict(text) {
                    Some(Value::Array(items)) => check_definitions(&items, path, problems),
                    Some(other) => problems.push(bad_definition(path, describe(&other))),
                    None => problems.push(bad_definition(path, "a text that is not JSON".to_owned())),
                }
            }
            Cow::Borrowed(text)
        }
        Value::Array(items) => {
            check_definitions(items, path, problems);
            Cow::Owned(to_json_text(tools))
        }
        other => {
            problems.push(bad_definition(path, describe(other)));
            Cow::Owned(to_json_text(other))
        }
    }
}

fn bad_definition(path: impl Into<String>, found: String) -> Problem {
    Problem::new(
        Code::BadToolDefinition,
        path,
        found,
        "a list of functions with name, description, parameters",
    )
}

fn check_definitions(items: &[Value<'_>], path: &str, problems: &mut Vec<Problem>) {
    for (index, item) in items.iter().enumerate() {
        // Some files hold each definition as a text of its own.
        let parsed;
        let item = match item {
            Value::String(text) => {
                parsed = parse_strict(text).unwrap_or(Value::Null);
                &parsed
            }
            other => other,
        };
        let item_path = format!("{path}[{index}]");
        let function = match item.get("function") {
            Some(function @ Value::Object(_)) => {
                if item.get("type").and_then(Value::as_str) != Some("function") {
                    let found = item.get("type").map_or("no such key".to_owned(), describe);
                    problems.push(Problem::new(
                        Code::BadToolDefinition,
                        format!("{item_path}.type"),
                        found,
                        "\"function\"",
                    ));
                }
                function
            }
            Some(other) => {
                problems.push(bad_definition(format!("{item_path}.function"), describe(other)));
                continue;
            }
            None => item,
        };
        if !matches!(function, Value::Object(_)) {
            problems.push(bad_definition(item_path, describe(function)));
            continue;
        }
        match function.get("name") {
            Some(Value::String(name)) if !name.is_empty() => {}
            other => {
                let found = other.map_or("no such key".to_owned(), describe);
                problems.push(Problem::new(
                    Code::BadToolDefinition,
                    format!("{item_path}.name"),
                    found,
                    "the function's name",
                ));
            }
        }
        if let Some(parameters) = function.get("parameters")
            && !matches!(parameters, Value::Object(_) | Value::Null)
        {
            let found = describe(parameters);
            problems.push(Problem::new(
                Code::BadToolDefinition,
                format!("{item_path}.parameters"),
                found,
                "a JSON schema",
            ));
        }
    }
}

/// One call of an assistant message: its id and the text that is trained on.
pub(super) struct Call<'a> {
    pub id: Option<&'a str>,
    pub text: String,
}

pub(super) fn calls<'a>(calls: &'a Value<'a>, path: &str, problems: &mut Vec<Problem>) -> Vec<Call<'a>> {
    let Value::Array(items) = calls else {
        if !matches!(calls, Value::Null) {
            problems.push(Problem::new(Code::WrongType, path, describe(calls), "a list of tool calls"));
        }
        return Vec::new();
    };
    let mut out = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let item_path = format!("{path}[{index}]");
        if !matches!(item, Value::Object(_)) {
            problems.push(Problem::new(
                Code::WrongType,
                item_path,
                describe(item),
                "an object of id, type, function",
            ));
            continue;
        }
        let id = match item.get("id") {
            Some(Value::String(id)) => Some(id.as_ref()),
            Some(Value::Null) | None => {
                problems.push(Problem::new(
                    Code::MissingKey,
                    format!("{item_path}.id"),
                    "no such key",
                    "the id that the answer names",
                ));
                None
            }
            Some(other) => {
                problems.push(Problem::new(
                    Code::WrongType,
                    format!("{item_path}.id"),
                    describe(other),
                    "a text",
                ));
                None
            }
        };
        let text = match item.get("function") {
            Some(function @ Value::Object(_)) => {
                function_call(function, &format!("{item_path}.function"), problems)
            }
            Some(other) => {
                problems.push(Problem::new(
                    Code::WrongType,
                    format!("{item_path}.function"),
                    describe(other),
                    "an object of name, arguments",
                ));
                to_json_text(other)
            }
            None => {
                problems.push(Problem::new(
                    Code::MissingKey,
                    format!("{item_path}.function"),
                    "no such key",
                    "an object of name, arguments",
                ));
                to_json_text(item)
            }
        };
        out.push(Call { id, text });
    }
    out
}

/// A call as `{"name": …, "arguments": …}` with the arguments written out.
pub(super) fn function_call(function: &Value<'_>, path: &str, problems: &mut Vec<Problem>) -> String {
    if !matches!(function, Value::Object(_)) {
        problems.push(Problem::new(
            Code::WrongType,
            path,
            describe(function),
            "an object of name, arguments",
        ));
        return to_json_text(function);
    }
    let name = match function.get("name") {
        Some(Value::String(name)) => name.as_ref(),
        other => {
            let found = other.map_or("no such key".to_owned(), describe);
            let code = if other.is_some() { Code::WrongType } else { Code::MissingKey };
            problems.push(Problem::new(code, format!("{path}.name"), found, "the function's name"));
            ""
        }
    };
    let arguments = match function.get("arguments") {
        Some(Value::String(arguments)) => {
            if parse_strict(arguments).is_none() {
                let found = "a text that is not JSON";
                problems.push(Problem::new(
                    Code::WrongType,
                    format!("{path}.arguments"),
                    found,
                    "the arguments as JSON text",
                ));
            }
            Cow::Borrowed(arguments.as_ref())
        }
        Some(other) => {
            problems.push(Problem::new(
                Code::WrongType,
                format!("{path}.arguments"),
                describe(other),
                "the arguments as JSON text",
            ));
            Cow::Owned(to_json_text(other))
        }
        None => {
            problems.push(Problem::new(
                Code::MissingKey,
                format!("{path}.arguments"),
                "no such key",
                "the arguments as JSON text",
            ));
            Cow::Borrowed("{}")
        }
    };
    let name = to_json_text(&Value::String(Cow::Borrowed(name)));
    format!("{{\"name\": {name}, \"arguments\": {arguments}}}")
}
