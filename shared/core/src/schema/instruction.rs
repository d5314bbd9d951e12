//! Rows of a few named texts: Alpaca and its many variants, plain text, segments.

use std::borrow::Cow;

use super::row::{Row, describe, is_blank, join_lines};
use super::{Example, Role, SchemaKind, Turn};
use crate::findings::{Code, Problem};
use crate::json::{Value, to_json_text};

/// Where the texts of a shape stand. Lines of the prompt are joined by line breaks.
struct Fields {
    system: Option<&'static str>,
    required: &'static [&'static str],
    optional: &'static [&'static str],
    answer: &'static str,
}

fn fields(kind: SchemaKind) -> Fields {
    let plain = |required, answer| Fields { system: None, required, optional: &[], answer };
    match kind {
        SchemaKind::AlpacaResponse => Fields {
            system: Some("system"),
            required: &["instruction"],
            optional: &["input"],
            answer: "response",
        },
        SchemaKind::Dolly => {
            Fields { system: None, required: &["instruction"], optional: &["context"], answer: "response" }
        }
        SchemaKind::QuestionAnswer => {
            Fields { system: Some("system"), required: &["question"], optional: &[], answer: "answer" }
        }
        SchemaKind::Oasst => plain(&["INSTRUCTION"], "RESPONSE"),
        SchemaKind::Orca => Fields {
            system: Some("system_prompt"),
            required: &["question"],
            optional: &[],
            answer: "response",
        },
        SchemaKind::Summary => plain(&["article"], "summary"),
        SchemaKind::ContextQuestion => plain(&["article", "question"], "answer"),
        SchemaKind::MessagePair => plain(&["message_1"], "message_2"),
        _ => Fields {
            system: Some("system"),
            required: &["instruction"],
            optional: &["input"],
            answer: "output",
        },
    }
}

pub(super) fn convert<'a>(row: Row<'a, '_>, kind: SchemaKind, problems: &mut Vec<Problem>) -> Example<'a> {
    match kind {
        SchemaKind::Text => plain_text(row, problems),
        SchemaKind::Segments => segments(row, problems),
        SchemaKind::MultipleChoice => multiple_choice(row, problems),
        _ => question_and_answer(row, &fields(kind), problems),
    }
}

fn question_and_answer<'a>(row: Row<'a, '_>, fields: &Fields, problems: &mut Vec<Problem>) -> Example<'a> {
    let mut turns = Vec::with_capacity(3);
    push_prompt(row, fields.system, fields.required, fields.optional, &mut turns, problems);
    push_answer(row, fields.answer, &mut turns, problems);
    let tools =
        row.get_some("tools").map(|tools| super::tools::definitions(tools, row.path("tools"), problems));
    Example { turns, rejected: None, tools }
}

/// System, history and the request.
pub(super) fn push_prompt<'a>(
    row: Row<'a, '_>,
    system: Option<&str>,
    required: &[&str],
    optional: &[&str],
    turns: &mut Vec<Turn<'a>>,
    problems: &mut Vec<Problem>,
) {
    if let Some(text) = system.and_then(|key| row.optional_text(key, problems)).filter(|text| !is_blank(text))
    {
        turns.push(Turn { role: Role::System, text, trained: false });
    }
    if let Some(history) = row.get_some("history") {
        push_history(history, row.path("history"), turns, problems);
    }
    let before = problems.len();
    let mut prompt = Cow::Borrowed("");
    for key in required {
        prompt = join_lines(prompt, Some(row.required_text(key, problems)));
    }
    for key in optional {
        prompt = join_lines(prompt, row.optional_text(key, problems));
    }
    if is_blank(&prompt) && problems.len() == before {
        problems.push(Problem::new(Code::EmptyPrompt, row.path(required[0]), "no text", "a request"));
    }
    turns.push(Turn { role: Role::User, text: prompt, trained: false });
}

pub(super) fn push_answer<'a>(
    row: Row<'a, '_>,
    key: &str,
    turns: &mut Vec<Turn<'a>>,
    problems: &mut Vec<Problem>,
) {
    let before = problems.len();
    let text = row.required_text(key, problems);
    if is_blank(&text) && problems.len() == before {
        problems.push(Problem::new(Code::EmptyAnswer, row.path(key), "no text", "an answer to train on"));
    }
    turns.push(Turn { role: Role::Assistant, text, trained: true });
}

/// LLaMA-Factory's `[[question, answer], …]`; these answers are trained on too.
fn push_history<'a>(
    history: &'a Value<'a>,
    path: &str,
    turns: &mut Vec<Turn<'a>>,
    problems: &mut Vec<Problem>,
) {
    let Value::Array(rounds) = history else {
        if history.as_str() != Some("") {
            problems.push(Problem::new(
                Code::WrongType,
                path,
                describe(history),
                "a list of [question, answer]",
            ));
        }
        return;
    };
    for (index, round) in rounds.iter().enumerate() {
        match round {
            Value::Array(pair) => match pair.as_slice() {
                [Value::String(question), Value::String(answer)] => {
                    let question = Cow::Borrowed(question.as_ref());
                    turns.push(Turn { role: Role::User, text: question, trained: false });
                    let answer = Cow::Borrowed(answer.as_ref());
                    turns.push(Turn { role: Role::Assistant, text: answer, trained: true });
                }
                _ => problems.push(not_a_round(path, index, round)),
            },
            _ => problems.push(not_a_round(path, index, round)),
        }
    }
}

