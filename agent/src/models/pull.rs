//! All of a model that training needs, from the hub to the cache: which files, whether they fit on the disk,
//! one writer at a time, links and refs last.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde::Serialize;

use super::cache::{Cache, ModelName};
use super::checksum::Checksum;
use super::download::{Partial, download};
use super::hub::{FileFacts, Hub};
use crate::files::{self, FileLock};
use crate::terminal;

/// Left free on the disk beside the model.
const SPARE_BYTES: u64 = 256 << 20;
const SMALL_FILES: [&str; 9] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
];

#[derive(Debug, Serialize)]
pub struct Pulled {
    pub name: String,
    pub commit: String,
    pub folder: PathBuf,
    pub files: Vec<PulledFile>,
    pub bytes: u64,
    /// Of these came over the network now.
    pub fetched_bytes: u64,
}

#[derive(Debug, Serialize)]
pub struct PulledFile {
    pub name: String,
    pub bytes: u64,
    /// The hash that was compared; none where the hub gave none.
    pub verified: Option<&'static str>,
}

/// What the caller shows while it runs.
pub trait Watcher: Sync {
    /// All bytes of the model, and those already here.
    fn begin(&self, bytes: u64, here: u64);
    fn more(&self, bytes: u64);
}

pub fn pull(
    cache: &Cache,
    hub: &Hub<'_>,
    name: &ModelName,
    threads: usize,
    watcher: &dyn Watcher,
) -> Result<Pulled> {
    let revision = hub.revision(&name.name, &name.revision)?;
    let commit = revision.commit;
    let wanted: Vec<&String> = revision.files.iter().filter(|file| is_wanted(file)).collect();
    if !wanted.iter().any(|file| file.ends_with(".safetensors")) {
        bail!("{} has no safetensors weights; other formats are not read", name.name);
    }
    for needed in ["config.json", "tokenizer.json"] {
        if !wanted.iter().any(|file| *file == needed) {
            bail!("{} has no {needed}, without which it cannot be trained here", name.name);
        }
    }
    let facts = wanted.iter().map(|file| hub.facts(&name.name, &commit, file));
    let facts = facts.collect::<std::result::Result<Vec<FileFacts>, _>>()?;

    let model = cache.model(name);
    let blobs = model.join("blobs");
    let snapshot = model.join("snapshots").join(&commit);
    for folder in [&blobs, &snapshot, &model.join("refs"), &cache.locks(name)] {
        files::create_folder(folder)?;
    }
    let _writer = only_writer(&cache.locks(name).join("foretune.lock"))?;
    let blob = |facts: &FileFacts| blobs.join(&facts.etag);
    let missing: Vec<&FileFacts> =
        facts.iter().filter(|facts| files::length(&blob(facts)).ok() != Some(facts.bytes)).collect();
    let bytes: u64 = facts.iter().map(|facts| facts.bytes).sum();
    let to_fetch: u64 = missing.iter().map(|facts| facts.bytes).sum();
    let under_way: u64 =
        missing.iter().map(|facts| Partial::of(&blob(facts), facts.bytes).listed_bytes()).sum();
    check_space(&blobs, to_fetch - under_way, SPARE_BYTES)?;
    watcher.begin(bytes, bytes - to_fetch);
    let mut fetched_bytes = 0;
    for facts in &missing {
        // Python's client takes the same lock for the same file.
        let _same_file = only_writer(&cache.locks(name).join(format!("{}.lock", facts.etag)))?;
        download(hub, facts, &blob(facts), threads, &|count| watcher.more(count))?;
        fetched_bytes += facts.bytes;
    }
    // The config last: a folder that has one is whole.
    let mut ordered: Vec<&FileFacts> = facts.iter().collect();
    ordered.sort_by_key(|facts| facts.name == "config.json");
    for facts in ordered {
        files::link(&Path::new("../../blobs").join(&facts.etag), &snapshot.join(&facts.name))?;
    }
    if name.revision != commit {
        let path = model.join("refs").join(&name.revision);
        if let Some(folder) = path.parent() {
            files::create_folder(folder)?;
        }
        files::write_atomically(&path, commit.as_bytes())?;
    }
    let listed = facts.iter().map(|facts| PulledFile {
        name: facts.name.clone(),
        bytes: facts.bytes,
        verified: Checksum::of_etag(&facts.etag).map(|checksum| checksum.kind()),
    });
    let files = listed.collect();
    Ok(Pulled { name: name.name.clone(), commit, folder: snapshot, files, bytes, fetched_bytes })
}

/// What training reads, and what says under which terms.
fn is_wanted(file: &str) -> bool {
    let is_shard = file.ends_with(".safetensors")
        && (file == "model.safetensors" || (file.starts_with("model-") && !file.contains('/')));
    let is_terms = !file.contains('/') && file.to_ascii_uppercase().starts_with("LICENSE");
    is_shard || is_terms || file == "model.safetensors.index.json" || SMALL_FILES.contains(&file)
}

fn only_writer(path: &Path) -> Result<FileLock> {
    let owner = format!("foretune, process {}", std::process::id());
    if let Some(lock) = FileLock::try_take(path, &owner)? {
        return Ok(lock);
    }
    terminal::note(&format!("another process is fetching the same ({}); waiting for it", path.display()));
    Ok(FileLock::take(path, &owner)?)
}

fn check_space(folder: &Path, needed: u64, spare: u64) -> Result<()> {
    let Some(free) = files::free_bytes(folder) else { return Ok(()) };
    if needed > 0 && free < needed.saturating_add(spare) {
        bail!(
            "{} needs {} MB more and {} MB are free (of which {} MB stay free); free some space or set HF_HOME to a larger disk",
            folder.display(),
            needed.div_ceil(1_000_000),
            free / 1_000_000,
            spare / 1_000_000
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_training_reads_is_fetched() {
        for file in ["config.json", "model.safetensors", "model-00001-of-00004.safetensors", "LICENSE.txt"] {
            assert!(is_wanted(file), "{file}");
        }
        for file in [
            "pytorch_model.bin",
            "original/model.safetensors",
            "consolidated.safetensors",
            "../x.json",
            "README.md",
        ] {
            assert!(!is_wanted(file), "{file}");
        }
    }

    #[test]
    fn a_model_larger_than_the_disk_is_refused_before_it_is_fetched() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check_space(folder.path(), 0, SPARE_BYTES).is_ok());
        if files::free_bytes(folder.path()).is_some() {
            let error = check_space(folder.path(), u64::MAX / 2, SPARE_BYTES).unwrap_err().to_string();
            assert!(error.contains("HF_HOME"), "{error}");
        }
    }
}
