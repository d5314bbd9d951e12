//! Do file locks reach from one machine of the cluster to another? Without them two tasks would make the same
//! run and damage the journals. The waiting collector holds a lock; a task that gets it nevertheless says so in
//! a file, under that lock: the file can only appear while a collector waits if locks do not reach.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::super::folder::owner;
use crate::files::{self, FileLock};

/// Tasks hold the lock for an instant, other collectors for hours.
const TRIES: usize = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct LockWatch {
    _lock: FileLock,
    report: PathBuf,
}

impl LockWatch {
    /// `None` where another collector watches already. `folder` is Slurm's in the folder of the runs.
    pub fn begin(folder: &Path) -> Result<Option<Self>> {
        for _ in 0..TRIES {
            if let Some(lock) = FileLock::try_take(&lock_path(folder), &owner())? {
                let report = report_path(folder);
                if files::exists(&report) {
                    files::remove(&report)?;
                }
                return Ok(Some(Self { _lock: lock, report }));
            }
            thread::sleep(BETWEEN_TRIES);
        }
        Ok(None)
    }

    /// The task that got the lock which this process holds.
    pub fn broken_by(&self) -> Result<Option<String>> {
        let report = files::read_from(&self.report, 0)?;
        Ok((!report.is_empty()).then(|| String::from_utf8_lossy(&report).trim().to_owned()))
    }
}

/// What a task does before its first run.
pub fn report_free_lock(runs: &Path) -> Result<()> {
    let folder = super::folder_in(runs);
    files::create_folder(&folder)?;
    if let Some(_lock) = FileLock::try_take(&lock_path(&folder), &owner())? {
        files::append_at(&report_path(&folder), 0, owner().as_bytes())?;
    }
    Ok(())
}

fn lock_path(folder: &Path) -> PathBuf {
    folder.join("collector.lock")
}

fn report_path(folder: &Path) -> PathBuf {
    folder.join("lock-was-free")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_got_the_lock_is_believed_only_while_the_collector_holds_it() {
        let runs = tempfile::tempdir().unwrap();
        let folder = super::super::folder_in(runs.path());
        report_free_lock(runs.path()).unwrap();
        assert!(files::exists(&report_path(&folder)));
        let watch = LockWatch::begin(&folder).unwrap().unwrap();
        report_free_lock(runs.path()).unwrap();
        assert_eq!(watch.broken_by().unwrap(), None);
        // As a task would on a file system whose locks stay on their machine.
        files::append_at(&report_path(&folder), 0, b"process 7 on n2").unwrap();
        assert_eq!(watch.broken_by().unwrap().as_deref(), Some("process 7 on n2"));
    }
}
