//! The shapes of training rows that Foretune knows, with stable names.

use serde::{Deserialize, Serialize};

/// What a row is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Prompt and answer; the answer is trained on.
    Sft,
    /// Text without roles.
    Pretraining,
    /// Token ids instead of text.
    Tokenised,
    /// A better and a worse answer.
    Preference,
    /// One answer, marked good or bad.
    Unpaired,
}

impl Family {
    pub const ALL: [Self; 5] =
        [Self::Sft, Self::Pretraining, Self::Tokenised, Self::Preference, Self::Unpaired];

    /// What a row of it is for.
    pub fn words(self) -> &'static str {
        match self {
            Self::Sft => "Prompt and answer; the answer is trained on",
            Self::Pretraining => "Text without roles",
            Self::Tokenised => "Token ids instead of text",
            Self::Preference => "A better and a worse answer",
            Self::Unpaired => "One answer, marked good or bad",
        }
    }
}

/// The reference of row shapes.
pub fn markdown() -> String {
    let mut text = "# Row shapes\n\nWhat `foretune check` and the page recognise by the keys of the rows, under the names that \
                    reports give them; written by `just docs`. Other columns are mapped with `--map`. Files: JSON Lines, JSON \
                    (an array, an object that holds one, objects one after another), CSV, Parquet, Arrow; each also \
                    compressed with gzip or zstd.\n"
        .to_owned();
    for family in Family::ALL {
        text += &format!("\n## {}\n\n| name | keys |\n|---|---|\n", family.words());
        for kind in SchemaKind::ALL.iter().filter(|kind| kind.family() == family) {
            text += &format!("| `{}` | {} |\n", kind.name(), kind.label());
        }
    }
    text
}

macro_rules! kinds {
    ($($variant:ident = $name:literal, $family:ident, $label:literal;)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum SchemaKind { $($variant),+ }

        impl SchemaKind {
            pub const ALL: &'static [SchemaKind] = &[$(SchemaKind::$variant),+];

            pub fn name(self) -> &'static str {
                match self { $(SchemaKind::$variant => $name),+ }
            }

            pub fn family(self) -> Family {
                match self { $(SchemaKind::$variant => Family::$family),+ }
            }

            pub fn label(self) -> &'static str {
                match self { $(SchemaKind::$variant => $label),+ }
            }
        }
    };
}

kinds! {
    Alpaca = "alpaca", Sft, "Alpaca: instruction, input, output";
    AlpacaResponse = "alpaca_response", Sft, "Alpaca variant: instruction, input, response";
    Dolly = "dolly", Sft, "Dolly: instruction, context, response";
    QuestionAnswer = "question_answer", Sft, "question, answer";
    Oasst = "oasst", Sft, "INSTRUCTION, RESPONSE";
    Orca = "orca", Sft, "Orca: system_prompt, question, response";
    Summary = "summary", Sft, "article, summary";
    ContextQuestion = "context_question", Sft, "article, question, answer";
    MultipleChoice = "multiple_choice", Sft, "question, choices, solution, explanation";
    MessagePair = "message_pair", Sft, "message_1, message_2";
    PromptCompletion = "prompt_completion", Sft, "prompt, completion";
    PromptCompletionChat = "prompt_completion_chat", Sft, "prompt, completion as message lists";
    Sharegpt = "sharegpt", Sft, "ShareGPT: conversations of from, value";
    Messages = "messages", Sft, "OpenAI chat: messages of role, content";
    BareMessages = "bare_messages", Sft, "a bare list of messages";
    Segments = "segments", Sft, "Axolotl template-free: segments of text, label";
    Text = "text", Pretraining, "text";
    Tokenised = "tokenised", Tokenised, "input_ids, attention_mask, labels";
    Preference = "preference", Preference, "TRL preference: prompt, chosen, rejected";
    PreferenceChat = "preference_chat", Preference, "TRL preference as message lists";
    PreferenceAlpaca = "preference_alpaca", Preference, "LLaMA-Factory preference: instruction, input, chosen, rejected";
    PreferenceSharegpt = "preference_sharegpt", Preference, "LLaMA-Factory preference: conversations, chosen, rejected";
    PreferenceOpenai = "preference_openai", Preference, "OpenAI preference: input, preferred_output, non_preferred_output";
    PreferenceResponses = "preference_responses", Preference, "Axolotl preference: chosen_response, rejected_response";
    PreferenceAutotrain = "preference_autotrain", Preference, "AutoTrain preference: prompt, text, rejected_text";
    Unpaired = "unpaired", Unpaired, "TRL unpaired: prompt, completion, label";
    UnpairedChat = "unpaired_chat", Unpaired, "TRL unpaired as message lists";
    UnpairedAlpaca = "unpaired_alpaca", Unpaired, "LLaMA-Factory KTO: instruction, output, kto_tag";
    UnpairedSharegpt = "unpaired_sharegpt", Unpaired, "LLaMA-Factory KTO: conversations, kto_tag";
    UnpairedMessages = "unpaired_messages", Unpaired, "LLaMA-Factory KTO: messages, kto_tag";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serialised_names_equal_displayed_names() {
        for kind in SchemaKind::ALL {
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{}\"", kind.name()));
        }
    }
}
