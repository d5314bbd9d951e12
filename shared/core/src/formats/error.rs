//! Why a file cannot be opened at all. Damage behind a readable beginning is a problem, not an error.

use thiserror::Error;

use crate::findings::{Code, Problem};
use crate::source::SourceError;

#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum FormatError {
    #[error("the file is empty: {found}")]
    Empty { found: String },
    #[error("this is not a text or table file: {looks_like}; {hint}")]
    Binary { looks_like: String, hint: String },
    #[error("layout not supported: found {found}, expected {expected}")]
    Unsupported { found: String, expected: String },
    #[error("the file is damaged or cut short: found {found}, expected {expected}")]
    Damaged { found: String, expected: String },
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl FormatError {
    /// The same fact as a finding of the file as a whole.
    pub fn to_problem(&self) -> Problem {
        match self {
            Self::Empty { found } => Problem::new(Code::EmptyFile, "", found, "at least one row"),
            Self::Binary { looks_like, hint } => {
                let expected = format!("{}; {hint}", super::READ_FORMATS);
                Problem::new(Code::BinaryFile, "", looks_like, expected)
            }
            Self::Unsupported { found, expected } => {
                Problem::new(Code::UnsupportedLayout, "", found, expected)
            }
            Self::Damaged { found, expected } => Problem::new(Code::TruncatedFile, "", found, expected),
            Self::Source(error) => source_problem(error),
        }
    }
}

/// What a failing source means for the file.
pub(super) fn source_problem(error: &SourceError) -> Problem {
    let (code, expected) = match error {
        SourceError::Read { .. } => (Code::TruncatedFile, "a file that can be read to its end"),
        SourceError::Changed { .. } => (Code::FileChanged, "a file that stays as it is while it is read"),
        SourceError::Compression { .. } => (Code::DamagedCompression, "an undamaged archive"),
        SourceError::Expansion { .. } => (Code::ExpansionLimit, "data, not an archive bomb"),
    };
    Problem::new(code, "", error.to_string(), expected)
}
