//! From a dataset to rows of tokens. Which rows are used is decided by a hash of each record's bytes and a
//! seed, so any reader of the same file picks the same ones, whatever their order.

use std::borrow::Cow;
use std::collections::BTreeMap;

use foretune_core::check::{Aside, Candidates, Fate, TooFewClean, Wish};
use foretune_core::formats::{FormatError, Opened};
use foretune_core::hash::{combine, hash_bytes};
use foretune_core::runs::held_out_rows;
use foretune_core::schema::{self, Example, Mapping, Turn};
use foretune_core::source::ByteSource;

use crate::batch::Row;
use crate::general_text::PASSAGES;
use crate::recipe::Recipe;
use crate::template::Template;

#[derive(Debug, Clone, Copy)]
pub struct Sampling<'a> {
    /// At most this many rows are kept.
    pub rows: usize,
    pub seed: u64,
    /// Longer rows are cut at their end.
    pub sequence_length: usize,
    /// Take rows as they stand: they were put in the order of their hashes before.
    pub in_order: bool,
    /// Of a file whose rows were divided, those of this fate.
    pub part: Option<(&'a Aside, Fate)>,
}

impl Sampling<'_> {
    pub fn new(rows: usize, recipe: &Recipe) -> Self {
        Self { rows, seed: recipe.seed, sequence_length: recipe.sequence_length, in_order: false, part: None }
    }
}

#[derive(Debug)]
pub struct Dataset {
    /// In the order of their hashes.
    pub rows: Vec<Row>,
    /// Rows of the file that can be trained on, kept or not.
    pub usable: u64,
    /// Records that are broken, of no known shape, or have nothing to train on once cut.
    pub skipped: u64,
    pub truncated: u64,
    /// Records left out because they say what a row set aside says.
    pub copies: u64,
    /// Sum of all records' hashes: the same for the same rows in any order.
    pub fingerprint: u64,
}

/// The rows of an opened dataset, wherever its bytes come from.
pub fn rows_of<S: ByteSource, E: From<FormatError>>(
    opened: Opened<S>,
    template: Template,
    encode: &mut dyn FnMut(&str) -> Result<Vec<u32>, E>,
    mapping: Option<&Mapping>,
    sampling: Sampling<'_>,
) -> Result<Dataset, E> {
    let mut dataset =
        Dataset { rows: Vec::new(), usable: 0, skipped: 0, truncated: 0, copies: 0, fingerprint: 0 };
    let mut kept: BTreeMap<(u64, u64), Row> = BTreeMap::new();
    each_example::<S, E>(opened, mapping, &mut |hash, number, example| {
        dataset.fingerprint = dataset.fingerprint.wrapping_add(hash);
        let Some(example) = example else {
            dataset.skipped += 1;
            return Ok(());
        };
        if let Some((aside, wanted)) = sampling.part {
            let is_other = wanted == Fate::Aside && !aside.holds(number);
            let fate = if is_other { Fate::Stays } else { aside.fate(number, &example) };
            dataset.copies += u64::from(fate == Fate::CopyOfAside);
            if fate != wanted {
                return Ok(());
            }
        }
        let key = (if sampling.in_order { 0 } else { combine(sampling.seed, hash) }, number);
        let is_full = kept.len() >= sampling.rows;
        if is_full && kept.last_key_value().is_some_and(|(last, _)| *last < key) {
            dataset.usable += 1;
            return Ok(());
        }
        let mut row = tokenize(template, encode, &example)?;
        if row.tokens.len() > sampling.sequence_length {
            dataset.truncated += 1;
            row.tokens.truncate(sampling.sequence_length);
            row.trained.truncate(sampling.sequence_length);
        }
        if row.target_count() == 0 {
            dataset.skipped += 1;
            return Ok(());
        }
        dataset.usable += 1;
        kept.insert(key, row);
        if kept.len() > sampling.rows {
            kept.pop_last();
        }
        Ok(())
    })?;
    dataset.rows = kept.into_values().collect();
    Ok(dataset)
}

