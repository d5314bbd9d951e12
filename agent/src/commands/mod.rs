//! The commands, one module each. A command parses nothing itself: clap gives it typed arguments.

mod check;
mod dev;
mod probe;
mod rank;
mod scale;
mod serve;
mod tune;

use anyhow::Result;
use clap::Subcommand;

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Yes,
    No,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Check(check::Check),
    Rank(rank::Rank),
    Scale(scale::Scale),
    Probe(Box<probe::Probe>),
    Serve(serve::Serve),
    #[command(hide = true)]
    Dev(dev::Dev),
    Tune(Box<tune::Tune>),
}

pub fn run(command: Command) -> Result<Answer> {
    match command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Rank(arguments) => rank::run(&arguments),
        Command::Scale(arguments) => scale::run(&arguments),
        Command::Probe(arguments) => probe::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Dev(arguments) => dev::run(&arguments),
        Command::Tune(arguments) => tune::run(&arguments),
    }
}
