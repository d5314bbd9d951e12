//! What an agent's jobs may do, as pure state: the queue, what may be asked of a job, what of its events is kept
//! and sent, and when secrets are no longer looked at. Clocks, processes and disks are the agent's.

mod desk;
mod differing;
mod events;
mod guesses;

pub use desk::{Desk, End, Wish};
pub use differing::differing;
pub use events::{Fresh, thin};
pub use guesses::Guesses;
