//! Exact token counts with the model's own `tokenizer.json`, in the package that has the tokenizers crate.

use foretune_core::describe::DescribeContext;

use crate::failure::Failure;

/// No bytes: no tokenizer, counts are estimates. A worker serves one check and ends with it, so what it lends
/// lives as long as the worker.
#[cfg(feature = "tokens")]
pub fn context(tokenizer_json: &[u8]) -> Result<DescribeContext<'static>, Failure> {
    if tokenizer_json.is_empty() {
        return Ok(DescribeContext::default());
    }
    let tokenizer = tokenizers::Tokenizer::from_bytes(tokenizer_json).map_err(|error| Failure {
        details: error.to_string(),
        ..Failure::new(
            "The tokenizer file is no Hugging Face tokenizer.json",
            "Take the file of that name from the model's folder",
        )
    })?;
    Ok(DescribeContext { tokens: Some(Box::leak(Box::new(ExactCounter(tokenizer)))), ..DescribeContext::default() })
}

#[cfg(not(feature = "tokens"))]
pub fn context(tokenizer_json: &[u8]) -> Result<DescribeContext<'static>, Failure> {
    if tokenizer_json.is_empty() {
        Ok(DescribeContext::default())
    } else {
        Err(Failure::mixed_builds("a tokenizer was given to a package without one"))
    }
}

#[cfg(feature = "tokens")]
struct ExactCounter(tokenizers::Tokenizer);

#[cfg(feature = "tokens")]
impl foretune_core::describe::TokenCounter for ExactCounter {
    fn count(&self, text: &str) -> u32 {
        // Special tokens of the template are not the text's own.
        self.0.encode_fast(text, false).map_or(0, |encoding| encoding.len() as u32)
    }
}
