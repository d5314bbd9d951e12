//! From rows of tokens to one flat batch: ragged (no padding at all), padded, or packed into fixed lengths
//! with attention kept inside each row. All three give the same loss.

use foretune_core::hash::combine;

use crate::error::{EngineError, Result};

/// One example as token ids; `trained[i]` says whether predicting token i counts in the loss.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Row {
    pub tokens: Vec<u32>,
    pub trained: Vec<bool>,
}

impl Row {
    /// A row with a prompt that is only read and an answer that is trained on.
    pub fn answered(prompt: &[u32], answer: &[u32]) -> Self {
        let tokens = [prompt, answer].concat();
        let trained = (0..tokens.len()).map(|i| i >= prompt.len()).collect();
        Self { tokens, trained }
    }

    /// A row of plain text, trained on everywhere.
    pub fn text(tokens: &[u32]) -> Self {
        Self { tokens: tokens.to_vec(), trained: vec![true; tokens.len()] }
    }

    /// Tokens that count in the loss; the first token is never predicted.
    pub fn target_count(&self) -> usize {
        self.trained.iter().skip(1).filter(|trained| **trained).count()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchStyle {
    /// Rows of equal length attend together; fastest on a CPU.
    #[default]
    Ragged,
    /// Every row padded on the right to the longest.
    Padded,
    /// Short rows share fixed lengths without seeing each other; fastest on a GPU.
    Packed { len: usize },
}

/// Sequences that attend in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// First token in the flat batch.
    pub start: usize,
    pub rows: usize,
    pub len: usize,
    /// Position of each token where rows do not simply count from 0.
    pub positions: Option<Vec<u32>>,
    /// First key each token may see, where that is not 0.
    pub first_key: Option<Vec<u32>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    pub tokens: Vec<u32>,
    pub blocks: Vec<Block>,
    /// Flat index of the token before each target.
    pub target_from: Vec<u32>,
    pub targets: Vec<u32>,
    /// Which row each target belongs to, in the caller's order.
    pub target_row: Vec<u32>,
    /// One key a token, the same whatever the micro-batch it lands in, for dropout.
    pub dropout_keys: Vec<u64>,
    pub longest: usize,
}

impl Batch {
    pub fn new(rows: &[&Row], style: BatchStyle, vocab_size: usize) -> Result<Self> {
        for row in rows {
            if row.tokens.len() < 2 || row.tokens.len() != row.trained.len() {
                return Err(EngineError::Data {
                    reason: format!("a row of {} tokens and {} flags", row.tokens.len(), row.trained.len()),
                });
            }
            if let Some(token) = row.tokens.iter().find(|token| **token as usize >= vocab_size) {
                return Err(EngineError::Data {
                    reason: format!(
                        "token {token} is outside the model's vocabulary of {vocab_size}: the tokenizer does not fit"
                    ),
                });
            }
        }
        let longest = rows.iter().map(|row| row.tokens.len()).max().unwrap_or(0);
        let mut batch = Self { longest, ..Self::default() };
        match style {
            BatchStyle::Ragged => batch.fill_ragged(rows),
            BatchStyle::Padded => batch.fill_padded(rows, longest),
            BatchStyle::Packed { len } => batch.fill_packed(rows, len.max(longest)),
        }
        Ok(batch)
    }

    pub fn target_count(&self) -> usize {
        self.targets.len()
    }

    fn fill_ragged(&mut self, rows: &[&Row]) {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.sort_by_key(|index| rows[*index].tokens.len());
        for same in order.chunk_by(|a, b| rows[*a].tokens.len() == rows[*b].tokens.len()) {
            let (start, len) = (self.tokens.len(), rows[same[0]].tokens.len());
            for index in same {
                self.push_row(rows[*index], *index);
            }
            self.blocks.push(Block { start, rows: same.len(), len, positions: None, first_key: None });
        }
    }

