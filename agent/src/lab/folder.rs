//! The folder of a sweep's runs. `runs.jsonl` and `failures.jsonl` only grow, a line at a time under a lock
//! and synced; a file in `claims/` is locked for as long as its run is being made, by a lock that dies with
//! its process. So any number of processes share the folder, and a killed one loses its run in flight.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use foretune_core::lab::{PlannedRun, Sweep, whole_length};
use foretune_core::runs::RunRecord;
use serde::{Deserialize, Serialize};

use crate::files::{self, FileLock};

/// A run that fails this often is given up.
const ATTEMPTS: usize = 2;

/// What all runs of a folder share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub name: String,
    pub sweep: String,
    pub model: String,
    pub data: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Failure {
    id: String,
    cause: String,
    host: String,
}

#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    owner: String,
    runs: Journal,
    failures: Journal,
    done: BTreeSet<String>,
    failed: BTreeMap<String, usize>,
}

/// How far a sweep has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub planned: usize,
    pub done: usize,
    /// Given up.
    pub failed: usize,
}

impl Tally {
    pub fn open(self) -> usize {
        self.planned - self.done - self.failed
    }
}

impl RunFolder {
    /// Makes the folder on first use; refuses one that belongs to something else. Lines whose writers were
    /// killed are cut off.
    pub fn open(path: &Path, header: &Header, sweep: &Sweep) -> Result<Self> {
        files::create_folder(&path.join("claims"))?;
        files::create_folder(&path.join("traces"))?;
        let owner = owner();
        let header_path = path.join("sweep.json");
        let lock = FileLock::take(&path.join("folder.lock"), &owner)?;
        if files::exists(&header_path) {
            let known: Header = serde_json::from_str(&files::read_text(&header_path)?)
                .with_context(|| format!("{} was changed", header_path.display()))?;
            if known != *header {
                bail!(
                    "{} holds runs of another {}; choose another --runs folder",
                    path.display(),
                    difference(&known, header)
                );
            }
        } else {
            files::write_atomically(&header_path, serde_json::to_string_pretty(header)?.as_bytes())?;
        }
        // Under the lock: processes of two machines can have the same number, which names unfinished files.
        let plan = serde_json::to_string_pretty(sweep)?;
        files::write_atomically(&path.join("plan.json"), plan.as_bytes())?;
        drop(lock);
        let mut folder = Self {
            path: path.to_owned(),
            runs: Journal::new(path.join("runs.jsonl"), &owner),
            failures: Journal::new(path.join("failures.jsonl"), &owner),
            owner,
            done: BTreeSet::new(),
            failed: BTreeMap::new(),
        };
        folder.runs.repair()?;
        folder.failures.repair()?;
        folder.refresh()?;
        Ok(folder)
    }

    /// Reads what others have added.
    pub fn refresh(&mut self) -> Result<()> {
        #[derive(Deserialize)]
        struct Id {
            id: String,
        }
        for line in self.runs.new_lines()? {
            let Id { id } = serde_json::from_str(&line)
                .with_context(|| format!("{} has a line that is no run", self.runs.path.display()))?;
            self.done.insert(id);
        }
        for line in self.failures.new_lines()? {
            let failure: Failure = serde_json::from_str(&line)
                .with_context(|| format!("{} has a line that is no failure", self.failures.path.display()))?;
            *self.failed.entry(failure.id).or_default() += 1;
        }
        Ok(())
    }

    pub fn tally(&self, plan: &[PlannedRun]) -> Tally {
        let done = plan.iter().filter(|run| self.done.contains(&run.id)).count();
        let failed =
            plan.iter().filter(|run| !self.done.contains(&run.id) && self.is_given_up(&run.id)).count();
        Tally { planned: plan.len(), done, failed }
    }

