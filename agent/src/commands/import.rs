//! `foretune import`: logs of other training programs as partial traces, which `forecast --trace` reads.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use foretune_core::imports::{self, ImportedRun};
use serde_json::json;

use super::Answer;
use crate::{files, terminal};

/// Read the logs of other training programs: trainer_state.json, CSV of W&B or MLflow, TensorBoard, log lines
///
/// What a log does not tell stays missing. With --out the run becomes a trace that `foretune forecast --trace`
/// reads.
#[derive(Debug, Args)]
pub struct Import {
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Write the trace of the one run here
    #[arg(long, value_name = "TRACE")]
    out: Option<PathBuf>,
    /// Only the run of this name, where a file holds several
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Import) -> Result<Answer> {
    let mut runs = Vec::new();
    for file in &arguments.files {
        runs.extend(import(file)?);
    }
    if let Some(wanted) = &arguments.run {
        let present = names(&runs);
        runs.retain(|run| run.name == *wanted);
        if runs.is_empty() {
            bail!("no run is called {wanted:?}; there are: {present}");
        }
    }
    if let Some(out) = &arguments.out {
        let [run] = runs.as_slice() else {
            bail!("a trace holds one run; choose with --run NAME among: {}", names(&runs));
        };
        if run.readings.is_empty() {
            bail!("the log of {:?} has no step at which a forecast could be made", run.name);
        }
        files::write_atomically(out, run.trace().as_bytes())?;
        terminal::note(&format!("wrote {} readings to {}", run.readings.len(), out.display()));
    }
    if arguments.json {
        terminal::data(&serde_json::to_string_pretty(&json!({ "runs": runs }))?)?;
    } else {
        let texts: Vec<String> = runs.iter().map(text).collect();
        terminal::data(&texts.join("\n\n"))?;
    }
    Ok(Answer::Yes)
}

fn import(file: &Path) -> Result<Vec<ImportedRun>> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    imports::import(&name, &files::read(file)?).with_context(|| file.display().to_string())
}

fn names(runs: &[ImportedRun]) -> String {
    const LISTED: usize = 20;
    let names: Vec<&str> = runs.iter().take(LISTED).map(|run| run.name.as_str()).collect();
    names.join(", ")
}

fn text(run: &ImportedRun) -> String {
    let mut lines = vec![format!("{} ({}): {} steps logged", run.name, run.source, run.steps.len())];
    for (name, value) in run.recipe.iter() {
        lines.push(format!("  {name} = {value}"));
    }
    for reading in &run.readings {
        let values: Vec<String> = reading
            .features
            .iter()
            .filter(|(name, _)| *name != "probe_step")
            .map(|(name, value)| format!("{name} {value:.4}"))
            .collect();
        lines.push(format!("  step {}: {}", reading.step, values.join(", ")));
    }
    lines.extend(run.notes.iter().map(|note| format!("  note: {note}")));
    lines.join("\n")
}
