//! The Slurm executor: job arrays whose tasks are local collectors of a few runs each on the shared folder. The
//! queue itself is the memory: jobs are found again by their name, so the command can end and be given again.

mod client;
mod locks;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use foretune_core::hash::hash_bytes;
use foretune_core::lab::slurm::{Batch, SlurmTable, TaskState, arrays_for};
use foretune_core::lab::{PlannedRun, Sweep};

use super::progress::Progress;
use super::{RunFolder, Tally};
use crate::{files, terminal};
use locks::LockWatch;
use watch::TaskWatch;

pub use locks::report_free_lock;

/// The controller serves the whole cluster: it is asked often only at first.
const LOOK_EVERY_AT_FIRST: Duration = Duration::from_secs(1);
const LOOK_EVERY_LATER: Duration = Duration::from_secs(15);
const AT_FIRST: Duration = Duration::from_mins(1);
const FEEL_EVERY: Duration = Duration::from_millis(200);
/// A controller that is restarted answers again within this time.
const PATIENCE: Duration = Duration::from_mins(10);

#[derive(Debug)]
pub struct Submission<'a> {
    pub table: &'a SlurmTable,
    /// Absolute.
    pub runs: &'a Path,
    /// Program and arguments of a task.
    pub command: Vec<String>,
    /// Submit, and do not wait.
    pub detach: bool,
}

/// Submits what is missing and waits until no task is left, or `stop` is set: the jobs go on then.
pub fn collect(
    submission: &Submission<'_>,
    sweep: &Sweep,
    folder: &mut RunFolder,
    plan: &[PlannedRun],
    stop: &AtomicBool,
) -> Result<Tally> {
    let place = folder_in(submission.runs);
    files::create_folder(&place)?;
    let logs = place.to_str().context("the path of --runs is not UTF-8")?;
    let key = hash_bytes(logs.as_bytes(), 0) >> 32;
    let name = format!("foretune-{}-{key:08x}", sweep.name);
    let table = match client::largest_array() {
        Some(largest) => {
            SlurmTable { array_chunk: submission.table.array_chunk.min(largest), ..submission.table.clone() }
        }
        None => submission.table.clone(),
    };
    let batch = Batch { table: &table, name: &name, logs, command: &submission.command };
    let mut tasks = TaskWatch::begin(&name, &table, place.clone())?;
    if submission.detach {
        submit(&batch, &mut tasks, folder.tally(plan))?;
        tell_how_to_cancel(&tasks, &name);
        return Ok(folder.tally(plan));
    }
    let locks = LockWatch::begin(&place)?;
    let mut progress = Progress::new(folder.tally(plan));
    loop {
        let before = folder.tally(plan);
        let complete = submit(&batch, &mut tasks, before)?;
        wait(&mut tasks, folder, plan, locks.as_ref(), &mut progress, stop)?;
        let after = folder.tally(plan);
        if stop.load(Ordering::Relaxed) {
            progress.finish(after);
            tell_how_to_cancel(&tasks, &name);
            return Ok(after);
        }
        // Arrays that were refused while others were queued.
        if complete || after.open() == before.open() {
            progress.finish(after);
            if after.open() > 0 {
                let open = after.open();
                terminal::note(&format!("{open} runs are left; the same command submits them again"));
            }
            return Ok(after);
        }
    }
}

/// Slurm's part of a folder of runs.
fn folder_in(runs: &Path) -> PathBuf {
    runs.join("slurm")
}

/// Whether Slurm took all arrays. Some limits refuse the later ones while the first are queued.
fn submit(batch: &Batch<'_>, tasks: &mut TaskWatch<'_>, tally: Tally) -> Result<bool> {
    let queued = tasks.unfinished();
    if queued > 0 {
        terminal::note(&format!("{queued} tasks of an earlier command are in the queue and count"));
    }
    for size in arrays_for(batch.table, tally.open(), queued) {
        let before: Vec<u64> = tasks.jobs().iter().copied().collect();
        match client::submit(batch, size, &before) {
            Ok(job) => {
                terminal::note(&format!("job {job}: {size} tasks"));
                tasks.add(job);
            }
            Err(error) if before.is_empty() => return Err(error),
            Err(error) => {
                terminal::note(&format!("the other jobs wait until these are done: {error:#}"));
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn wait(
    tasks: &mut TaskWatch<'_>,
    folder: &mut RunFolder,
    plan: &[PlannedRun],
    locks: Option<&LockWatch>,
    progress: &mut Progress,
    stop: &AtomicBool,
) -> Result<()> {
    let started = Instant::now();
    let mut answered = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        match tasks.look() {
            Ok(remarks) => {
                answered = Instant::now();
                for remark in &remarks {
                    progress.note(remark);
                }
            }
            Err(error) if answered.elapsed() < PATIENCE => {
                progress.note(&format!("{error:#}; still waiting"));
            }
            Err(error) => return Err(error.context("the jobs go on, but Slurm does not say how")),
        }
        if let Some(task) = locks.map(LockWatch::broken_by).transpose()?.flatten() {
            client::cancel(tasks.jobs())?;
            bail!(
                "file locks in the folder of the runs do not reach from machine to machine ({task} got the lock \
                 that this process holds), so two tasks could make the same run; the jobs were cancelled. Choose \
                 a --runs folder on a file system with cluster-wide flock (docs/collect.md names some)"
            );
        }
        folder.refresh()?;
        let (running, waiting) = (tasks.count(TaskState::Running), tasks.count(TaskState::Waiting));
        progress.show(folder.tally(plan), &format!("; {running} tasks run, {waiting} wait"));
        if tasks.unfinished() == 0 {
            return Ok(());
        }
        let pause = if started.elapsed() < AT_FIRST { LOOK_EVERY_AT_FIRST } else { LOOK_EVERY_LATER };
        let looked = Instant::now();
        while looked.elapsed() < pause && !stop.load(Ordering::Relaxed) {
            thread::sleep(FEEL_EVERY);
        }
    }
    Ok(())
}

fn tell_how_to_cancel(tasks: &TaskWatch<'_>, name: &str) {
    let jobs: Vec<String> = tasks.jobs().iter().map(ToString::to_string).collect();
    if jobs.is_empty() {
        return;
    }
    terminal::note(&format!(
        "the jobs go on; look: squeue --name={name}; cancel: scancel {}",
        jobs.join(" ")
    ));
    terminal::note("the same command without --detach waits for them");
}
