//! `foretune probe --out`: killed as often as one likes, the same command goes on, and the trace is the same.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{Kills, Moment, WHOLE_FILE, spawn_quietly, unfinished};
use crate::daemon::{eval_rows, train_rows};
use crate::foretune_binary;

#[derive(Debug)]
pub struct Probed {
    place: tempfile::TempDir,
    steps: u64,
    whole: String,
    /// Without being killed, on this machine as busy as it was.
    pub takes: Duration,
    pub kills: Kills,
}

/// Every named point of the two files that a probe keeps, the second time they are written.
pub fn points() -> Vec<Moment> {
    let files = ["trace.jsonl", "trace.jsonl.checkpoint"];
    files.into_iter().flat_map(|file| WHOLE_FILE.map(|point| Moment::At(point, file, 2))).collect()
}

impl Probed {
    /// Makes the trace that all others have to equal.
    pub fn new(steps: u64) -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("train.jsonl"), train_rows()).unwrap();
        fs::write(place.path().join("eval.jsonl"), eval_rows()).unwrap();
        let mut probed =
            Self { place, steps, whole: String::new(), takes: Duration::ZERO, kills: Kills::default() };
        let begun = Instant::now();
        let output = probed.command("whole").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        probed.takes = begun.elapsed();
        probed.whole = fs::read_to_string(probed.at("whole/trace.jsonl")).unwrap();
        probed
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub fn command(&self, folder: &str) -> Command {
        fs::create_dir_all(self.at(folder)).unwrap();
        let mut command = Command::new(foretune_binary());
        command.arg("probe").arg(self.at("train.jsonl")).arg("--eval").arg(self.at("eval.jsonl"));
        command.args([
            "--model", "tiny", "--device", "cpu", "--stop", "never", "--lr", "0.002", "--epochs", "20",
        ]);
        command.args([
            "--batch",
            "4",
            "--rank",
            "2",
            "--max-tokens",
            "48",
            "--steps",
            &self.steps.to_string(),
        ]);
        command.arg("--out").arg(self.at(folder).join("trace.jsonl"));
        command
    }

    /// One probe, killed at each of these moments that it lives to see.
    pub fn round(&mut self, moments: &[Moment]) {
        let _ = fs::remove_dir_all(self.at("killed"));
        let (trace, tells) = (self.at("killed/trace.jsonl"), self.at("tells"));
        for moment in moments {
            let mut command = self.command("killed");
            moment.arm(&mut command, &tells);
            let mut process = spawn_quietly(command);
            if !moment.wait(&tells, || process.try_wait().unwrap().is_some()) {
                self.compare(&process.wait_with_output().unwrap(), moments);
                let _ = fs::remove_dir_all(self.at("killed"));
                continue;
            }
            process.kill().unwrap();
            process.wait().unwrap();
            self.kills.count(moment);
            // Whatever there is, is whole: the beginning of the trace, with or without its last line.
            if let Ok(text) = fs::read_to_string(&trace) {
                assert!(text.ends_with('\n') && self.whole.starts_with(&text), "{moment:?} left: {text}");
            }
        }
        self.compare(&self.command("killed").output().unwrap(), moments);
        assert_eq!(unfinished(&self.at("killed")), Vec::<PathBuf>::new(), "{moments:?}");
    }

    fn compare(&self, output: &std::process::Output, moments: &[Moment]) {
        assert!(output.status.success(), "{moments:?}: {output:?}");
        let trace = fs::read_to_string(self.at("killed/trace.jsonl")).unwrap();
        assert_eq!(trace, self.whole, "{moments:?}");
    }
}
