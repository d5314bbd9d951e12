//! What the person asked for: the same options in the page and on the command line.

use serde::{Deserialize, Serialize};

use crate::describe::DescribeOptions;
use crate::schema::Mapping;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CheckOptions {
    /// Rows with more tokens are reported as cut off.
    pub max_tokens: Option<u32>,
    /// Which column means what, where the file has none of the known shapes.
    pub mapping: Option<Mapping>,
    /// Chooses the sample rows together with their content.
    pub seed: u64,
}

impl CheckOptions {
    pub(super) fn describe(&self) -> DescribeOptions {
        DescribeOptions { max_tokens: self.max_tokens, seed: self.seed }
    }
}
