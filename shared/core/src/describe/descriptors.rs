//! The accumulator: rows in, parts merged, one description out.

use serde::{Deserialize, Serialize};

use super::description::{Description, Histograms};
use super::sketch::Histogram;
use super::tokens::{TokenCounter, estimate_tokens};
use crate::features::FeatureVector;
use crate::formats::Place;
use crate::schema::Example;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribeOptions {
    /// Rows with more tokens count as truncated.
    pub max_tokens: Option<u32>,
    pub seed: u64,
}

impl Default for DescribeOptions {
    fn default() -> Self {
        Self { max_tokens: None, seed: 0 }
    }
}

/// What every part of the same run must share. Without them the features that need them stay missing.
#[derive(Clone, Copy, Default)]
pub struct DescribeContext<'a> {
    pub tokens: Option<&'a dyn TokenCounter>,
}

impl std::fmt::Debug for DescribeContext<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("DescribeContext").field("tokens", &self.tokens.is_some()).finish()
    }
}

/// What the pipeline counted; `None` where it did not look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// All records of the file, readable or not.
    pub rows: u64,
    /// Rows that became examples.
    pub valid: u64,
    pub refused: Option<u64>,
    pub special_tokens: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Descriptors {
    options: DescribeOptions,
    tokens_in: Histogram,
    tokens_out: Histogram,
}

impl Descriptors {
    pub fn new(options: &DescribeOptions) -> Self {
        Self { options: *options, tokens_in: Histogram::default(), tokens_out: Histogram::default() }
    }

    /// One valid example. Row numbers must be those of the whole file: the sample depends on them.
    pub fn observe(&mut self, _place: Place, example: &Example<'_>, context: &DescribeContext<'_>) {
        let count =
            |text: &str| context.tokens.map_or_else(|| estimate_tokens(text), |counter| counter.count(text));
        self.tokens_in.add(example.prompt_turns().map(|turn| u64::from(count(&turn.text))).sum());
        self.tokens_out.add(example.answer_turns().map(|turn| u64::from(count(&turn.text))).sum());
    }

    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.tokens_in.merge(&other.tokens_in);
        self.tokens_out.merge(&other.tokens_out);
        self
    }

    pub fn finish(&self, context: &DescribeContext<'_>, counts: &RowCounts) -> Description {
        let mut features = FeatureVector::default();
        features.set("dataset_num_items", counts.rows as f64);
        features.set("static_coverage", counts.valid as f64 / counts.rows as f64);
        features.set("avg_input_length", self.tokens_in.mean());
        features.set("avg_output_length", self.tokens_out.mean());
        Description {
            features,
            tokens_exact: context.tokens.is_some(),
            histograms: Histograms {
                tokens_in: self.tokens_in.bars(40),
                tokens_out: self.tokens_out.bars(40),
                ..Histograms::default()
            },
            labels: Default::default(),
            exact_duplicates: Default::default(),
            near_duplicates: Default::default(),
            conflicts: Default::default(),
            eval_overlap: None,
            scripts: Vec::new(),
            languages: Vec::new(),
            drift: Vec::new(),
            sampled_rows: 0,
        }
    }
}