    /// The first run that is neither settled nor being made by anyone; those that failed once come last.
    pub fn claim_next<'a>(&mut self, plan: &'a [PlannedRun]) -> Result<Option<(&'a PlannedRun, FileLock)>> {
        self.refresh()?;
        for attempts in 0..ATTEMPTS {
            for run in plan {
                if self.failed.get(&run.id).copied().unwrap_or(0) != attempts || self.is_settled(&run.id) {
                    continue;
                }
                let Some(lock) = FileLock::try_take(&self.claim_path(&run.id), &self.owner)? else {
                    continue;
                };
                // Its last owner may have settled it between the reading and the lock.
                self.refresh()?;
                if self.failed.get(&run.id).copied().unwrap_or(0) == attempts && !self.is_settled(&run.id) {
                    return Ok(Some((run, lock)));
                }
            }
        }
        Ok(None)
    }

    pub fn record(&mut self, run: &RunRecord, trace: &[u8]) -> Result<()> {
        files::write_atomically(&self.trace_path(&run.id), trace)?;
        self.runs.append(&serde_json::to_string(run)?)
    }

    pub fn record_failure(&mut self, id: &str, cause: &str) -> Result<()> {
        let failure = Failure { id: id.to_owned(), cause: cause.to_owned(), host: self.owner.clone() };
        self.failures.append(&serde_json::to_string(&failure)?)
    }

    /// All whole records.
    pub fn records(&self) -> Result<Vec<RunRecord>> {
        let text = String::from_utf8(files::read_from(&self.runs.path, 0)?)
            .with_context(|| format!("{} is not UTF-8", self.runs.path.display()))?;
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        foretune_core::runs::read_runs(&text).with_context(|| format!("{}", self.runs.path.display()))
    }

    /// All records anew, each run as it was called. Refuses while any run is being made.
    pub fn replace(&mut self, records: &[RunRecord]) -> Result<()> {
        let claims = files::list(&self.path.join("claims"))?;
        let mut held = Vec::with_capacity(claims.len());
        for claim in &claims {
            match FileLock::try_take(claim, &self.owner)? {
                Some(lock) => held.push(lock),
                None => bail!("{} is being made: stop the collectors first", claim.display()),
            }
        }
        let _lock = self.runs.lock()?;
        let known: BTreeSet<String> = self.records()?.into_iter().map(|run| run.id).collect();
        let given: BTreeSet<String> = records.iter().map(|run| run.id.clone()).collect();
        if known != given {
            bail!("{} has other runs by now; give the command again", self.runs.path.display());
        }
        let mut text = String::new();
        for record in records {
            text += &serde_json::to_string(record)?;
            text.push('\n');
        }
        self.runs.read_bytes = text.len() as u64;
        Ok(files::write_atomically(&self.runs.path, text.as_bytes())?)
    }

    fn is_settled(&self, id: &str) -> bool {
        self.done.contains(id) || self.is_given_up(id)
    }

    fn is_given_up(&self, id: &str) -> bool {
        self.failed.get(id).is_some_and(|times| *times >= ATTEMPTS)
    }

    fn claim_path(&self, id: &str) -> PathBuf {
        self.path.join("claims").join(id)
    }

    fn trace_path(&self, id: &str) -> PathBuf {
        self.path.join("traces").join(format!("{id}.jsonl.gz"))
    }
}

fn difference(known: &Header, wanted: &Header) -> &'static str {
    if known.name != wanted.name || known.sweep != wanted.sweep {
        "sweep"
    } else if known.model != wanted.model {
        "base model (its files have changed)"
    } else {
        "data (its files have changed)"
    }
}

/// This process, for people.
pub(super) fn owner() -> String {
    let host = files::read_text(Path::new("/proc/sys/kernel/hostname")).unwrap_or_default();
    let host = if host.trim().is_empty() { "this machine" } else { host.trim() };
    format!("process {} on {host}", std::process::id())
}

/// A file of JSON lines that several processes add to.
#[derive(Debug)]
struct Journal {
    path: PathBuf,
    owner: String,
    /// Up to here it was read.
    read_bytes: u64,
}

impl Journal {
    fn new(path: PathBuf, owner: &str) -> Self {
        Self { path, owner: owner.to_owned(), read_bytes: 0 }
    }

    fn lock(&self) -> Result<FileLock> {
        Ok(FileLock::take(&self.path.with_extension("lock"), &self.owner)?)
    }

    fn repair(&self) -> Result<()> {
        let _lock = self.lock()?;
        let bytes = files::read_from(&self.path, 0)?;
        let whole = whole_length(&bytes).with_context(|| format!("{} is damaged", self.path.display()))?;
        if whole < bytes.len() {
            files::append_at(&self.path, whole as u64, b"")?;
        }
        Ok(())
    }

