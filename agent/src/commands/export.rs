//! `foretune export`: a trace of ours in the forms that trackers of experiments exchange.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use foretune_core::runs::Metrics;

use super::Answer;
use crate::{files, outputs, terminal};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// CSV, one row a step, one column a metric
    Wandb,
    /// CSV, one row a value
    Mlflow,
    /// One object a step, to be logged as it is
    Json,
}

/// Write the trace of a probe or run for Weights & Biases or MLflow
#[derive(Debug, Args)]
pub struct Export {
    /// What `foretune probe --out`, `tune --out` or `import --out` wrote
    trace: PathBuf,
    #[arg(long = "as", value_enum, default_value_t = Form::Wandb)]
    form: Form,
    /// Name of the run there; the file's own where none is given
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Write here instead of printing
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub fn run(arguments: &Export) -> Result<Answer> {
    outputs::keep_apart([&arguments.trace], &[("--out", arguments.out.as_deref())])?;
    let told = || format!("the trace {}", arguments.trace.display());
    let metrics = Metrics::of_trace(&files::read_whole_text(&arguments.trace)?).with_context(told)?;
    let own = arguments.trace.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let name = arguments.name.clone().or(own).unwrap_or_default();
    let text = match arguments.form {
        Form::Wandb => metrics.wandb_csv(&name),
        Form::Mlflow => metrics.mlflow_csv(&name),
        Form::Json => serde_json::to_string_pretty(&metrics.json(&name))? + "\n",
    };
    match &arguments.out {
        Some(out) => {
            files::write_atomically(out, text.as_bytes())?;
            terminal::note(&format!("wrote {}", out.display()));
        }
        None => terminal::data(text.trim_end())?,
    }
    Ok(Answer::Yes)
}
