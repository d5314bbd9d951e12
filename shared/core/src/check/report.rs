//! What a check says in the end. The names of the fields are a contract: the page, `--json` and other
//! programs read them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::describe::Description;
use crate::features::FeatureVector;
use crate::findings::{Code, Finding, Severity};
use crate::formats::FormatInfo;
use crate::schema::{Mapping, SchemaKind};
use crate::trainers::TrainerVerdict;

/// Raised when a field changes its meaning.
pub const REPORT_VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub report_version: u32,
    pub foretune_version: String,
    pub file: FileSummary,
    /// Stable name of the file format; null if the file could not be recognised.
    pub format: Option<String>,
    /// Everything recognised about the file.
    pub layout: Option<FormatInfo>,
    /// The commonest shape of rows.
    pub schema: Option<SchemaKind>,
    /// All shapes, commonest first.
    pub schemas: Vec<SchemaCount>,
    /// Offered where rows have no known shape.
    pub suggested_mapping: Option<Mapping>,
    /// Columns of the first row without a known shape.
    pub unmapped_columns: Vec<String>,
    pub rows: u64,
    /// Rows of a known shape without a finding of severity error.
    pub rows_valid: u64,
    /// One line for people in a hurry.
    pub verdict: String,
    /// Listed findings, worst first; `counts` has all of them.
    pub findings: Vec<Finding>,
    pub counts: BTreeMap<String, u64>,
    pub groups: Vec<GroupSummary>,
    pub features: FeatureVector,
    pub description: Description,
    pub trainers: BTreeMap<String, TrainerVerdict>,
    pub max_tokens: Option<u32>,
    /// What the user said of the columns.
    #[serde(default)]
    pub mapping: Option<Mapping>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSummary {
    pub name: Option<String>,
    pub stored_bytes: u64,
    /// Hash of all records, the same in any order; 16 hexadecimal digits.
    pub fingerprint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaCount {
    pub name: SchemaKind,
    pub label: String,
    pub rows: u64,
}

/// One code with its count; wording and consequences stand in the registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSummary {
    pub code: Code,
    pub severity: Severity,
    pub count: u64,
    /// Rows that have at least one; 0 for a finding about the whole file.
    pub rows: u64,
    /// Counted but not listed: "and N more".
    pub unlisted: u64,
}

impl Report {
    /// Whether anything of severity error was found: the exit code of the command line.
    pub fn has_errors(&self) -> bool {
        self.groups.iter().any(|group| group.severity == Severity::Error)
    }
}
