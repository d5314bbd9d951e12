//! The dataset check with this machine's means: files, threads, a progress bar, text for people.

mod cleaned;
mod parallel;
mod progress;
pub mod summary;

pub use cleaned::{Fix, safe_fixes_of, write_cleaned};
pub use parallel::{CheckInput, run};
pub use progress::Progress;

use anyhow::Context;
use foretune_core::check::EvalRows;
use foretune_core::describe::{EvalIndex, ReferenceModel};
use foretune_core::formats::{FormatError, Opened};
use foretune_core::schema::Mapping;
use foretune_core::source::ByteSource;

/// Plain English as the reference perplexity knows it; built by `shared/core/examples/build_reference.rs`.
static REFERENCE_MODEL: &[u8] = include_bytes!("../../../shared/core/data/reference.bin");

pub fn reference_model() -> anyhow::Result<ReferenceModel> {
    ReferenceModel::from_bytes(REFERENCE_MODEL).context("the bundled reference model is damaged")
}

/// The index of an evaluation file; `None` if none of its rows has a known shape.
pub fn eval_index<S: ByteSource>(
    opened: Opened<S>,
    mapping: Option<&Mapping>,
) -> Result<Option<EvalIndex>, FormatError> {
    let Opened { mut framer, parser, .. } = opened;
    let mut rows = EvalRows::new(parser, mapping);
    while let Some(batch) = framer.next_batch()? {
        rows.push(&batch);
    }
    Ok(rows.finish())
}
