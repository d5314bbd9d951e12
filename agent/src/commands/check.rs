//! `foretune check`: everything that can be known about a dataset without a model.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use foretune_core::advice::{CostTable, Method, Recipe, ReportExport, html_report};
use foretune_core::check::{self, CheckOptions, FileIdentity, Report};
use foretune_core::describe::{DescribeContext, EvalIndex, TokenCounter};
use foretune_core::formats;
use foretune_core::schema::Mapping;
use foretune_core::words::grouped;

use super::Answer;
use crate::checking::{self, CheckInput, Fix, Progress, summary};
use crate::files::{self, FileSource};
use crate::{numbers, outputs, terminal};

/// Check and describe a dataset: format, problems, tokens, cost, what to change first
///
/// Reads JSON, JSON Lines, CSV, Parquet and Arrow, also compressed (.gz, .zst), recognised by content.
/// Exit code 0: no errors found; 1: findings of severity error; 2: the file could not be checked.
#[derive(Debug, Args)]
pub struct Check {
    /// The dataset
    file: PathBuf,
    /// Evaluation rows: reports rows that stand in both files
    #[arg(long, value_name = "FILE")]
    eval: Option<PathBuf>,
    /// Report rows longer than this many tokens
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    max_tokens: Option<u32>,
    /// Count tokens exactly with this Hugging Face tokenizer.json
    #[arg(long, value_name = "PATH")]
    tokenizer: Option<PathBuf>,
    /// What the columns mean, such as instruction=question,output=reply; may be given again for further columns
    #[arg(long, value_name = "KEY=COLUMN,…")]
    map: Vec<String>,
    /// Threads that check (default: all cores)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Print the whole report as JSON
    #[arg(long)]
    json: bool,
    /// Write the report to a file: .html for people, anything else as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    clean: Clean,
    #[command(flatten)]
    recipe: RecipeArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Cleaned copy")]
struct Clean {
    /// Write a cleaned copy of the data as JSON Lines
    #[arg(long, value_name = "FILE")]
    clean: Option<PathBuf>,
    /// What the cleaned copy mends
    #[arg(long, value_name = "FIX,…", value_delimiter = ',', default_value = "safe", requires = "clean")]
    fix: Vec<Fix>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "The run you have in mind (for cost and advice)")]
struct RecipeArguments {
    /// Base model, such as Qwen2.5-7B
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Learning rate
    #[arg(long, value_name = "RATE", value_parser = numbers::positive)]
    lr: Option<f64>,
    #[arg(long, value_name = "N", default_value_t = 3.0, value_parser = numbers::positive)]
    epochs: f64,
    /// Rows for each step, accumulation included
    #[arg(long, value_name = "ROWS", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// LoRA rank
    #[arg(long, value_name = "N", default_value_t = 16, conflicts_with = "full",
        value_parser = clap::value_parser!(u32).range(1..))]
    rank: u32,
    /// Train all parameters instead of LoRA adapters
    #[arg(long)]
    full: bool,
    /// Dropout of the adapters
    #[arg(long, value_name = "SHARE", value_parser = numbers::share)]
    dropout: Option<f64>,
}

pub fn parse_mapping(text: &str) -> Result<Mapping, String> {
    Mapping::parse(text).map_err(|error| error.to_string())
}

fn mapping(pairs: &[String]) -> Result<Option<Mapping>> {
    (!pairs.is_empty()).then(|| Mapping::parse(&pairs.join(",")).context("--map")).transpose()
}