/// Rows to be set aside as evaluation rows; `open` gives the same file each time.
pub fn choose_aside<S: ByteSource, E: From<FormatError> + From<TooFewClean>>(
    open: &mut dyn FnMut() -> Result<Opened<S>, E>,
    template: Template,
    encode: &mut dyn FnMut(&str) -> Result<Vec<u32>, E>,
    mapping: Option<&Mapping>,
    sequence_length: usize,
    wish: Wish,
) -> Result<Aside, E> {
    let Opened { mut framer, parser, .. } = open()?;
    let mut candidates = Candidates::new(parser, mapping, wish);
    let mut is_whole =
        |example: &Example<'_>| Ok(tokenize(template, encode, example)?.tokens.len() <= sequence_length);
    while let Some(batch) = framer.next_batch()? {
        candidates.push::<E>(&batch, &mut is_whole)?;
    }
    let mut sieve = candidates.finish();
    let Opened { mut framer, .. } = open()?;
    while let Some(batch) = framer.next_batch()? {
        sieve.push(&batch);
    }
    Ok(sieve.finish()?)
}

/// The examples with the smallest hashes, in the order of these.
pub fn examples_of<S: ByteSource, E: From<FormatError>>(
    opened: Opened<S>,
    mapping: Option<&Mapping>,
    seed: u64,
    count: usize,
) -> Result<Vec<Example<'static>>, E> {
    let mut kept: BTreeMap<(u64, u64), Example<'static>> = BTreeMap::new();
    each_example::<S, E>(opened, mapping, &mut |hash, number, example| {
        if let Some(example) = example {
            kept.insert((combine(seed, hash), number), owned(&example));
            if kept.len() > count {
                kept.pop_last();
            }
        }
        Ok::<(), E>(())
    })?;
    Ok(kept.into_values().collect())
}

fn owned(example: &Example<'_>) -> Example<'static> {
    let turns = example.turns.iter().map(|turn| Turn {
        role: turn.role,
        text: Cow::Owned(turn.text.to_string()),
        trained: turn.trained,
    });
    Example { turns: turns.collect(), ..Example::default() }
}

/// Hash and number of each record, and its example where it has an answer.
type Hear<'a, E> = dyn FnMut(u64, u64, Option<Example<'_>>) -> Result<(), E> + 'a;

fn each_example<S: ByteSource, E: From<FormatError>>(
    opened: Opened<S>,
    mapping: Option<&Mapping>,
    hear: &mut Hear<'_, E>,
) -> Result<(), E> {
    let (mut framer, parser) = (opened.framer, opened.parser);
    let mut number = 0;
    while let Some(batch) = framer.next_batch()? {
        for index in 0..batch.len() {
            let hash = hash_bytes(batch.raw(index), 0);
            number += 1;
            let record = parser.parse(&batch, index);
            let mut problems = Vec::new();
            let example =
                record.value.as_ref().and_then(|value| schema::convert(value, mapping, &mut problems));
            hear(hash, number, example.map(|converted| converted.example).filter(has_answer))?;
        }
    }
    Ok(())
}

fn has_answer(example: &Example<'_>) -> bool {
    example.answer_turns().any(|turn| !turn.text.trim().is_empty())
}

/// One example as the model sees it.
pub fn tokenize<E>(
    template: Template,
    encode: &mut dyn FnMut(&str) -> Result<Vec<u32>, E>,
    example: &Example<'_>,
) -> Result<Row, E> {
    let mut row = Row::default();
    for piece in template.render(example) {
        let ids = encode(&piece.text)?;
        row.trained.extend(std::iter::repeat_n(piece.trained, ids.len()));
        row.tokens.extend(ids);
    }
    Ok(row)
}

/// Held-out rows first: at most a tenth of what there is.
pub fn split(mut rows: Vec<Row>, usable: usize) -> (Vec<Row>, Vec<Row>) {
    let held_out = held_out_rows(usable).min(rows.len().saturating_sub(1));
    let train = rows.split_off(held_out);
    (rows, train)
}

/// The fixed passages on which forgetting is measured.
pub fn general_rows<E>(
    encode: &mut dyn FnMut(&str) -> Result<Vec<u32>, E>,
    sequence_length: usize,
) -> Result<Vec<Row>, E> {
    let mut rows = Vec::with_capacity(PASSAGES.len());
    for passage in PASSAGES {
        let mut ids = encode(passage)?;
        ids.truncate(sequence_length);
        rows.push(Row::text(&ids));
    }
    Ok(rows)
}
