//! `foretune collect`: every run of a sweep that is not yet recorded, or recorded ones again.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, ValueEnum};
use foretune_core::lab::slurm::SlurmTable;
use foretune_core::lab::{ModelChoice, PlannedRun, Sweep, expand};
use foretune_engine::selftest::self_test;
use serde_json::json;

use super::Answer;
use crate::devices::{self, DeviceChoice};
use crate::lab::{self, Corpus, Header, Maker, RunFolder, Submission};
use crate::weights::ModelFolder;
use crate::{files, interrupt, terminal};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Executor {
    /// Processes on this machine, one a core
    Local,
    /// Job arrays on a cluster; the sweep file's [slurm] table says with what resources
    Slurm,
}

/// Make every run of a sweep that is not recorded yet, or make recorded ones again and compare
///
/// Finished runs are appended to DIR/runs.jsonl at once; a stopped or killed collection goes on when the
/// same command is given again, and several may share a folder. Exit code 1: runs failed, or a comparison did.
#[derive(Debug, Args)]
pub struct Collect {
    /// The sweep file
    sweep: PathBuf,
    /// Folder of the runs
    #[arg(long, value_name = "DIR")]
    runs: PathBuf,
    #[arg(long, value_enum, default_value_t = Executor::Local)]
    executor: Executor,
    /// Runs made at the same time, with Slurm in each task (default: one a core)
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Folder of the tasks, instead of the sweep file's
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Base model's folder, instead of the sweep file's: the same configurations, named after both
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = DeviceChoice::Cpu)]
    device: DeviceChoice,
    /// Make this many recorded runs again and compare every number
    #[arg(long, value_name = "N")]
    verify: Option<usize>,
    /// Describe the files of the recorded runs again, where the descriptors have changed since; trains nothing
    #[arg(long, conflicts_with = "verify")]
    describe_again: bool,
    /// With Slurm: submit the jobs and do not wait for them
    #[arg(long)]
    detach: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
    /// Serve a collecting process
    #[arg(long, hide = true)]
    worker: bool,
    /// Make about so many runs and end, as a task of an array does
    #[arg(long, hide = true, value_name = "N")]
    most_runs: Option<usize>,
}

pub fn run(arguments: &Collect) -> Result<Answer> {
    let text = files::read_whole_text(&arguments.sweep)?;
    let mut sweep =
        Sweep::parse(&text).with_context(|| format!("{} cannot be used", arguments.sweep.display()))?;
    let beside = arguments.sweep.parent().unwrap_or(Path::new(""));
    if let Some(folder) = &arguments.model {
        let name = folder.file_name().context("--model: expected a folder with a name")?.to_string_lossy();
        sweep.name = format!("{}-{name}", sweep.name);
        // The place is this machine's; the folder of runs is tied to the model by its hash.
        sweep.model = ModelChoice { name: name.to_string(), path: name.into_owned() };
    }
    let plan = expand(&sweep);
    for planned in &plan {
        lab::recipe(&planned.configuration.recipe, planned.seed)
            .with_context(|| format!("{} cannot be used", arguments.sweep.display()))?;
    }
    let data = arguments.data.clone().unwrap_or_else(|| beside.join(&sweep.data));
    let corpus = Corpus::read(&data, &sweep)?;
    let model = model(beside, &sweep, arguments.model.as_deref())?;
    let header = Header {
        name: sweep.name.clone(),
        sweep: format!("{:016x}", sweep.fingerprint()),
        model: format!("{:016x}", model.fingerprint(&model.weights()?)?),
        data: format!("{:016x}", corpus.fingerprint),
    };
    let mut folder = RunFolder::open(&arguments.runs, &header, &sweep)?;
    if arguments.worker {
        let mut maker = maker(arguments, &sweep, &corpus, &model)?;
        lab::work(&mut maker, &mut folder, &plan, arguments.most_runs)?;
        return Ok(Answer::Yes);
    }
    if let Some(count) = arguments.verify {
        let records = folder.records()?;
        if records.is_empty() {
            bail!("{} has no run to compare with", arguments.runs.display());
        }
        let mut maker = maker(arguments, &sweep, &corpus, &model)?;
        let comparison = lab::verify(&mut maker, &plan, records, count)?;
        let tally = folder.tally(&plan);
        report(arguments, tally, Some(&comparison))?;
        return Ok(if comparison.same == comparison.compared { Answer::Yes } else { Answer::No });
    }
    if arguments.describe_again {
        let mut maker = maker(arguments, &sweep, &corpus, &model)?;
        let records = lab::describe_again(&mut maker, &plan, folder.records()?)?;
        folder.replace(&records)?;
        report(arguments, folder.tally(&plan), None)?;
        return Ok(Answer::Yes);
    }
    drop(corpus);
    if arguments.jobs == Some(0) {
        bail!("--jobs 0: expected 1 or more");
    }
    if arguments.detach && arguments.executor == Executor::Local {
        bail!(
            "--detach: expected --executor slurm; this machine's runs end with the command that makes them"
        );
    }
    match arguments.executor {
        Executor::Local => collect_here(arguments, &mut folder, &plan),
        Executor::Slurm => collect_with_slurm(arguments, &sweep, &mut folder, &plan),
    }
}

