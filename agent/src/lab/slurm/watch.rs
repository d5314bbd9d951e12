//! The array tasks of a collection as they come and go, and a word for each thing that a person should know.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::Result;
use foretune_core::lab::slurm::{QueuedTask, SlurmTable, TaskId, TaskState};

use super::client;
use crate::files;

/// Why tasks wait that will run by themselves. The last stands for a while after the nodes are back.
const USUAL_REASONS: [&str; 7] = [
    "None",
    "Priority",
    "Resources",
    "JobArrayTaskLimit",
    "Dependency",
    "BeginTime",
    "Nodes required for job",
];

#[derive(Debug)]
pub struct TaskWatch<'a> {
    name: &'a str,
    table: &'a SlurmTable,
    logs: PathBuf,
    jobs: BTreeSet<u64>,
    tasks: BTreeMap<TaskId, QueuedTask>,
    /// A hundred tasks that end in the same way are told once.
    told: BTreeSet<String>,
}

impl<'a> TaskWatch<'a> {
    /// Begins with the jobs of an earlier command that are not over.
    pub fn begin(name: &'a str, table: &'a SlurmTable, logs: PathBuf) -> Result<Self> {
        let queue = client::queue(name)?;
        let jobs = queue.iter().filter(|task| !task.state.is_over()).map(|task| task.id.job).collect();
        let unfinished = queue.into_iter().filter(|task| !task.state.is_over());
        let tasks = unfinished.map(|task| (task.id, task)).collect();
        Ok(Self { name, table, logs, jobs, tasks, told: BTreeSet::new() })
    }

    pub fn jobs(&self) -> &BTreeSet<u64> {
        &self.jobs
    }

    pub fn add(&mut self, job: u64) {
        self.jobs.insert(job);
    }

    pub fn count(&self, state: TaskState) -> usize {
        self.tasks.values().filter(|task| task.state == state).count()
    }

    pub fn unfinished(&self) -> usize {
        self.tasks.values().filter(|task| !task.state.is_over()).count()
    }

    /// Asks Slurm; what is worth a word comes back.
    pub fn look(&mut self) -> Result<Vec<String>> {
        let mut now: BTreeMap<TaskId, QueuedTask> =
            client::queue(self.name)?.into_iter().map(|task| (task.id, task)).collect();
        now.retain(|id, _| self.jobs.contains(&id.job));
        self.settle_forgotten(&mut now);
        let mut alike: BTreeMap<String, Vec<TaskId>> = BTreeMap::new();
        for (id, task) in &now {
            let before = self.tasks.get(id).map(|before| before.state);
            if before != Some(task.state)
                && let Some(remark) = self.remark(before, task)?
            {
                alike.entry(remark).or_default().push(*id);
            }
        }
        self.tasks.extend(now);
        alike.retain(|remark, _| self.told.insert(remark.clone()));
        let mut remarks: Vec<String> = alike
            .into_iter()
            .map(|(remark, ids)| match ids.len() {
                1 => format!("task {} {remark}", ids[0]),
                count => format!("task {} and {} more: it {remark}", ids[0], count - 1),
            })
            .collect();
        remarks.extend(self.held());
        if self.count(TaskState::Running) == 0 {
            remarks.extend(self.why_nothing_runs());
        }
        remarks.retain(|remark| self.told.insert(remark.clone()));
        Ok(remarks)
    }

    /// Slurm forgets tasks some time after their end.
    fn settle_forgotten(&self, now: &mut BTreeMap<TaskId, QueuedTask>) {
        let forgotten =
            self.tasks.values().filter(|task| !task.state.is_over() && !now.contains_key(&task.id));
        let forgotten: Vec<QueuedTask> = forgotten.cloned().collect();
        let jobs: BTreeSet<u64> = forgotten.iter().map(|task| task.id.job).collect();
        let accounts: BTreeMap<TaskId, QueuedTask> =
            jobs.into_iter().flat_map(client::accounts).map(|task| (task.id, task)).collect();
        for task in forgotten {
            let known = accounts.get(&task.id).filter(|known| known.state.is_over()).cloned();
            let settled = known.unwrap_or(QueuedTask { state: TaskState::Unknown, ..task });
            now.insert(settled.id, settled);
        }
    }

    /// What became of the task, where that is worth a word.
    fn remark(&self, before: Option<TaskState>, task: &QueuedTask) -> Result<Option<String>> {
        let asked = |key: &str, value: &Option<String>| match value {
            Some(value) => format!("slurm.{key} is {value}"),
            None => format!("slurm.{key} is not set"),
        };
        let out_of_memory = || format!("ran out of memory; {}", asked("memory", &self.table.memory));
        Ok(Some(match task.state {
            TaskState::Waiting if before == Some(TaskState::Running) => {
                "was put back into the queue; the run it was making will be made again".to_owned()
            }
            TaskState::Waiting | TaskState::Running | TaskState::Completed => return Ok(None),
            TaskState::Cancelled => "was cancelled".to_owned(),
            TaskState::Failed => {
                let words = self.last_words(task.id)?;
                // Without control groups Slurm's watcher ends the task and only says so.
                let is_memory = words.contains("memory limit") || words.contains("oom-kill");
                if is_memory { out_of_memory() } else { format!("failed: {words}") }
            }
            TaskState::OutOfMemory => out_of_memory(),
            TaskState::OutOfTime => format!(
                "was stopped at its time limit; {}, slurm.runs_per_task is {}",
                asked("time", &self.table.time),
                self.table.runs_per_task
            ),
            TaskState::Lost => format!("was lost with its node {} ({})", task.node, task.reason),
            TaskState::Unknown => "left the queue, and Slurm keeps no accounts that say how".to_owned(),
        }))
    }

    fn held(&self) -> Vec<String> {
        let held = self.tasks.values().filter(|task| task.is_held());
        let jobs: BTreeSet<u64> = held.map(|task| task.id.job).collect();
        let remark = |job| format!("tasks of job {job} are held; let them go with: scontrol release {job}");
        jobs.into_iter().map(remark).collect()
    }

    fn why_nothing_runs(&self) -> Option<String> {
        let waiting = self.tasks.values().find(|task| task.state == TaskState::Waiting && !task.is_held())?;
        let nodes = client::nodes_away(self.table.partition.as_deref());
        let away = if nodes.is_empty() { String::new() } else { format!("; {}", nodes.join("; ")) };
        let is_usual = USUAL_REASONS.iter().any(|usual| waiting.reason.starts_with(usual));
        (!nodes.is_empty() || !is_usual)
            .then(|| format!("no task runs: Slurm's reason is {}{away}", waiting.reason))
    }

    /// The error in the task's log.
    fn last_words(&self, id: TaskId) -> Result<String> {
        let log = self.logs.join(format!("{id}.log"));
        let text = String::from_utf8_lossy(&files::read_from(&log, 0)?).into_owned();
        let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
        let words = lines().rfind(|line| line.starts_with("error:")).or(lines().next_back());
        Ok(match words {
            Some(words) => format!("{words} (see {})", self.logs.display()),
            None => format!("it left nothing in {}", log.display()),
        })
    }
}
