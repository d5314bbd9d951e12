//! What the descriptors say in the end: the feature vector, and what the page draws beside it.

use serde::{Deserialize, Serialize};

use super::sketch::Bar;
use super::tokens::ESTIMATE_ERROR;
use crate::features::FeatureVector;
use crate::formats::Place;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    pub features: FeatureVector,
    /// False where token counts are estimates.
    pub tokens_exact: bool,
    pub token_estimate: TokenEstimate,
    pub histograms: Histograms,
    pub labels: LabelTable,
    pub exact_duplicates: DuplicateReport,
    pub near_duplicates: DuplicateReport,
    pub conflicts: ConflictReport,
    /// Only where evaluation rows were given.
    pub eval_overlap: Option<OverlapReport>,
    /// Shares of letters, largest first.
    pub scripts: Vec<Share>,
    /// Shares of sampled rows, largest first.
    pub languages: Vec<Share>,
    /// How the sampled prompts begin (first three words), largest share first; those below one in a hundred left out.
    pub openings: Vec<Share>,
    /// The file cut into ten stretches.
    pub drift: Vec<DriftBin>,
    /// Rows on which the expensive features were measured.
    pub sampled_rows: u64,
}

/// What the estimate of tokens says of these texts, and what it is worth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenEstimate {
    /// Estimated tokens of all texts.
    pub tokens: u64,
    /// Estimated over counted tokens, minus one: the error on this very file. Null without a tokenizer.
    pub error: Option<f64>,
    /// What is known of the error on other texts.
    pub known_error: String,
}

impl TokenEstimate {
    pub(super) fn new(tokens: u64, counted: Option<u64>) -> Self {
        let error =
            counted.filter(|counted| *counted > 0).map(|counted| tokens as f64 / counted as f64 - 1.0);
        Self { tokens, error, known_error: ESTIMATE_ERROR.to_owned() }
    }

    /// How the tokens were counted, for people.
    pub fn words(&self) -> String {
        match self.error {
            Some(error) => {
                let side = if error < 0.0 { "low" } else { "high" };
                format!(
                    "counted; the estimate without a tokenizer is {:.1} % too {side} here",
                    error.abs() * 100.0
                )
            }
            None => format!("estimated: {}", self.known_error),
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histograms {
    pub tokens_in: Vec<Bar>,
    pub tokens_out: Vec<Bar>,
    pub tokens_total: Vec<Bar>,
    pub chars: Vec<Bar>,
    pub turns: Vec<Bar>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelTable {
    /// Whether the answers look like labels: short, and few against the number of rows.
    pub label_like: bool,
    /// Distinct answers; estimated when `complete` is false.
    pub distinct: f64,
    pub complete: bool,
    /// Most frequent first, at most `limits::MAX_REPORTED_GROUPS`.
    pub top: Vec<LabelCount>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelCount {
    /// The answer's first characters.
    pub text: String,
    pub rows: u64,
    pub share: f64,
    pub first: Place,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DuplicateReport {
    /// Rows that could go without losing a different text; estimated when `complete` is false.
    pub extra_rows: f64,
    /// Groups of equal (or nearly equal) rows; estimated when `complete` is false.
    pub groups_total: f64,
    pub complete: bool,
    /// Largest first, at most `limits::MAX_REPORTED_GROUPS`.
    pub groups: Vec<RowGroup>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RowGroup {
    pub rows: u64,
    /// The first few of them, in file order.
    pub places: Vec<Place>,
    /// Estimated share of common word triples (1 for exact copies).
    pub similarity: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ConflictReport {
    /// Rows whose prompt also stands with another answer; estimated when `complete` is false.
    pub rows: f64,
    /// Prompts that have two answers or more.
    pub prompts: f64,
    pub complete: bool,
    /// Most rows first; `places` shows one row for each of the first few different answers.
    pub groups: Vec<RowGroup>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct OverlapPair {
    pub train: Place,
    pub eval: Place,
    pub similarity: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OverlapReport {
    pub eval_rows: u64,
    /// Different prompts among them, case and punctuation aside.
    pub eval_prompts: f64,
    /// Of the different prompts, those that stand in the training file too.
    pub eval_rows_exact: f64,
    /// Those that have only a near copy there.
    pub eval_rows_near: f64,
    pub train_rows_exact: u64,
    pub train_rows_near: u64,
    /// First rows of the training file first, at most `limits::MAX_REPORTED_GROUPS` of each kind.
    pub exact: Vec<OverlapPair>,
    pub near: Vec<OverlapPair>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    pub name: String,
    pub share: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftBin {
    pub first_row: u64,
    pub last_row: u64,
    pub tokens_in: f64,
    pub tokens_out: f64,
    /// Jensen-Shannon divergence of this stretch's words from the rest, beyond what chance gives.
    pub divergence: f64,
}
