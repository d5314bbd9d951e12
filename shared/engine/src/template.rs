//! Chat templates: from turns to pieces of text, each with its markers spelled out, and whether the loss
//! is taken on it. Which template a model uses is told from the markers its tokenizer knows.

use foretune_core::schema::{Example, Role};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Template {
    /// `<|user|>text<|assistant|>text<|end|>`: the bundled model's.
    Brief,
    /// `<|im_start|>role\ntext<|im_end|>\n`: Qwen's.
    ChatMl {
        /// Qwen2.5 adds a system turn of its own where a conversation has none.
        qwen_system: bool,
    },
    /// `<|start_header_id|>role<|end_header_id|>\n\ntext<|eot_id|>`: Llama 3's.
    Llama3,
}

/// Text to be tokenized apart from its neighbours, markers included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    pub trained: bool,
}

const QWEN_SYSTEM: &str = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.";

impl Template {
    /// By the markers that are single pieces of the vocabulary, and the chat template text if there is one.
    pub fn detect(has_marker: impl Fn(&str) -> bool, chat_template: Option<&str>) -> Option<Self> {
        if has_marker("<|im_start|>") && has_marker("<|im_end|>") {
            let qwen_system = chat_template.is_some_and(|text| text.contains(QWEN_SYSTEM));
            Some(Self::ChatMl { qwen_system })
        } else if has_marker("<|start_header_id|>") && has_marker("<|eot_id|>") {
            Some(Self::Llama3)
        } else if has_marker("<|user|>") && has_marker("<|assistant|>") && has_marker("<|end|>") {
            Some(Self::Brief)
        } else {
            None
        }
    }

    /// The whole conversation. Every answer ends with the model's end mark, which is trained on too.
    pub fn render(self, example: &Example<'_>) -> Vec<Piece> {
        let mut pieces = Vec::new();
        if self == Self::Llama3 {
            pieces.push(read("<|begin_of_text|>".to_owned()));
        }
        let has_system = example.turns.iter().any(|turn| turn.role == Role::System);
        if self == (Self::ChatMl { qwen_system: true }) && !has_system {
            pieces.push(read(format!("<|im_start|>system\n{QWEN_SYSTEM}<|im_end|>\n")));
        }
        for turn in &example.turns {
            if turn.role == Role::Plain {
                pieces.push(Piece { text: turn.text.to_string(), trained: turn.trained });
                continue;
            }
            let (head, end, after) = self.marks(turn.role);
            if turn.trained {
                pieces.push(read(head));
                pieces.push(Piece { text: format!("{}{end}", turn.text), trained: true });
                if !after.is_empty() {
                    pieces.push(read(after.to_owned()));
                }
            } else {
                pieces.push(read(format!("{head}{}{end}{after}", turn.text)));
            }
        }
        // Nothing follows the last answer that a model would have to read.
        while pieces.last().is_some_and(|piece| !piece.trained && piece.text.trim().is_empty()) {
            pieces.pop();
        }
        pieces
    }

    /// What stands before a turn's text, what ends it, and what follows the end.
    fn marks(self, role: Role) -> (String, &'static str, &'static str) {
        let name = match role {
            Role::System => "system",
            Role::Assistant | Role::ToolCall => "assistant",
            Role::User | Role::ToolResult | Role::Plain => "user",
        };
        match self {
            // Prompts carry no end mark: the next marker ends them, and every token counts on a small model.
            Self::Brief => (format!("<|{name}|>"), if name == "assistant" { "<|end|>" } else { "" }, ""),
            Self::ChatMl { .. } => (format!("<|im_start|>{name}\n"), "<|im_end|>", "\n"),
            Self::Llama3 => (format!("<|start_header_id|>{name}<|end_header_id|>\n\n"), "<|eot_id|>", ""),
        }
    }
}

fn read(text: String) -> Piece {
    Piece { text, trained: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use foretune_core::schema::Turn;

    fn example() -> Example<'static> {
        let turn = |role, text: &'static str, trained| Turn { role, text: text.into(), trained };
        Example {
            turns: vec![turn(Role::User, "hi", false), turn(Role::Assistant, "hello", true)],
            ..Example::default()
        }
    }

    fn flat(template: Template) -> (String, String) {
        let pieces = template.render(&example());
        let all = pieces.iter().map(|piece| piece.text.as_str()).collect();
        (all, pieces.iter().filter(|piece| piece.trained).map(|piece| piece.text.as_str()).collect())
    }

    #[test]
    fn each_template_trains_the_answer_and_its_end_only() {
        assert_eq!(
            flat(Template::Brief),
            ("<|user|>hi<|assistant|>hello<|end|>".into(), "hello<|end|>".into())
        );
        let (all, trained) = flat(Template::ChatMl { qwen_system: true });
        assert!(all.starts_with("<|im_start|>system\nYou are Qwen"));
        assert!(all.ends_with("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nhello<|im_end|>"));
        assert_eq!(trained, "hello<|im_end|>");
        let (all, _) = flat(Template::Llama3);
        assert!(all.ends_with("<|start_header_id|>assistant<|end_header_id|>\n\nhello<|eot_id|>"));
    }

    #[test]
    fn templates_are_told_by_their_markers() {
        let knows = |list: &'static [&'static str]| move |marker: &str| list.contains(&marker);
        let brief = Template::detect(knows(&["<|user|>", "<|assistant|>", "<|end|>"]), None);
        assert_eq!(brief, Some(Template::Brief));
        let qwen = Template::detect(knows(&["<|im_start|>", "<|im_end|>"]), Some(QWEN_SYSTEM));
        assert_eq!(qwen, Some(Template::ChatMl { qwen_system: true }));
        assert_eq!(Template::detect(knows(&[]), None), None);
    }
}
