//! `foretune dev`: what only developers of Foretune need. Hidden from the help.

mod advice;
#[cfg(test)]
mod guides;
mod limits;
mod reference;

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use foretune_core::{features, findings, schema, wire};

use super::Answer;
use crate::{files, terminal};

#[derive(Debug, Args)]
pub struct Dev {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Write a sweep of bad runs with the change that the predictor advises
    Advice(advice::Advice),
    /// Write the reference documents that come from code
    Docs {
        folder: PathBuf,
        /// Only compare; fail if one is stale
        #[arg(long)]
        check: bool,
    },
}

pub fn run(arguments: &Dev) -> Result<Answer> {
    match &arguments.task {
        Task::Advice(arguments) => advice::run(arguments),
        Task::Docs { folder, check } => docs(folder, *check),
    }
}

fn docs(folder: &std::path::Path, check: bool) -> Result<Answer> {
    let mut stale = Vec::new();
    for (name, text) in [
        ("commands.md", reference::markdown()),
        ("schemas.md", schema::markdown()),
        ("findings.md", findings::registry::markdown()),
        ("features.md", features::markdown()),
        ("protocol.md", wire::markdown()),
        ("limits.md", limits::markdown()?),
    ] {
        let path = folder.join(name);
        let known = files::exists(&path).then(|| files::read_text(&path)).transpose()?;
        if known.as_ref() == Some(&text) {
            continue;
        }
        if check {
            stale.push(path.display().to_string());
        } else {
            files::create_folder(folder)?;
            files::write_atomically(&path, text.as_bytes())?;
            terminal::note(&format!("wrote {}", path.display()));
        }
    }
    if !stale.is_empty() {
        bail!("stale: {}; write them anew with `just docs`", stale.join(", "));
    }
    Ok(Answer::Yes)
}
