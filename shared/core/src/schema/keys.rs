//! The key names of all known shapes as bits, so that recognising a row is a few table lookups.

use super::SchemaKind;

macro_rules! keys {
    ($($constant:ident = $name:literal @ $bit:literal;)+) => {
        $(pub(super) const $constant: u64 = 1 << $bit;)+

        /// 0 for a name of no known shape.
        pub(super) fn key_bit(name: &str) -> u64 {
            match name { $($name => $constant,)+ _ => 0 }
        }

        pub(super) fn names_of(mask: u64) -> Vec<&'static str> {
            [$(($constant, $name)),+].into_iter().filter(|(bit, _)| mask & bit != 0).map(|(_, name)| name).collect()
        }
    };
}

keys! {
    INSTRUCTION = "instruction" @ 0;
    INPUT = "input" @ 1;
    OUTPUT = "output" @ 2;
    SYSTEM = "system" @ 3;
    HISTORY = "history" @ 4;
    RESPONSE = "response" @ 5;
    CONTEXT = "context" @ 6;
    QUESTION = "question" @ 7;
    ANSWER = "answer" @ 8;
    INSTRUCTION_UPPER = "INSTRUCTION" @ 9;
    RESPONSE_UPPER = "RESPONSE" @ 10;
    SYSTEM_PROMPT = "system_prompt" @ 11;
    ARTICLE = "article" @ 12;
    SUMMARY = "summary" @ 13;
    CHOICES = "choices" @ 14;
    SOLUTION = "solution" @ 15;
    EXPLANATION = "explanation" @ 16;
    MESSAGE_1 = "message_1" @ 17;
    MESSAGE_2 = "message_2" @ 18;
    PROMPT = "prompt" @ 19;
    COMPLETION = "completion" @ 20;
    CONVERSATIONS = "conversations" @ 21;
    MESSAGES = "messages" @ 22;
    TEXTS = "texts" @ 23;
    TOOLS = "tools" @ 24;
    FUNCTIONS = "functions" @ 25;
    PARALLEL_TOOL_CALLS = "parallel_tool_calls" @ 26;
    SEGMENTS = "segments" @ 27;
    TEXT = "text" @ 28;
    INPUT_IDS = "input_ids" @ 29;
    ATTENTION_MASK = "attention_mask" @ 30;
    LABELS = "labels" @ 31;
    CHOSEN = "chosen" @ 32;
    REJECTED = "rejected" @ 33;
    PREFERRED_OUTPUT = "preferred_output" @ 34;
    NON_PREFERRED_OUTPUT = "non_preferred_output" @ 35;
    CHOSEN_RESPONSE = "chosen_response" @ 36;
    REJECTED_RESPONSE = "rejected_response" @ 37;
    REJECTED_TEXT = "rejected_text" @ 38;
    LABEL = "label" @ 39;
    KTO_TAG = "kto_tag" @ 40;
    IMAGES = "images" @ 41;
    VIDEOS = "videos" @ 42;
    AUDIOS = "audios" @ 43;
    IMAGE = "image" @ 44;
    FUNCTION_CALL = "function_call" @ 45;
    CHAT_TEMPLATE_KWARGS = "chat_template_kwargs" @ 46;
    POSITION_IDS = "position_ids" @ 47;
    TOKEN_TYPE_IDS = "token_type_ids" @ 48;
}

/// Columns that carry pictures, film or sound.
pub(super) const MEDIA: u64 = IMAGES | VIDEOS | AUDIOS | IMAGE;
const TOOLBOX: u64 = TOOLS | FUNCTIONS | PARALLEL_TOOL_CALLS | FUNCTION_CALL;

/// Keys a row of this shape may have; others get `unknown_key`.
pub(super) fn allowed_keys(kind: SchemaKind) -> u64 {
    use SchemaKind as K;
    let alpaca = INSTRUCTION | INPUT | OUTPUT | SYSTEM | HISTORY | TOOLS;
    match kind {
        K::Alpaca => alpaca,
        K::AlpacaResponse => INSTRUCTION | INPUT | RESPONSE | SYSTEM,
        K::Dolly => INSTRUCTION | CONTEXT | RESPONSE,
        K::QuestionAnswer => QUESTION | ANSWER | SYSTEM,
        K::Oasst => INSTRUCTION_UPPER | RESPONSE_UPPER,
        K::Orca => SYSTEM_PROMPT | QUESTION | RESPONSE,
        K::Summary => ARTICLE | SUMMARY,
        K::ContextQuestion => ARTICLE | QUESTION | ANSWER,
        K::MultipleChoice => QUESTION | CHOICES | SOLUTION | EXPLANATION | ANSWER,
        K::MessagePair => MESSAGE_1 | MESSAGE_2,
        K::PromptCompletion => PROMPT | COMPLETION,
        K::PromptCompletionChat => PROMPT | COMPLETION | TOOLS | CHAT_TEMPLATE_KWARGS,
        K::Sharegpt => CONVERSATIONS | MESSAGES | TEXTS | SYSTEM | TOOLS,
        K::Messages => CONVERSATIONS | MESSAGES | TEXTS | SYSTEM | TOOLBOX | CHAT_TEMPLATE_KWARGS,
        K::BareMessages => 0,
        K::Segments => SEGMENTS,
        K::Text => TEXT,
        K::Tokenised => INPUT_IDS | ATTENTION_MASK | LABELS | POSITION_IDS | TOKEN_TYPE_IDS,
        K::Preference => PROMPT | CHOSEN | REJECTED,
        K::PreferenceChat => PROMPT | CHOSEN | REJECTED | TOOLS | CHAT_TEMPLATE_KWARGS,
        K::PreferenceAlpaca => INSTRUCTION | INPUT | CHOSEN | REJECTED | SYSTEM | HISTORY,
        K::PreferenceSharegpt => CONVERSATIONS | MESSAGES | CHOSEN | REJECTED | SYSTEM | TOOLS,
        K::PreferenceOpenai => INPUT | PREFERRED_OUTPUT | NON_PREFERRED_OUTPUT,
        K::PreferenceResponses => {
            SYSTEM | PROMPT | INSTRUCTION | INPUT | QUESTION | CHOSEN_RESPONSE | REJECTED_RESPONSE
        }
        K::PreferenceAutotrain => PROMPT | TEXT | REJECTED_TEXT,
        K::Unpaired => PROMPT | COMPLETION | LABEL,
        K::UnpairedChat => PROMPT | COMPLETION | LABEL | TOOLS,
        K::UnpairedAlpaca => alpaca | KTO_TAG,
        K::UnpairedSharegpt | K::UnpairedMessages => CONVERSATIONS | MESSAGES | KTO_TAG | SYSTEM | TOOLS,
    }
}
