//! `foretune rank`: which base model, or which pretraining checkpoint, will be best after fine-tuning.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use foretune_core::choosing::checkpoints::{
    self, CheckpointBenchmark, CheckpointLearner, CheckpointOptions, CheckpointReport,
};
use foretune_core::choosing::curves::{self, Benchmark, CurveOptions, CurveReport, Measure, Method};
use foretune_core::choosing::problem::Note;
use foretune_core::choosing::table::Table;

use super::Answer;
use crate::{files, terminal};

/// Rank models by how good they will be after fine-tuning
#[derive(Debug, Args)]
pub struct Rank {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Curves(Curves),
    Checkpoints(Checkpoints),
}

/// Rank base models from their losses at a few small data sizes
///
/// CSV with one row a model and one column a data size (the header is the number). Columns beyond the budget
/// are never read.
#[derive(Debug, Args)]
struct Curves {
    /// The table; with --benchmark, any number of them
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Largest data size that may be used
    #[arg(long, value_name = "N", required_unless_present = "benchmark")]
    budget: Option<f64>,
    /// Data size of the full fine-tune
    #[arg(long, value_name = "M")]
    target: f64,
    /// zero-shot, sub-tuning, model-size, vanilla-law, rectified-law, ats or pooled
    #[arg(long, default_value = "pooled", value_parser = parse_method)]
    method: Method,
    /// The cells are scores (higher is better), not losses
    #[arg(long)]
    scores: bool,
    /// Nominal coverage of the intervals
    #[arg(long, default_value_t = 0.9)]
    coverage: f64,
    /// Score every method against the target column at budgets of 1/8 to 1/512
    #[arg(long)]
    benchmark: bool,
    /// Write the picture here
    #[arg(long, value_name = "PATH")]
    svg: Option<PathBuf>,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

/// Rank pretraining variants from indicators measured before fine-tuning
///
/// CSV with one row a variant. Rows without the target are ranked, learning from those that have it; where
/// all have it, each is ranked by a prediction made without it.
#[derive(Debug, Args)]
struct Checkpoints {
    /// The table
    file: PathBuf,
    /// Column of the tuned score; with --benchmark, several
    #[arg(long, value_name = "COL", value_delimiter = ',', required = true)]
    target: Vec<String>,
    /// Further tuned scores (default: columns with the target's prefix up to "_")
    #[arg(long, value_name = "COL,…", value_delimiter = ',')]
    siblings: Option<Vec<String>>,
    /// Columns to predict from (default: all other columns of numbers)
    #[arg(long, value_name = "COL,…", value_delimiter = ',')]
    indicators: Option<Vec<String>>,
    /// Columns of run settings, such as the learning rate
    #[arg(long, value_name = "COL,…", value_delimiter = ',')]
    settings: Vec<String>,
    /// Names of rows to leave out
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    exclude: Vec<String>,
    /// Probability below which a pair is too close to call
    #[arg(long, value_name = "P", default_value_t = 0.6)]
    sure: f64,
    /// A run setting the file does not name: its values repeat over the first rows
    #[arg(long, value_name = "NAME=V1,V2,…:ROWS", value_parser = parse_cycle)]
    cycle: Option<Cycle>,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Score learners on seeded 60/40 splits of the rows that have the target
    #[arg(long)]
    benchmark: bool,
    /// First and last seed (excluded) of the splits
    #[arg(long, value_name = "A..B", default_value = "0..20", value_parser = parse_range)]
    splits: std::ops::Range<u64>,
    /// Write the picture here
    #[arg(long, value_name = "PATH")]
    svg: Option<PathBuf>,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone)]
struct Cycle {
    name: String,
    values: Vec<f64>,
    rows: usize,
}

fn parse_method(text: &str) -> Result<Method, String> {
    Method::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = Method::ALL.iter().map(|method| method.name()).collect();
        format!("choose one of {}", names.join(", "))
    })
}

