//! The local executor: worker processes of this program, one thread each, over one folder. A worker that
//! dies is a failure of its run and is replaced.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use foretune_core::lab::PlannedRun;

use super::progress::Progress;
use super::worker::Message;
use super::{RunFolder, Tally};
use crate::terminal;

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// One process with one thread is a run on one core; glibc gives freed memory back and takes it again for
/// every tensor unless told not to (a sixth of the time, measured).
const ENVIRONMENT: [(&str, &str); 3] = [
    ("RAYON_NUM_THREADS", "1"),
    ("MALLOC_TRIM_THRESHOLD_", "4294967296"),
    ("MALLOC_MMAP_THRESHOLD_", "4294967296"),
];

/// From the reader of worker `number`: a message, or the end of its output.
struct Heard {
    number: usize,
    message: Option<Message>,
}

struct Worker {
    child: Child,
    /// The run it is making.
    claimed: Option<String>,
}

/// Runs `jobs` workers, each this program with `arguments`, until the plan is settled or `stop` is set.
pub fn collect(
    arguments: &[OsString],
    jobs: usize,
    folder: &mut RunFolder,
    plan: &[PlannedRun],
    stop: &AtomicBool,
) -> Result<Tally> {
    let (sender, receiver) = channel();
    let mut workers: Vec<Option<Worker>> = Vec::new();
    for number in 0..jobs {
        workers.push(Some(start(arguments, number, &sender)?));
    }
    let mut progress = Progress::new(folder.tally(plan));
    let mut asked_to_stop = false;
    while workers.iter().any(Option::is_some) {
        if stop.load(Ordering::Relaxed) && !asked_to_stop {
            asked_to_stop = true;
            for worker in workers.iter_mut().flatten() {
                // The worker ends after the run in flight.
                drop(worker.child.stdin.take());
            }
        }
        let Ok(Heard { number, message }) = receiver.recv_timeout(LOOK_EVERY) else {
            if progress.is_due() {
                folder.refresh()?;
                progress.show(folder.tally(plan), "");
            }
            continue;
        };
        let Some(worker) = &mut workers[number] else { continue };
        if let Some(message) = message {
            progress.hear(&message);
            worker.claimed = if let Message::Claimed { id } = message { Some(id) } else { None };
            continue;
        }
        let status = worker.child.wait().context("a worker cannot be waited for")?;
        let claimed = worker.claimed.take();
        workers[number] = None;
        if let Some(id) = &claimed {
            folder.record_failure(id, &format!("its process died: {status}"))?;
        } else if !status.success() {
            bail!("a worker could not work ({status}); its message stands above");
        }
        folder.refresh()?;
        if claimed.is_some() && !asked_to_stop && folder.tally(plan).open() > 0 {
            workers[number] = Some(start(arguments, number, &sender)?);
        }
    }
    folder.refresh()?;
    let tally = folder.tally(plan);
    progress.finish(tally);
    Ok(tally)
}

fn start(arguments: &[OsString], number: usize, sender: &Sender<Heard>) -> Result<Worker> {
    let program = std::env::current_exe().context("the path of this program is unknown")?;
    let mut command = Command::new(program);
    command.args(arguments).envs(ENVIRONMENT).stdin(Stdio::piped()).stdout(Stdio::piped());
    // Ctrl-C goes to the parent alone, which lets runs in flight end.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().context("a worker process cannot be started")?;
    let output = child.stdout.take().expect("its output is piped");
    let sender = sender.clone();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(message) => {
                    let _ = sender.send(Heard { number, message: Some(message) });
                }
                Err(_) => terminal::note(&line),
            }
        }
        // Nobody listens any more once the parent gives up.
        let _ = sender.send(Heard { number, message: None });
    });
    Ok(Worker { child, claimed: None })
}
