//! `foretune serve`: the page on this machine's loopback address.

use anyhow::{Context, Result};
use clap::Args;

use super::Answer;
use crate::{server, terminal};

/// Open the page on this computer; nothing leaves it
#[derive(Debug, Args)]
pub struct Serve {
    /// Port on 127.0.0.1 (0: any free one)
    #[arg(long, default_value_t = 7878)]
    port: u16,
    /// Open the browser
    #[arg(long)]
    open: bool,
}

pub fn run(arguments: &Serve) -> Result<Answer> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the server")?;
    runtime.block_on(server::serve(arguments.port, |address| {
        terminal::note(&format!("Foretune is at {address}  (Ctrl-C stops it)"));
        if arguments.open && !open_browser(address) {
            terminal::note("no browser could be started: open the address by hand");
        }
    }))?;
    Ok(Answer::Yes)
}

fn open_browser(address: &str) -> bool {
    let program = if cfg!(target_os = "macos") {
        "open"
    } else if cfg!(windows) {
        "explorer"
    } else {
        "xdg-open"
    };
    std::process::Command::new(program).arg(address).spawn().is_ok()
}