fn parse_cycle(text: &str) -> Result<Cycle, String> {
    let expected = || "expected NAME=V1,V2,…:ROWS".to_owned();
    let (name, rest) = text.split_once('=').ok_or_else(expected)?;
    let (values, rows) = rest.rsplit_once(':').ok_or_else(expected)?;
    let values = values.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| expected())?;
    Ok(Cycle { name: name.to_owned(), values, rows: rows.parse().map_err(|_| expected())? })
}

fn parse_range(text: &str) -> Result<std::ops::Range<u64>, String> {
    let bounds = text.split_once("..").and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?));
    bounds
        .filter(|range: &std::ops::Range<u64>| range.start < range.end)
        .ok_or_else(|| "expected A..B".to_owned())
}

pub fn run(arguments: &Rank) -> Result<Answer> {
    match &arguments.what {
        What::Curves(arguments) if arguments.benchmark => benchmark_curves(arguments)?,
        What::Curves(arguments) => rank_curves(arguments)?,
        What::Checkpoints(arguments) if arguments.benchmark => benchmark_checkpoints(arguments)?,
        What::Checkpoints(arguments) => rank_checkpoints(arguments)?,
    }
    Ok(Answer::Yes)
}

fn rank_curves(arguments: &Curves) -> Result<()> {
    let [file] = arguments.files.as_slice() else {
        bail!("one table at a time, unless --benchmark is given")
    };
    let options = CurveOptions {
        budget: arguments.budget.context("--budget is needed")?,
        target: arguments.target,
        measure: if arguments.scores { Measure::Score } else { Measure::Loss },
        method: arguments.method,
        coverage: arguments.coverage,
    };
    let text = files::read_whole_text(file)?;
    let report = curves::rank(&text, &options).with_context(|| file.display().to_string())?;
    if let Some(path) = &arguments.svg {
        files::write_atomically(path, curves::picture(&report).as_bytes())?;
    }
    if arguments.json {
        return json(&report);
    }
    notes(&report.notes);
    Ok(terminal::data(&curves_text(&report))?)
}

fn curves_text(report: &CurveReport) -> String {
    let mut text = format!(
        "Predicted at {} examples from at most {} ({}), best first\n\n",
        report.target, report.budget, report.method
    );
    text += &format!(
        "{:>3}  {:<40} {:>10} {:>21} {:>7} {:>10}\n",
        "", "model", "predicted", "interval", "best", "at budget"
    );
    for (place, model) in report.ranking.iter().enumerate() {
        let interval =
            model.lo.zip(model.hi).map(|(lo, hi)| format!("{lo:.4} to {hi:.4}")).unwrap_or_default();
        let best = model.probability_best.map(|share| format!("{:.0} %", 100.0 * share)).unwrap_or_default();
        text += &format!(
            "{:>3}  {:<40} {:>10.4} {interval:>21} {best:>7} {:>10.4}\n",
            place + 1,
            model.name,
            model.predicted,
            model.last
        );
    }
    if !report.next.is_empty() {
        text += "\nWhat to run next (expected gain in log loss for the cost)\n";
        for point in report.next.iter().take(3) {
            text += &format!("     {} on {} examples: {:.5}\n", point.name, point.size, point.expected_gain);
        }
    }
    text
}

fn rank_checkpoints(arguments: &Checkpoints) -> Result<()> {
    let [target] = arguments.target.as_slice() else {
        bail!("one --target at a time, unless --benchmark is given")
    };
    let table = checkpoint_table(arguments)?;
    let options = CheckpointOptions {
        siblings: arguments.siblings.clone(),
        indicators: arguments.indicators.clone(),
        settings: arguments.settings.clone(),
        exclude: arguments.exclude.clone(),
        least_probability: arguments.sure,
        seed: arguments.seed,
        ..CheckpointOptions::for_target(target)
    };
    let report =
        checkpoints::rank_table(&table, &options).with_context(|| arguments.file.display().to_string())?;
    if let Some(path) = &arguments.svg {
        files::write_atomically(path, checkpoints::picture(&report).as_bytes())?;
    }
    if arguments.json {
        return json(&report);
    }
    notes(&report.notes);
    Ok(terminal::data(&checkpoints_text(&report))?)
}

