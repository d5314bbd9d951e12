//! `foretune check`: everything that can be known about a dataset without a model.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;
use foretune_core::check::{self, CheckOptions, FileIdentity, Report};
use foretune_core::describe::{DescribeContext, TokenCounter};
use foretune_core::formats;
use foretune_core::schema::Mapping;
use indicatif::{ProgressBar, ProgressStyle};

use super::Answer;
use crate::checking::{self, CheckInput, summary};
use crate::files::{self, FileSource};
use crate::terminal;
use crate::tokenizer::FileTokenizer;

/// Check and describe a dataset: format, problems, tokens, cost, what to change first
///
/// Reads JSON, JSON Lines, CSV, Parquet and Arrow, also compressed (.gz, .zst), recognised by content.
/// Exit code 0: no errors found; 1: findings of severity error; 2: the file could not be checked.
#[derive(Debug, Args)]
pub struct Check {
    /// The dataset
    file: PathBuf,
    /// Report rows longer than this many tokens
    #[arg(long, value_name = "N")]
    max_tokens: Option<u32>,
    /// Count tokens exactly with this Hugging Face tokenizer.json
    #[arg(long, value_name = "PATH")]
    tokenizer: Option<PathBuf>,
    /// What the columns mean, such as instruction=question,output=reply
    #[arg(long, value_name = "KEY=COLUMN,…", value_parser = parse_mapping)]
    map: Option<Mapping>,
    /// Threads that check (default: all cores)
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Print the whole report as JSON
    #[arg(long)]
    json: bool,
}

fn parse_mapping(text: &str) -> Result<Mapping, String> {
    Mapping::parse(text).map_err(|error| error.to_string())
}

pub fn run(arguments: &Check) -> Result<Answer> {
    let tokenizer = arguments.tokenizer.as_deref().map(FileTokenizer::load).transpose()?;
    let context =
        DescribeContext { tokens: tokenizer.as_ref().map(|tokenizer| tokenizer as &dyn TokenCounter) };
    let report = check_file(&arguments.file, arguments, context)?;
    if arguments.json {
        terminal::data(
            &serde_json::to_string_pretty(&report).context("the report cannot be written as JSON")?,
        )?;
    } else {
        terminal::data(&summary::text(&report))?;
    }
    Ok(if report.has_errors() { Answer::No } else { Answer::Yes })
}

fn check_file(path: &Path, arguments: &Check, context: DescribeContext<'_>) -> Result<Report> {
    let options = CheckOptions { max_tokens: arguments.max_tokens, mapping: arguments.map.clone(), seed: 0 };
    let source = FileSource::open(path)?;
    let identity = FileIdentity {
        name: path.file_name().map(|name| name.to_string_lossy().into_owned()),
        stored_bytes: files::length(path)?,
    };
    let opened = match formats::open(source) {
        Ok(opened) => opened,
        Err(error) => return Ok(check::unreadable(&error, identity, &options)),
    };
    let info = opened.info.clone();
    let threads =
        arguments.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let mut progress = Progress::new(identity.stored_bytes);
    let input = CheckInput { options: &options, context, threads };
    let partial = checking::run(opened, &input, &mut |bytes, rows| progress.at(bytes, rows))
        .with_context(|| format!("{} could not be read to its end", path.display()))?;
    progress.finish();
    Ok(check::finish(partial, &info, identity, &options, &context))
}

/// A bar on a terminal, nothing elsewhere.
struct Progress {
    bar: ProgressBar,
    drawn: Instant,
}

impl Progress {
    fn new(total_bytes: u64) -> Self {
        let bar =
            if terminal::shows_progress() { ProgressBar::new(total_bytes) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template(
            "{bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  {msg} rows  {eta} left",
        );
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, drawn: Instant::now() }
    }

    fn at(&mut self, bytes: u64, rows: u64) {
        if self.drawn.elapsed() > Duration::from_millis(100) {
            self.bar.set_position(bytes);
            self.bar.set_message(summary::grouped(rows));
            self.drawn = Instant::now();
        }
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
