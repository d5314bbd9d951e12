//! `foretune dev advice`: takes finished runs that ended badly, asks the predictor for its best cheap change of each as
//! it would before any probe, and writes a sweep that makes the changed runs, so that advice is judged by real ones.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use foretune_core::hash::hash_bytes;
use foretune_core::lab::{ChangedRecipe, Sweep};
use foretune_core::limits;
use foretune_core::numerics::stats;
use foretune_core::predict::changes::{Change, cheap_changes};
use foretune_core::predict::predictor::Predictor;
use foretune_core::runs::{Known, Part, RunRecord, part_of};

use crate::commands::{Answer, fit};
use crate::{files, terminal};

#[derive(Debug, Args)]
pub struct Advice {
    /// The runs of the sweep
    runs: PathBuf,
    #[arg(long)]
    sweep: PathBuf,
    #[arg(long)]
    predictor: PathBuf,
    /// How many bad runs to advise on; those without a promising change are counted and passed over
    #[arg(long, default_value_t = 45)]
    count: usize,
    /// Write the sweep of changed runs here, beside the original: its paths are kept
    #[arg(long)]
    out: PathBuf,
    /// Write what was promised here (CSV)
    #[arg(long)]
    promises: PathBuf,
}

pub fn run(arguments: &Advice) -> Result<Answer> {
    let text = files::read_text(&arguments.sweep)?;
    let sweep = Sweep::parse(&text).with_context(|| arguments.sweep.display().to_string())?;
    let predictor =
        Predictor::load(&files::read_whole(&arguments.predictor, limits::MAX_ONNX_BYTES as u64)?, |_| false)
            .with_context(|| arguments.predictor.display().to_string())?;
    let runs = fit::read_places(std::slice::from_ref(&arguments.runs))?;
    let mut bad = bad_runs(&runs, &sweep.name);
    // By chance, and not by how bad they are or what is advised.
    bad.sort_by_key(|run| hash_bytes(run.id.as_bytes(), 0xad1ce));
    let (mut changed, mut promises, mut without) = (Vec::new(), Vec::new(), 0);
    for run in bad {
        if changed.len() == arguments.count {
            break;
        }
        let changes = cheap_changes(&run.features);
        let known = Known { readings: &run.readings[..0], ..Known::of(run) };
        let answers = predictor.what_if(&known, &changes)?;
        let Some(best) = answers.into_iter().next().filter(|best| best.in_distribution && best.gain > 0.0)
        else {
            without += 1;
            continue;
        };
        let change = changes.iter().find(|(name, _)| *name == best.change);
        changed.push(as_recipe(run, change.context("the predictor answers with the changes it was asked")?)?);
        let score = run.score.unwrap_or(f64::NAN);
        promises.push(format!("{},{},{score:.2},{:.2}", run.id, best.change, best.gain));
    }
    if changed.is_empty() {
        bail!("no bad run of {} on the test part for which the predictor knows a better recipe", sweep.name);
    }
    terminal::note(&format!("{} runs with a change, {without} without", changed.len()));
    let head =
        "# Written by `foretune dev advice`: bad runs of the test part with the change that was advised.\n";
    let body = Sweep { name: format!("{}_advice", sweep.name), changed, ..sweep }.text();
    files::write_atomically(&arguments.out, format!("{head}{body}").as_bytes())?;
    let table = format!("run,change,score before,gain promised\n{}\n", promises.join("\n"));
    files::write_atomically(&arguments.promises, table.as_bytes())?;
    Ok(Answer::Yes)
}

/// First seeds of the unseen families, within the usual rates, that ended below the median of their task.
fn bad_runs<'a>(runs: &'a [RunRecord], sweep: &str) -> Vec<&'a RunRecord> {
    let mut scores: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for run in runs.iter().filter(|run| !run.is_unstable()) {
        scores.entry(&run.dataset.source).or_default().extend(run.score);
    }
    let is_bad = |run: &RunRecord| {
        run.score.is_some_and(|score| score < stats::median(&scores[run.dataset.source.as_str()]))
    };
    let is_first = |run: &RunRecord| run.id.starts_with(&format!("{sweep}-")) && run.id.ends_with("-0");
    runs.iter()
        .filter(|run| {
            !run.is_unstable() && is_first(run) && part_of(run, "group") == Part::Test && is_bad(run)
        })
        .collect()
}

fn as_recipe(run: &RunRecord, (_, values): &Change) -> Result<ChangedRecipe> {
    let value = |wanted: &str| values.iter().find(|(name, _)| name == wanted).map(|(_, value)| *value);
    let index = run.id.split('-').nth(1).with_context(|| format!("{} is no run of a sweep", run.id))?;
    Ok(ChangedRecipe {
        configuration: index.parse()?,
        learning_rate: value("learning_rate"),
        steps: value("total_steps").map(|steps| steps.round() as u64),
        rank: value("lora_rank").map(|rank| rank.round() as usize),
    })
}
