//! Ctrl-C as a flag that long work looks at. A job of the daemon hears the daemon instead: the line `stop` on its
//! input is a wish to end early, the input's end means that the daemon is gone or wants no more of it.

use std::io::BufRead;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use crate::terminal;

/// A line on a job's input.
pub const STOP: &str = "stop";

static STOP_JOB: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
/// Some work looks at the flag and ends cleanly by itself.
static ENDS_CLEANLY: AtomicBool = AtomicBool::new(false);
static ABANDONED: AtomicBool = AtomicBool::new(false);

/// Exit code of work that was broken off.
pub const BROKEN_OFF: i32 = 130;

/// Set by the first Ctrl-C, with a word on what happens now; a second one ends the process as usual.
pub fn stop_flag(what_now: &'static str) -> Arc<AtomicBool> {
    if terminal::is_job() {
        ENDS_CLEANLY.store(true, Ordering::SeqCst);
        return Arc::clone(&STOP_JOB);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    std::thread::spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
            flag.store(true, Ordering::Relaxed);
            terminal::note(&format!("{what_now}; press Ctrl-C again to stop at once"));
            if runtime.block_on(tokio::signal::ctrl_c()).is_ok() {
                std::process::exit(BROKEN_OFF);
            }
        }
    });
    stop
}

/// Listens to the daemon from here on.
pub fn hear_the_daemon() {
    std::thread::spawn(|| {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if line.trim() == STOP {
                STOP_JOB.store(true, Ordering::SeqCst);
            }
        }
        ABANDONED.store(true, Ordering::SeqCst);
        STOP_JOB.store(true, Ordering::SeqCst);
        if !ENDS_CLEANLY.load(Ordering::SeqCst) {
            std::process::exit(BROKEN_OFF);
        }
    });
}

/// Nobody waits for the result any more; what was done so far is kept for the next start.
pub fn is_abandoned() -> bool {
    ABANDONED.load(Ordering::SeqCst)
}
