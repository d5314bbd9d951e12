//! Rows of tokens from dataset files.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use foretune_core::check::{self, Aside, Fate, Parts, Wish};
use foretune_core::features::FeatureVector;
use foretune_core::formats::{self, Opened};
use foretune_core::schema::Mapping;
use foretune_engine::Row;
use foretune_engine::rows::{Dataset, Sampling, choose_aside, rows_of};

use crate::files::{self, AtomicFile, FileSource};
use crate::weights::ModelFolder;

fn open(path: &Path) -> Result<Opened<FileSource>> {
    formats::open(FileSource::open(path)?)
        .with_context(|| format!("{} cannot be read as a dataset", path.display()))
}

pub fn read_rows(
    path: &Path,
    model: &ModelFolder,
    mapping: Option<&Mapping>,
    sampling: Sampling<'_>,
) -> Result<Dataset> {
    let opened = open(path)?;
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

/// Clean rows of the file, to be read as evaluation rows and not to be trained on.
pub fn set_aside(
    path: &Path,
    model: &ModelFolder,
    mapping: Option<&Mapping>,
    sequence_length: usize,
    wish: Wish,
) -> Result<Aside> {
    let mut encode = |text: &str| model.encode(text);
    choose_aside(&mut || open(path), model.template, &mut encode, mapping, sequence_length, wish)
        .with_context(|| {
            format!("no rows of {} can be set aside; give clean rows with --eval", path.display())
        })
}

/// The rows aside, as rows to be judged by.
pub fn read_aside(
    path: &Path,
    model: &ModelFolder,
    mapping: Option<&Mapping>,
    aside: &Aside,
    sampling: Sampling<'_>,
) -> Result<Dataset> {
    read_rows(path, model, mapping, Sampling { part: Some((aside, Fate::Aside)), ..sampling })
}

/// What the rows aside tell of those that stay, as `check` would of both parts.
pub fn evaluation_features(path: &Path, mapping: Option<&Mapping>, aside: &Aside) -> Result<FeatureVector> {
    check::evaluation_features(open(path)?, mapping, aside)
        .with_context(|| format!("{} cannot be read to its end", path.display()))
}

/// Both parts of a divided file, in `folder`: what the full run trains on, and what it is judged by.
pub fn write_parts(
    path: &Path,
    mapping: Option<&Mapping>,
    aside: &Aside,
    folder: &Path,
) -> Result<[PathBuf; 2]> {
    let told = || format!("{} cannot be read to its end", path.display());
    let Opened { mut framer, parser, .. } = open(path)?;
    files::create_folder(folder)?;
    let targets = ["training.jsonl", "evaluation.jsonl"].map(|name| folder.join(name));
    let mut training = AtomicFile::create(&targets[0])?;
    let mut evaluation = AtomicFile::create(&targets[1])?;
    let mut parts = Parts::new(aside, parser, mapping);
    while let Some(batch) = framer.next_batch().with_context(told)? {
        parts.push(&batch);
        let written = training
            .write_all(parts.training.as_bytes())
            .and_then(|()| evaluation.write_all(parts.evaluation.as_bytes()));
        written.with_context(|| format!("cannot write to {}", folder.display()))?;
        parts.training.clear();
        parts.evaluation.clear();
    }
    training.finish()?;
    evaluation.finish()?;
    Ok(targets)
}

/// The fixed passages on which forgetting is measured.
pub fn general_rows(model: &ModelFolder, sequence_length: usize) -> Result<Vec<Row>> {
    foretune_engine::rows::general_rows(&mut |text| model.encode(text), sequence_length)
}
