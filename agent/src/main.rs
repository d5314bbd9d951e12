//! The `foretune` binary: command line and daemon. Exit codes: 0 fine, 1 the answer is "no",
//! 2 it could not be done.

mod candidate;
mod checking;
mod commands;
mod devices;
mod files;
mod interrupt;
mod lab;
mod models;
mod server;
mod terminal;
mod tokenizer;
mod training;
mod weights;

use std::process::ExitCode;

use clap::Parser;

use commands::{Answer, Command};

/// Know how a fine-tune will end before you pay for it.
#[derive(Debug, Parser)]
#[command(name = "foretune", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    match commands::run(Arguments::parse().command) {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(error) if terminal::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::error(&error);
            ExitCode::from(2)
        }
    }
}
