//! A folder that holds a finished run: the same run is not made twice, and another one does not go over it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{files, terminal};

pub fn record_in(folder: &Path) -> PathBuf {
    folder.join("run.json")
}

/// The record of the run that is asked for, where it ended in this folder already; `asked` is all that is known of it
/// before it begins. A job of the daemon is made again: whoever follows it waits for every step.
pub fn finished(folder: &Path, asked: &Value) -> Result<Option<Value>> {
    let path = record_in(folder);
    if terminal::is_job() || !files::exists(&path) {
        return Ok(None);
    }
    let way_out = "choose another --out, or move that folder away";
    let record: Value = serde_json::from_str(&files::read_text(&path)?)
        .with_context(|| format!("{} is no record of a run; {way_out}", path.display()))?;
    let differing =
        asked.as_object().into_iter().flatten().find(|(key, value)| record.get(*key) != Some(*value));
    if let Some((key, _)) = differing {
        bail!("{} holds a finished run that differs in `{key}`; {way_out}", folder.display());
    }
    terminal::note(&format!("this run has ended in {} already; nothing is trained again", folder.display()));
    Ok(Some(record))
}
