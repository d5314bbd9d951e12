//! What the person at the terminal sees: data to stdout, everything else to stderr.
#![expect(clippy::print_stderr, reason = "the one place that writes messages for people")]

use std::io::{self, IsTerminal, Write};

/// Writes data for people or programs to stdout.
pub fn data(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        stdout.write_all(b"\n")?;
    }
    stdout.flush()
}

/// A remark beside the data.
pub fn note(text: &str) {
    eprintln!("{text}");
}

/// The error with its causes, each once, on one line each.
pub fn error(error: &anyhow::Error) {
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
    io::stderr().is_terminal()
}
