//! A file in two: rows that are trained on, and rows set aside. Rows in, JSON Lines of both parts out, or what the
//! rows aside tell of the others.

use super::{Aside, Fate};
use crate::describe::EvaluationFeatures;
use crate::features::FeatureVector;
use crate::formats::{Batch, FormatError, Opened, Place, RecordParser};
use crate::json::{Value, to_json_text};
use crate::schema::{self, Converted, Mapping};
use crate::source::ByteSource;

/// Records in file order.
#[derive(Debug)]
struct Division<'a> {
    aside: &'a Aside,
    parser: RecordParser,
    mapping: Option<Mapping>,
    read: u64,
}

impl<'a> Division<'a> {
    fn new(aside: &'a Aside, parser: RecordParser, mapping: Option<&Mapping>) -> Self {
        Self { aside, parser, mapping: mapping.cloned(), read: 0 }
    }

    /// Rows that cannot be read are in neither part; rows of no known shape stay as they are.
    fn each(&mut self, batch: &Batch, hear: &mut dyn FnMut(Fate, &Value<'_>, Option<&Converted<'_>>)) {
        let mut problems = Vec::new();
        for index in 0..batch.len() {
            self.read += 1;
            problems.clear();
            let Some(value) = self.parser.parse(batch, index).value else { continue };
            let converted = schema::convert(&value, self.mapping.as_ref(), &mut problems);
            let fate = converted
                .as_ref()
                .map_or(Fate::Stays, |converted| self.aside.fate(self.read, &converted.example));
            hear(fate, &value, converted.as_ref());
        }
    }
}

#[derive(Debug)]
pub struct Parts<'a> {
    division: Division<'a>,
    pub training: String,
    pub evaluation: String,
}

impl<'a> Parts<'a> {
    pub fn new(aside: &'a Aside, parser: RecordParser, mapping: Option<&Mapping>) -> Self {
        let (training, evaluation) = (String::new(), String::new());
        Self { division: Division::new(aside, parser, mapping), training, evaluation }
    }

    /// Appends to both texts, which the caller empties.
    pub fn push(&mut self, batch: &Batch) {
        let Self { division, training, evaluation } = self;
        division.each(batch, &mut |fate, value, _| {
            let part = match fate {
                Fate::Stays => &mut *training,
                Fate::Aside => &mut *evaluation,
                Fate::CopyOfAside => return,
            };
            part.push_str(&to_json_text(value));
            part.push('\n');
        });
    }
}

/// The static features that need evaluation rows, as `check` finds them in both parts once they are written.
pub fn evaluation_features<S: ByteSource>(
    opened: Opened<S>,
    mapping: Option<&Mapping>,
    aside: &Aside,
) -> Result<FeatureVector, FormatError> {
    let Opened { mut framer, parser, .. } = opened;
    let mut division = Division::new(aside, parser, mapping);
    let mut features = EvaluationFeatures::default();
    let (mut stay, mut set_aside) = (0, 0);
    let place = |row| Place { row, line: row, byte_offset: 0 };
    while let Some(batch) = framer.next_batch()? {
        division.each(&batch, &mut |fate, _, converted| match fate {
            Fate::Stays => {
                stay += 1;
                // Rows of tokens have no text to compare.
                if let Some(converted) = converted.filter(|converted| converted.tokens.is_none()) {
                    features.observe_training(place(stay), &converted.example);
                }
            }
            Fate::Aside => {
                set_aside += 1;
                if let Some(converted) = converted {
                    features.observe_evaluation(place(set_aside), &converted.example);
                }
            }
            Fate::CopyOfAside => {}
        });
    }
    Ok(features.finish())
}