    fn fill_padded(&mut self, rows: &[&Row], len: usize) {
        for (index, row) in rows.iter().enumerate() {
            self.push_row(row, index);
            self.pad(len - row.tokens.len());
        }
        self.blocks.push(Block { start: 0, rows: rows.len(), len, positions: None, first_key: None });
    }

    /// First fit, in the given order, so that the same rows always pack the same way.
    fn fill_packed(&mut self, rows: &[&Row], len: usize) {
        let mut bins: Vec<(usize, Vec<usize>)> = Vec::new();
        for (index, row) in rows.iter().enumerate() {
            let need = row.tokens.len();
            match bins.iter_mut().find(|(used, _)| used + need <= len) {
                Some((used, members)) => {
                    *used += need;
                    members.push(index);
                }
                None => bins.push((need, vec![index])),
            }
        }
        // No longer than the fullest needs, and whole 16-byte packs for a GPU.
        let fullest = bins.iter().map(|(used, _)| *used).max().unwrap_or(0);
        let len = fullest.next_multiple_of(8).min(len);
        let (mut positions, mut first_key) = (Vec::new(), Vec::new());
        for (used, members) in &bins {
            let mut start = 0;
            for index in members {
                let length = rows[*index].tokens.len();
                positions.extend(0..length as u32);
                first_key.extend(std::iter::repeat_n(start as u32, length));
                start += length;
                self.push_row(rows[*index], *index);
            }
            // Padding stands at no position that a row does not have: a model may have no more.
            let padding = len - used;
            positions.extend(std::iter::repeat_n(0, padding));
            first_key.extend(std::iter::repeat_n(start as u32, padding));
            self.pad(padding);
        }
        let (positions, first_key) = (Some(positions), Some(first_key));
        self.blocks.push(Block { start: 0, rows: bins.len(), len, positions, first_key });
    }

    fn push_row(&mut self, row: &Row, index: usize) {
        let start = self.tokens.len();
        let mut key = row.tokens.len() as u64;
        for i in 0..row.tokens.len() {
            if i > 0 && row.trained[i] {
                self.target_from.push((start + i - 1) as u32);
                self.targets.push(row.tokens[i]);
                self.target_row.push(index as u32);
            }
            // Of the row's own content: the same in any micro-batch.
            key = combine(key, u64::from(row.tokens[i]));
            self.dropout_keys.push(combine(key, i as u64));
        }
        self.tokens.extend(&row.tokens);
    }

    fn pad(&mut self, count: usize) {
        self.tokens.extend(std::iter::repeat_n(0, count));
        self.dropout_keys.extend(std::iter::repeat_n(0, count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_follow_their_rows_in_every_style() {
        let rows = [Row::answered(&[1, 2, 3], &[4, 5]), Row::answered(&[6], &[7]), Row::text(&[8, 9, 10])];
        let rows: Vec<&Row> = rows.iter().collect();
        for style in [BatchStyle::Ragged, BatchStyle::Padded, BatchStyle::Packed { len: 7 }] {
            let batch = Batch::new(&rows, style, 11).unwrap();
            let mut seen: Vec<(u32, u32, u32)> = (0..batch.target_count())
                .map(|i| {
                    let before = batch.tokens[batch.target_from[i] as usize];
                    (batch.target_row[i], before, batch.targets[i])
                })
                .collect();
            seen.sort_unstable();
            assert_eq!(seen, [(0, 3, 4), (0, 4, 5), (1, 6, 7), (2, 8, 9), (2, 9, 10)], "{style:?}");
        }
    }

    #[test]
    fn unusable_rows_are_refused() {
        let short = Row::text(&[1]);
        assert!(Batch::new(&[&short], BatchStyle::Ragged, 11).is_err());
        let foreign = Row::text(&[1, 11]);
        let error = Batch::new(&[&foreign], BatchStyle::Ragged, 11).unwrap_err().to_string();
        assert!(error.contains("vocabulary of 11"), "{error}");
    }
}
