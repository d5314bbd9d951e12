//! Columns with other names: the user's `--map`, and the guess offered when no shape matches.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::limits::MAX_REPORTED_COLUMNS;

/// Pairs of (key of a known shape, column of the file).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    pairs: Vec<(String, String)>,
}

#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum MappingError {
    #[error("`{found}` is no mapping; expected key=column, such as instruction=question,output=reply")]
    NotAPair { found: String },
    #[error("`{found}` is no key that columns can be mapped to; expected one of {}", TARGETS.join(", "))]
    UnknownTarget { found: String },
    #[error("`{found}` is mapped twice")]
    Twice { found: String },
    #[error("the file has no column `{column}` for {key}; its columns are {}", columns.join(", "))]
    NoColumn { key: String, column: String, columns: Vec<String> },
    #[error("the mapping {found} makes no known shape; expected for example instruction and output, or text")]
    NoShape { found: String },
}

/// What columns can be mapped to.
const TARGETS: &[&str] = &[
    "instruction",
    "input",
    "output",
    "system",
    "history",
    "prompt",
    "completion",
    "text",
    "messages",
    "conversations",
    "tools",
    "chosen",
    "rejected",
    "label",
];

/// Sets of keys that make a shape.
const SHAPES: &[&[&str]] = &[
    &["instruction", "output"],
    &["prompt", "completion"],
    &["text"],
    &["messages"],
    &["conversations"],
    &["chosen", "rejected"],
];

impl Mapping {
    /// Parses `instruction=question,output=reply`.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for part in text.split(',') {
            let (key, column) = part
                .split_once('=')
                .map(|(key, column)| (key.trim(), column.trim()))
                .filter(|(key, column)| !key.is_empty() && !column.is_empty())
                .ok_or_else(|| MappingError::NotAPair { found: part.to_owned() })?;
            if !TARGETS.contains(&key) {
                return Err(MappingError::UnknownTarget { found: key.to_owned() });
            }
            if pairs.iter().any(|(earlier, _)| earlier == key) {
                return Err(MappingError::Twice { found: key.to_owned() });
            }
            pairs.push((key.to_owned(), column.to_owned()));
        }
        let mapping = Self { pairs };
        let makes_shape = SHAPES.iter().any(|shape| shape.iter().all(|key| mapping.column_of(key).is_some()));
        if makes_shape { Ok(mapping) } else { Err(MappingError::NoShape { found: mapping.to_string() }) }
    }

    /// `columns` are those of a table's header; files without one (JSON) have none to compare with.
    pub fn check_columns(&self, columns: &[String]) -> Result<(), MappingError> {
        let missing = self.pairs.iter().find(|(_, column)| !columns.contains(column));
        match missing {
            Some((key, column)) if !columns.is_empty() => Err(MappingError::NoColumn {
                key: key.clone(),
                column: column.clone(),
                columns: columns.iter().take(MAX_REPORTED_COLUMNS).cloned().collect(),
            }),
            _ => Ok(()),
        }
    }

    fn of(pairs: &[(&str, &str)]) -> Self {
        Self { pairs: pairs.iter().map(|(key, column)| ((*key).to_owned(), (*column).to_owned())).collect() }
    }

    pub fn pairs(&self) -> &[(String, String)] {
        &self.pairs
    }

    pub fn column_of(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(target, _)| target == key).map(|(_, column)| column.as_str())
    }
}

/// As `--map` takes it.
impl std::fmt::Display for Mapping {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (key, column)) in self.pairs.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            write!(formatter, "{comma}{key}={column}")?;
        }
        Ok(())
    }
}

