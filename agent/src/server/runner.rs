//! A job's process: this same program, so that whatever happens to the job happens to it alone. Events come on its
//! stdout; `stop` on its stdin asks it to end early, the end of its stdin to keep what it has and go. A daemon that
//! is killed closes that input too, so nothing runs on unseen.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use foretune_core::jobs::{End, Wish};
use foretune_core::limits;
use foretune_core::wire::{Answer, EventBody, JobId, LogLevel};

use super::arguments::{TRACE, arguments};
use super::hub::{Hub, Outcome, UnderWay};
use super::log;
use crate::files;
use crate::interrupt::{BROKEN_OFF, STOP};

const LOCK: &str = "lock";
/// Between the wish that a job may go and its being killed.
const GRACE: Duration = Duration::from_secs(5);
/// What a process that dies says last is kept up to this length.
const LAST_WORDS_BYTES: usize = 2000;

#[derive(Debug)]
struct Child {
    input: Option<ChildStdin>,
    process: Arc<Mutex<std::process::Child>>,
}

impl UnderWay for Child {
    fn ask(&mut self, wish: Wish) {
        match wish {
            Wish::StopEarly => {
                if let Some(input) = &mut self.input {
                    // A process that has just ended no longer reads.
                    let _ = input.write_all(format!("{STOP}\n").as_bytes()).and_then(|()| input.flush());
                }
            }
            Wish::Cancel => {
                self.close();
                let process = Arc::clone(&self.process);
                std::thread::spawn(move || {
                    std::thread::sleep(GRACE);
                    kill(&process);
                });
            }
        }
    }

    fn close(&mut self) {
        self.input = None;
    }

    fn kill(&self) {
        kill(&self.process);
    }
}

fn kill(process: &Mutex<std::process::Child>) {
    let mut process = process.lock().unwrap_or_else(PoisonError::into_inner);
    if matches!(process.try_wait(), Ok(None)) {
        let _ = process.kill();
    }
}

/// Runs a job to its end, on a thread of its own.
pub fn run(hub: &Hub, job: JobId) -> Result<Outcome> {
    let info = hub.info(job)?;
    let folder = hub.job_folder(job);
    files::create_private_folder(&folder)?;
    let words = arguments(&info.spec, &folder, &hub.uploads)?;
    let program = std::env::current_exe().context("the path of this program is unknown")?;
    let mut command = Command::new(program);
    command.arg("--as-job").arg(folder.join(LOCK)).args(words).current_dir(&folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Ctrl-C goes to the daemon alone, which tells its jobs.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut process = command.spawn().context("the job's process cannot be started")?;
    let output = process.stdout.take().expect("its output is piped");
    let errors = process.stderr.take().expect("its errors are piped");
    let input = process.stdin.take();
    let process = Arc::new(Mutex::new(process));
    hub.attach(job, Box::new(Child { input, process: Arc::clone(&process) }));

    let (sender, last_words) = channel();
    std::thread::spawn(move || {
        let _ = sender.send(tail(errors));
    });
    let told = listen(hub, job, output);
    if told.is_err() {
        // Without a memory there is nothing to work for.
        kill(&process);
    }
    let status = wait(&process)?;
    let failure = told?;
    // Processes of the job's own may hold its stderr open a little longer.
    let last_words = last_words.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
    Ok(outcome(hub, status, failure, last_words.trim()))
}

/// Of a job that is done.
pub fn drop_checkpoints(folder: &Path) -> files::Result<()> {
    let places = [folder.join(format!("{TRACE}.checkpoint")), folder.join("out/checkpoint")];
    places.iter().filter(|path| files::exists(path)).try_for_each(|path| files::remove(path))
}

fn outcome(hub: &Hub, status: ExitStatus, failure: Option<String>, last_words: &str) -> Outcome {
    let end = match status.code() {
        Some(0 | 1) => End::Finished,
        Some(BROKEN_OFF) if hub.is_stopping() => End::Interrupted,
        _ if hub.is_stopping() => End::Interrupted,
        _ => End::Failed,
    };
    let answer = if status.success() { Answer::Yes } else { Answer::No };
    let message = failure.unwrap_or_else(|| match last_words {
        "" => format!("its process ended with {status}"),
        words => format!("its process ended with {status}: {words}"),
    });
    Outcome { end, answer, message }
}

/// Why the job failed, if it said so.
fn listen(hub: &Hub, job: JobId, output: impl Read) -> Result<Option<String>> {
    let mut failure = None;
    let mut reader = BufReader::new(output);
    let mut line = Vec::new();
    loop {
        line.clear();
        let most = limits::MAX_SERVER_MESSAGE_BYTES as u64 + 1;
        if reader.by_ref().take(most).read_until(b'\n', &mut line).unwrap_or(0) == 0 {
            return Ok(failure);
        }
        if line.last() != Some(&b'\n') && line.len() as u64 == most {
            reader.skip_until(b'\n').context("the job's output cannot be read")?;
            let text = format!("something of more than {most} bytes was left out");
            hub.record(job, &EventBody::Log { level: LogLevel::Warning, text })?;
            continue;
        }
        match serde_json::from_slice(&line) {
            Ok(EventBody::Failed { message }) => failure = Some(message),
            Ok(EventBody::Log { level, text }) => {
                hub.record(job, &EventBody::Log { level, text: cut(text) })?;
            }
            Ok(body) => hub.record(job, &body)?,
            // A library that prints on its own.
            Err(_) => log::debug(&format!("job {job}: {}", String::from_utf8_lossy(&line))),
        }
    }
}

fn cut(mut text: String) -> String {
    if text.len() > limits::MAX_LOG_BYTES {
        text.truncate(text.floor_char_boundary(limits::MAX_LOG_BYTES));
        text.push('…');
    }
    text
}

/// The end of all that it says.
fn tail(mut errors: impl Read) -> String {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = errors.read(&mut buffer) {
        kept.extend_from_slice(&buffer[..count]);
        let surplus = kept.len().saturating_sub(LAST_WORDS_BYTES);
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// Its output is closed, so it ends now; without the lock held long, so that it can still be killed.
fn wait(process: &Mutex<std::process::Child>) -> Result<ExitStatus> {
    loop {
        let mut process = process.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(status) = process.try_wait().context("the job's process cannot be waited for")? {
            return Ok(status);
        }
        drop(process);
        std::thread::sleep(Duration::from_millis(5));
    }
}
