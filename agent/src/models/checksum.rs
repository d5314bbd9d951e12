//! The hashes a hub names its files by: sha256 of large files, git's sha1 of small ones.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;
use foretune_core::source::ByteSource;
use sha1::{Digest, Sha1};
use sha2::Sha256;

use crate::files::FileSource;

const PIECE_BYTES: usize = 1 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checksum {
    Sha256(String),
    /// Of `blob LENGTH\0` and the content.
    GitSha1(String),
}

impl Checksum {
    /// By its length; other kinds of etag say nothing of the content.
    pub fn of_etag(etag: &str) -> Option<Self> {
        if !etag.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)) {
            return None;
        }
        match etag.len() {
            64 => Some(Self::Sha256(etag.to_owned())),
            40 => Some(Self::GitSha1(etag.to_owned())),
            _ => None,
        }
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "sha256",
            Self::GitSha1(_) => "git-sha1",
        }
    }

    pub fn fits(&self, path: &Path) -> Result<bool> {
        match self {
            Self::Sha256(wanted) => Ok(hex(&digest(path, Sha256::new())?) == *wanted),
            Self::GitSha1(wanted) => {
                let mut hasher = Sha1::new();
                hasher.update(format!("blob {}\0", crate::files::length(path)?));
                Ok(hex(&digest(path, hasher)?) == *wanted)
            }
        }
    }
}

fn digest<D: Digest>(path: &Path, mut hasher: D) -> Result<Vec<u8>> {
    let mut source = FileSource::open(path)?;
    let mut piece = vec![0; PIECE_BYTES];
    let mut offset = 0;
    loop {
        match source.read_at(offset, &mut piece)? {
            0 => return Ok(hasher.finalize().to_vec()),
            count => {
                hasher.update(&piece[..count]);
                offset += count as u64;
            }
        }
    }
}

/// Of a piece in memory.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String never fails.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_are_those_of_the_tools() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        crate::files::write_atomically(&path, b"hello\n").unwrap();
        // `sha256sum` and `git hash-object` of the same file.
        for etag in [
            "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
            "ce013625030ba8dba906f756967f9e9ca394464a",
        ] {
            assert!(Checksum::of_etag(etag).unwrap().fits(&path).unwrap());
            let other = etag.replace('0', "1");
            assert!(!Checksum::of_etag(&other).unwrap().fits(&path).unwrap());
        }
        assert_eq!(Checksum::of_etag("abc-7"), None);
    }
}
