//! The `[slurm]` table of a sweep file: resources of an array task, size of the arrays, lines before the work.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

/// Slurm's own default of `MaxArraySize` is 1001, one more than the largest array.
const LARGEST_ARRAY: usize = 1000;

/// Texts are handed to `sbatch` as they stand; what is absent is the cluster's default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SlurmTable {
    pub partition: Option<String>,
    /// Limit of one array task, such as `08:00:00`.
    pub time: Option<String>,
    /// Of one array task, such as `4G`.
    pub memory: Option<String>,
    pub cpus: usize,
    /// Such as `gpu:1`.
    pub gres: Option<String>,
    pub account: Option<String>,
    pub qos: Option<String>,
    /// Other options of `sbatch`, one a text, such as `--constraint=avx512`.
    pub options: Vec<String>,
    /// An array task ends after about so many runs: with the time of a run this gives the time limit.
    pub runs_per_task: usize,
    /// Tasks of one array at most; more runs make more arrays.
    pub array_chunk: usize,
    /// Array tasks that run at the same time at most.
    pub throttle: Option<usize>,
    /// Lines of bash before the work, such as `module load cuda/12.4`; one that fails ends the task.
    pub setup: Vec<String>,
}

impl Default for SlurmTable {
    fn default() -> Self {
        Self {
            partition: None,
            time: None,
            memory: None,
            cpus: 1,
            gres: None,
            account: None,
            qos: None,
            options: Vec::new(),
            runs_per_task: 10,
            array_chunk: LARGEST_ARRAY,
            throttle: None,
            setup: Vec::new(),
        }
    }
}

impl SlurmTable {
    /// The first value that makes no sense: its key, what was expected, what was found.
    pub(in crate::lab) fn problem(&self) -> Option<(String, &'static str, String)> {
        let counts = [
            ("cpus", Some(self.cpus)),
            ("runs_per_task", Some(self.runs_per_task)),
            ("array_chunk", Some(self.array_chunk)),
            ("throttle", self.throttle),
        ];
        if let Some((key, _)) = counts.iter().find(|(_, count)| *count == Some(0)) {
            return Some((format!("slurm.{key}"), "1 or more", "0".to_owned()));
        }
        let is_plain = |text: &str| !text.is_empty() && !text.contains(char::is_control);
        for (key, text) in self.options_by_name() {
            if !is_plain(&text.to_string()) {
                return Some((format!("slurm.{key}"), "one line of text", format!("{:?}", text.to_string())));
            }
        }
        let option = self.options.iter().find(|option| !option.starts_with('-') || !is_plain(option));
        option.map(|option| ("slurm.options".to_owned(), "texts that begin with -", format!("{option:?}")))
    }

    /// What `sbatch` is told of one array task.
    pub(super) fn arguments(&self) -> Vec<String> {
        let mut all: Vec<String> = vec!["--ntasks=1".to_owned(), format!("--cpus-per-task={}", self.cpus)];
        all.extend(self.options_by_name().map(|(key, value)| {
            let option = match key {
                "memory" => "mem",
                same => same,
            };
            format!("--{option}={value}")
        }));
        all.extend(self.options.iter().cloned());
        all
    }

    fn options_by_name(&self) -> impl Iterator<Item = (&'static str, impl Display + '_)> {
        [
            ("partition", &self.partition),
            ("time", &self.time),
            ("memory", &self.memory),
            ("gres", &self.gres),
            ("account", &self.account),
            ("qos", &self.qos),
        ]
        .into_iter()
        .filter_map(|(key, value)| value.as_ref().map(|value| (key, value)))
    }
}
