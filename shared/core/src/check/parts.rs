//! A file in two: rows that are trained on, and rows set aside. Rows in, JSON Lines of both parts out.

use super::{Aside, Fate};
use crate::formats::{Batch, RecordParser};
use crate::json::to_json_text;
use crate::schema::{self, Mapping};

#[derive(Debug)]
pub struct Parts<'a> {
    aside: &'a Aside,
    parser: RecordParser,
    mapping: Option<Mapping>,
    read: u64,
    pub training: String,
    pub evaluation: String,
}

impl<'a> Parts<'a> {
    pub fn new(aside: &'a Aside, parser: RecordParser, mapping: Option<&Mapping>) -> Self {
        let (training, evaluation) = (String::new(), String::new());
        Self { aside, parser, mapping: mapping.cloned(), read: 0, training, evaluation }
    }

    /// Appends to both texts, which the caller empties. Rows that cannot be read stand in neither; rows of no known
    /// shape stay as they are.
    pub fn push(&mut self, batch: &Batch) {
        let mut problems = Vec::new();
        for index in 0..batch.len() {
            self.read += 1;
            problems.clear();
            let Some(value) = self.parser.parse(batch, index).value else { continue };
            let converted = schema::convert(&value, self.mapping.as_ref(), &mut problems);
            let fate =
                converted.map_or(Fate::Stays, |converted| self.aside.fate(self.read, &converted.example));
            let part = match fate {
                Fate::Stays => &mut self.training,
                Fate::Aside => &mut self.evaluation,
                Fate::CopyOfAside => continue,
            };
            part.push_str(&to_json_text(&value));
            part.push('\n');
        }
    }
}