/// Column names that usually hold the answer, best first.
const ANSWERS: &[&str] = &[
    "output",
    "response",
    "completion",
    "answer",
    "target",
    "reply",
    "assistant",
    "bot",
    "summary",
    "translation",
    "label",
    "labels",
    "class",
    "category",
    "sentiment",
    "intent",
    "topic",
    "v1",
];
/// Column names that usually hold the request, best first.
const REQUESTS: &[&str] = &[
    "instruction",
    "prompt",
    "question",
    "query",
    "request",
    "user",
    "human",
    "input",
    "text",
    "sentence",
    "message",
    "content",
    "source",
    "article",
    "document",
    "review",
    "tweet",
    "title",
    "v2",
];
/// Column names that usually hold something to go with the request.
const COMPANIONS: &[&str] = &["input", "context", "passage", "background"];
const CHATS: &[&str] = &["messages", "conversations", "conversation", "dialogue", "dialog", "chat"];

/// "Looks like …, map it?" for columns that match no known shape.
pub fn suggest_mapping<C: AsRef<str>>(columns: &[C]) -> Option<Mapping> {
    let plain: Vec<String> = columns
        .iter()
        .map(|column| {
            column.as_ref().chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
        })
        .collect();
    let find = |names: &[&str], taken: &[usize]| {
        names.iter().find_map(|name| (0..plain.len()).find(|at| plain[*at] == *name && !taken.contains(at)))
    };
    let name = |at: usize| columns[at].as_ref();
    if let Some(answer) = find(ANSWERS, &[])
        && let Some(request) = find(REQUESTS, &[answer])
    {
        let mut pairs = vec![("instruction", name(request)), ("output", name(answer))];
        if let Some(companion) = find(COMPANIONS, &[answer, request]) {
            pairs.insert(1, ("input", name(companion)));
        }
        if let Some(system) = find(&["system", "systemprompt"], &[]) {
            pairs.push(("system", name(system)));
        }
        return Some(Mapping::of(&pairs));
    }
    if let Some(chat) = find(CHATS, &[]) {
        return Some(Mapping::of(&[("messages", name(chat))]));
    }
    find(&["text", "content", "document", "body"], &[]).map(|text| Mapping::of(&[("text", name(text))]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggested(columns: &[&str]) -> String {
        suggest_mapping(columns).map(|mapping| mapping.to_string()).unwrap_or_default()
    }

    #[test]
    fn common_tables_get_a_guess() {
        assert_eq!(suggested(&["v1", "v2", "Unnamed: 2"]), "instruction=v2,output=v1");
        assert_eq!(suggested(&["text", "label"]), "instruction=text,output=label");
        assert_eq!(suggested(&["Prompt", "Response"]), "instruction=Prompt,output=Response");
        assert_eq!(suggested(&["input", "output"]), "instruction=input,output=output");
        assert_eq!(
            suggested(&["question", "context", "answer"]),
            "instruction=question,input=context,output=answer"
        );
        assert_eq!(suggested(&["dialogue", "id"]), "messages=dialogue");
        assert_eq!(suggested(&["x", "y"]), "");
    }

    #[test]
    fn mappings_parse_or_say_why_not() {
        let mapping = Mapping::parse("instruction = v2, output=v1").unwrap();
        assert_eq!(mapping.column_of("instruction"), Some("v2"));
        assert_eq!(Mapping::parse(&mapping.to_string()).unwrap(), mapping);
        let columns = ["v1".to_owned(), "v2".to_owned()];
        assert_eq!(mapping.check_columns(&columns), Ok(()));
        assert_eq!(mapping.check_columns(&[]), Ok(()), "JSON has no header");
        let error = mapping.check_columns(&columns[..1]).unwrap_err().to_string();
        assert!(error.contains("`v2`") && error.ends_with("its columns are v1"), "{error}");
        assert!(matches!(Mapping::parse("v2"), Err(MappingError::NotAPair { .. })));
        assert!(matches!(Mapping::parse("foo=v2"), Err(MappingError::UnknownTarget { .. })));
        assert!(matches!(Mapping::parse("text=a,text=b"), Err(MappingError::Twice { .. })));
        assert!(matches!(Mapping::parse("instruction=a"), Err(MappingError::NoShape { .. })));
    }
}
