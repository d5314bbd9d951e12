//! Files that stand under their final name only when they are whole, whatever happens while they are written.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::points::reached;
use super::{FileError, Result, is_device};

/// Writes next to the target, syncs, renames, syncs the folder: after a crash the old or the new content
/// is there, whole.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut output = AtomicFile::create(path)?;
    output.write_all(bytes).map_err(|error| FileError::new("write", path, error))?;
    output.finish()
}

/// A new name is durable only once its folder is synced; not every platform can open one.
pub(super) fn sync_folder_of(path: &Path) {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
        && let Ok(folder) = File::open(folder)
    {
        let _ = folder.sync_all();
    }
}

/// A file that gets its final name only when it is complete; dropped before that, it leaves nothing. What a killed
/// process left of the same file goes with the next one: a lock, which dies with its process, tells the two apart.
#[derive(Debug)]
pub struct AtomicFile {
    target: PathBuf,
    /// None: the target is a device or a pipe, which only takes what is written to it.
    temporary: Option<PathBuf>,
    file: Option<io::BufWriter<File>>,
}

impl AtomicFile {
    pub fn create(target: &Path) -> Result<Self> {
        let fail = |error| FileError::new("create", target, error);
        match fs::metadata(target) {
            Ok(found) if found.is_dir() => Err(fail(io::ErrorKind::IsADirectory.into())),
            Ok(_) if is_device(target) => {
                let file = File::options().write(true).open(target).map_err(fail)?;
                let file = Some(io::BufWriter::new(file));
                Ok(Self { target: target.to_owned(), temporary: None, file })
            }
            _ => Self::beside(&behind_link(target)),
        }
    }

    /// Under a name of its own, next to the target, whose place it takes whatever stands there.
    pub(super) fn beside(target: &Path) -> Result<Self> {
        let name =
            target.file_name().map_or_else(|| "output".into(), |name| name.to_string_lossy().into_owned());
        remove_abandoned(target, &format!(".{name}."));
        let temporary = target.with_file_name(format!(".{name}.{}{PARTIAL}", std::process::id()));
        let fail = |error| FileError::new("create", target, error);
        loop {
            let file = File::create(&temporary).map_err(fail)?;
            // Where a file system knows no locks nothing is ever taken for abandoned.
            let _ = file.try_lock();
            // Somebody may have taken it for abandoned before it was locked.
            if temporary.exists() {
                let file = Some(io::BufWriter::new(file));
                return Ok(Self { target: target.to_owned(), temporary: Some(temporary), file });
            }
        }
    }

    /// What is written to until it is complete.
    pub(super) fn unfinished(&self) -> Option<&Path> {
        self.temporary.as_deref()
    }

    pub fn finish(mut self) -> Result<()> {
        let done = self.complete();
        if done.is_err() {
            self.forget();
        }
        done
    }

    fn forget(&self) {
        if let Some(temporary) = &self.temporary {
            let _ = fs::remove_file(temporary);
        }
    }

    fn complete(&mut self) -> Result<()> {
        let target = self.target.clone();
        let fail = |error| FileError::new("write", &target, error);
        let writer = self.file.take().expect("finish runs once: it takes self");
        let file = writer.into_inner().map_err(|error| fail(error.into_error()))?;
        let Some(temporary) = &self.temporary else { return Ok(()) };
        reached("written", &target);
        file.sync_all().map_err(fail)?;
        reached("synced", &target);
        fs::rename(temporary, &target).map_err(fail)?;
        drop(file);
        reached("renamed", &target);
        sync_folder_of(&target);
        reached("folder-synced", &target);
        Ok(())
    }
}

/// A link that is written to stays one.
fn behind_link(target: &Path) -> PathBuf {
    let is_link = fs::symlink_metadata(target).is_ok_and(|found| found.is_symlink());
    let behind = is_link.then(|| fs::canonicalize(target).ok()).flatten();
    behind.unwrap_or_else(|| target.to_owned())
}

/// Says now, not after an hour's work, that a result cannot be written there.
pub fn check_target(path: &Path) -> Result<()> {
    // Whoever reads the other end of a pipe would take its closing for the end.
    if is_device(path) { Ok(()) } else { AtomicFile::create(path).map(drop) }
}

/// End of the name of a file that is being written.
const PARTIAL: &str = ".partial";

/// Unfinished files of this name whose writers are gone. That they cannot be removed must not keep anyone from
/// writing.
fn remove_abandoned(target: &Path, prefix: &str) {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(PARTIAL));
        let is_ours = process.is_some_and(|process| process.bytes().all(|byte| byte.is_ascii_digit()));
        if is_ours && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.as_mut().expect("only finish() takes the writer").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().expect("only finish() takes the writer").flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            self.forget();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::read;

    #[test]
    fn an_unfinished_file_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("report.json");
        let mut output = AtomicFile::create(&target).unwrap();
        output.write_all(b"half").unwrap();
        drop(output);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        write_atomically(&target, b"whole").unwrap();
        assert_eq!(read(&target).unwrap(), b"whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_writer_left_goes_and_a_living_one_keeps_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("report.json");
        let at = |name: &str| folder.path().join(name);
        for name in [".report.json.1.partial", ".report.json.x.partial", ".other.json.1.partial"] {
            fs::write(at(name), b"half").unwrap();
        }
        let living = File::create(at(".report.json.2.partial")).unwrap();
        living.try_lock().unwrap();
        write_atomically(&target, b"whole").unwrap();
        assert!(!at(".report.json.1.partial").exists());
        for name in [".report.json.x.partial", ".other.json.1.partial", ".report.json.2.partial"] {
            assert!(at(name).exists(), "{name}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_finished_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("report.json");
        let output = AtomicFile::create(&target).unwrap();
        // A folder under the final name: the last step fails.
        fs::create_dir_all(target.join("inside")).unwrap();
        output.finish().unwrap_err();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_is_written_to_stays_one_and_a_device_stays_a_device() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("behind"), b"old").unwrap();
        std::os::unix::fs::symlink(at("behind"), at("link")).unwrap();
        write_atomically(&at("link"), b"new").unwrap();
        assert!(fs::symlink_metadata(at("link")).unwrap().is_symlink());
        assert_eq!(read(&at("behind")).unwrap(), b"new");
        // Never a device of the machine: were this wrong again, the test would replace it.
        std::os::unix::fs::symlink("/dev/null", at("nothing")).unwrap();
        write_atomically(&at("nothing"), b"gone").unwrap();
        assert!(is_device(&at("nothing")));
        crate::files::write_private(&at("link"), b"secret").unwrap();
        assert!(!fs::symlink_metadata(at("link")).unwrap().is_symlink());
        assert_eq!(read(&at("behind")).unwrap(), b"new", "a secret goes nowhere else");
        assert!(check_target(folder.path()).unwrap_err().to_string().contains("directory"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3);
    }
}
