//! The programs of Slurm that the executor calls, each with its errors in words.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use foretune_core::lab::slurm::{Batch, QueuedTask, read_nodes, read_queue};

const FORMAT: &str = "%F|%K|%T|%N|%Q|%r";

/// Submits an array and gives its number. The message of a refusal is Slurm's.
pub fn submit(batch: &Batch<'_>, size: usize, before: &[u64]) -> Result<u64> {
    let answer = call("sbatch", &batch.arguments(size, before), &batch.script()).map_err(|error| {
        let named = batch.table.partition.as_deref();
        let text = error.to_string();
        match named
            .filter(|_| text.contains("invalid partition"))
            .and_then(|name| Some((name, partitions()?)))
        {
            Some((name, known)) => error
                .context(format!("slurm.partition in the sweep file is {name:?}; this cluster has {known}")),
            None => error,
        }
    })?;
    // `JOB` or `JOB;CLUSTER`.
    let job = answer.trim().split(';').next().unwrap_or_default();
    job.parse().with_context(|| format!("sbatch answered {answer:?}, expected the number of a job"))
}

/// All tasks of the jobs with this name, those too that ended some minutes ago.
pub fn queue(name: &str) -> Result<Vec<QueuedTask>> {
    let arguments = ["--noheader", "--array", "--states=all", "--format", FORMAT, "--name", name];
    Ok(read_queue(&call("squeue", &arguments, "")?)?)
}

/// What the accounts know of this array; nothing where none are kept.
pub fn accounts(job: u64) -> Vec<QueuedTask> {
    let arguments = [
        "--noheader",
        "--allocations",
        "--parsable2",
        "--format=JobID,State,NodeList",
        "--jobs",
        &job.to_string(),
    ];
    let answer = call("sacct", &arguments, "").unwrap_or_default();
    let lines = answer.lines().filter_map(|line| {
        let (id, rest) = line.split_once('|')?;
        let (job, index) = id.split_once('_')?;
        read_queue(&format!("{job}|{index}|{rest}|0|")).ok()
    });
    lines.flatten().collect()
}

/// Nodes that take no work, and why.
pub fn nodes_away(partition: Option<&str>) -> Vec<String> {
    let mut arguments = vec!["--noheader", "--Node", "--format=%N|%T|%E"];
    arguments.extend(partition.iter().flat_map(|name| ["--partition", *name]));
    read_nodes(&call("sinfo", &arguments, "").unwrap_or_default())
}

/// Tasks of one array at most, where the cluster says so.
pub fn largest_array() -> Option<usize> {
    let configuration = call("scontrol", &["show", "config"], "").ok()?;
    let line = configuration.lines().find(|line| line.starts_with("MaxArraySize"))?;
    // The largest index is one less, and indices begin at 0.
    line.split('=').nth(1)?.trim().parse().ok().filter(|most| *most > 0)
}

pub fn cancel(jobs: &BTreeSet<u64>) -> Result<()> {
    let jobs: Vec<String> = jobs.iter().map(ToString::to_string).collect();
    call("scancel", &jobs, "").map(drop)
}

fn partitions() -> Option<String> {
    let answer = call("sinfo", &["--noheader", "--format=%R"], "").ok()?;
    let names: Vec<&str> = answer.lines().map(str::trim).filter(|name| !name.is_empty()).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Runs the program on this input and gives what it printed.
fn call<S: AsRef<str>>(program: &str, arguments: &[S], input: &str) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments.iter().map(AsRef::as_ref));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // Ctrl-C goes to this process alone: a submission under way ends as a whole.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = match command.spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => bail!(
            "{program} is not on this machine: --executor slurm works where Slurm's commands are installed, \
             such as the login node of a cluster; --executor local needs none"
        ),
        spawned => spawned.with_context(|| format!("{program} cannot be started"))?,
    };
    // A program that refuses before it reads says why on stderr.
    let _ = child.stdin.take().expect("its input is piped").write_all(input.as_bytes());
    let output = child.wait_with_output().with_context(|| format!("{program} cannot be waited for"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        bail!("{program} refused: {}", if said.is_empty() { output.status.to_string() } else { said });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
