//! This process as a job of the daemon. A daemon that was killed leaves its job behind for a moment: the lock
//! keeps the next start of the same job from working in the same folder at the same time.

use std::path::Path;

use anyhow::Result;
use foretune_core::wire::EventBody;
use foretune_engine::Trainer;
use serde_json::Value;

use crate::files::FileLock;
use crate::{interrupt, terminal};

pub fn begin(lock: &Path) -> Result<FileLock> {
    terminal::become_job();
    interrupt::hear_the_daemon();
    Ok(FileLock::take(lock, &format!("process {}", std::process::id()))?)
}

/// The header of the trace, with what a chart needs before the first step.
pub fn tell_start(header: &Value, trainer: &Trainer) {
    if !terminal::is_job() {
        return;
    }
    let mut told = header.clone();
    told["stop_after"] = trainer.options.stop_after.into();
    told["depths"] = trainer.options.depths.clone().into();
    terminal::event(&EventBody::Start(told));
}

/// Everything a run goes on from: whoever heard it before leaves it out.
pub fn tell_all(trainer: &Trainer) {
    if !terminal::is_job() {
        return;
    }
    let mut readings = trainer.state().readings.iter().peekable();
    for done in 0..=trainer.state().steps.len() {
        if let Some(step) = done.checked_sub(1).map(|index| &trainer.state().steps[index]) {
            terminal::event(&EventBody::Step(Box::new(step.clone())));
        }
        while let Some(reading) = readings.next_if(|reading| reading.step == done as u64) {
            terminal::event(&EventBody::Reading(reading.clone()));
        }
    }
}
