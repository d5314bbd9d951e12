//! What `squeue`, `sacct` and `sinfo` print, in the formats that we ask for.

use std::fmt;

use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected JOB|INDEX|STATE|NODE|PRIORITY|REASON, found {0:?}")]
pub struct QueueError(pub String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TaskId {
    /// Of the array.
    pub job: u64,
    pub index: u64,
}

/// As Slurm writes it.
impl fmt::Display for TaskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}_{}", self.job, self.index)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskState {
    /// A requeued task too.
    Waiting,
    Running,
    Completed,
    Cancelled,
    /// The command, or a setup line.
    Failed,
    OutOfMemory,
    OutOfTime,
    /// The node failed, or something that mattered more took its place, and it was not queued again.
    Lost,
    /// Slurm forgot it before anyone looked, and keeps no accounts.
    Unknown,
}

impl TaskState {
    /// Every state of Slurm's that is not here is one on the way to another.
    fn of(name: &str) -> Self {
        // sacct adds the user: `CANCELLED by 1000`.
        match name.split(' ').next().unwrap_or_default() {
            "COMPLETED" => Self::Completed,
            "CANCELLED" | "REVOKED" => Self::Cancelled,
            "FAILED" => Self::Failed,
            "OUT_OF_MEMORY" => Self::OutOfMemory,
            "TIMEOUT" | "DEADLINE" => Self::OutOfTime,
            "NODE_FAIL" | "BOOT_FAIL" | "PREEMPTED" => Self::Lost,
            "PENDING" | "REQUEUED" | "REQUEUE_FED" | "REQUEUE_HOLD" | "RESV_DEL_HOLD" | "SPECIAL_EXIT" => {
                Self::Waiting
            }
            _ => Self::Running,
        }
    }

    pub fn is_over(self) -> bool {
        !matches!(self, Self::Waiting | Self::Running)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedTask {
    pub id: TaskId,
    pub state: TaskState,
    pub node: String,
    /// 0 is Slurm's mark of a job that is held; the reason may still be an older one.
    pub priority: u64,
    /// Why it waits or ended, in Slurm's word.
    pub reason: String,
}

impl QueuedTask {
    /// It waits until a person lets it go.
    pub fn is_held(&self) -> bool {
        self.state == TaskState::Waiting && self.priority == 0
    }
}

/// Lines of `JOB|INDEX|STATE|NODE|PRIORITY|REASON`.
pub fn read_queue(text: &str) -> Result<Vec<QueuedTask>, QueueError> {
    text.lines().filter(|line| !line.trim().is_empty()).map(read_task).collect()
}

fn read_task(line: &str) -> Result<QueuedTask, QueueError> {
    let bad = || QueueError(line.to_owned());
    let [job, index, state, node, priority, reason] =
        line.trim().splitn(6, '|').collect::<Vec<_>>().try_into().map_err(|_| bad())?;
    let number = |text: &str| text.parse().map_err(|_| bad());
    Ok(QueuedTask {
        id: TaskId { job: number(job)?, index: number(index)? },
        state: TaskState::of(state),
        node: node.to_owned(),
        priority: number(priority)?,
        reason: reason.to_owned(),
    })
}

/// Nodes that take no work, and why: of lines `NODE|STATE|REASON`.
pub fn read_nodes(text: &str) -> Vec<String> {
    let mut nodes: Vec<String> = text
        .lines()
        .filter_map(|line| {
            let [node, state, reason] = line.trim().splitn(3, '|').collect::<Vec<_>>().try_into().ok()?;
            let is_away = ["drain", "down", "fail", "maint"].iter().any(|word| state.contains(word));
            is_away
                .then(|| format!("{node} is {}: {reason}", state.trim_end_matches(['*', '~', '#', '$', '@'])))
        })
        .collect();
    // A node stands there once for each of its partitions.
    nodes.sort();
    nodes.dedup();
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by Slurm 22.05.
    const QUEUE: &str = "1|2|PENDING||4294901758|JobArrayTaskLimit\n1|3|PENDING||0|JobArrayTaskLimit\n\
                         1|0|RUNNING|n1|0|None\n1|1|OUT_OF_MEMORY|n1|7|OutOfMemory\n2|0|CANCELLED||7|Dependency\n";

    #[test]
    fn a_queue_is_read() {
        let tasks = read_queue(QUEUE).unwrap();
        let states: Vec<TaskState> = tasks.iter().map(|task| task.state).collect();
        use TaskState::{Cancelled, OutOfMemory, Running, Waiting};
        assert_eq!(states, [Waiting, Waiting, Running, OutOfMemory, Cancelled]);
        assert!(tasks[1].is_held() && !tasks[0].is_held() && !tasks[2].is_held());
        assert_eq!((tasks[1].id.to_string().as_str(), tasks[2].node.as_str()), ("1_3", "n1"));
        assert!(states[3].is_over() && !states[0].is_over());
    }

    #[test]
    fn what_is_no_queue_is_an_error() {
        assert!(read_queue("slurm_load_jobs error: Unable to contact slurm controller").is_err());
        assert!(read_queue("7|N/A|PENDING||1|None").is_err());
    }

    #[test]
    fn states_on_the_way_to_others_are_not_ends() {
        for name in ["COMPLETING", "CONFIGURING", "SUSPENDED", "STOPPED", "SIGNALING"] {
            assert!(!TaskState::of(name).is_over(), "{name}");
        }
        assert_eq!(TaskState::of("CANCELLED by 1000"), TaskState::Cancelled);
    }

    #[test]
    fn nodes_that_take_no_work_are_named_with_their_reason() {
        let nodes =
            read_nodes("n1|drained|bad disk\nn1|drained|bad disk\nn2|idle|none\nn3|down*|Not responding\n");
        assert_eq!(nodes, ["n1 is drained: bad disk", "n3 is down: Not responding"]);
    }
}
