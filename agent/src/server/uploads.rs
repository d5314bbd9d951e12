//! Rows that clients hand over, kept under a name made of their content. Bounded: each, those under way, and all.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use foretune_core::hash::hash_bytes;
use foretune_core::limits;
use foretune_core::wire::{Data, JobSpec, Refusal, Rule};

use super::log;
use crate::files;

const FOLDER: &str = "uploads";
const PREFIX: &str = "u-";

#[derive(Debug, Clone)]
pub struct Uploads {
    folder: PathBuf,
    /// Bytes under way in all connections.
    under_way: Arc<AtomicU64>,
}

/// What one connection has begun to hand over; dropped with it.
#[derive(Debug)]
pub struct Pending {
    uploads: Uploads,
    parts: Vec<(String, Vec<u8>)>,
}

impl Uploads {
    pub fn open(state: &Path) -> Result<Self> {
        let folder = state.join(FOLDER);
        files::create_private_folder(&folder)?;
        Ok(Self { folder, under_way: Arc::default() })
    }

    /// Of a name that `finish` gave; others name nothing.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        let digits = name.strip_prefix(PREFIX)?;
        let is_name =
            digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
        let path = self.folder.join(format!("{name}.jsonl"));
        (is_name && files::exists(&path)).then_some(path)
    }

    fn finish(&self, bytes: &[u8]) -> Result<String, Refusal> {
        let name = format!("{PREFIX}{:016x}{:016x}", hash_bytes(bytes, 1), hash_bytes(bytes, 2));
        if self.path(&name).is_none() {
            let kept = self.kept().map_err(|error| failed(&error))?;
            if kept + bytes.len() as u64 > limits::MAX_KEPT_UPLOAD_BYTES {
                let message = format!("{kept} bytes are kept; at most {}", limits::MAX_KEPT_UPLOAD_BYTES);
                return Err(Refusal::new(Rule::StorageFull, message));
            }
            let path = self.folder.join(format!("{name}.jsonl"));
            files::write_private(&path, bytes)
                .map_err(|error| Refusal::new(Rule::StorageFull, error.to_string()))?;
        }
        Ok(name)
    }

    fn kept(&self) -> Result<u64> {
        files::list(&self.folder)?.iter().try_fold(0, |sum, path| Ok(sum + files::length(path)?))
    }

    /// Removes what only a job that is forgotten read.
    pub fn forget(&self, gone: &JobSpec, kept: &[JobSpec]) -> Result<()> {
        let still_read = |data: &Data| kept.iter().any(|spec| spec.data().contains(&data));
        for data in gone.data().into_iter().filter(|data| !still_read(data)) {
            if let Data::Upload(name) = data
                && let Some(path) = self.path(name)
            {
                files::remove(&path)?;
            }
        }
        Ok(())
    }

    /// Removes what no kept job reads.
    pub fn sweep(&self, specs: &[JobSpec]) -> Result<()> {
        let is_used = |path: &Path| {
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let names = specs.iter().flat_map(JobSpec::data);
            names.into_iter().any(|data| matches!(data, Data::Upload(known) if *known == name))
        };
        for path in files::list(&self.folder)?.iter().filter(|path| !is_used(path)) {
            files::remove(path)?;
        }
        Ok(())
    }
}

fn failed(error: &anyhow::Error) -> Refusal {
    log::error(&format!("uploads: {error:#}"));
    Refusal::new(Rule::Internal, "handed-over data cannot be kept")
}

impl Pending {
    pub fn new(uploads: Uploads) -> Self {
        Self { uploads, parts: Vec::new() }
    }

    /// Bytes received so far and, after the last part, the data's name.
    pub fn add(
        &mut self,
        name: &str,
        offset: u64,
        text: &str,
        last: bool,
    ) -> Result<(u64, Option<String>), Refusal> {
        let index = match self.parts.iter().position(|(known, _)| known == name) {
            // A client that begins anew may: it lost the answer, or the file changed.
            Some(index) if offset == 0 => {
                self.forget(index);
                self.begin(name)?
            }
            Some(index) => index,
            None => self.begin(name)?,
        };
        let received = self.parts[index].1.len() as u64;
        if offset != received {
            let message = format!("the part begins at byte {offset}; {received} bytes were received");
            return Err(Refusal::new(Rule::UploadGap, message));
        }
        let total = received + text.len() as u64;
        let under_way =
            self.uploads.under_way.fetch_add(text.len() as u64, Ordering::SeqCst) + text.len() as u64;
        if total > limits::MAX_UPLOAD_BYTES || under_way > 2 * limits::MAX_UPLOAD_BYTES {
            self.uploads.under_way.fetch_sub(text.len() as u64, Ordering::SeqCst);
            self.forget(index);
            let message = format!("{total} bytes; at most {} in one upload", limits::MAX_UPLOAD_BYTES);
            return Err(Refusal::new(Rule::UploadTooLarge, message));
        }
        self.parts[index].1.extend_from_slice(text.as_bytes());
        if !last {
            return Ok((total, None));
        }
        let finished = self.uploads.finish(&self.parts[index].1);
        self.forget(index);
        Ok((total, Some(finished?)))
    }

    fn begin(&mut self, name: &str) -> Result<usize, Refusal> {
        if self.parts.len() >= limits::MAX_OPEN_UPLOADS {
            let message = format!("{} uploads are begun and not finished", self.parts.len());
            return Err(Refusal::new(Rule::UploadTooLarge, message).with_fix("finish one first"));
        }
        self.parts.push((name.to_owned(), Vec::new()));
        Ok(self.parts.len() - 1)
    }

    fn forget(&mut self, index: usize) {
        let (_, bytes) = self.parts.swap_remove(index);
        self.uploads.under_way.fetch_sub(bytes.len() as u64, Ordering::SeqCst);
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        while !self.parts.is_empty() {
            self.forget(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_become_one_file_under_the_name_of_its_content() {
        let state = tempfile::tempdir().unwrap();
        let uploads = Uploads::open(state.path()).unwrap();
        let mut pending = Pending::new(uploads.clone());
        assert_eq!(pending.add("a", 0, "{}\n", false).unwrap(), (3, None));
        assert_eq!(pending.add("a", 4, "{}\n", false).unwrap_err().rule, Rule::UploadGap);
        let (total, name) = pending.add("a", 3, "{}\n", true).unwrap();
        assert_eq!(total, 6);
        let path = uploads.path(&name.unwrap()).unwrap();
        assert_eq!(files::read(&path).unwrap(), b"{}\n{}\n");
        for name in ["../secret", "u-../../secret", "u-", "", "u-4f1d6a0c93b2e857"] {
            assert_eq!(uploads.path(name), None, "{name}");
        }
        uploads.sweep(&[]).unwrap();
        assert!(!files::exists(&path));
    }

    #[test]
    fn what_is_under_way_is_bounded_and_given_back() {
        let state = tempfile::tempdir().unwrap();
        let uploads = Uploads::open(state.path()).unwrap();
        let mut pending = Pending::new(uploads.clone());
        for name in ["a", "b", "c", "d"] {
            pending.add(name, 0, "x", false).unwrap();
        }
        assert_eq!(pending.add("e", 0, "x", false).unwrap_err().rule, Rule::UploadTooLarge);
        assert_eq!(uploads.under_way.load(Ordering::SeqCst), 4);
        assert_eq!(pending.add("a", 0, "xyz", false).unwrap(), (3, None));
        assert_eq!(uploads.under_way.load(Ordering::SeqCst), 6);
        drop(pending);
        assert_eq!(uploads.under_way.load(Ordering::SeqCst), 0);
    }
}
