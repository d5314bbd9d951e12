//! What `sbatch` is told: its arguments and the script on its stdin.

use super::SlurmTable;

/// The job arrays of one folder of runs.
#[derive(Debug, Clone)]
pub struct Batch<'a> {
    pub table: &'a SlurmTable,
    /// The jobs are known by it: different for each folder.
    pub name: &'a str,
    /// Folder of the tasks' output.
    pub logs: &'a str,
    /// Program and arguments of a task.
    pub command: &'a [String],
}

/// Sizes in tasks of the arrays that make `runs` runs when `queued_tasks` tasks are there already.
pub fn arrays_for(table: &SlurmTable, runs: usize, queued_tasks: usize) -> Vec<usize> {
    let mut tasks = runs.div_ceil(table.runs_per_task).saturating_sub(queued_tasks);
    let mut sizes = Vec::new();
    while tasks > 0 {
        let size = tasks.min(table.array_chunk);
        sizes.push(size);
        tasks -= size;
    }
    sizes
}

impl Batch<'_> {
    /// Arguments for one array of so many tasks. A throttle is Slurm's for one array alone, so under one an array waits for
    /// those `before` it.
    pub fn arguments(&self, size: usize, before: &[u64]) -> Vec<String> {
        let throttle = self.table.throttle.map(|most| format!("%{most}")).unwrap_or_default();
        let mut all = vec![
            "--parsable".to_owned(),
            format!("--job-name={}", self.name),
            format!("--array=0-{}{throttle}", size - 1),
            // A requeued task goes on in its log.
            "--requeue".to_owned(),
            "--open-mode=append".to_owned(),
            // Slurm replaces % itself.
            format!("--output={}/%A_%a.log", self.logs.replace('%', "%%")),
        ];
        if self.table.throttle.is_some() && !before.is_empty() {
            let jobs: Vec<String> = before.iter().map(ToString::to_string).collect();
            all.push(format!("--dependency=afterany:{}", jobs.join(":")));
        }
        all.extend(self.table.arguments());
        all
    }

    /// A login shell, because `module` is a function that the profile defines.
    pub fn script(&self) -> String {
        let mut lines = vec!["#!/bin/bash -l".to_owned(), "set -e".to_owned()];
        lines.extend(self.table.setup.iter().cloned());
        let words: Vec<String> = self.command.iter().map(|word| quoted(word)).collect();
        lines.push(format!("exec {}", words.join(" ")));
        lines.join("\n") + "\n"
    }
}

/// As one word of bash.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::Sweep;

    #[test]
    fn where_runs_are_made_decides_nothing_about_them() {
        let example = Sweep::parse(include_str!("../../../../../lab/sweeps/qwen2_5_7b.toml")).unwrap();
        assert_eq!(example.slurm.as_ref().unwrap().gres.as_deref(), Some("gpu:1"));
        let elsewhere = Sweep { slurm: None, ..example.clone() };
        assert_eq!(elsewhere.fingerprint(), example.fingerprint());
    }

    fn batch<'a>(table: &'a SlurmTable, command: &'a [String]) -> Batch<'a> {
        Batch { table, name: "foretune-x", logs: "/runs/50%", command }
    }

    #[test]
    fn arrays_are_no_larger_than_allowed_and_count_what_is_queued() {
        let table = SlurmTable { runs_per_task: 4, array_chunk: 3, ..SlurmTable::default() };
        assert_eq!(arrays_for(&table, 26, 0), [3, 3, 1]);
        assert_eq!(arrays_for(&table, 26, 5), [2]);
        assert!(arrays_for(&table, 26, 9).is_empty() && arrays_for(&table, 0, 0).is_empty());
    }

    #[test]
    fn a_throttle_holds_over_all_arrays() {
        let table = SlurmTable { throttle: Some(2), ..SlurmTable::default() };
        let arguments = batch(&table, &[]).arguments(8, &[17, 18]);
        assert!(arguments.contains(&"--array=0-7%2".to_owned()), "{arguments:?}");
        assert!(arguments.contains(&"--dependency=afterany:17:18".to_owned()), "{arguments:?}");
        assert!(arguments.contains(&"--output=/runs/50%%/%A_%a.log".to_owned()), "{arguments:?}");
        let free = batch(&SlurmTable::default(), &[]).arguments(8, &[17]);
        assert!(
            free.contains(&"--array=0-7".to_owned()) && !free.iter().any(|text| text.contains("afterany"))
        );
    }

    #[test]
    fn resources_are_handed_on_and_words_stay_whole() {
        let table = SlurmTable {
            partition: Some("gpu".into()),
            memory: Some("4G".into()),
            gres: Some("gpu:1".into()),
            options: vec!["--exclusive".into()],
            setup: vec!["module load cuda".into()],
            ..SlurmTable::default()
        };
        let command = ["/opt/fore tune".to_owned(), "it's".to_owned()];
        let batch = batch(&table, &command);
        let all = batch.arguments(1, &[]);
        for wanted in ["--partition=gpu", "--mem=4G", "--gres=gpu:1", "--cpus-per-task=1", "--exclusive"] {
            assert!(all.iter().any(|text| text == wanted), "{wanted}: {all:?}");
        }
        let wanted = "#!/bin/bash -l\nset -e\nmodule load cuda\nexec '/opt/fore tune' 'it'\\''s'\n";
        assert_eq!(batch.script(), wanted);
    }
}
