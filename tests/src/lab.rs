//! A laboratory in a folder of its own: a sweep of a few very short runs on tasks written here.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use foretune_core::runs::{RunRecord, read_runs};
use serde_json::json;

use crate::{Finished, foretune, foretune_binary};

#[derive(Debug)]
pub struct Lab {
    place: tempfile::TempDir,
}

pub const SWEEP: &str = r#"
name = "short"
seed = 5
configurations = 5
data = "tasks"

[model]
name = "tiny"
path = "tiny"

[evaluation]
clean_rows = 20
test_rows = 30
suite_rows_per_task = 3

[repeats]
configurations = 1
seeds = 2
every = 2

[rows]
low = 30
high = 60

[recipe]
learning_rate = { low = 1e-3, high = 1e-2 }
steps = { low = 6, median = 8, high = 12 }
batch = [4]
rank = [2, 4]
alpha_over_rank = [2]
dropout = [0, 0.1]
targets = ["q,v", "q,k,v,o,gate,up,down"]
schedule = ["linear", "cosine"]
warmup = [0.1]
weight_decay = [0]
sequence_length = [32, 48]

[conditions]
how_many = [0, 1, 2]
language_task = "tongues"

[conditions.kinds]
label_noise = { weight = 1, low = 0.1, high = 0.5 }
duplicates = { weight = 1, low = 0.1, high = 0.5 }
wrong_language = { weight = 1, low = 0.1, high = 0.5 }
mixture = { weight = 1, low = 0.2, high = 0.5 }

[tasks]
colours = { family = "one" }
sizes = { family = "two" }
tongues = { family = "three" }
"#;

impl Lab {
    pub fn create() -> Self {
        let lab = Self { place: tempfile::tempdir().unwrap() };
        fs::write(lab.sweep(), SWEEP).unwrap();
        for (task, answers) in
            [("colours", ["red", "blue"]), ("sizes", ["small", "large"]), ("tongues", ["English", "Danish"])]
        {
            let folder = lab.at("tasks").join(task);
            fs::create_dir_all(&folder).unwrap();
            for (part, rows) in [("train", 150), ("test", 40)] {
                fs::write(folder.join(format!("{part}.jsonl")), rows_of(task, part, rows, answers)).unwrap();
            }
        }
        lab
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub fn sweep(&self) -> PathBuf {
        self.at("short.toml")
    }

    pub fn arguments(&self, runs: &str, more: &[&str]) -> Vec<String> {
        let mut all = vec!["collect".to_owned(), self.sweep().display().to_string()];
        all.extend(["--runs".to_owned(), self.at(runs).display().to_string(), "--json".to_owned()]);
        all.extend(more.iter().map(|text| (*text).to_owned()));
        all
    }

    pub fn collect(&self, runs: &str, more: &[&str]) -> Finished {
        foretune(&self.arguments(runs, more))
    }

    pub fn start(&self, runs: &str, more: &[&str]) -> Child {
        let mut command = Command::new(foretune_binary());
        command.args(self.arguments(runs, more)).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    pub fn text(&self, runs: &str) -> String {
        fs::read_to_string(self.at(runs).join("runs.jsonl")).unwrap_or_default()
    }

    pub fn records(&self, runs: &str) -> Vec<RunRecord> {
        read_runs(&self.text(runs)).unwrap()
    }
}

pub fn rows_of(task: &str, part: &str, rows: usize, answers: [&str; 2]) -> String {
    let mut text = String::new();
    for i in 0..rows {
        let input =
            format!("{} thing number {i} of the {part} rows, {}", answers[i % 2], "word ".repeat(i % 25));
        let row =
            json!({"instruction": format!("Name the {task}."), "input": input, "output": answers[i % 2]});
        writeln!(text, "{row}").unwrap();
    }
    text
}

/// Without what differs between two makings of one run.
pub fn lasting(record: &RunRecord) -> RunRecord {
    RunRecord { wall_seconds: None, cpu_seconds: None, ..record.clone() }
}

pub fn wait_for(what: &str, mut happened: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < Duration::from_mins(2), "never happened: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

pub fn whole_lines(path: &Path) -> usize {
    fs::read_to_string(path).unwrap_or_default().matches('\n').count()
}
