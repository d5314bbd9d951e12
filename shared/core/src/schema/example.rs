//! The one shape everything else works on: turns of text, each trained on or not.

use std::borrow::Cow;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    System,
    User,
    Assistant,
    /// The assistant asking for a tool.
    ToolCall,
    /// What the tool answered.
    ToolResult,
    /// Text without roles (pre-training files, templated segments).
    Plain,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Turn<'a> {
    pub role: Role,
    pub text: Cow<'a, str>,
    /// Whether the loss is taken on this text.
    pub trained: bool,
}

/// One training example. Preference pairs keep the rejected answer apart: it is described, never trained on.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Example<'a> {
    pub turns: Vec<Turn<'a>>,
    pub rejected: Option<Cow<'a, str>>,
    /// Definitions of tools, as one text, where the row has them.
    pub tools: Option<Cow<'a, str>>,
}

impl<'a> Example<'a> {
    /// Texts the model sees but is not trained on.
    pub fn prompt_turns(&self) -> impl Iterator<Item = &Turn<'a>> {
        self.turns.iter().filter(|turn| !turn.trained)
    }

    /// Texts the loss is taken on.
    pub fn answer_turns(&self) -> impl Iterator<Item = &Turn<'a>> {
        self.turns.iter().filter(|turn| turn.trained)
    }
}
