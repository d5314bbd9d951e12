//! The folder layout of the Hugging Face cache, shared with Python: blobs named by their hash, snapshots of
//! links to them, refs from branch names to commits.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use serde::Serialize;
use serde_json::Value;

use crate::files;
use crate::weights::read_model_text;

/// `owner/name` as the hub knows it, with the revision wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelName {
    pub name: String,
    pub revision: String,
}

impl ModelName {
    /// `owner/name`, or `owner/name@revision`.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, revision) = text.split_once('@').unwrap_or((text, "main"));
        let parts: Vec<&str> = name.split('/').collect();
        let is_plain = |part: &&str| {
            !part.is_empty()
                && !part.starts_with('.')
                && !part.contains("--")
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        let named = parts.len() <= 2 && parts.iter().all(is_plain);
        let revised = revision.split('/').all(|part| is_plain(&part));
        (named && revised).then(|| Self { name: name.to_owned(), revision: revision.to_owned() })
    }

    fn folder_name(&self) -> String {
        format!("models--{}", self.name.replace('/', "--"))
    }
}

#[derive(Debug, Clone)]
pub struct Cache {
    hub: PathBuf,
    home: PathBuf,
}

/// One snapshot as it lies in the cache.
#[derive(Debug, Clone, Serialize)]
pub struct Held {
    pub name: String,
    pub commit: String,
    /// Names of branches and tags that stand for the commit.
    pub refs: Vec<String>,
    pub folder: PathBuf,
    pub bytes: u64,
    /// Config, tokenizer and all weights are there.
    pub complete: bool,
    #[serde(skip)]
    pub files: Vec<PathBuf>,
}

impl Cache {
    /// `HF_HUB_CACHE`, or `hub` in `HF_HOME`, or in `~/.cache/huggingface`.
    pub fn of_environment() -> Result<Self> {
        let variable =
            |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = match variable("HF_HOME") {
            Some(home) => home,
            None => match variable("XDG_CACHE_HOME") {
                Some(caches) => caches.join("huggingface"),
                None => variable("HOME")
                    .or_else(|| variable("USERPROFILE"))
                    .ok_or_else(|| anyhow!("neither HF_HOME nor HOME is set"))?
                    .join(".cache/huggingface"),
            },
        };
        Ok(Self { hub: variable("HF_HUB_CACHE").unwrap_or_else(|| home.join("hub")), home })
    }

    /// `HF_TOKEN`, or the file that `hf auth login` wrote.
    pub fn token(&self) -> Option<String> {
        let clean = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        if let Some(token) = std::env::var("HF_TOKEN").ok().and_then(clean) {
            return Some(token);
        }
        let path = std::env::var_os("HF_TOKEN_PATH").map_or_else(|| self.home.join("token"), PathBuf::from);
        if files::exists(&path) { files::read_text(&path).ok().and_then(clean) } else { None }
    }

    /// Whether `HF_HUB_OFFLINE` forbids the network.
    pub fn is_offline() -> bool {
        let value = std::env::var("HF_HUB_OFFLINE").unwrap_or_default().to_ascii_uppercase();
        ["1", "ON", "YES", "TRUE"].contains(&value.as_str())
    }

    pub fn model(&self, name: &ModelName) -> PathBuf {
        self.hub.join(name.folder_name())
    }

    /// Where Python's client keeps its locks.
    pub fn locks(&self, name: &ModelName) -> PathBuf {
        self.hub.join(".locks").join(name.folder_name())
    }

    pub fn commit(&self, name: &ModelName) -> Option<String> {
        if is_commit(&name.revision) {
            return Some(name.revision.clone());
        }
        let path = self.model(name).join("refs").join(&name.revision);
        let commit = files::exists(&path).then(|| read_model_text(&path).ok()).flatten()?;
        Some(commit.trim().to_owned()).filter(|commit| is_commit(commit))
    }

    /// The folder of a wanted revision, if all that a model needs is in it.
    pub fn snapshot(&self, name: &ModelName) -> Option<PathBuf> {
        let folder = self.model(name).join("snapshots").join(self.commit(name)?);
        is_complete(&folder).then_some(folder)
    }

    /// Every snapshot of every model, whole or not.
    pub fn list(&self) -> Result<Vec<Held>> {
        let mut held = Vec::new();
        if !files::is_folder(&self.hub) {
            return Ok(held);
        }
        for model in files::list(&self.hub)? {
            let file_name = model.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some(name) = file_name.strip_prefix("models--").map(|name| name.replace("--", "/")) else {
                continue;
            };
            let snapshots = model.join("snapshots");
            if !files::is_folder(&snapshots) {
                continue;
            }
            let refs = refs(&model.join("refs"))?;
            for folder in files::list(&snapshots)? {
                let commit = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let members: Vec<PathBuf> = files_below(&folder)?;
                held.push(Held {
                    name: name.clone(),
                    refs: refs.iter().filter(|(_, of)| *of == commit).map(|(name, _)| name.clone()).collect(),
                    bytes: members.iter().filter_map(|path| files::length(path).ok()).sum(),
                    complete: is_complete(&folder),
                    commit,
                    folder,
                    files: members,
                });
            }
        }
        Ok(held)
    }
}

pub fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn refs(folder: &Path) -> Result<Vec<(String, String)>> {
    if !files::is_folder(folder) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for path in files_below(folder)? {
        let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
        found.push((name, read_model_text(&path)?.trim().to_owned()));
    }
    Ok(found)
}

fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in files::list(folder)? {
        if files::is_folder(&path) {
            found.extend(files_below(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// Config, tokenizer, and every shard that the index names.
fn is_complete(folder: &Path) -> bool {
    let there = |name: &str| files::exists(&folder.join(name));
    let weights = match read_model_text(&folder.join("model.safetensors.index.json")) {
        Ok(index) => shards(&index).is_ok_and(|shards| shards.iter().all(|name| there(name))),
        Err(_) => there("model.safetensors"),
    };
    weights && there("config.json") && there("tokenizer.json")
}

/// Files that an index names, each once.
pub fn shards(index: &str) -> Result<Vec<String>> {
    let json: Value = serde_json::from_str(index)?;
    let map = json.get("weight_map").and_then(Value::as_object).ok_or_else(|| anyhow!("no weight_map"))?;
    let mut names: Vec<String> = map.values().filter_map(Value::as_str).map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    if let Some(name) = names.iter().find(|name| name.contains(['/', '\\'])) {
        bail!("a shard outside its folder: {name:?}");
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_leave_the_cache_are_none() {
        for name in ["Qwen/Qwen2.5-7B-Instruct", "gpt2", "a/b@refs/pr/1", "a/b@v1.0"] {
            assert!(ModelName::parse(name).is_some(), "{name}");
        }
        for name in ["", "a/b/c", "../x", "a/..", "a--b/c", "a/b@../../x", "a b", "a\\b", "/etc/passwd"] {
            assert!(ModelName::parse(name).is_none(), "{name}");
        }
    }
}
