//! How many tokens a text has: exactly, through a tokenizer that the caller lends, or by estimate.

/// A tokenizer of the model at hand. One call per text; the whole run must use the same one.
pub trait TokenCounter: super::thread_shared::ThreadShared {
    fn count(&self, text: &str) -> u32;
}

/// Without a tokenizer: from character classes and word lengths.
pub fn estimate_tokens(text: &str) -> u32 {
    // Bytes over four is the rule of thumb for English.
    u32::try_from(text.len().div_ceil(4)).unwrap_or(u32::MAX)
}
