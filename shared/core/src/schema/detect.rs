//! Which shape a row has, by its keys alone; values are looked at only to tell texts from message lists.

use super::keys::{
    ANSWER, ARTICLE, CHOICES, CHOSEN, CHOSEN_RESPONSE, COMPLETION, CONTEXT, CONVERSATIONS, INPUT_IDS,
    INSTRUCTION, INSTRUCTION_UPPER, KTO_TAG, LABEL, LABELS, MESSAGE_1, MESSAGE_2, MESSAGES,
    NON_PREFERRED_OUTPUT, OUTPUT, PREFERRED_OUTPUT, PROMPT, QUESTION, REJECTED, REJECTED_RESPONSE,
    REJECTED_TEXT, RESPONSE, RESPONSE_UPPER, SEGMENTS, SUMMARY, SYSTEM_PROMPT, TEXT, TEXTS,
};
use super::row::Row;
use super::{Mapping, SchemaKind};
use crate::json::Value;

/// `None` where the keys match no known shape.
pub fn detect<'a>(value: &'a Value<'a>, mapping: Option<&Mapping>) -> Option<SchemaKind> {
    match value {
        Value::Object(entries) => {
            let row = Row::new(entries, mapping);
            detect_row(row, row.present())
        }
        Value::Array(items) => items
            .first()
            .is_some_and(|first| is_message(first) || is_sharegpt_turn(first))
            .then_some(SchemaKind::BareMessages),
        _ => None,
    }
}

pub(super) fn detect_row(row: Row<'_, '_>, present: u64) -> Option<SchemaKind> {
    use SchemaKind as K;
    let has = |mask: u64| present & mask == mask;
    let is_list = |key: &str| matches!(row.get(key), Some(Value::Array(_)));

    if has(INPUT_IDS) {
        return Some(K::Tokenised);
    }
    if present
        & (CHOSEN
            | REJECTED
            | PREFERRED_OUTPUT
            | NON_PREFERRED_OUTPUT
            | CHOSEN_RESPONSE
            | REJECTED_RESPONSE
            | REJECTED_TEXT)
        != 0
    {
        return Some(detect_preference(row, present));
    }
    if has(KTO_TAG) {
        if has(CONVERSATIONS) || has(MESSAGES) {
            return Some(match chat_kind(row, present) {
                K::Sharegpt => K::UnpairedSharegpt,
                _ => K::UnpairedMessages,
            });
        }
        if has(INSTRUCTION) {
            return Some(K::UnpairedAlpaca);
        }
    }
    if has(MESSAGES) || has(CONVERSATIONS) || (has(TEXTS) && is_list("texts")) {
        return Some(chat_kind(row, present));
    }
    if has(PROMPT | COMPLETION) {
        let chat = is_list("prompt") || is_list("completion");
        return Some(match (has(LABEL), chat) {
            (true, true) => K::UnpairedChat,
            (true, false) => K::Unpaired,
            (false, true) => K::PromptCompletionChat,
            (false, false) => K::PromptCompletion,
        });
    }
    if has(SEGMENTS) {
        return Some(K::Segments);
    }
    const BY_KEYS: &[(u64, SchemaKind)] = &[
        (INSTRUCTION | OUTPUT, SchemaKind::Alpaca),
        (INSTRUCTION | CONTEXT | RESPONSE, SchemaKind::Dolly),
        (INSTRUCTION | RESPONSE, SchemaKind::AlpacaResponse),
        (INSTRUCTION_UPPER | RESPONSE_UPPER, SchemaKind::Oasst),
        (SYSTEM_PROMPT | QUESTION | RESPONSE, SchemaKind::Orca),
        (ARTICLE | QUESTION | ANSWER, SchemaKind::ContextQuestion),
        (ARTICLE | SUMMARY, SchemaKind::Summary),
        (QUESTION | CHOICES, SchemaKind::MultipleChoice),
        (QUESTION | ANSWER, SchemaKind::QuestionAnswer),
        (MESSAGE_1 | MESSAGE_2, SchemaKind::MessagePair),
    ];
    if let Some((_, kind)) = BY_KEYS.iter().find(|(mask, _)| has(*mask)) {
        return Some(*kind);
    }
    // A text beside a label is a classification table, not something to pre-train on.
    if has(TEXT) && present & (LABEL | LABELS) == 0 {
        return Some(K::Text);
    }
    incomplete(row, present)
}

