//! Slurm as text: what a sweep file asks of a cluster, what `sbatch` is told, what `squeue` answered. Nothing
//! here starts a program.

mod batch;
mod queue;
mod table;

pub use batch::{Batch, arrays_for};
pub use queue::{QueueError, QueuedTask, TaskId, TaskState, read_nodes, read_queue};
pub use table::SlurmTable;
