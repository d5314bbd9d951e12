//! Greedy decoding: the likeliest token again and again, all prompts together.

use candle_core::D;

use crate::batch::{Batch, Row};
use crate::error::Result;
use crate::evaluate::{batches_by_length, style};
use crate::model::{Model, PassOptions};

/// Prompt tokens read at once.
const TOKENS_AT_ONCE: usize = 4096;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// Without the end mark.
    pub tokens: Vec<u32>,
    /// Whether the end mark came within the limit.
    pub ended: bool,
}

/// Writes on from each prompt up to the end mark or the limit. Every token reads the whole text again:
/// answers are short, and nothing has to be kept between them.
pub fn write_greedily(model: &Model, prompts: &[&[u32]], end: u32, limit: usize) -> Result<Vec<Written>> {
    let mut written = vec![Written::default(); prompts.len()];
    for _ in 0..limit {
        let open: Vec<usize> = (0..prompts.len()).filter(|index| !written[*index].ended).collect();
        if open.is_empty() {
            break;
        }
        // What follows the text is asked for by a row whose only target comes after it.
        let rows: Vec<Row> = open
            .iter()
            .map(|index| Row::answered(&[prompts[*index], written[*index].tokens.as_slice()].concat(), &[0]))
            .collect();
        let rows: Vec<&Row> = rows.iter().collect();
        for members in batches_by_length(&rows, TOKENS_AT_ONCE) {
            let batch = members.iter().map(|index| rows[*index]).collect::<Vec<_>>();
            let batch = Batch::new(&batch, style(model), model.config.vocab_size)?;
            for (row, token) in model.most_likely_next(&batch)? {
                let one = &mut written[open[members[row]]];
                if token == end {
                    one.ended = true;
                } else {
                    one.tokens.push(token);
                }
            }
        }
    }
    Ok(written)
}

impl Model {
    /// For each target of the batch its row and the token that the model finds likeliest there.
    fn most_likely_next(&self, batch: &Batch) -> Result<Vec<(usize, u32)>> {
        let options = PassOptions { keep_hidden: true, ..PassOptions::default() };
        let results = self.evaluate(batch, options)?;
        let Some(hidden) = results.hidden else { return Ok(Vec::new()) };
        let hidden = hidden.to_device(&self.device)?.to_dtype(self.dtype)?;
        let tokens = hidden.matmul(&self.head_weight().t()?)?.argmax(D::Minus1)?.to_vec1::<u32>()?;
        Ok(results.rows.iter().map(|row| *row as usize).zip(tokens).collect())
    }
}
