//! `foretune probe`: the short standard training whose course a forecast reads.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, ValueEnum};
use foretune_core::check::Fate;
use foretune_core::features::FeatureVector;
use foretune_core::runs::{HELD_OUT_ROWS, trained_rows};
use foretune_engine::selftest::self_test;
use foretune_engine::{LoadOptions, Recipe, RunData, RunOptions, Trainer};
use serde_json::{Value, json};

use super::Answer;
use super::indicators::Indicators;
use crate::devices::{self, DeviceChoice};
use crate::training::{
    AsideFlags, RecipeFlags, Run, Sampling, beside, drive, evaluation_features, general_rows, read_aside,
    read_rows, split, tell_set_aside,
};
use crate::weights::ModelFolder;
use crate::{files, job, outputs, terminal};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stop {
    /// After --steps, or at a third of the full run if that is shorter
    Auto,
    /// After --steps whatever the length of the full run
    Never,
}

/// Train a few steps on a sample and record everything that tells how the full run would end
///
/// Deterministic: the same file, model, recipe, seed and device give the same trace. With --out a stopped
/// or killed probe goes on where it was when the same command is given again.
#[derive(Debug, Args)]
pub struct Probe {
    /// The dataset
    file: PathBuf,
    /// Folder of the base model, its name in the Hugging Face cache, or `tiny`
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// Clean rows of the task: without them a probe tells much less
    #[arg(long, value_name = "FILE")]
    eval: Option<PathBuf>,
    /// At most this many clean rows are read
    #[arg(long, value_name = "N", default_value_t = 500)]
    eval_rows: usize,
    #[command(flatten)]
    aside: AsideFlags,
    #[arg(long, value_name = "N", default_value_t = 100)]
    steps: u64,
    #[arg(long, value_enum, default_value_t = Stop::Auto)]
    stop: Stop,
    #[arg(long, value_enum, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
    /// Write the trace (JSON lines) here
    #[arg(long, value_name = "TRACE")]
    out: Option<PathBuf>,
    /// What the columns mean, such as instruction=question,output=reply
    #[arg(long, value_name = "KEY=COLUMN,…", value_parser = super::check::parse_mapping)]
    map: Option<foretune_core::schema::Mapping>,
    /// Train nothing: measure perplexity, gap filling and answers after solved rows, as `rank checkpoints` reads them
    #[arg(long, conflicts_with = "set_aside")]
    indicators: bool,
    /// The file is a sample, in the order of the hashes, of a file with this many rows to train on
    #[arg(long, hide = true, value_name = "ROWS", requires = "fingerprint", conflicts_with = "set_aside")]
    sampled_from: Option<u64>,
    /// Of the file that was sampled
    #[arg(long, hide = true, value_name = "HEX", requires = "sampled_from")]
    fingerprint: Option<String>,
    #[command(flatten)]
    recipe: RecipeFlags,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Probe) -> Result<Answer> {
    if let Some(out) = &arguments.out {
        outputs::keep_apart([&arguments.file].into_iter().chain(&arguments.eval), &[("--out", Some(out))])?;
        files::check_target(out)?;
    }
    let folder = ModelFolder::open(&arguments.model)?;
    let recipe = arguments.recipe.recipe(&Recipe::usual_for(&folder.config))?;
    let (device, dtype) = devices::open(arguments.device)?;
    self_test(&device, dtype)?;
    let load = LoadOptions { device: device.clone(), dtype, quantization: arguments.recipe.quantization()? };
    if arguments.indicators {
        let indicators = Indicators {
            file: &arguments.file,
            eval: arguments.eval.as_deref(),
            eval_rows: arguments.eval_rows,
            mapping: arguments.map.as_ref(),
            sequence_length: recipe.sequence_length,
            seed: recipe.seed,
        };
        indicators.print(&folder, &load, arguments.json)?;
        return Ok(Answer::Yes);
    }
    let wanted =
        usize::try_from(arguments.steps)?.saturating_mul(recipe.batch_size).saturating_add(HELD_OUT_ROWS);
    let sampling = Sampling::new(wanted, &recipe);
    let mapping = arguments.map.as_ref();
    let aside = arguments.aside.choose(&arguments.file, &folder, mapping, recipe.sequence_length)?;
    let is_sample = arguments.sampled_from.is_some();
    let part = aside.as_ref().map(|aside| (aside, Fate::Stays));
    let sampling_file = Sampling { in_order: is_sample, part, ..sampling };
    let mut dataset = read_rows(&arguments.file, &folder, mapping, sampling_file)?;
    if let Some(rows) = arguments.sampled_from {
        dataset.usable = rows.saturating_sub(dataset.skipped).max(dataset.usable);
    }
    let evaluation = match (&arguments.eval, &aside) {
        (Some(path), _) => {
            let sampling = Sampling { rows: arguments.eval_rows, ..sampling };
            read_rows(path, &folder, mapping, sampling)?.rows
        }
        (None, Some(aside)) => {
            let sampling = Sampling { rows: usize::MAX, ..sampling };
            read_aside(&arguments.file, &folder, mapping, aside, sampling)?.rows
        }
        (None, None) => Vec::new(),
    };
    let usable = usize::try_from(dataset.usable)?;
    let (held_out, train) = split(dataset.rows, usable);
    let mut options = RunOptions::probe(recipe.clone(), trained_rows(usable), arguments.steps);
    if arguments.stop == Stop::Never {
        options.stop_after = arguments.steps.clamp(1, options.total_steps);
    }
    options.recompute = arguments.recipe.recompute;
    if !device.is_cpu() {
        options.style = foretune_engine::BatchStyle::Packed { len: recipe.sequence_length.min(1024) };
    }
    let mut fixed = recipe.features(trained_rows(usable));
    fixed.set("base_parameters", folder.config.parameter_count() as f64);
    if let Some(aside) = &aside {
        fixed.extend(evaluation_features(&arguments.file, mapping, aside)?);
    }
    let mut header = json!({
        "type": "start",
        "trace_version": 1,
        "model": folder.name,
        "model_config": folder.config.to_json(),
        "template": folder.template,
        "device": devices::name(&device),
        "dataset": arguments.fingerprint.clone().unwrap_or_else(|| format!("{:016x}", dataset.fingerprint)),
        "rows": dataset.usable,
        "skipped": dataset.skipped,
        "truncated": dataset.truncated,
        "sampled": train.len(),
        "held_out": held_out.len(),
        "evaluation": evaluation.len(),
        "set_aside": aside.as_ref().map(|aside| &aside.record),
        "copies_left_out": dataset.copies,
        "recipe": recipe,
        "total_steps": options.total_steps,
    });
    if let Some(aside) = &aside {
        tell_set_aside(aside, dataset.copies);
    }
    if evaluation.is_empty() {
        terminal::note(
            "no --eval and no --set-aside: without clean rows a probe tells little more than the untrained model does",
        );
    }
    let general = general_rows(&folder, recipe.sequence_length)?;
    let data = RunData { train, held_out, evaluation, general };
    let mut trainer = Trainer::new(folder.load(&load)?, data, options)?;
    fixed.set("trained_parameters", trainer.model.trained.parameters()?.len() as f64);
    header["features"] = serde_json::to_value(&fixed)?;
    let checkpoint = arguments.out.as_deref().map(beside);
    job::tell_start(&header, &trainer);
    let run = Run { header, trace: arguments.out.clone(), checkpoint: checkpoint.clone() };
    let outcome = drive(&mut trainer, &run)?;
    if let Some(path) = checkpoint.filter(|path| trainer.stopped().is_some() && files::exists(path)) {
        files::remove(&path)?;
    }
    let features = features(&trainer, &fixed);
    let result = json!({
        "steps": trainer.steps_done(),
        "features": features,
        "seconds": finite(outcome.seconds),
        "tokens_per_second": finite(outcome.tokens_per_second),
        "peak_memory_bytes": devices::peak_memory_bytes(),
        "stopped_because": outcome.stopped,
        "set_aside": aside.as_ref().map(|aside| &aside.record),
        "total_steps": trainer.options.total_steps,
    });
    if arguments.json {
        terminal::data(&serde_json::to_string_pretty(&result)?)?;
    } else {
        terminal::data(&text(&features, trainer.steps_done()))?;
    }
    Ok(Answer::Yes)
}

/// The last reading with the recipe; missing where the run broke off.
pub fn features(trainer: &Trainer, fixed: &FeatureVector) -> FeatureVector {
    let mut all = fixed.clone();
    if let Some(first) = trainer.state().readings.first() {
        all.set("base_score", first.features.get("eval_score"));
    }
    let diverged = trainer.stopped() == Some(foretune_engine::StopReason::Diverged);
    if let Some(last) = trainer.state().readings.last() {
        for (name, value) in last.features.iter() {
            all.set(name, if diverged { f64::NAN } else { value });
        }
    }
    all
}

pub fn finite(value: f64) -> Value {
    if value.is_finite() { value.into() } else { Value::Null }
}

fn text(features: &FeatureVector, steps: u64) -> String {
    let mut lines = vec![format!("after {steps} steps")];
    for (name, value) in features.iter() {
        let unit = foretune_core::features::find(name).map_or("", |feature| feature.unit);
        let value = if value.is_nan() { "missing".to_owned() } else { format!("{value:.6}") };
        lines.push(format!("{name:28} {value:>16} {unit}"));
    }
    lines.join("\n")
}
