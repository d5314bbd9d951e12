//! Tokens of texts seen before: most runs of a sweep share their rows.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use foretune_core::describe::TokenCounter;
use foretune_core::hash::hash_bytes;
use foretune_core::lab::{TaskRow, fit_into};
use foretune_core::schema::{Example, Role, Turn};
use foretune_engine::Row;

use crate::training::tokenize;
use crate::weights::ModelFolder;

/// Token ids that are kept; then all are forgotten.
const MOST_KEPT: usize = 32 << 20;

#[derive(Debug)]
pub struct Tokens<'a> {
    model: &'a ModelFolder,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    ids: HashMap<u64, Box<[u32]>>,
    count: usize,
}

impl<'a> Tokens<'a> {
    pub fn new(model: &'a ModelFolder) -> Self {
        Self { model, kept: Mutex::default() }
    }

    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let key = hash_bytes(text.as_bytes(), 0);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ids) = kept.ids.get(&key) {
            return Ok(ids.to_vec());
        }
        let ids = self.model.encode(text)?;
        if kept.count > MOST_KEPT {
            *kept = Kept::default();
        }
        kept.count += ids.len();
        kept.ids.insert(key, ids.clone().into_boxed_slice());
        Ok(ids)
    }

    /// A row of a task as the model sees it: the same tokens as when the row is read from a file.
    pub fn row(&self, row: &TaskRow) -> Result<Row> {
        let prompt = if row.input.is_empty() { row.instruction.clone() } else { row.prompt() };
        let turn = |role, text: String, trained| Turn { role, text: text.into(), trained };
        let turns = vec![turn(Role::User, prompt, false), turn(Role::Assistant, row.output.clone(), true)];
        let example = Example { turns, ..Example::default() };
        tokenize(self.model.template, &mut |text| self.encode(text), &example)
    }

    /// Cuts the row's prompt at its front to this many tokens in all.
    pub fn fit(&self, row: &mut TaskRow, limit: usize) -> Result<()> {
        let mut count = |row: &TaskRow| Ok(self.row(row)?.tokens.len());
        let mut starts = |text: &str| self.model.token_starts(text);
        fit_into(row, limit, &mut count, &mut starts)
    }
}

impl TokenCounter for Tokens<'_> {
    fn count(&self, text: &str) -> u32 {
        self.encode(text).map_or(0, |ids| ids.len() as u32)
    }
}
