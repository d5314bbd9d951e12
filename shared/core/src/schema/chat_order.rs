//! Who may speak after whom in a list of OpenAI messages, and whether every tool call is answered.

use super::Role;
use crate::findings::{Code, Problem};

/// What the order rules need to know of a message.
pub(super) struct Spoken<'a> {
    /// `None` for a role nobody knows.
    pub role: Option<Role>,
    pub index: usize,
    /// Ids of the calls it makes (`None` for one without an id).
    pub calls: Vec<Option<&'a str>>,
    /// For tool messages: the call it answers.
    pub answers: Option<&'a str>,
}

pub(super) fn check(messages: &[Spoken<'_>], path: &str, problems: &mut Vec<Problem>) {
    check_roles(messages, path, problems);
    check_calls(messages, path, problems);
}

fn check_roles(messages: &[Spoken<'_>], path: &str, problems: &mut Vec<Problem>) {
    let mut report = |message: &Spoken<'_>, found: &str, expected: &str| {
        let role_path = format!("{path}[{}].role", message.index);
        problems.push(Problem::new(Code::RoleOrder, role_path, found, expected));
    };
    let mut previous: Option<&Spoken<'_>> = None;
    for message in messages {
        let before = previous.map(|spoken| spoken.role);
        match message.role {
            Some(Role::System) if before.is_some_and(|role| role != Some(Role::System)) => {
                report(message, "system after the first message", "system messages first");
            }
            Some(Role::User) if before == Some(Some(Role::User)) => {
                report(message, "user after user", "an assistant turn between");
            }
            Some(Role::Assistant) if before == Some(Some(Role::Assistant)) => {
                report(message, "assistant after assistant", "a user or tool turn between");
            }
            Some(Role::Assistant) if matches!(before, None | Some(Some(Role::System))) => {
                report(message, "assistant first", "a user turn first");
            }
            _ => {}
        }
        previous = Some(message);
    }
    if let Some(last) = messages.last()
        && last.role.is_some_and(|role| role != Role::Assistant)
    {
        report(last, "the last turn is not the assistant's", "an assistant turn last");
    }
}

/// A call in the last message needs no answer: it is what the model shall learn to say.
fn check_calls(messages: &[Spoken<'_>], path: &str, problems: &mut Vec<Problem>) {
    let mut open: Vec<(usize, usize, Option<&str>)> = Vec::new();
    for message in messages {
        if message.role == Some(Role::ToolResult) {
            let answered = match message.answers {
                Some(id) => open.iter().position(|(_, _, call)| *call == Some(id)),
                // Without an id the answer belongs to the oldest open call.
                None => (!open.is_empty()).then_some(0),
            };
            if let Some(at) = answered {
                open.remove(at);
            } else {
                let found = message.answers.map_or("an answer to no call".to_owned(), |id| {
                    format!("an answer to the call {}", super::row::quoted(id))
                });
                problems.push(Problem::new(
                    Code::ToolAnswerWithoutCall,
                    format!("{path}[{}]", message.index),
                    found,
                    "a call of an assistant turn before",
                ));
            }
            continue;
        }
        for (index, call, id) in open.drain(..) {
            let found = id.map_or("no answer to it".to_owned(), |id| {
                format!("no answer to {}", super::row::quoted(id))
            });
            problems.push(Problem::new(
                Code::ToolCallWithoutAnswer,
                format!("{path}[{index}].tool_calls[{call}]"),
                found,
                "a tool message for each call, before the next turn",
            ));
        }
        open.extend(message.calls.iter().enumerate().map(|(call, id)| (message.index, call, *id)));
    }
}
