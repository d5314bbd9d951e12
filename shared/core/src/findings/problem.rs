//! One problem of one row, before it is counted: readers and rules emit these.

use super::Code;

/// `path` is a key path like `messages[2].role`; empty means the whole row.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Problem {
    pub code: Code,
    pub path: String,
    pub found: String,
    pub expected: String,
}

impl Problem {
    pub fn new(
        code: Code,
        path: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self { code, path: path.into(), found: found.into(), expected: expected.into() }
    }
}
