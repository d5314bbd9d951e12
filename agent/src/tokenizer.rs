//! Exact token counts with the model's own `tokenizer.json`.

use std::path::Path;

use anyhow::{Result, anyhow};
use foretune_core::describe::TokenCounter;
use tokenizers::Tokenizer;

use crate::files;

#[derive(Debug)]
pub struct FileTokenizer {
    tokenizer: Tokenizer,
}

impl FileTokenizer {
    pub fn load(path: &Path) -> Result<Self> {
        let bytes = files::read(path)?;
        let tokenizer = Tokenizer::from_bytes(&bytes).map_err(|error| {
            anyhow!("{} is no Hugging Face tokenizer.json: {error}; take the file of that name from the model's folder", path.display())
        })?;
        Ok(Self { tokenizer })
    }
}

impl TokenCounter for FileTokenizer {
    fn count(&self, text: &str) -> u32 {
        // Special tokens of the template are not the text's own.
        self.tokenizer.encode_fast(text, false).map_or(0, |encoding| encoding.len() as u32)
    }
}
