//! From a dataset file to rows of tokens. Which rows are used is decided by a hash of each record's bytes
//! and a seed, so any reader of the same file picks the same ones, whatever their order.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use foretune_core::formats::{self, Opened};
use foretune_core::hash::{combine, hash_bytes};
use foretune_core::runs::held_out_rows;
use foretune_core::schema::{self, Mapping};
use foretune_core::source::ByteSource;
use foretune_engine::Row;
use foretune_engine::general_text::PASSAGES;
use foretune_engine::template::Template;

use crate::files::FileSource;
use crate::weights::ModelFolder;

#[derive(Debug, Clone, Copy)]
pub struct Sampling {
    /// At most this many rows are kept.
    pub rows: usize,
    pub seed: u64,
    /// Longer rows are cut at their end.
    pub sequence_length: usize,
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
    /// Sum of all records' hashes: the same for the same rows in any order.
    pub fingerprint: u64,
}

pub fn read_rows(
    path: &Path,
    model: &ModelFolder,
    mapping: Option<&Mapping>,
    sampling: Sampling,
) -> Result<Dataset> {
    let opened = formats::open(FileSource::open(path)?)
        .with_context(|| format!("{} cannot be read as a dataset", path.display()))?;
    let mut encode = |text: &str| model.encode(text);
    let dataset = rows_of(opened, model.template, &mut encode, mapping, sampling)
        .with_context(|| format!("{} cannot be read to its end", path.display()))?;
    if dataset.rows.is_empty() {
        bail!(
            "{} has no usable row ({} skipped); `foretune check` says what is wrong with them",
            path.display(),
            dataset.skipped
        );
    }
    Ok(dataset)
}

/// The rows of an opened dataset, wherever its bytes come from.
pub fn rows_of<S: ByteSource>(
    opened: Opened<S>,
    template: Template,
    encode: &mut dyn FnMut(&str) -> Result<Vec<u32>>,
    mapping: Option<&Mapping>,
    sampling: Sampling,
) -> Result<Dataset> {
    let (mut framer, parser) = (opened.framer, opened.parser);
    let mut dataset = Dataset { rows: Vec::new(), usable: 0, skipped: 0, truncated: 0, fingerprint: 0 };
    let mut kept: BTreeMap<(u64, u64), Row> = BTreeMap::new();
    let mut number = 0;
    while let Some(batch) = framer.next_batch()? {
        for index in 0..batch.len() {
            let hash = hash_bytes(batch.raw(index), 0);
            dataset.fingerprint = dataset.fingerprint.wrapping_add(hash);
            number += 1;
            let record = parser.parse(&batch, index);
            let mut problems = Vec::new();
            let example =
                record.value.as_ref().and_then(|value| schema::convert(value, mapping, &mut problems));
            let Some(example) =
                example.map(|converted| converted.example).filter(|example| has_answer(example))
            else {
                dataset.skipped += 1;
                continue;
            };
            let key = (combine(sampling.seed, hash), number);
            let is_full = kept.len() >= sampling.rows;
            if is_full && kept.last_key_value().is_some_and(|(last, _)| *last < key) {
                dataset.usable += 1;
                continue;
            }
            let mut row = tokenize(template, encode, &example)?;
            if row.tokens.len() > sampling.sequence_length {
                dataset.truncated += 1;
                row.tokens.truncate(sampling.sequence_length);
                row.trained.truncate(sampling.sequence_length);
            }
            if row.target_count() == 0 {
                dataset.skipped += 1;
                continue;
            }
            dataset.usable += 1;
            kept.insert(key, row);
            if kept.len() > sampling.rows {
                kept.pop_last();
            }
        }
    }
    dataset.rows = kept.into_values().collect();
    Ok(dataset)
}

fn has_answer(example: &schema::Example<'_>) -> bool {
    example.answer_turns().any(|turn| !turn.text.trim().is_empty())
}

/// One example as the model sees it.
pub fn tokenize(
    template: Template,
    encode: &mut dyn FnMut(&str) -> Result<Vec<u32>>,
    example: &schema::Example<'_>,
) -> Result<Row> {
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
pub fn general_rows(model: &ModelFolder, sequence_length: usize) -> Result<Vec<Row>> {
    let mut rows = Vec::with_capacity(PASSAGES.len());
    for passage in PASSAGES {
        let mut ids = model.encode(passage)?;
        ids.truncate(sequence_length);
        rows.push(Row::text(&ids));
    }
    Ok(rows)
}
