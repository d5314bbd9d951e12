//! One file in parallel chunks. Beside the growing file stands a list of the chunks that are on the disk with
//! a hash of each, so that a killed download goes on from what is really there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use anyhow::{Result, bail};

use super::checksum::{Checksum, sha256};
use super::hub::{FileFacts, Hub};
use crate::files::{self, PartsFile};

pub const CHUNK_BYTES: u64 = 8 << 20;

/// A file under way. The names differ from Python's, whose partial files have no holes.
#[derive(Debug)]
pub struct Partial {
    data: PathBuf,
    list: PathBuf,
    bytes: u64,
}

impl Partial {
    pub fn of(blob: &Path, bytes: u64) -> Self {
        let beside = |ending: &str| {
            let mut name = blob.as_os_str().to_owned();
            name.push(ending);
            PathBuf::from(name)
        };
        Self { data: beside(".foretune-partial"), list: beside(".foretune-chunks"), bytes }
    }

    fn first_line(&self) -> String {
        format!("foretune chunks 1: {} bytes in chunks of {CHUNK_BYTES}\n", self.bytes)
    }

    fn chunks(&self) -> usize {
        self.bytes.div_ceil(CHUNK_BYTES) as usize
    }

    fn range(&self, chunk: usize) -> (u64, u64) {
        let start = chunk as u64 * CHUNK_BYTES;
        (start, (start + CHUNK_BYTES).min(self.bytes))
    }

    /// Chunks by the list; a torn last line does not count.
    fn listed(&self) -> BTreeMap<usize, String> {
        let text =
            if files::exists(&self.list) { files::read(&self.list).unwrap_or_default() } else { Vec::new() };
        let text = String::from_utf8_lossy(&text);
        let Some(lines) = text.strip_prefix(&self.first_line()) else { return BTreeMap::new() };
        let whole = lines.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let chunk = |line: &str| {
            let (number, hash) = line.split_once(' ')?;
            Some((number.parse().ok()?, hash.to_owned()))
        };
        whole.lines().filter_map(chunk).filter(|(number, _)| *number < self.chunks()).collect()
    }

    /// Bytes that an earlier try left, by its list alone.
    pub fn listed_bytes(&self) -> u64 {
        self.listed().keys().map(|chunk| self.range(*chunk)).map(|(from, to)| to - from).sum()
    }

    /// Chunks whose bytes on the disk are those that came.
    fn sound(&self, file: &PartsFile) -> Result<BTreeMap<usize, String>> {
        let mut sound = BTreeMap::new();
        let mut buffer = vec![0; CHUNK_BYTES.min(self.bytes) as usize];
        for (chunk, hash) in self.listed() {
            let (from, to) = self.range(chunk);
            let piece = &mut buffer[..(to - from) as usize];
            if file.read_at(from, piece)? == piece.len() && sha256(piece) == hash {
                sound.insert(chunk, hash);
            }
        }
        Ok(sound)
    }

    fn forget(&self) -> Result<()> {
        for path in [&self.list, &self.data] {
            if files::exists(path) {
                files::remove(path)?;
            }
        }
        Ok(())
    }
}

/// Fetches a file to its place among the blobs; `heard` gets the bytes as they come.
pub fn download(
    hub: &Hub<'_>,
    facts: &FileFacts,
    blob: &Path,
    threads: usize,
    heard: &(dyn Fn(u64) + Sync),
) -> Result<()> {
    let partial = Partial::of(blob, facts.bytes);
    let checksum = Checksum::of_etag(&facts.etag);
    for last_try in [false, true] {
        fetch_all(hub, facts, &partial, threads, heard)?;
        if checksum.as_ref().map_or(Ok(true), |checksum| checksum.fits(&partial.data))? {
            files::rename(&partial.data, blob)?;
            return partial.forget();
        }
        // Which chunk was wrong cannot be told: the hub hashes whole files.
        partial.forget()?;
        if last_try {
            bail!(
                "{} came with other bytes than {} promises, twice; it was thrown away. A proxy or mirror in between may change files",
                facts.name,
                hub.endpoint()
            );
        }
    }
    Ok(())
}

fn fetch_all(
    hub: &Hub<'_>,
    facts: &FileFacts,
    partial: &Partial,
    threads: usize,
    heard: &(dyn Fn(u64) + Sync),
) -> Result<()> {
    let file = PartsFile::open(&partial.data, facts.bytes)?;
    let sound = partial.sound(&file)?;
    let mut text = partial.first_line();
    for (chunk, hash) in &sound {
        text.push_str(&format!("{chunk} {hash}\n"));
        let (from, to) = partial.range(*chunk);
        heard(to - from);
    }
    files::write_atomically(&partial.list, text.as_bytes())?;
    let list = Mutex::new(text.len() as u64);
    let missing: Vec<usize> = (0..partial.chunks()).filter(|chunk| !sound.contains_key(chunk)).collect();
    let (next, whole_only) = (AtomicUsize::new(0), AtomicBool::new(false));
    let failure: Mutex<Option<anyhow::Error>> = Mutex::new(None);
    let failed = AtomicBool::new(false);
    let work = || -> Result<()> {
        let mut buffer = Vec::new();
        while !failed.load(Ordering::Relaxed) && !whole_only.load(Ordering::Relaxed) {
            let Some(chunk) = missing.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            let (from, to) = partial.range(*chunk);
            buffer.clear();
            if !hub.read_range(facts, from, to, &mut buffer)? {
                whole_only.store(true, Ordering::Relaxed);
                break;
            }
            keep(&file, partial, &list, *chunk, &buffer)?;
            heard(to - from);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.min(missing.len()) {
            scope.spawn(|| {
                if let Err(error) = work() {
                    failed.store(true, Ordering::Relaxed);
                    let mut first = failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    first.get_or_insert(error);
                }
            });
        }
    });
    if let Some(error) = failure.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        return Err(error);
    }
    if whole_only.load(Ordering::Relaxed) {
        hub.stream(facts, &mut |offset, piece| Ok(file.write_at(offset, piece)?))?;
        heard(facts.bytes);
    }
    Ok(())
}

/// First the bytes, then the line that says so.
fn keep(file: &PartsFile, partial: &Partial, list: &Mutex<u64>, chunk: usize, bytes: &[u8]) -> Result<()> {
    file.write_at(partial.range(chunk).0, bytes)?;
    let line = format!("{chunk} {}\n", sha256(bytes));
    let mut length = list.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    files::append_at(&partial.list, *length, line.as_bytes())?;
    *length += line.len() as u64;
    Ok(())
}