fn checkpoint_table(arguments: &Checkpoints) -> Result<Table> {
    let table = Table::parse(&files::read_whole_text(&arguments.file)?);
    let table = table.with_context(|| arguments.file.display().to_string())?;
    match &arguments.cycle {
        Some(cycle) => Ok(table.with_cycled_column(&cycle.name, &cycle.values, cycle.rows)?),
        None => Ok(table),
    }
}

fn checkpoints_text(report: &CheckpointReport) -> String {
    let mut text = format!(
        "{} after tuning, best first; learnt from {} rows, held-out pairs right: {:.1} % ({:.1} % of the {:.0} % not \
         too close)\n\n",
        report.target,
        report.learnt_from,
        report.held_out_accuracy,
        report.held_out_when_sure.0,
        report.held_out_when_sure.1
    );
    text += &format!(
        "{:>3}  {:<32} {:>10} {:>6} {:>7} {:>9}\n",
        "", "variant", "predicted", "beats", "best", "known"
    );
    for (place, model) in report.ranking.iter().enumerate() {
        let known = model.known.map(|known| format!("{known:.2}")).unwrap_or_default();
        text += &format!(
            "{:>3}  {:<32} {:>10.2} {:>6} {:>5.0} % {known:>9}\n",
            place + 1,
            model.name,
            model.predicted,
            model.borda,
            100.0 * model.probability_best
        );
    }
    let close = report.pairs.iter().filter(|pair| pair.too_close).count();
    text + &format!("\n{close} of {} pairs are too close to call\n", report.pairs.len())
}

fn benchmark_curves(arguments: &Curves) -> Result<()> {
    const FRACTIONS: [u32; 7] = [8, 16, 32, 64, 128, 256, 512];
    let mut all = Vec::new();
    for file in &arguments.files {
        terminal::note(&format!("scoring {}", file.display()));
        let text = files::read_whole_text(file)?;
        let scored = curves::benchmark(&text, arguments.target, &FRACTIONS, &Method::ALL, arguments.coverage)
            .with_context(|| file.display().to_string())?;
        all.push((file.display().to_string(), scored));
    }
    if arguments.json {
        return json(&all);
    }
    let tables: Vec<String> = all.iter().map(|(name, scored)| curve_tables(name, scored)).collect();
    Ok(terminal::data(&tables.join("\n"))?)
}

