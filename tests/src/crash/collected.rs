//! `foretune collect`: killed alone or with its workers, given again, it ends with each run once, and the same.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use foretune_core::runs::RunRecord;

use super::{JOURNAL, Kills, Moment, WHOLE_FILE, kill_with_children, unfinished};
use crate::lab::{Lab, lasting};
use crate::{finished, foretune_binary};

#[derive(Debug)]
pub struct Collected {
    lab: Lab,
    /// As text: what could not be measured is equal to itself.
    alone: BTreeMap<String, String>,
    /// All of it, without being killed.
    pub takes: Duration,
    pub kills: Kills,
}

/// Every named point of the files in a folder of runs.
pub fn points() -> Vec<Moment> {
    let whole = [("sweep.json", 1), ("plan.json", 1), ("plan.json", 2), (".jsonl.gz", 1), (".jsonl.gz", 2)];
    let mut all: Vec<Moment> = Vec::new();
    for (file, time) in whole {
        all.extend(WHOLE_FILE.map(|point| Moment::At(point, file, time)));
    }
    all.extend(JOURNAL.map(|point| Moment::At(point, "runs.jsonl", 1)));
    all.extend(JOURNAL.map(|point| Moment::At(point, "runs.jsonl", 2)));
    all
}

impl Collected {
    pub fn new() -> Self {
        let lab = Lab::create();
        let begun = Instant::now();
        let alone = lab.collect("alone", &["--jobs", "1"]);
        let takes = begun.elapsed();
        assert_eq!(alone.code, 0, "{alone:?}");
        let alone = lab.records("alone").iter().map(text).collect();
        Self { lab, alone, takes, kills: Kills::default() }
    }

    /// One folder, its collectors killed at each of these moments that they live to see; every other time their
    /// workers live on and end by themselves.
    pub fn round(&mut self, moments: &[Moment]) {
        let _ = fs::remove_dir_all(self.lab.at("shared"));
        let tells = self.lab.at("tells");
        for (number, moment) in moments.iter().enumerate() {
            let before = self.lab.text("shared");
            let mut command = Command::new(foretune_binary());
            command.args(self.lab.arguments("shared", &["--jobs", "2"])).stdin(Stdio::null());
            command.stdout(Stdio::null()).stderr(Stdio::null());
            moment.arm(&mut command, &tells);
            let mut process = command.spawn().unwrap();
            if !moment.wait(&tells, || process.try_wait().unwrap().is_some()) {
                assert!(process.wait().unwrap().success(), "{moments:?}");
                self.compare(moments);
                let _ = fs::remove_dir_all(self.lab.at("shared"));
                continue;
            }
            let is_held = matches!(moment, Moment::At(..));
            if is_held || number % 2 == 0 {
                kill_with_children(process.id());
            } else {
                process.kill().unwrap();
            }
            process.wait().unwrap();
            self.kills.count(moment);
            let after = self.lab.text("shared");
            let whole = before.rfind('\n').map_or(0, |end| end + 1);
            assert!(after.starts_with(&before[..whole]), "{moment:?}: a finished run was lost");
        }
        let end = self.lab.start("shared", &["--jobs", "2"]).wait_with_output().unwrap();
        let end = finished(end);
        assert_eq!(end.code, 0, "{moments:?}: {end:?}");
        self.compare(moments);
    }

    fn compare(&self, moments: &[Moment]) {
        let records = self.lab.records("shared");
        assert_eq!(records.len(), self.alone.len(), "{moments:?}: lost or doubled");
        for record in records {
            assert_eq!(self.alone.get(&record.id), Some(&text(&record).1), "{moments:?}");
            let trace = self.lab.at("shared/traces").join(format!("{}.jsonl.gz", record.id));
            assert!(trace.exists(), "{moments:?}: {} has no trace", record.id);
        }
        assert!(
            !self.lab.at("shared/failures.jsonl").exists(),
            "{moments:?}: a kill was recorded as a failure"
        );
        for folder in ["shared", "shared/traces"] {
            assert!(unfinished(&self.lab.at(folder)).is_empty(), "{moments:?}: unfinished files in {folder}");
        }
    }
}

fn text(record: &RunRecord) -> (String, String) {
    (record.id.clone(), serde_json::to_string(&lasting(record)).unwrap())
}

impl Default for Collected {
    fn default() -> Self {
        Self::new()
    }
}
