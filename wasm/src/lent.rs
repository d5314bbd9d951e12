//! What every worker of a check is lent: tokenizer, evaluation rows, reference model. A worker serves one check
//! and ends with it, so what it lends lives as long as the worker.

use foretune_core::describe::{DescribeContext, EvalIndex, ReferenceModel, TokenCounter};

use crate::failure::Failure;

/// Empty bytes mean that there is none.
pub fn context(
    tokenizer_json: &[u8],
    evaluation: &[u8],
    reference: &[u8],
) -> Result<DescribeContext<'static>, Failure> {
    let eval = given(evaluation)
        .map(|bytes| postcard::from_bytes::<EvalIndex>(bytes).map_err(Failure::mixed_builds));
    let reference =
        given(reference).map(|bytes| ReferenceModel::from_bytes(bytes).map_err(Failure::mixed_builds));
    Ok(DescribeContext {
        tokens: given(tokenizer_json).map(tokenizer).transpose()?,
        eval: eval.transpose()?.map(leak),
        reference: reference.transpose()?.map(leak),
    })
}

fn given(bytes: &[u8]) -> Option<&[u8]> {
    (!bytes.is_empty()).then_some(bytes)
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

#[cfg(feature = "tokens")]
fn tokenizer(json: &[u8]) -> Result<&'static dyn TokenCounter, Failure> {
    let tokenizer = foretune_core::tokenizer::ModelTokenizer::read(json).map_err(|error| Failure {
        details: error.to_string(),
        ..Failure::new(
            "The tokenizer file is no Hugging Face tokenizer.json that can be used",
            "Take the file of that name from the model's folder",
        )
    })?;
    Ok(leak(tokenizer))
}

#[cfg(not(feature = "tokens"))]
fn tokenizer(_json: &[u8]) -> Result<&'static dyn TokenCounter, Failure> {
    Err(Failure::mixed_builds("a tokenizer was given to a package without one"))
}
