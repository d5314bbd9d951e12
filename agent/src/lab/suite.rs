//! What tuning on one task does to the others: a fixed mixed set of their test rows, before and after.

use anyhow::Result;
use foretune_core::lab::TaskSplit;
use foretune_core::runs::Elsewhere;
use foretune_engine::evaluate::{Evaluation, ItemResult, evaluate};
use foretune_engine::{Model, Row};

use super::corpus::Corpus;
use super::tokens::Tokens;

#[derive(Debug)]
pub struct Suite {
    /// By task: rows, and what the base model made of each.
    parts: Vec<(String, Vec<Row>, Vec<ItemResult>)>,
}

impl Suite {
    pub fn new(
        corpus: &Corpus,
        rows_per_task: usize,
        length: usize,
        tokens: &Tokens<'_>,
        base: &Model,
    ) -> Result<Self> {
        let mut parts = Vec::new();
        for (name, task) in corpus.iter() {
            let mut rows = Vec::new();
            for mut row in TaskSplit::choose(task.test.clone(), rows_per_task) {
                tokens.fit(&mut row, length)?;
                rows.push(tokens.row(&row)?);
            }
            let items = evaluate(base, &rows)?.items;
            parts.push((name.to_owned(), rows, items));
        }
        Ok(Self { parts })
    }

    /// On the tasks other than the one tuned on; `None` where there is none.
    pub fn compare(&self, tuned: &str, model: &Model) -> Result<Option<Elsewhere>> {
        let others = || self.parts.iter().filter(|(name, _, _)| name != tuned);
        let rows: Vec<Row> = others().flat_map(|(_, rows, _)| rows.iter().cloned()).collect();
        if rows.is_empty() {
            return Ok(None);
        }
        let before = Evaluation { items: others().flat_map(|(_, _, items)| items.iter().copied()).collect() };
        let after = evaluate(model, &rows)?;
        let changed = |from: bool, to: bool| {
            let pairs = before.items.iter().zip(&after.items);
            pairs.filter(|(before, after)| before.exact == from && after.exact == to).count() as u64
        };
        let finite = |value: f64| value.is_finite().then_some(value);
        Ok(Some(Elsewhere {
            rows: rows.len() as u64,
            base_score: before.score(),
            score: after.score(),
            base_p_gold: finite(before.p_gold()),
            p_gold: finite(after.p_gold()),
            base_loss: finite(before.loss()),
            loss: finite(after.loss()),
            gained: changed(false, true),
            forgotten: changed(true, false),
        }))
    }
}
