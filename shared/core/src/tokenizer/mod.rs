//! A model's `tokenizer.json`, which comes from strangers: looked at before Hugging Face's crate reads it, and that
//! crate kept from ending the program. Natively its panics become errors; in the page, where a panic ends the
//! worker, what is known to panic is refused beforehand.

mod vet;

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokenizers::{ModelWrapper, Tokenizer};

use crate::describe::TokenCounter;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenizerError {
    #[error("{what}: {found}, at most {limit} are read")]
    TooMuch { what: &'static str, found: u64, limit: u64 },
    #[error("it is no tokenizer.json: {reason}")]
    Unreadable { reason: String },
    #[error("it contradicts itself: {reason}")]
    Contradiction { reason: String },
    #[error("a text cannot be tokenized: {reason}")]
    Text { reason: String },
    #[error("Hugging Face's tokenizers library gave up on it: {reason}")]
    Panic { reason: String },
}

/// Letters with and without marks, digits, blanks, a picture, a character of another script.
const TRIAL: &str = " Two words, 12 caf\u{e9}s\n\u{5b57}\u{1f642}";

/// Turns whole texts into tokens: what a file says of cutting, padding and random merges is for training and would
/// make counts wrong.
#[derive(Debug)]
pub struct ModelTokenizer {
    inner: Tokenizer,
}

impl ModelTokenizer {
    pub fn read(json: &[u8]) -> Result<Self, TokenizerError> {
        vet::vet(json)?;
        survive(|| {
            let unreadable =
                |error: &dyn std::fmt::Display| TokenizerError::Unreadable { reason: error.to_string() };
            let mut inner = Tokenizer::from_bytes(json).map_err(|error| unreadable(&error))?;
            inner.with_truncation(None).map_err(|error| unreadable(&error))?;
            inner.with_padding(None);
            if let ModelWrapper::BPE(model) = inner.get_model()
                && model.dropout.is_some()
            {
                let mut model = model.clone();
                model.dropout = None;
                inner.with_model(model);
            }
            // What gives up on any text at all is better known now than after an hour.
            drop(inner.encode(TRIAL, false));
            Ok(Self { inner })
        })
    }

    /// Those of the model and those that were added.
    pub fn pieces(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    pub fn id_of(&self, piece: &str) -> Option<u32> {
        self.inner.token_to_id(piece)
    }

    /// Without the markers that the tokenizer itself would add.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        survive(|| {
            let encoding = self.inner.encode_fast(text, false).map_err(untokenized)?;
            Ok(encoding.get_ids().to_vec())
        })
    }

    /// The byte at which each token of a text begins.
    pub fn starts(&self, text: &str) -> Result<Vec<usize>, TokenizerError> {
        survive(|| {
            let encoding = self.inner.encode(text, false).map_err(untokenized)?;
            Ok(encoding.get_offsets().iter().map(|(start, _)| *start).collect())
        })
    }

    /// Markers included.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        survive(|| self.inner.decode(ids, false).map_err(untokenized))
    }

    /// The same for the same tokenizer, whatever the file's layout.
    pub fn to_json(&self) -> Result<String, TokenizerError> {
        survive(|| {
            let written = self.inner.to_string(false);
            written.map_err(|error| TokenizerError::Unreadable { reason: error.to_string() })
        })
    }
}

impl TokenCounter for ModelTokenizer {
    fn count(&self, text: &str) -> u32 {
        // Special tokens of the template are not the text's own.
        survive(|| self.inner.encode_fast(text, false).map_err(untokenized))
            .map_or(0, |encoding| encoding.len() as u32)
    }
}

fn untokenized(error: tokenizers::Error) -> TokenizerError {
    TokenizerError::Text { reason: error.to_string() }
}

