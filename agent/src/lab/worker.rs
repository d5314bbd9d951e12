//! A worker process: claims runs one after the other until none is left, tells its parent on stdout, and ends
//! after the run in flight once its stdin closes (the parent asked, or died).

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use foretune_core::lab::PlannedRun;
use serde::{Deserialize, Serialize};

use super::{Maker, RunFolder};
use crate::terminal;

/// While all that is left is being made by others.
const WAIT: Duration = Duration::from_millis(500);

/// A line of a worker's stdout.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Message {
    Claimed { id: String },
    Done { id: String, base_score: Option<f64>, score: Option<f64>, seconds: f64 },
    Failed { id: String, cause: String },
}

/// With `most_runs` it makes no more than these, and does not wait for runs that others are making.
pub fn work(
    maker: &mut Maker<'_>,
    folder: &mut RunFolder,
    plan: &[PlannedRun],
    most_runs: Option<usize>,
) -> Result<()> {
    let stop = closed_stdin();
    let mut begun = 0;
    while !stop.load(Ordering::Relaxed) && most_runs.is_none_or(|most| begun < most) {
        let Some((planned, _claim)) = folder.claim_next(plan)? else {
            if most_runs.is_some() || folder.tally(plan).open() == 0 {
                return Ok(());
            }
            std::thread::sleep(WAIT);
            continue;
        };
        begun += 1;
        tell(&Message::Claimed { id: planned.id.clone() })?;
        let start = Instant::now();
        // A defect in one run must not end the others.
        let made = catch_unwind(AssertUnwindSafe(|| maker.make(planned)))
            .unwrap_or_else(|panic| Err(anyhow!("it panicked: {}", panic_text(panic.as_ref()))));
        match made {
            Ok(made) => {
                folder.record(&made.record, &made.trace)?;
                let (base_score, score) = (made.record.base_score, made.record.score);
                let seconds = start.elapsed().as_secs_f64();
                tell(&Message::Done { id: planned.id.clone(), base_score, score, seconds })?;
            }
            Err(error) => {
                let cause = format!("{error:#}");
                folder.record_failure(&planned.id, &cause)?;
                tell(&Message::Failed { id: planned.id.clone(), cause })?;
            }
        }
    }
    Ok(())
}

fn tell(message: &Message) -> Result<()> {
    let told = terminal::data(&serde_json::to_string(message)?);
    // A parent that died hears nothing; the run in flight is recorded all the same.
    match told {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

fn closed_stdin() -> Arc<AtomicBool> {
    let closed = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&closed);
    std::thread::spawn(move || {
        let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
        flag.store(true, Ordering::Relaxed);
    });
    closed
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}
