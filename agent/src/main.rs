//! The `foretune` binary: command line and daemon. Exit codes: 0 fine, 1 the answer is "no",
//! 2 it could not be done.

mod candidate;
mod checking;
mod commands;
mod devices;
mod files;
mod interrupt;
mod job;
mod lab;
mod machine;
mod models;
mod numbers;
mod outputs;
mod server;
mod state;
mod terminal;
mod threads;
mod tokenizer;
mod training;
mod version;
mod weights;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use clap::error::ErrorKind;

use commands::{Answer, Command};

/// Know how a fine-tune will end before you pay for it.
#[derive(Debug, Parser)]
#[command(name = "foretune", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Be a job of the daemon: events on stdout, its wishes on stdin, this lock held while it works
    #[arg(long, hide = true, value_name = "LOCK")]
    as_job: Option<PathBuf>,
}

fn run(arguments: Arguments) -> Result<Answer> {
    let lock = arguments.as_job.as_deref().map(job::begin).transpose()?;
    let answer = commands::run(arguments.command);
    drop(lock);
    answer
}

fn main() -> ExitCode {
    threads::settle();
    let arguments = match Arguments::try_parse() {
        Err(error) if error.kind() == ErrorKind::DisplayVersion => {
            // Whoever closes the pipe has read enough.
            let _ = terminal::data(&version::text());
            return ExitCode::SUCCESS;
        }
        parsed => parsed.unwrap_or_else(|error| error.exit()),
    };
    match run(arguments) {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(error) if terminal::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::error(&error);
            ExitCode::from(2)
        }
    }
}