/// What is left behind is read no more or, where it is the library's cache, holds whole entries only.
fn survive<T>(work: impl FnOnce() -> Result<T, TokenizerError>) -> Result<T, TokenizerError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let reason = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(TokenizerError::Panic { reason })
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::limits;
    use crate::predict::card::to_base64;

    type Change = fn(&mut Value);

    fn byte_pairs() -> Value {
        json!({
            "version": "1.0", "added_tokens": [], "normalizer": null, "pre_tokenizer": null, "post_processor": null,
            "decoder": null, "truncation": null, "padding": null,
            "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, " ": 3}, "merges": [["a", "b"]]}
        })
    }

    fn read(json: &Value) -> Result<ModelTokenizer, TokenizerError> {
        ModelTokenizer::read(json.to_string().as_bytes())
    }

    fn changed(change: impl FnOnce(&mut Value)) -> Result<ModelTokenizer, TokenizerError> {
        let mut json = byte_pairs();
        change(&mut json);
        read(&json)
    }

    #[test]
    fn texts_become_tokens_and_texts_again() {
        let tokenizer = read(&byte_pairs()).unwrap();
        assert_eq!(tokenizer.encode("abba").unwrap(), [2, 1, 0]);
        assert_eq!(tokenizer.starts("abba").unwrap(), [0, 2, 3]);
        assert_eq!((tokenizer.count("abba"), tokenizer.pieces(), tokenizer.id_of("ab")), (3, 4, Some(2)));
        assert_eq!(tokenizer.decode(&[2, 1]).unwrap(), "ab b");
        assert_eq!(read(&serde_json::from_str(&tokenizer.to_json().unwrap()).unwrap()).unwrap().pieces(), 4);
    }

    #[test]
    fn a_file_that_cuts_pads_or_rolls_dice_counts_whole_texts_all_the_same() {
        let tokenizer = changed(|json| {
            json["truncation"] =
                json!({"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0});
            json["padding"] = json!({"strategy": {"Fixed": 1_000_000_000_000_u64}, "direction": "Right",
                "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "a"});
            json["model"]["dropout"] = json!(0.5);
        });
        let tokenizer = tokenizer.unwrap();
        assert!((0..100).all(|_| tokenizer.count("abababab") == 4));
    }

    #[test]
    fn what_would_panic_is_refused_beforehand() {
        let contradictions: [Change; 5] = [
            |json| json["model"]["merges"] = json!([["ab", "ab"]]),
            |json| json["model"]["merges"] = json!(["ab ab"]),
            // The library cuts the prefix off without looking: here through the middle of a character.
            |json| {
                json["model"]["continuing_subword_prefix"] = json!("#");
                json["model"]["vocab"] = json!({"a": 0, "é": 1, "aé": 2});
                json["model"]["merges"] = json!([["a", "é"]]);
            },
            |json| json["pre_tokenizer"] = json!({"type": "FixedLength", "length": 0}),
            |json| json["normalizer"] = json!({"type": "Precompiled", "charsmap": ""}),
        ];
        for (number, change) in contradictions.into_iter().enumerate() {
            let found = changed(change);
            assert!(matches!(found, Err(TokenizerError::Contradiction { .. })), "{number}: {found:?}");
        }
    }

    #[test]
    fn what_the_library_gives_up_on_is_an_error() {
        // A table of four entries whose first leads far behind its end.
        let table =
            [16_u32, u32::MAX, 0, 0, 0].iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
        let read = changed(|json| {
            json["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": to_base64(&table)});
        });
        assert!(matches!(read, Err(TokenizerError::Panic { .. })), "{read:?}");
    }

    #[test]
    fn bombs_are_refused_by_name() {
        let bombs: [(&str, Change); 6] = [
            ("nested", |json| {
                json["normalizer"] = (0..20).fold(
                    json!({"type": "NFC"}),
                    |inner, _| json!({"type": "Sequence", "normalizers": [inner]}),
                );
            }),
            ("grow", |json| {
                let twice = json!({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"});
                json["normalizer"] = json!({"type": "Sequence", "normalizers": vec![twice; 30]});
            }),
            ("shorter than it says", |json| {
                // A table of a thousand million entries, of which none follows.
                json["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": "////fw=="});
            }),
            ("highest id", |json| json["model"]["vocab"]["z"] = json!(u32::MAX)),
            ("longest piece", |json| {
                json["model"]["vocab"]["z".repeat(limits::MAX_PIECE_BYTES + 1)] = json!(4);
            }),
            ("steps", |json| {
                let steps = vec![json!({"type": "NFC"}); limits::MAX_TOKENIZER_STEPS + 1];
                json["normalizer"] = json!({"type": "Sequence", "normalizers": steps});
            }),
        ];
        for (word, change) in bombs {
            let told = changed(change).unwrap_err().to_string();
            assert!(told.contains(word), "{word}: {told}");
        }
    }
}