fn collect_here(arguments: &Collect, folder: &mut RunFolder, plan: &[PlannedRun]) -> Result<Answer> {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let jobs = arguments.jobs.unwrap_or_else(cores);
    let is_task = arguments.most_runs.is_some();
    if is_task {
        lab::report_free_lock(&arguments.runs)?;
    }
    let stop = interrupt::stop_flag("stopping after the runs in flight");
    let tally = lab::collect(&worker_arguments(arguments, jobs), jobs, folder, plan, &stop)?;
    report(arguments, tally, None)?;
    // What failed is recorded: the task has done its work.
    Ok(if tally.failed == 0 || is_task { Answer::Yes } else { Answer::No })
}

fn collect_with_slurm(
    arguments: &Collect,
    sweep: &Sweep,
    folder: &mut RunFolder,
    plan: &[PlannedRun],
) -> Result<Answer> {
    let table = sweep.slurm.clone().unwrap_or_default();
    let runs = files::absolute(&arguments.runs)?;
    let command = task_command(arguments, &table, &runs)?;
    let stop = interrupt::stop_flag("leaving the jobs to Slurm");
    let submission = Submission { table: &table, runs: &runs, command, detach: arguments.detach };
    let tally = lab::collect_with_slurm(&submission, sweep, folder, plan, &stop)?;
    report(arguments, tally, None)?;
    let goes_on = arguments.detach || stop.load(Ordering::Relaxed);
    Ok(if tally.failed == 0 && (goes_on || tally.open() == 0) { Answer::Yes } else { Answer::No })
}

/// The folder asked for, one beside the sweep file, or a model by its name.
fn model(beside: &Path, sweep: &Sweep, asked: Option<&Path>) -> Result<ModelFolder> {
    let folder = asked.map_or_else(|| beside.join(&sweep.model.path), Path::to_owned);
    let is_folder = files::exists(&folder.join("config.json"));
    let name = if is_folder { folder.to_string_lossy().into_owned() } else { sweep.model.path.clone() };
    ModelFolder::open(&name)
}

fn maker<'a>(
    arguments: &Collect,
    sweep: &'a Sweep,
    corpus: &'a Corpus,
    model: &'a ModelFolder,
) -> Result<Maker<'a>> {
    let (device, dtype) = devices::open(arguments.device)?;
    self_test(&device, dtype)?;
    Maker::new(sweep, corpus, model, device, dtype)
}

fn worker_arguments(arguments: &Collect, jobs: usize) -> Vec<OsString> {
    let data = arguments.data.as_deref();
    let mut all =
        shared_arguments(arguments, &arguments.sweep, &arguments.runs, data, arguments.model.as_deref());
    all.push("--worker".into());
    if let Some(most) = arguments.most_runs {
        all.extend(["--most-runs".into(), most.div_ceil(jobs).to_string().into()]);
    }
    all
}

/// A task stands in another working folder, perhaps on another machine.
fn task_command(arguments: &Collect, table: &SlurmTable, runs: &Path) -> Result<Vec<String>> {
    let sweep = files::absolute(&arguments.sweep)?;
    let data = arguments.data.as_deref().map(files::absolute).transpose()?;
    // A GPU makes one run at a time.
    let jobs = if arguments.device == DeviceChoice::Cpu { table.cpus } else { 1 };
    let jobs = arguments.jobs.unwrap_or(jobs).to_string();
    let mut all = vec![std::env::current_exe().context("the path of this program is unknown")?.into()];
    let model = arguments.model.as_deref().map(files::absolute).transpose()?;
    all.extend(shared_arguments(arguments, &sweep, runs, data.as_deref(), model.as_deref()));
    all.extend(["--jobs".into(), jobs.into()]);
    all.extend(["--most-runs".into(), table.runs_per_task.to_string().into()]);
    let text = |word: OsString| word.into_string();
    all.into_iter()
        .map(text)
        .collect::<Result<_, _>>()
        .map_err(|word| anyhow!("{} is not UTF-8", word.display()))
}

fn shared_arguments(
    arguments: &Collect,
    sweep: &Path,
    runs: &Path,
    data: Option<&Path>,
    model: Option<&Path>,
) -> Vec<OsString> {
    let mut all: Vec<OsString> = vec!["collect".into(), sweep.into(), "--runs".into(), runs.into()];
    for (flag, folder) in [("--data", data), ("--model", model)] {
        if let Some(folder) = folder {
            all.extend([flag.into(), folder.into()]);
        }
    }
    let device = arguments.device.to_possible_value().expect("no variant is skipped");
    all.extend(["--device".into(), device.get_name().into()]);
    all
}

fn report(arguments: &Collect, tally: lab::Tally, comparison: Option<&lab::Comparison>) -> Result<()> {
    if arguments.json {
        let verified = comparison.map(|comparison| comparison.same);
        let compared = comparison.map(|comparison| comparison.compared);
        return Ok(terminal::data(
            &json!({
                "planned": tally.planned, "done": tally.done, "failed": tally.failed,
                "verified": verified, "compared": compared,
            })
            .to_string(),
        )?);
    }
    if let Some(comparison) = comparison {
        terminal::data(&format!("{} of {} runs came out the same", comparison.same, comparison.compared))?;
    }
    Ok(())
}
