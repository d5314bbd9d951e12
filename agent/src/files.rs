//! The agent's only way to the file system. Every error names its path and what to do; nothing
//! half-written ever stands under its final name.
#![expect(clippy::disallowed_methods, reason = "this is the one module that may call the file system")]

mod atomic;
mod points;

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use foretune_core::limits;
use foretune_core::source::{ByteSource, SourceError};
use thiserror::Error;

use atomic::sync_folder_of;
pub use atomic::{AtomicFile, check_target, write_atomically};
use points::reached;

#[derive(Debug, Error)]
#[error("cannot {action} {path}: {source}{hint}", path = path.display())]
pub struct FileError {
    pub action: &'static str,
    pub path: PathBuf,
    pub source: io::Error,
    hint: &'static str,
}

impl FileError {
    fn new(action: &'static str, path: &Path, source: io::Error) -> Self {
        let hint = match source.kind() {
            io::ErrorKind::NotFound => "; check the spelling",
            io::ErrorKind::PermissionDenied => "; check who may read or write it",
            io::ErrorKind::StorageFull => "; free some space, then run the same command again",
            io::ErrorKind::ReadOnlyFilesystem => "; choose a folder that can be written",
            _ => "",
        };
        Self { action, path: path.to_owned(), source, hint }
    }

    /// The disk is full, or as much as this user may fill of it.
    pub fn is_no_room(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

pub type Result<T> = std::result::Result<T, FileError>;

pub fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| FileError::new("open", path, error))
}

pub fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| FileError::new("read", path, error))
}

pub fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|error| FileError::new("read", path, error))
}

/// The whole of what a user names, a pipe too, of this size at most: the end of a device never comes.
pub fn read_whole(path: &Path, most_bytes: u64) -> Result<Vec<u8>> {
    let fail = |error| FileError::new("read", path, error);
    let mut bytes = Vec::new();
    open(path)?.take(most_bytes + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > most_bytes {
        let what = format!("it has more than {most_bytes} bytes, which is the most that is read");
        return Err(fail(io::Error::new(io::ErrorKind::InvalidInput, what)));
    }
    Ok(bytes)
}

/// A log, a table, a trace, run records.
pub fn read_whole_text(path: &Path) -> Result<String> {
    let bytes = read_whole(path, limits::MAX_WHOLE_FILE_BYTES)?;
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is no UTF-8 text");
    String::from_utf8(bytes).map_err(|error| FileError::new("read", path, not_text(error)))
}

/// The whole of a file that strangers may have made: of this size at most, and no pipe or device, which would never
/// end.
pub fn read_bounded(path: &Path, most_bytes: u64) -> Result<Vec<u8>> {
    let invalid =
        |what: String| FileError::new("read", path, io::Error::new(io::ErrorKind::InvalidInput, what));
    // Looked at before it is opened: opening a pipe waits for its other end.
    let metadata = fs::metadata(path).map_err(|error| FileError::new("read", path, error))?;
    if !metadata.is_file() {
        return Err(invalid("it is no file".to_owned()));
    }
    if metadata.len() > most_bytes {
        return Err(invalid(format!("it has {} bytes; at most {most_bytes} are read", metadata.len())));
    }
    read(path)
}

pub fn create_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| FileError::new("create the folder", path, error))
}

/// A folder for what is needed for a moment: its owner's alone, and gone with this value.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn create() -> Result<Self> {
        let process = std::process::id();
        for attempt in 0u32.. {
            let path = std::env::temp_dir().join(format!("foretune-{process}-{attempt}"));
            match fs::create_dir(&path) {
                Ok(()) => {
                    let scratch = Self(path);
                    restrict(&scratch.0, 0o700)?;
                    return Ok(scratch);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(FileError::new("create the folder", &path, error)),
            }
        }
        unreachable!("a folder with more entries than a number has values does not exist")
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is found by whoever looks after the system's temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A folder that only its owner may look into.
pub fn create_private_folder(path: &Path) -> Result<()> {
    create_folder(path)?;
    restrict(path, 0o700)
}

/// As `write_atomically`, for its owner's eyes only, from the first byte on. A link or a device in its place goes: what
/// is behind it may be anybody's.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut output = AtomicFile::beside(path)?;
    if let Some(unfinished) = output.unfinished() {
        restrict(unfinished, 0o600)?;
    }
    output.write_all(bytes).map_err(|error| FileError::new("write", path, error))?;
    output.finish()
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|error| FileError::new("restrict", path, error))
}

#[cfg(not(unix))]
fn restrict(_: &Path, _: u32) -> Result<()> {
    Ok(())
}

/// Whether others than its owner may read it.
#[cfg(unix)]
pub fn is_open_to_others(path: &Path) -> Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = fs::metadata(path).map_err(|error| FileError::new("look at", path, error))?;
    Ok(metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
pub fn is_open_to_others(_: &Path) -> Result<bool> {
    Ok(false)
}

/// Nothing where it is not there.
pub fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(FileError::new("remove the folder", path, error))
        }
        _ => Ok(()),
    }
}

