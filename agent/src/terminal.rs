//! What the person at the terminal sees: data to stdout, everything else to stderr. A job of the daemon tells
//! the same as events instead, one JSON object a line on stdout.
#![expect(clippy::print_stderr, reason = "the one place that writes messages for people")]

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use foretune_core::wire::{EventBody, LogLevel};
use serde_json::Value;

static IS_JOB: AtomicBool = AtomicBool::new(false);

/// From here on this process is a job of the daemon.
pub fn become_job() {
    IS_JOB.store(true, Ordering::Relaxed);
}

pub fn is_job() -> bool {
    IS_JOB.load(Ordering::Relaxed)
}

/// Tells the daemon; nothing where there is none.
pub fn event(body: &EventBody) {
    if is_job() {
        let line = serde_json::to_string(body).expect("events have text keys only");
        // A daemon that is gone is noticed at the closed input.
        let _ = write_line(&line);
    }
}

/// Writes data for people or programs to stdout.
pub fn data(text: &str) -> io::Result<()> {
    if is_job() {
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        event(&EventBody::Result(value));
        return Ok(());
    }
    write_line(text)
}

fn write_line(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        stdout.write_all(b"\n")?;
    }
    stdout.flush()
}

/// A remark beside the data.
pub fn note(text: &str) {
    if is_job() {
        event(&EventBody::Log { level: LogLevel::Info, text: text.to_owned() });
    } else {
        eprintln!("{text}");
    }
}

/// The error with its causes, each once, on one line each.
pub fn error(error: &anyhow::Error) {
    if is_job() {
        event(&EventBody::Failed { message: format!("{error:#}") });
        return;
    }
    let mut causes = error.chain().map(ToString::to_string);
    let mut last = causes.next().unwrap_or_default();
    eprintln!("error: {last}");
    for cause in causes {
        // thiserror types often print their source themselves.
        if !last.contains(&cause) {
            eprintln!("  because: {cause}");
        }
        last = cause;
    }
}

/// `foretune … | head` closes the pipe early: that is no error.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

/// Bars and colours are for terminals only.
pub fn shows_progress() -> bool {
    !is_job() && io::stderr().is_terminal()
}
