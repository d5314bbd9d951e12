//! Kills real processes with -9, held at named points of their writes or at random moments, and looks at what they
//! left. `tests/tests/crash.rs` does it a few times, `just crash` by the hundred.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

pub mod collected;
pub mod probed;
pub mod served;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use foretune_core::numerics::Random;

/// Steps between beginning and end of a file that gets its name when it is whole.
pub const WHOLE_FILE: [&str; 4] = ["written", "synced", "renamed", "folder-synced"];
/// Of a line added to a journal.
pub const JOURNAL: [&str; 3] = ["cut", "written", "synced"];

/// Nothing takes this long on any machine.
const PATIENCE: Duration = Duration::from_mins(3);

/// When a process is killed.
#[derive(Debug, Clone, PartialEq)]
pub enum Moment {
    After(Duration),
    /// Held there by `files/points.rs`, which only builds for development have: point, end of the file's name, time.
    At(&'static str, &'static str, usize),
}

impl Moment {
    pub fn random(random: &mut Random, most_ms: usize) -> Self {
        Self::After(Duration::from_millis(random.below(most_ms) as u64))
    }

    /// Tells a command to hold there.
    pub fn arm(&self, command: &mut Command, tells: &Path) {
        if let Self::At(point, end, time) = self {
            let _ = std::fs::remove_file(tells);
            command.env("FORETUNE_HOLD_AT", format!("{point}:{end}:{time}:{}", tells.display()));
        }
    }

    /// Waits for it; false where `over` came first.
    pub fn wait(&self, tells: &Path, mut over: impl FnMut() -> bool) -> bool {
        let begun = Instant::now();
        loop {
            let is_now = match self {
                Self::After(time) => begun.elapsed() >= *time,
                Self::At(..) => tells.exists(),
            };
            if is_now || over() {
                return is_now;
            }
            assert!(begun.elapsed() < PATIENCE, "never came: {self:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// What a series of kills did.
#[derive(Debug, Default, Clone, Copy)]
pub struct Kills {
    pub at_points: usize,
    pub at_random: usize,
}

impl Kills {
    pub fn all(self) -> usize {
        self.at_points + self.at_random
    }

    fn count(&mut self, moment: &Moment) {
        match moment {
            Moment::After(_) => self.at_random += 1,
            Moment::At(..) => self.at_points += 1,
        }
    }
}

/// As a power cut does: `parent` sees none of its children die.
pub fn kill_with_children(parent: u32) {
    let send = |name: &str, process: u32| {
        // It may have ended by itself.
        let words = [format!("-{name}"), process.to_string()];
        let _ = Command::new("kill").args(words).stderr(Stdio::null()).status();
    };
    send("STOP", parent);
    for child in crate::daemon::children(parent) {
        send("KILL", child);
    }
    send("KILL", parent);
}

fn spawn_quietly(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Files that a killed writer began; the next writer of the same file removes them.
fn unfinished(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "partial"))
        .collect()
}
