//! Exact token counts with the model's own `tokenizer.json`.

use std::path::Path;

use anyhow::{Context, Result};
use foretune_core::limits;
use foretune_core::tokenizer::ModelTokenizer;

use crate::files;

pub fn load(path: &Path) -> Result<ModelTokenizer> {
    let bytes = files::read_bounded(path, limits::MAX_TOKENIZER_BYTES as u64)?;
    ModelTokenizer::read(&bytes).with_context(|| {
        format!(
            "{} is no Hugging Face tokenizer.json that can be used; take the file of that name from the model's folder",
            path.display()
        )
    })
}
