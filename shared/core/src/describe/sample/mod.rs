//! The expensive features, on the sampled rows only. The sample comes sorted by priority, so every sum here is taken
//! in one fixed order and gives the same bits everywhere.

mod complexity;
mod compress;
mod drift;
mod language;
mod learnability;
mod lexical;
mod openings;
mod signs;
mod vectors;

use std::collections::HashMap;

pub use complexity::instruction_complexity;
pub use compress::compressed_share;
pub use drift::drift;
pub use language::languages;
pub use learnability::{EvaluationOutlook, PromptView, evaluation_outlook, learnability};
pub use lexical::{moving_type_token_ratio, repeated_trigram_share, unigram_entropy};
pub use openings::openings;
pub use signs::sign_shares;
pub use vectors::vector_features;

use super::descriptors::SampleRow;
use super::scan::{Word, words};
use super::sketch::{PrioritySample, Spread};

/// The sampled rows with their words as small numbers.
#[derive(Debug)]
pub struct Prepared<'a> {
    pub rows: Vec<PreparedRow<'a>>,
    /// Hash of each word, by number.
    pub hashes: Vec<u64>,
    /// Rows that contain the word, by number.
    pub row_counts: Vec<u32>,
}

#[derive(Debug)]
pub struct PreparedRow<'a> {
    pub row: &'a SampleRow,
    pub prompt: Vec<u32>,
    pub answer: Vec<u32>,
    pub prompt_words: Vec<Word>,
}

impl<'a> Prepared<'a> {
    pub(in crate::describe) fn new(sample: &'a PrioritySample<SampleRow>) -> Self {
        let mut ids: HashMap<u64, u32, Spread> = HashMap::default();
        let mut hashes = Vec::new();
        let mut row_counts = Vec::new();
        let mut last_row = Vec::new();
        let mut rows = Vec::with_capacity(sample.len());
        for (index, row) in sample.iter().enumerate() {
            let mut number = |word: &Word| {
                let id = *ids.entry(word.hash).or_insert_with(|| {
                    hashes.push(word.hash);
                    row_counts.push(0);
                    last_row.push(usize::MAX);
                    hashes.len() as u32 - 1
                });
                if last_row[id as usize] != index {
                    last_row[id as usize] = index;
                    row_counts[id as usize] += 1;
                }
                id
            };
            let prompt_words = words(&row.prompt);
            let prompt = prompt_words.iter().map(&mut number).collect();
            let answer = words(&row.answer).iter().map(&mut number).collect();
            rows.push(PreparedRow { row, prompt, answer, prompt_words });
        }
        Self { rows, hashes, row_counts }
    }

    /// ln((1 + rows) / (1 + rows with the word)) + 1, as scikit-learn smooths it.
    pub fn inverse_row_frequency(&self) -> Vec<f64> {
        let rows = self.rows.len() as f64;
        self.row_counts
            .iter()
            .map(|count| libm::log((1.0 + rows) / (1.0 + f64::from(*count))) + 1.0)
            .collect()
    }
}

/// NaN for no values.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Population standard deviation; NaN for no values.
pub fn sd(values: &[f64]) -> f64 {
    let centre = mean(values);
    let squares: f64 = values.iter().map(|value| (value - centre) * (value - centre)).sum();
    (squares / values.len() as f64).sqrt()
}

/// Nearest rank; NaN for no values.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
}