    fn append(&mut self, line: &str) -> Result<()> {
        let _lock = self.lock()?;
        // Another writer may have been killed since the last look.
        let new = files::read_from(&self.path, self.read_bytes)?;
        let whole = self.read_bytes + whole_length(&new)? as u64;
        Ok(files::append_at(&self.path, whole, format!("{line}\n").as_bytes())?)
    }

    fn new_lines(&mut self) -> Result<Vec<String>> {
        let bytes = files::read_from(&self.path, self.read_bytes)?;
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        self.read_bytes += end as u64;
        let text = String::from_utf8(bytes[..end].to_vec())
            .with_context(|| format!("{} is not UTF-8", self.path.display()))?;
        Ok(text.lines().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header { name: "t".into(), sweep: "1".into(), model: "2".into(), data: "3".into() }
    }

    fn sweep() -> Sweep {
        Sweep::parse(include_str!("../../../lab/sweeps/main.toml")).unwrap()
    }

    fn plan() -> Vec<PlannedRun> {
        foretune_core::lab::expand(&Sweep { configurations: 3, ..sweep() }).into_iter().step_by(3).collect()
    }

    fn line(id: &str) -> String {
        format!("{{\"id\":\"{id}\"}}")
    }

    #[test]
    fn a_claim_keeps_others_away_and_ends_with_its_holder() {
        let place = tempfile::tempdir().unwrap();
        let plan = plan();
        let mut first = RunFolder::open(place.path(), &header(), &sweep()).unwrap();
        let mut second = RunFolder::open(place.path(), &header(), &sweep()).unwrap();
        let (mine, lock) = first.claim_next(&plan).unwrap().unwrap();
        let (theirs, _their_lock) = second.claim_next(&plan).unwrap().unwrap();
        assert_ne!(mine.id, theirs.id);
        drop(lock);
        assert_eq!(first.claim_next(&plan).unwrap().unwrap().0.id, mine.id);
    }

    #[test]
    fn what_is_done_is_not_claimed_and_what_failed_twice_is_given_up() {
        let place = tempfile::tempdir().unwrap();
        let plan = plan();
        let mut folder = RunFolder::open(place.path(), &header(), &sweep()).unwrap();
        folder.runs.append(&line(&plan[0].id)).unwrap();
        folder.record_failure(&plan[1].id, "first").unwrap();
        let mut other = RunFolder::open(place.path(), &header(), &sweep()).unwrap();
        // The failed one waits until the rest is made.
        assert!(plan.len() < 3 || other.claim_next(&plan).unwrap().unwrap().0.id == plan[2].id);
        assert_eq!(other.claim_next(&plan[..2]).unwrap().unwrap().0.id, plan[1].id);
        folder.record_failure(&plan[1].id, "second").unwrap();
        assert!(other.claim_next(&plan[..2]).unwrap().is_none());
        assert_eq!(other.tally(&plan[..2]), Tally { planned: 2, done: 1, failed: 1 });
    }

    #[test]
    fn a_torn_line_is_cut_off_at_start_and_before_the_next_line() {
        let place = tempfile::tempdir().unwrap();
        let mut folder = RunFolder::open(place.path(), &header(), &sweep()).unwrap();
        folder.runs.append(&line("a")).unwrap();
        let path = place.path().join("runs.jsonl");
        let length = files::length(&path).unwrap();
        files::append_at(&path, length, b"{\"id\":\"to").unwrap();
        folder.runs.append(&line("b")).unwrap();
        assert_eq!(files::read_text(&path).unwrap(), format!("{}\n{}\n", line("a"), line("b")));
        let length = files::length(&path).unwrap();
        files::append_at(&path, length, b"{\"id\"").unwrap();
        let folder = RunFolder::open(place.path(), &header(), &sweep()).unwrap();
        assert_eq!(files::length(&path).unwrap(), length);
        assert_eq!(folder.done.len(), 2);
    }

    #[test]
    fn a_folder_of_other_runs_is_refused() {
        let place = tempfile::tempdir().unwrap();
        RunFolder::open(place.path(), &header(), &sweep()).unwrap();
        let other = Header { model: "9".into(), ..header() };
        let error = RunFolder::open(place.path(), &other, &sweep()).unwrap_err().to_string();
        assert!(error.contains("base model") && error.contains("--runs"), "{error}");
    }
}
