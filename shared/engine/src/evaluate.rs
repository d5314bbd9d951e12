//! Scores of a model on rows with a right answer. One teacher-forced pass tells whether greedy decoding
//! would give exactly the answer: it does when every answer token, end mark included, is the argmax.

use serde::{Deserialize, Serialize};

use crate::batch::{Batch, BatchStyle, Row};
use crate::error::Result;
use crate::model::{Model, PassOptions};

/// What one row got.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ItemResult {
    pub exact: bool,
    /// Probability of the whole answer.
    pub p_gold: f64,
    /// Mean loss of an answer token, in nats.
    pub loss: f64,
    pub tokens: u32,
    pub correct_tokens: u32,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Evaluation {
    /// In the order of the rows.
    pub items: Vec<ItemResult>,
}

impl Evaluation {
    pub fn score(&self) -> f64 {
        100.0 * self.mean(|item| f64::from(u8::from(item.exact)))
    }

    /// Binomial standard error of the score, in points.
    pub fn score_se(&self) -> f64 {
        let share = self.score() / 100.0;
        100.0 * (share * (1.0 - share) / self.items.len() as f64).sqrt()
    }

    pub fn p_gold(&self) -> f64 {
        100.0 * self.mean(|item| item.p_gold)
    }

    /// Mean over answer tokens.
    pub fn loss(&self) -> f64 {
        let tokens: f64 = self.items.iter().map(|item| f64::from(item.tokens)).sum();
        self.items.iter().map(|item| item.loss * f64::from(item.tokens)).sum::<f64>() / tokens
    }

    pub fn token_accuracy(&self) -> f64 {
        let tokens: f64 = self.items.iter().map(|item| f64::from(item.tokens)).sum();
        self.items.iter().map(|item| f64::from(item.correct_tokens)).sum::<f64>() / tokens
    }

    /// NaN for no items.
    fn mean(&self, value: impl Fn(&ItemResult) -> f64) -> f64 {
        self.items.iter().map(value).sum::<f64>() / self.items.len() as f64
    }
}

/// Tokens of one evaluation batch.
fn budget(model: &Model) -> usize {
    if model.device.is_cpu() { 2048 } else { 16_384 }
}

/// Rows in batches of like length, at most `max_tokens` each (one row at least): indices of `rows`.
pub fn batches_by_length(rows: &[&Row], max_tokens: usize) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|index| rows[*index].tokens.len());
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut used = 0;
    for index in order {
        let need = rows[index].tokens.len();
        match batches.last_mut() {
            Some(batch) if used + need <= max_tokens => batch.push(index),
            _ => {
                batches.push(vec![index]);
                used = 0;
            }
        }
        used += need;
    }
    batches
}

/// Evaluates rows that all have at least one answer token.
pub fn evaluate(model: &Model, rows: &[Row]) -> Result<Evaluation> {
    let rows: Vec<&Row> = rows.iter().collect();
    let empty = ItemResult { exact: true, p_gold: 1.0, loss: 0.0, tokens: 0, correct_tokens: 0 };
    let mut items = vec![empty; rows.len()];
    for indices in batches_by_length(&rows, budget(model)) {
        let members: Vec<&Row> = indices.iter().map(|index| rows[*index]).collect();
        let batch = Batch::new(&members, style(model), model.config.vocab_size)?;
        let results = model.evaluate(&batch, PassOptions::default())?;
        for ((loss, correct), row) in results.losses.iter().zip(&results.correct).zip(&results.rows) {
            let item = &mut items[indices[*row as usize]];
            item.exact &= correct;
            item.loss += f64::from(*loss);
            item.tokens += 1;
            item.correct_tokens += u32::from(*correct);
        }
    }
    for item in &mut items {
        item.p_gold = libm::exp(-item.loss);
        item.loss /= f64::from(item.tokens.max(1));
        item.exact &= item.tokens > 0;
    }
    Ok(Evaluation { items })
}

/// Ragged rows on a CPU, padded ones elsewhere (rows of one batch have like lengths).
pub fn style(model: &Model) -> BatchStyle {
    if model.device.is_cpu() { BatchStyle::Ragged } else { BatchStyle::Padded }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LoadOptions;
    use crate::testing::small_config;

    #[test]
    fn batching_by_length_changes_no_item() {
        let model = Model::random(&small_config(), 3, &LoadOptions::cpu()).unwrap();
        let rows: Vec<Row> =
            (0..40u32).map(|i| Row::answered(&vec![i % 7 + 1; (i % 11 + 1) as usize], &[i % 5, 9])).collect();
        let together = evaluate(&model, &rows).unwrap();
        for (row, item) in rows.iter().zip(&together.items) {
            let alone = evaluate(&model, std::slice::from_ref(row)).unwrap().items[0];
            assert_eq!(alone.exact, item.exact);
            assert!((alone.loss - item.loss).abs() < 1e-5 && item.tokens == 2);
        }
        assert!((0.0..=100.0).contains(&together.score()));
    }
}
