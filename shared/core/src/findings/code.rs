//! The codes of all findings. What each means, how it is worded and what each trainer does about it
//! stands in the registry beside this list.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    Warning,
    Note,
}

macro_rules! codes {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        /// Stable names: other programs test against them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Code { $($variant),+ }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$variant),+];

            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name),+ }
            }
        }
    };
}

codes! {
    // The file as a whole
    EmptyFile = "empty_file",
    BinaryFile = "binary_file",
    TruncatedFile = "truncated_file",
    DamagedCompression = "damaged_compression",
    ExpansionLimit = "expansion_limit",
    FileChanged = "file_changed",
    UnsupportedLayout = "unsupported_layout",
    DuplicateColumn = "duplicate_column",
    ByteOrderMark = "byte_order_mark",
    TextEncoding = "text_encoding",
    NoSchema = "no_schema",
    NoHeader = "no_header",
    MixedSchemas = "mixed_schemas",
    TooFewRows = "too_few_rows",
    // Reading one row
    UnreadableRow = "unreadable_row",
    RowTooLarge = "row_too_large",
    TooDeep = "too_deep",
    NotUtf8 = "not_utf8",
    NulBytes = "nul_bytes",
    NotANumber = "not_a_number",
    TrailingComma = "trailing_comma",
    DuplicateKey = "duplicate_key",
    ColumnCount = "column_count",
    BadQuote = "bad_quote",
    MissingComma = "missing_comma",
    NotStrictJson = "not_strict_json",
    BadEscape = "bad_escape",
    LoneSurrogate = "lone_surrogate",
    RawControlCharacter = "raw_control_character",
    TrailingData = "trailing_data",
    TooManyKeys = "too_many_keys",
    // The shape of one row
    WrongType = "wrong_type",
    MissingKey = "missing_key",
    UnknownKey = "unknown_key",
    UnknownRole = "unknown_role",
    RoleOrder = "role_order",
    NoAssistantTurn = "no_assistant_turn",
    EmptyPrompt = "empty_prompt",
    EmptyAnswer = "empty_answer",
    AllMasked = "all_masked",
    BadWeight = "bad_weight",
    ToolCallWithoutAnswer = "tool_call_without_answer",
    ToolAnswerWithoutCall = "tool_answer_without_call",
    BadToolDefinition = "bad_tool_definition",
    ImageContent = "image_content",
    IdenticalPreference = "identical_preference",
    LengthMismatch = "length_mismatch",
    // The text of one row
    SpecialToken = "special_token",
    TemplateMarkup = "template_markup",
    Mojibake = "mojibake",
    ControlCharacters = "control_characters",
    Refusal = "refusal",
    Placeholder = "placeholder",
    PersonalData = "personal_data",
    Secret = "secret",
    OverMaxTokens = "over_max_tokens",
    // The rows together
    ExactDuplicate = "exact_duplicate",
    NearDuplicate = "near_duplicate",
    ConflictingAnswers = "conflicting_answers",
    EvalOverlap = "eval_overlap",
    EvalNearOverlap = "eval_near_overlap",
    OrderDrift = "order_drift",
    ClassImbalance = "class_imbalance",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serialised_names_equal_displayed_names() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{}\"", code.name()));
        }
    }
}