fn curve_tables(name: &str, scored: &Benchmark) -> String {
    let mut text = format!("{name}: {} models, target {}\n", scored.models, scored.target);
    type Figure = (&'static str, fn(&curves::CellScore) -> Option<f64>);
    let figures: [Figure; 4] = [
        ("Pearson x100", |cell| Some(cell.pearson)),
        ("relative accuracy x100", |cell| Some(cell.relative_accuracy)),
        ("mean |log error| x100", |cell| Some(cell.log_error)),
        ("coverage, % of models", |cell| cell.coverage),
    ];
    for (title, figure) in figures {
        text += &format!(
            "\n| {title} | 1/8 | 1/16 | 1/32 | 1/64 | 1/128 | 1/256 | 1/512 | mean |\n|---|---|---|---|---|---|---|---|---|\n"
        );
        for method in Method::ALL {
            let values: Vec<f64> = scored.cells_of(method).filter_map(figure).collect();
            if values.is_empty() || (method == Method::ModelSize && title.starts_with("mean")) {
                continue;
            }
            let cells: Vec<String> = values.iter().map(|value| format!("{value:.1}")).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            text += &format!("| {} | {} | {mean:.2} |\n", method.name(), cells.join(" | "));
        }
    }
    text
}

fn benchmark_checkpoints(arguments: &Checkpoints) -> Result<()> {
    let table = checkpoint_table(arguments)?;
    let settings: Vec<String> = arguments.cycle.iter().map(|cycle| cycle.name.clone()).collect();
    // A column added for its setting is no indicator of the learners that go without it.
    let plain: Vec<String> = match &arguments.indicators {
        Some(indicators) => indicators.clone(),
        None => table
            .header()
            .iter()
            .filter(|name| *name != "model" && !name.starts_with("sft_") && !settings.contains(name))
            .cloned()
            .collect(),
    };
    let mut learners: Vec<CheckpointLearner> = plain.iter().cloned().map(CheckpointLearner::Single).collect();
    learners.push(CheckpointLearner::Published(plain.clone()));
    let ours = |label: &str, indicators: &[String], settings: &[String]| CheckpointLearner::Ours {
        label: label.to_owned(),
        indicators: Some(indicators.to_vec()),
        settings: settings.to_vec(),
    };
    learners.push(ours("ours, all indicators", &plain, &[]));
    // What the leak check marks: the indicators that come from two sources.
    let unleaked: Vec<String> =
        plain.iter().filter(|name| !["kshot_rag", "kshot_cbqa"].contains(&name.as_str())).cloned().collect();
    if unleaked.len() < plain.len() {
        learners.push(ours("ours, unleaked indicators", &unleaked, &[]));
    }
    if !settings.is_empty() {
        learners.push(ours("ours, unleaked indicators and settings", &unleaked, &settings));
    }
    let table_without = Table::parse(&files::read_whole_text(&arguments.file)?)?;
    let rows = checkpoints::row_sets(&table_without, &arguments.target)?;
    terminal::note(&format!(
        "{} splits on {} sets of rows",
        arguments.splits.end - arguments.splits.start,
        rows.len()
    ));
    let published_on = checkpoints::benchmark(
        &table,
        &plain,
        &arguments.target,
        &rows,
        &learners,
        arguments.splits.clone(),
    )?;
    if arguments.json {
        return json(&published_on);
    }
    Ok(terminal::data(&checkpoint_tables(&published_on, &arguments.target))?)
}

fn checkpoint_tables(scored: &CheckpointBenchmark, targets: &[String]) -> String {
    let mut text = String::new();
    let mut rows: Vec<&str> = scored.scores.iter().map(|score| score.rows.as_str()).collect();
    rows.dedup();
    for set in rows.into_iter().filter(|set| !set.is_empty()) {
        let header: Vec<String> =
            targets.iter().map(|target| format!("{target} | against published | best in 1/3/5/7")).collect();
        text += &format!(
            "\n| {set} rows | {} |\n|---|{}\n",
            header.join(" | "),
            "---|---|---|".repeat(targets.len())
        );
        let mut learners: Vec<&str> = Vec::new();
        for score in scored.scores.iter().filter(|score| score.rows == set) {
            if !learners.contains(&score.learner.as_str()) {
                learners.push(&score.learner);
            }
        }
        for learner in learners {
            let cells: Vec<String> = targets
                .iter()
                .filter_map(|target| {
                    scored
                        .scores
                        .iter()
                        .find(|s| s.rows == set && s.learner == learner && s.target == *target)
                })
                .map(|score| {
                    let gain = match (score.gain, score.gain_deviation, score.wins) {
                        (Some(gain), Some(spread), Some(wins)) => {
                            format!("{gain:+.1} ± {spread:.1} ({wins}/{})", score.splits)
                        }
                        _ => String::new(),
                    };
                    let within: Vec<String> =
                        score.best_within.iter().map(|share| format!("{share:.0}")).collect();
                    format!("{:.1} ± {:.1} | {gain} | {}", score.mean, score.deviation, within.join("/"))
                })
                .collect();
            text += &format!("| {learner} | {} |\n", cells.join(" | "));
        }
    }
    text
}

pub(super) fn notes(notes: &[Note]) {
    for note in notes {
        terminal::note(&note.to_string());
    }
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<()> {
    Ok(terminal::data(&serde_json::to_string_pretty(value).context("the report cannot be written as JSON")?)?)
}
