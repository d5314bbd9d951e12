//! `foretune import`: logs of other training programs as partial traces, which `forecast --trace` reads; with a
//! table of how the runs ended, run records, which `fit` reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use foretune_core::check::CheckOptions;
use foretune_core::describe::DescribeContext;
use foretune_core::imports::finished::{COLUMNS, Described, Finished, read_finished};
use foretune_core::imports::{self, ImportedRun};
use foretune_core::limits;
use foretune_core::runs::RunRecord;
use serde_json::json;

use super::Answer;
use super::check::check_file;
use crate::checking::reference_model;
use crate::{files, outputs, terminal};

/// Read the logs of other training programs: trainer_state.json, CSV of W&B or MLflow, TensorBoard, console logs
///
/// What a log does not tell stays missing. With --out the run becomes a trace that `foretune forecast --trace`
/// reads. With --scores all of them become run records that `foretune fit` reads.
#[derive(Debug, Args)]
#[command(after_long_help = columns_help())]
pub struct Import {
    /// Logs of the runs
    #[arg(required_unless_present = "scores")]
    files: Vec<PathBuf>,
    /// Write the trace of the one run here
    #[arg(long, value_name = "TRACE")]
    out: Option<PathBuf>,
    /// Only the run of this name, where a file holds several
    #[arg(long, value_name = "NAME")]
    run: Option<String>,
    /// How the runs ended, a row each: CSV with the columns below
    #[arg(long, value_name = "TABLE.csv", requires = "records", conflicts_with_all = ["out", "run"])]
    scores: Option<PathBuf>,
    /// Write the finished runs here, for `foretune fit`
    #[arg(long, value_name = "RUNS.jsonl", requires = "scores")]
    records: Option<PathBuf>,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

fn columns_help() -> String {
    let width = COLUMNS.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: Vec<String> =
        COLUMNS.iter().map(|(name, holds)| format!("  {name:<width$}  {holds}")).collect();
    format!(
        "Columns of --scores, of which run, score, base_parameters and either dataset or source are needed:\n{}\n  and \
         any feature of the recipe by its name, such as learning_rate or lora_rank",
        lines.join("\n")
    )
}

pub fn run(arguments: &Import) -> Result<Answer> {
    let written = [("--out", arguments.out.as_deref()), ("--records", arguments.records.as_deref())];
    outputs::keep_apart(arguments.files.iter().chain(&arguments.scores), &written)?;
    let mut runs = Vec::new();
    for (file, name) in arguments.files.iter().zip(names_of(&arguments.files)) {
        runs.extend(import(file, &name)?);
    }
    if let (Some(scores), Some(out)) = (&arguments.scores, &arguments.records) {
        return finished(arguments, &runs, scores, out);
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

fn import(file: &Path, name: &str) -> Result<Vec<ImportedRun>> {
    imports::import(name, &files::read_whole(file, limits::MAX_IMPORT_BYTES as u64)?)
        .with_context(|| file.display().to_string())
}

/// The file's name, with as many of its folders before it as tell it from the others.
fn names_of(paths: &[PathBuf]) -> Vec<String> {
    let parts = |path: &Path| -> Vec<String> {
        path.components().map(|part| part.as_os_str().to_string_lossy().into_owned()).collect()
    };
    let all: Vec<Vec<String>> = paths.iter().map(|path| parts(path)).collect();
    let deepest = all.iter().map(Vec::len).max().unwrap_or(1);
    let tails = |count: usize| -> Vec<String> {
        all.iter().map(|parts| parts[parts.len().saturating_sub(count)..].join("/")).collect()
    };
    let differ = |names: &[String]| names.iter().collect::<BTreeSet<_>>().len() == names.len();
    (1..=deepest).map(tails).find(|names| differ(names)).unwrap_or_else(|| tails(deepest))
}

/// Each row of the table with its log, if there is one, as a run record.
fn finished(arguments: &Import, logs: &[ImportedRun], scores: &Path, out: &Path) -> Result<Answer> {
    let told = || scores.display().to_string();
    let rows = read_finished(&files::read_whole_text(scores)?).with_context(told)?;
    let mut described = BTreeMap::new();
    let mut used = BTreeSet::new();
    let mut records: Vec<RunRecord> = Vec::with_capacity(rows.len());
    for row in &rows {
        let log = log_of(row, logs)?;
        used.extend(log);
        let log = log.map(|index| &logs[index]);
        let file = match &row.dataset {
            Some(dataset) => Some(describe(dataset, scores, &mut described)?),
            None => None,
        };
        records.push(row.record(log, file.as_ref()).with_context(told)?);
    }
    let without_log = records.iter().filter(|record| record.readings.is_empty()).count();
    if without_log > 0 {
        terminal::note(&format!(
            "{without_log} of {} runs have no log: nothing is known of their course",
            rows.len()
        ));
    }
    let unused: Vec<&str> = (0..logs.len())
        .filter(|index| !used.contains(index))
        .map(|index| logs[index].name.as_str())
        .collect();
    if !unused.is_empty() {
        terminal::note(&format!("left out, because the table has no row for them: {}", unused.join(", ")));
    }
    let lines: Vec<String> = records.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
    files::write_atomically(out, (lines.join("\n") + "\n").as_bytes())?;
    if arguments.json {
        terminal::data(&serde_json::to_string_pretty(
            &json!({ "records": records.len(), "without_log": without_log, "unused_logs": unused }),
        )?)?;
    } else {
        terminal::data(&format!("wrote {} finished runs to {}", records.len(), out.display()))?;
    }
    Ok(Answer::Yes)
}

/// The log with the row's name; else the one in whose path the name stands as file, folder or stem.
fn log_of(row: &Finished, logs: &[ImportedRun]) -> Result<Option<usize>> {
    if let Some(index) = logs.iter().position(|log| log.name == row.run) {
        return Ok(Some(index));
    }
    let is_in_path = |log: &ImportedRun| {
        log.name
            .split('/')
            .any(|part| part == row.run || part.rsplit_once('.').is_some_and(|(stem, _)| stem == row.run))
    };
    let found: Vec<usize> = (0..logs.len()).filter(|index| is_in_path(&logs[*index])).collect();
    if let [first, second, ..] = found[..] {
        bail!("row {}: {:?} may be {} or {}", row.row, row.run, logs[first].name, logs[second].name);
    }
    Ok(found.first().copied())
}

/// What the check says of a training file, looked for beside the table; each file once.
fn describe(dataset: &str, table: &Path, known: &mut BTreeMap<PathBuf, Described>) -> Result<Described> {
    let path = table.parent().unwrap_or(Path::new("")).join(dataset);
    if let Some(described) = known.get(&path) {
        return Ok(described.clone());
    }
    let reference = reference_model()?;
    let context = DescribeContext { tokens: None, eval: None, reference: Some(&reference) };
    let report = check_file(&path, &CheckOptions::default(), context, None)?;
    if report.rows_valid == 0 {
        bail!("{0} has no usable row; look at it with: foretune check {0}", path.display());
    }
    let described = Described { features: report.features, fingerprint: report.file.fingerprint };
    known.insert(path, described.clone());
    Ok(described)
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