pub fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).map_err(|error| FileError::new("remove", path, error))
}

pub fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|error| FileError::new("write", to, error))?;
    sync_folder_of(to);
    Ok(())
}

/// Where a symbolic link points; nothing for what is no link.
pub fn link_target(path: &Path) -> Option<PathBuf> {
    fs::read_link(path).ok()
}

/// A symbolic link at `path`, in place of what stands there; a copy where the system allows no links.
pub fn link(target: &Path, path: &Path) -> Result<()> {
    if fs::symlink_metadata(path).is_ok() {
        remove(path)?;
    }
    let source = path.parent().unwrap_or(Path::new("")).join(target);
    symbolic_link(target, path)
        .or_else(|_| fs::copy(&source, path).map(drop))
        .map_err(|error| FileError::new("link", path, error))
}

#[cfg(unix)]
fn symbolic_link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(windows)]
fn symbolic_link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, path)
}

/// Bytes a user may still write to the disk of an existing folder, where the system tells.
#[cfg(unix)]
pub fn free_bytes(folder: &Path) -> Option<u64> {
    let facts = rustix::fs::statvfs(folder).ok()?;
    facts.f_bavail.checked_mul(facts.f_frsize)
}

#[cfg(not(unix))]
pub fn free_bytes(_folder: &Path) -> Option<u64> {
    None
}

/// A file whose parts are written in any order, from several threads.
#[derive(Debug)]
pub struct PartsFile {
    path: PathBuf,
    file: std::sync::Mutex<File>,
}

impl PartsFile {
    /// Opens or creates it at this length.
    pub fn open(path: &Path, length: u64) -> Result<Self> {
        let fail = |error| FileError::new("write", path, error);
        let file = File::options().create(true).truncate(false).read(true).write(true).open(path);
        let file = file.map_err(fail)?;
        file.set_len(length).map_err(fail)?;
        Ok(Self { path: path.to_owned(), file: std::sync::Mutex::new(file) })
    }

    /// On return the bytes are on the disk.
    pub fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let written = file
            .seek(SeekFrom::Start(offset))
            .and_then(|_| file.write_all(bytes))
            .and_then(|()| file.sync_data());
        written.map_err(|error| FileError::new("write", &self.path, error))
    }

    /// Up to `buffer.len()` bytes; fewer at the end.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<usize> {
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut done = 0;
        let fail = |error| FileError::new("read", &self.path, error);
        file.seek(SeekFrom::Start(offset)).map_err(fail)?;
        while done < buffer.len() {
            match file.read(&mut buffer[done..]).map_err(fail)? {
                0 => break,
                count => done += count,
            }
        }
        Ok(done)
    }
}

pub fn exists(path: &Path) -> bool {
    path.exists()
}

/// The same place from every working folder; symbolic links stay, since other machines may have others.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|error| FileError::new("find", path, error))
}

/// Bytes from `offset` to the end; nothing where the file does not exist or is shorter.
pub fn read_from(path: &Path, offset: u64) -> Result<Vec<u8>> {
    let fail = |error| FileError::new("read", path, error);
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(fail(error)),
    };
    file.seek(SeekFrom::Start(offset)).map_err(fail)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(fail)?;
    Ok(bytes)
}

/// Cuts the file to `length`, adds `bytes` there, and syncs: on return they are on the disk.
pub fn append_at(path: &Path, length: u64, bytes: &[u8]) -> Result<()> {
    let fail = |error| FileError::new("write", path, error);
    let is_new = !path.exists();
    let mut file = File::options().create(true).append(true).open(path).map_err(fail)?;
    file.set_len(length).map_err(fail)?;
    reached("cut", path);
    file.write_all(bytes).map_err(fail)?;
    reached("written", path);
    file.sync_all().map_err(fail)?;
    reached("synced", path);
    if is_new {
        sync_folder_of(path);
    }
    Ok(())
}

/// A lock that dies with its process, however that ends. The file holds the owner's name, for people.
#[derive(Debug)]
pub struct FileLock {
    path: PathBuf,
    file: File,
}

impl FileLock {
    /// `None` where another process holds it.
    pub fn try_take(path: &Path, owner: &str) -> Result<Option<Self>> {
        let lock = Self::open(path)?;
        match lock.file.try_lock() {
            Ok(()) => lock.signed(owner).map(Some),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(FileError::new("lock", path, error)),
        }
    }

    /// Waits for it.
    pub fn take(path: &Path, owner: &str) -> Result<Self> {
        let lock = Self::open(path)?;
        lock.file.lock().map_err(|error| FileError::new("lock", path, error))?;
        lock.signed(owner)
    }

