//! A model's `tokenizer.json`: refused by name, or it takes every text apart the same way each time, within bounds.
//! Panics of the library that reads it are errors of ours where the product runs natively, so they are none here; a
//! panic of our own code ends the target as everywhere.
#![no_main]

use foretune_core::describe::TokenCounter;
use foretune_core::limits;
use foretune_core::tokenizer::{ModelTokenizer, TokenizerError};
use libfuzzer_sys::fuzz_target;

const TEXTS: [&str; 3] =
    ["", "the quick brown fox: 12 caf\u{e9}s\n", "a\u{5b57}\u{1f642}\u{301} <s>\t</s>  \u{fdfa}"];

fuzz_target!(
    // The usual hook ends the process before the product's own handling of such a panic is reached.
    init: std::panic::set_hook(Box::new(|_| {})),
    |data: &[u8]| {
        let tokenizer = match ModelTokenizer::read(data) {
            Ok(tokenizer) => tokenizer,
            Err(TokenizerError::Panic { reason }) => {
                seldom(&reason);
                return;
            }
            Err(_) => return,
        };
        assert!(tokenizer.pieces() <= 2 * limits::MAX_TOKENIZER_PIECES);
        for text in TEXTS {
            let ids = match tokenizer.encode(text) {
                Ok(ids) => ids,
                Err(error) => {
                    if let TokenizerError::Panic { reason } = error {
                        seldom(&reason);
                    }
                    continue;
                }
            };
            assert_eq!(tokenizer.encode(text).as_deref(), Ok(&ids[..]), "the same text twice");
            assert_eq!(tokenizer.count(text) as usize, ids.len());
            assert!(ids.len() <= (text.len() + 1) * limits::MAX_TOKENIZER_GROWTH, "{} tokens", ids.len());
            if let Ok(starts) = tokenizer.starts(text) {
                assert_eq!(starts.len(), ids.len());
                assert!(starts.iter().all(|start| *start <= text.len()));
            }
            let _ = tokenizer.decode(&ids);
        }
    }
);

/// For whoever reads the log: `FORETUNE_FUZZ_PANICS=1` tells what the library gave up on.
fn seldom(reason: &str) {
    if std::env::var_os("FORETUNE_FUZZ_PANICS").is_some() {
        eprintln!("the library panicked: {reason}");
    }
}
