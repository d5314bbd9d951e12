//! Named points of a write at which the crash harness holds this process, to kill it there (`just crash`). In
//! release builds there is nothing here.

#[cfg(debug_assertions)]
mod held {
    use std::fs;
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    /// `POINT:END OF THE FILE'S NAME:HOW MANYTH TIME:FILE THAT TELLS`
    const WHERE: &str = "FORETUNE_HOLD_AT";

    static TIMES: AtomicUsize = AtomicUsize::new(0);

    pub fn reached(point: &str, path: &Path) {
        let Ok(wanted) = std::env::var(WHERE) else { return };
        let mut parts = wanted.splitn(4, ':');
        let mut next = || parts.next().unwrap_or_default();
        let (wanted_point, end, time, tells) = (next(), next(), next(), next());
        if wanted_point != point || !path.as_os_str().to_string_lossy().ends_with(end) {
            return;
        }
        if TIMES.fetch_add(1, Ordering::SeqCst) + 1 != time.parse().unwrap_or(1) {
            return;
        }
        // Whoever waits for this file kills the process; nothing else goes on in this thread.
        let _ = fs::write(tells, point);
        loop {
            std::thread::sleep(Duration::from_mins(1));
        }
    }
}

#[cfg(debug_assertions)]
pub use held::reached;

#[cfg(not(debug_assertions))]
pub const fn reached(_: &str, _: &std::path::Path) {}