    fn open(path: &Path) -> Result<Self> {
        let options = File::options().create(true).truncate(false).read(true).write(true).open(path);
        let file = options.map_err(|error| FileError::new("open", path, error))?;
        Ok(Self { path: path.to_owned(), file })
    }

    fn signed(mut self, owner: &str) -> Result<Self> {
        let sign = self.file.set_len(0).and_then(|()| self.file.write_all(owner.as_bytes()));
        sign.map_err(|error| FileError::new("write", &self.path, error))?;
        Ok(self)
    }
}

pub fn is_folder(path: &Path) -> bool {
    path.is_dir()
}

/// What is there and is neither file nor folder.
pub fn is_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// Whether two paths lead to one file, links followed; where one is not there yet, to one name in one folder.
pub fn is_same(one: &Path, other: &Path) -> bool {
    fn place(path: &Path) -> Option<PathBuf> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let in_folder = || Some(fs::canonicalize(folder).ok()?.join(path.file_name()?));
        fs::canonicalize(path).ok().or_else(in_folder)
    }
    place(one).is_some_and(|one| place(other) == Some(one))
}

/// What stands in a folder, in the order of names.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let fail = |error| FileError::new("list the folder", folder, error);
    let entries: io::Result<Vec<PathBuf>> =
        fs::read_dir(folder).map_err(fail)?.map(|entry| Ok(entry?.path())).collect();
    let mut paths = entries.map_err(fail)?;
    paths.sort();
    Ok(paths)
}

/// Length in bytes of a regular file or block of data.
pub fn length(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path).map_err(|error| FileError::new("look at", path, error))?.len())
}

/// A file as the readers of the core see it. Remembers length and modification time, so that a file
/// which changes under the reader is reported instead of giving a mixture of two versions.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    length_bytes: u64,
    modified: Option<SystemTime>,
}

impl FileSource {
    pub fn open(path: &Path) -> Result<Self> {
        // Before it is opened, too: opening a pipe waits for its other end.
        let metadata = fs::metadata(path).map_err(|error| FileError::new("open", path, error))?;
        if metadata.is_dir() {
            let error = io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, not a file");
            return Err(FileError::new("open", path, error));
        }
        // Their length is 0, and they cannot be read twice: they would pass for empty files.
        if !metadata.is_file() {
            let what = "it is a pipe or a device; save its content to a file first";
            return Err(FileError::new("open", path, io::Error::new(io::ErrorKind::InvalidInput, what)));
        }
        let file = open(path)?;
        let metadata = file.metadata().map_err(|error| FileError::new("look at", path, error))?;
        Ok(Self { file, length_bytes: metadata.len(), modified: metadata.modified().ok() })
    }

    fn changed(&self) -> bool {
        self.file
            .metadata()
            .is_ok_and(|now| now.len() != self.length_bytes || now.modified().ok() != self.modified)
    }
}

impl ByteSource for FileSource {
    fn len(&self) -> u64 {
        self.length_bytes
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> std::result::Result<usize, SourceError> {
        let count = read_file_at(&mut self.file, offset, buffer)
            .map_err(|error| SourceError::Read { offset, reason: error.to_string() })?;
        let expected = (self.length_bytes.saturating_sub(offset)).min(buffer.len() as u64);
        // The clock of a change is asked at both ends of the file and whenever less came than promised.
        let at_an_end = offset == 0 || offset + count as u64 >= self.length_bytes;
        if ((count as u64) < expected || at_an_end) && self.changed() {
            return Err(SourceError::Changed { offset });
        }
        Ok(count)
    }
}

#[cfg(unix)]
fn read_file_at(file: &mut File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    use std::os::unix::fs::FileExt;
    file.read_at(buffer, offset)
}

#[cfg(not(unix))]
fn read_file_at(file: &mut File, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read(buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_path_and_the_way_out() {
        let error = read(Path::new("no/such/file.jsonl")).unwrap_err().to_string();
        assert!(error.contains("no/such/file.jsonl") && error.contains("check the spelling"), "{error}");
    }

    #[test]
    fn a_file_without_an_end_is_read_so_far_and_refused() {
        let told = read_whole(Path::new("/dev/zero"), 4096).unwrap_err().to_string();
        assert!(told.contains("/dev/zero") && told.contains("more than 4096 bytes"), "{told}");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.csv");
        fs::write(&path, b"12345").unwrap();
        assert_eq!(read_whole(&path, 5).unwrap(), b"12345");
        assert!(read_whole(&path, 4).is_err());
    }

    #[test]
    fn a_file_that_changes_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        fs::write(&path, b"{\"text\":\"a\"}\n").unwrap();
        let mut source = FileSource::open(&path).unwrap();
        fs::write(&path, b"{\"te").unwrap();
        let result = source.read_at(0, &mut [0; 64]);
        assert_eq!(result, Err(SourceError::Changed { offset: 0 }));
    }
}
