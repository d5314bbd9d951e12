//! Reads the evaluation file: its rows become an index that training rows are compared with.

use crate::describe::{EvalIndex, EvalIndexBuilder};
use crate::formats::{Batch, RecordParser};
use crate::schema::{self, Mapping};

/// Rows without a known shape are counted, not compared.
#[derive(Debug)]
pub struct EvalRows {
    parser: RecordParser,
    mapping: Option<Mapping>,
    builder: EvalIndexBuilder,
    rows: u64,
    compared: u64,
}

impl EvalRows {
    pub fn new(parser: RecordParser, mapping: Option<&Mapping>) -> Self {
        Self { parser, mapping: mapping.cloned(), builder: EvalIndexBuilder::default(), rows: 0, compared: 0 }
    }

    pub fn push(&mut self, batch: &Batch) {
        let mut problems = Vec::new();
        for index in 0..batch.len() {
            let record = self.parser.parse(batch, index);
            self.rows += 1;
            problems.clear();
            let converted = record
                .value
                .as_ref()
                .and_then(|value| schema::convert(value, self.mapping.as_ref(), &mut problems));
            if let Some(converted) = converted {
                self.builder.observe(record.place, &converted.example);
                self.compared += 1;
            }
        }
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// `None` if not one row could be compared.
    pub fn finish(self) -> Option<EvalIndex> {
        (self.compared > 0).then(|| self.builder.finish())
    }
}
