//! Rows of the file itself set aside as evaluation rows: the flags, the choice, and what is told of it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use foretune_core::check::{Aside, Wish};
use foretune_core::limits;
use foretune_core::schema::Mapping;

use super::rows::{set_aside, write_parts};
use crate::terminal;
use crate::weights::ModelFolder;

/// How many rows are set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SetAside {
    Usual,
    Rows(u64),
}

fn parse_set_aside(text: &str) -> Result<SetAside, String> {
    let most = limits::MAX_SET_ASIDE_ROWS as u64;
    match text.parse() {
        Ok(rows) if (1..=most).contains(&rows) => Ok(SetAside::Rows(rows)),
        _ if text == "auto" => Ok(SetAside::Usual),
        _ => Err(format!("expected a number of rows from 1 to {most}, or auto")),
    }
}

/// Each names `eval`: what an absent flag requires is not required where it could not be given.
#[derive(Debug, Args)]
pub struct AsideFlags {
    /// Without --eval: set so many clean rows of the file aside, or `auto` for the usual number, and train on the
    /// rest without their copies
    #[arg(id = "set_aside", long = "set-aside", value_name = "N", value_parser = parse_set_aside, conflicts_with = "eval")]
    rows: Option<SetAside>,
    /// Chooses which rows are set aside
    #[arg(
        id = "set_aside_seed",
        long = "set-aside-seed",
        value_name = "N",
        default_value_t = 0,
        requires = "set_aside",
        conflicts_with = "eval"
    )]
    seed: u64,
    /// Write what the full run trains on and is judged by: training.jsonl and evaluation.jsonl
    #[arg(
        id = "set_aside_to",
        long = "set-aside-to",
        value_name = "FOLDER",
        requires = "set_aside",
        conflicts_with = "eval"
    )]
    folder: Option<PathBuf>,
}

impl AsideFlags {
    pub fn choose(
        &self,
        file: &Path,
        model: &ModelFolder,
        mapping: Option<&Mapping>,
        sequence_length: usize,
    ) -> Result<Option<Aside>> {
        let Some(wanted) = self.rows else { return Ok(None) };
        let rows = match wanted {
            SetAside::Usual => None,
            SetAside::Rows(rows) => Some(rows),
        };
        let wish = Wish { rows, seed: self.seed };
        let aside = set_aside(file, model, mapping, sequence_length, wish)?;
        if let Some(folder) = &self.folder {
            for path in write_parts(file, mapping, &aside, folder)? {
                terminal::note(&format!("wrote {}", path.display()));
            }
        }
        Ok(Some(aside))
    }
}

/// `copies` were left out of what is trained on.
pub fn tell_set_aside(aside: &Aside, copies: u64) {
    let (rows, seed) = (aside.record.rows, aside.record.seed);
    terminal::note(&format!("{rows} clean rows set aside (seed {seed}), {copies} copies of them left out"));
}