fn not_a_round(path: &str, index: usize, found: &Value<'_>) -> Problem {
    Problem::new(Code::WrongType, format!("{path}[{index}]"), describe(found), "a list of two texts")
}

fn plain_text<'a>(row: Row<'a, '_>, problems: &mut Vec<Problem>) -> Example<'a> {
    let before = problems.len();
    let text = row.required_text("text", problems);
    if is_blank(&text) && problems.len() == before {
        problems.push(Problem::new(Code::EmptyAnswer, row.path("text"), "no text", "text to train on"));
    }
    Example { turns: vec![Turn { role: Role::Plain, text, trained: true }], ..Example::default() }
}

/// Axolotl's template-free rows: each segment says whether it is trained on.
fn segments<'a>(row: Row<'a, '_>, problems: &mut Vec<Problem>) -> Example<'a> {
    let mut turns = Vec::new();
    let Some(Value::Array(items)) = row.get("segments") else {
        let found = row.get("segments").map_or("no such key".to_owned(), describe);
        problems.push(Problem::new(Code::WrongType, "segments", found, "a list of {text, label}"));
        return Example::default();
    };
    for (index, item) in items.iter().enumerate() {
        let path = |key: &str| format!("segments[{index}].{key}");
        let Value::Object(entries) = item else {
            let found = describe(item);
            problems.push(Problem::new(
                Code::WrongType,
                format!("segments[{index}]"),
                found,
                "an object of text, label",
            ));
            continue;
        };
        for (key, _) in entries.iter().filter(|(key, _)| key != "text" && key != "label") {
            problems.push(Problem::new(
                Code::UnknownKey,
                path(key),
                format!("the key {key}"),
                "only text, label",
            ));
        }
        let text = match item.get("text") {
            Some(Value::String(text)) => Cow::Borrowed(text.as_ref()),
            Some(other) => {
                problems.push(Problem::new(Code::WrongType, path("text"), describe(other), "a text"));
                Cow::Owned(to_json_text(other))
            }
            None => {
                problems.push(Problem::new(Code::MissingKey, path("text"), "no such key", "a text"));
                continue;
            }
        };
        let trained = match item.get("label") {
            Some(Value::Bool(trained)) => *trained,
            Some(other) => {
                problems.push(Problem::new(Code::WrongType, path("label"), describe(other), "true or false"));
                false
            }
            None => {
                problems.push(Problem::new(Code::MissingKey, path("label"), "no such key", "true or false"));
                false
            }
        };
        turns.push(Turn { role: Role::Plain, text, trained });
    }
    if !turns.iter().any(|turn| turn.trained) {
        problems.push(Problem::new(
            Code::AllMasked,
            "segments",
            "no segment with label true",
            "something to train on",
        ));
    }
    Example { turns, ..Example::default() }
}

fn multiple_choice<'a>(row: Row<'a, '_>, problems: &mut Vec<Problem>) -> Example<'a> {
    let mut turns = Vec::with_capacity(2);
    let mut prompt = row.required_text("question", problems);
    match row.get("choices") {
        Some(Value::Array(choices)) => {
            for choice in choices {
                let line = choice.as_str().map_or_else(|| Cow::Owned(to_json_text(choice)), Cow::Borrowed);
                prompt = join_lines(prompt, Some(line));
            }
        }
        Some(Value::String(choices)) => prompt = join_lines(prompt, Some(Cow::Borrowed(choices))),
        Some(object @ Value::Object(_)) => {
            prompt = join_lines(prompt, Some(Cow::Owned(to_json_text(object))));
        }
        other => {
            let found = other.map_or("no such key".to_owned(), describe);
            problems.push(Problem::new(Code::WrongType, row.path("choices"), found, "a list of texts"));
        }
    }
    if is_blank(&prompt) {
        problems.push(Problem::new(Code::EmptyPrompt, row.path("question"), "no text", "a question"));
    }
    turns.push(Turn { role: Role::User, text: prompt, trained: false });
    let answer_key = ["solution", "answer"].into_iter().find(|key| row.get_some(key).is_some());
    match answer_key {
        None => {
            push_answer(row, "solution", &mut turns, problems);
        }
        Some(key) => {
            push_answer(row, key, &mut turns, problems);
            if let Some(explanation) = row.optional_text("explanation", problems)
                && let Some(answer) = turns.last_mut()
            {
                answer.text = join_lines(std::mem::take(&mut answer.text), Some(explanation));
            }
        }
    }
    Example { turns, ..Example::default() }
}