/// Rows that lack their other half: named after the shape they most likely belong to.
fn incomplete(row: Row<'_, '_>, present: u64) -> Option<SchemaKind> {
    let alone = row.entries().iter().filter(|(_, value)| !matches!(value, Value::Null)).count() == 1;
    let answers = OUTPUT | RESPONSE | ANSWER | COMPLETION | LABEL;
    // A key that stands there as null is a better hint than a key that is missing.
    let has_key = |name: &str| row.get(name).is_some();
    if present & INSTRUCTION != 0 && present & answers == 0 {
        return Some(if has_key("response") && !has_key("output") {
            SchemaKind::AlpacaResponse
        } else {
            SchemaKind::Alpaca
        });
    }
    if present & OUTPUT != 0 && has_key("instruction") {
        return Some(SchemaKind::Alpaca);
    }
    if (present & (PROMPT | COMPLETION) != 0) && (alone || (has_key("prompt") && has_key("completion"))) {
        return Some(SchemaKind::PromptCompletion);
    }
    if (present & (QUESTION | ANSWER) != 0) && (alone || (has_key("question") && has_key("answer"))) {
        return Some(SchemaKind::QuestionAnswer);
    }
    if present == 0 && !row.is_mapped() {
        // Every value is null: the key names still tell.
        const BY_NAME: &[(&str, SchemaKind)] = &[
            ("messages", SchemaKind::Messages),
            ("conversations", SchemaKind::Sharegpt),
            ("instruction", SchemaKind::Alpaca),
            ("completion", SchemaKind::PromptCompletion),
            ("text", SchemaKind::Text),
        ];
        return BY_NAME.iter().find(|(name, _)| has_key(name)).map(|(_, kind)| *kind);
    }
    None
}

fn detect_preference(row: Row<'_, '_>, present: u64) -> SchemaKind {
    use SchemaKind as K;
    let any = |mask: u64| present & mask != 0;
    if any(PREFERRED_OUTPUT | NON_PREFERRED_OUTPUT) {
        return K::PreferenceOpenai;
    }
    if any(CHOSEN_RESPONSE | REJECTED_RESPONSE) {
        return K::PreferenceResponses;
    }
    if any(REJECTED_TEXT) {
        return K::PreferenceAutotrain;
    }
    if any(CONVERSATIONS | MESSAGES) {
        return K::PreferenceSharegpt;
    }
    if any(INSTRUCTION) {
        return K::PreferenceAlpaca;
    }
    let is_list = |key: &str| matches!(row.get(key), Some(Value::Array(_)));
    if is_list("chosen") || is_list("rejected") || is_list("prompt") {
        K::PreferenceChat
    } else {
        K::Preference
    }
}

/// Which key holds the turns.
pub(super) fn chat_key(present: u64) -> &'static str {
    if present & MESSAGES != 0 {
        "messages"
    } else if present & CONVERSATIONS != 0 {
        "conversations"
    } else {
        "texts"
    }
}

/// By the first turn, because both spellings occur under both names.
fn chat_kind(row: Row<'_, '_>, present: u64) -> SchemaKind {
    let key = chat_key(present);
    let first = match row.get(key) {
        Some(Value::Array(items)) => items.first(),
        _ => None,
    };
    match first {
        Some(first) if is_sharegpt_turn(first) => SchemaKind::Sharegpt,
        Some(first) if is_message(first) => SchemaKind::Messages,
        _ if key == "conversations" => SchemaKind::Sharegpt,
        _ => SchemaKind::Messages,
    }
}

pub(super) fn is_message(value: &Value<'_>) -> bool {
    value.get("role").is_some()
}

pub(super) fn is_sharegpt_turn(value: &Value<'_>) -> bool {
    value.get("from").is_some()
}
