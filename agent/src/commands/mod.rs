//! The commands, one module each. A command parses nothing itself: clap gives it typed arguments.

pub mod check;
mod collect;
mod dev;
mod doctor;
mod export;
mod fit;
pub mod forecast;
mod import;
mod indicators;
mod link;
mod models;
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
    Collect(collect::Collect),
    Rank(rank::Rank),
    Scale(scale::Scale),
    Fit(fit::Fit),
    Forecast(Box<forecast::Forecast>),
    Import(import::Import),
    Export(export::Export),
    Link(link::LinkCommand),
    Models(models::Models),
    Probe(Box<probe::Probe>),
    Serve(serve::Serve),
    Doctor(doctor::Doctor),
    #[command(hide = true)]
    Dev(dev::Dev),
    Tune(Box<tune::Tune>),
}

pub fn run(command: Command) -> Result<Answer> {
    match command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Collect(arguments) => collect::run(&arguments),
        Command::Rank(arguments) => rank::run(&arguments),
        Command::Scale(arguments) => scale::run(&arguments),
        Command::Fit(arguments) => fit::run(&arguments),
        Command::Forecast(arguments) => forecast::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Export(arguments) => export::run(&arguments),
        Command::Link(arguments) => link::run(&arguments),
        Command::Models(arguments) => models::run(&arguments),
        Command::Probe(arguments) => probe::run(&arguments),
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Dev(arguments) => dev::run(&arguments),
        Command::Tune(arguments) => tune::run(&arguments),
    }
}