pub fn run(arguments: &Check) -> Result<Answer> {
    let read = [&arguments.file].into_iter().chain(&arguments.eval).chain(&arguments.tokenizer);
    let written = [("--clean", arguments.clean.clean.as_deref()), ("--report", arguments.report.as_deref())];
    outputs::keep_apart(read, &written)?;
    let reference = checking::reference_model()?;
    let tokenizer = arguments.tokenizer.as_deref().map(crate::tokenizer::load).transpose()?;
    let mapping = mapping(&arguments.map)?;
    let eval = arguments.eval.as_deref().map(|path| eval_index(path, mapping.as_ref())).transpose()?;
    let context = DescribeContext {
        tokens: tokenizer.as_ref().map(|tokenizer| tokenizer as &dyn TokenCounter),
        eval: eval.as_ref(),
        reference: Some(&reference),
    };
    let options = CheckOptions { max_tokens: arguments.max_tokens, mapping, seed: 0 };
    let report = check_file(&arguments.file, &options, context, arguments.threads.map(usize::from))?;
    let has_errors = report.has_errors();
    let mut export = ReportExport::new(report, recipe(arguments), &CostTable::default());
    if let Some(target) = &arguments.clean.clean {
        export.changes = clean(arguments, &options, context, target)?;
    }
    if let Some(target) = &arguments.report {
        write_report(&export, target)?;
    }
    if arguments.json {
        terminal::data(
            &serde_json::to_string_pretty(&export).context("the report cannot be written as JSON")?,
        )?;
    } else {
        terminal::data(&summary::text(&export))?;
    }
    Ok(if has_errors { Answer::No } else { Answer::Yes })
}

fn recipe(arguments: &Check) -> Recipe {
    let RecipeArguments { model, lr, epochs, batch, rank, full, dropout } = &arguments.recipe;
    Recipe {
        model: model.clone(),
        method: if *full { Method::Full } else { Method::Lora { rank: *rank } },
        learning_rate: *lr,
        epochs: *epochs,
        batch_rows: *batch,
        dropout: *dropout,
        max_tokens: arguments.max_tokens,
        ..Recipe::default()
    }
}

/// Checks and describes one file, for the other commands too.
pub fn check_file(
    path: &Path,
    options: &CheckOptions,
    context: DescribeContext<'_>,
    threads: Option<usize>,
) -> Result<Report> {
    let source = FileSource::open(path)?;
    let identity = FileIdentity {
        name: path.file_name().map(|name| name.to_string_lossy().into_owned()),
        stored_bytes: files::length(path)?,
    };
    let opened = match formats::open(source) {
        Ok(opened) => opened,
        Err(error) => return Ok(check::unreadable(&error, identity, options)),
    };
    let info = opened.info.clone();
    if let Some(mapping) = &options.mapping {
        mapping.check_columns(&info.columns)?;
    }
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let mut progress = Progress::new(identity.stored_bytes);
    let input = CheckInput { options, context, threads };
    let partial = checking::run(opened, &input, &mut |bytes, rows| progress.at(bytes, rows))
        .with_context(|| format!("{} could not be read to its end", path.display()))?;
    progress.finish();
    Ok(check::finish(partial, &info, identity, options, &context))
}

pub fn eval_index(path: &Path, mapping: Option<&Mapping>) -> Result<EvalIndex> {
    let told = || format!("the evaluation file {}", path.display());
    let opened = formats::open(FileSource::open(path)?).with_context(told)?;
    match checking::eval_index(opened, mapping).with_context(told)? {
        Some(index) => Ok(index),
        None => bail!(
            "{} has no row of a known shape; look at it with: foretune check {}",
            told(),
            path.display()
        ),
    }
}

/// `None` where the file could not be opened at all: the report already says why.
fn clean(
    arguments: &Check,
    options: &CheckOptions,
    context: DescribeContext<'_>,
    target: &Path,
) -> Result<Option<foretune_core::advice::ChangeList>> {
    let Ok(opened) = formats::open(FileSource::open(&arguments.file)?) else { return Ok(None) };
    let mut progress = Progress::new(files::length(&arguments.file)?);
    let changes =
        checking::write_cleaned(opened, options, context, &arguments.clean.fix, target, &mut progress)?;
    progress.finish();
    terminal::note(&format!(
        "wrote {}: {} of {} rows, {} changed",
        target.display(),
        grouped(changes.rows_written),
        grouped(changes.rows_read),
        grouped(changes.rows_changed)
    ));
    Ok(Some(changes))
}

fn write_report(export: &ReportExport, target: &Path) -> Result<()> {
    let is_page = target
        .extension()
        .is_some_and(|suffix| suffix.eq_ignore_ascii_case("html") || suffix.eq_ignore_ascii_case("htm"));
    let text = if is_page {
        html_report(export)
    } else {
        serde_json::to_string_pretty(export).context("the report cannot be written as JSON")?
    };
    files::write_atomically(target, text.as_bytes())?;
    terminal::note(&format!("wrote {}", target.display()));
    Ok(())
}
