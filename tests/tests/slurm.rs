//! `foretune collect --executor slurm` with the real binary and Slurm's real daemons: arrays in chunks, cancelled,
//! drained, requeued, held and left alone in the middle. Skipped, and said so, where Slurm is not installed.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use foretune_core::runs::RunRecord;
use foretune_tests::lab::{Lab, SWEEP, lasting, wait_for, whole_lines};
use foretune_tests::slurm::Cluster;
use foretune_tests::{Finished, finished, foretune_binary};

/// A laboratory on a cluster.
struct Bench {
    lab: Lab,
    cluster: Cluster,
}

/// A command that was started; what it says can be read meanwhile.
struct Started {
    child: Child,
    said: PathBuf,
}

impl Bench {
    /// `table` is the sweep's `[slurm]`.
    fn new(table: &str) -> Option<Self> {
        let cluster = Cluster::start()?;
        let lab = Lab::create();
        fs::write(lab.sweep(), format!("{SWEEP}\n[slurm]\n{table}\n")).unwrap();
        Some(Self { lab, cluster })
    }

    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(foretune_binary());
        let arguments = self.lab.arguments("runs", &["--executor", "slurm"]);
        command.args(arguments).args(more).envs(self.cluster.environment());
        command
    }

    fn collect(&self, more: &[&str]) -> Finished {
        finished(self.command(more).output().unwrap())
    }

    fn start(&self) -> Started {
        let said = self.lab.at("said");
        let mut command = self.command(&[]);
        command.stdout(Stdio::piped()).stderr(fs::File::create(&said).unwrap());
        Started { child: command.spawn().unwrap(), said }
    }

    fn wait_for_runs(&self, count: usize) {
        let journal = self.lab.at("runs/runs.jsonl");
        wait_for("a run", || whole_lines(&journal) >= count);
    }

    fn jobs(&self, state: &str) -> BTreeSet<String> {
        let jobs = self.cluster.ask("squeue", &["-h", "-r", "-t", state, "-o", "%F"]);
        jobs.lines().map(str::to_owned).collect()
    }

    /// Each planned run is there, and there once.
    fn assert_complete(&self, finished: &Finished) {
        assert_eq!(finished.code, 0, "{finished:?}");
        assert_eq!(finished.json()["done"].as_u64(), Some(6), "{finished:?}");
        let records = self.lab.records("runs");
        let ids: BTreeSet<&str> = records.iter().map(|record| record.id.as_str()).collect();
        assert_eq!((records.len(), ids.len()), (6, 6), "{finished:?}");
    }
}

impl Started {
    fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap()
    }

    fn wait_to_hear(&self, words: &str) {
        let start = std::time::Instant::now();
        while !self.said().contains(words) {
            assert!(start.elapsed().as_secs() < 60, "never heard: {words}; but: {}", self.said());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    fn finish(self) -> Finished {
        let output = self.child.wait_with_output().unwrap();
        Finished { stderr: fs::read_to_string(&self.said).unwrap(), ..finished(output) }
    }
}

#[test]
fn arrays_in_chunks_make_the_same_runs_as_this_machine_alone() {
    let table = r#"partition = "short"
        cpus = 1
        runs_per_task = 2
        array_chunk = 2
        throttle = 2
        setup = ["echo the setup came first"]"#;
    let Some(bench) = Bench::new(table) else { return };
    let finished = bench.collect(&[]);
    bench.assert_complete(&finished);
    // Two arrays: of two tasks and of one.
    assert!(finished.stderr.contains("job 1: 2 tasks"), "{finished:?}");
    assert!(finished.stderr.contains(": 1 tasks"), "{finished:?}");
    let log = fs::read_to_string(bench.lab.at("runs/slurm/1_0.log")).unwrap();
    assert!(log.starts_with("the setup came first\n"), "{log}");

    let jobs = bench.jobs("all");
    bench.assert_complete(&bench.collect(&[]));
    assert_eq!(bench.jobs("all"), jobs, "a settled sweep needs no jobs");

    assert_eq!(bench.lab.collect("alone", &["--jobs", "2"]).code, 0);
    let mut pair = ["alone", "runs"].map(|runs| bench.lab.records(runs));
    for records in &mut pair {
        records.sort_by(|a, b| a.id.cmp(&b.id));
    }
    let text = |record: &RunRecord| serde_json::to_string(&lasting(record)).unwrap();
    assert!(pair[0].iter().map(text).eq(pair[1].iter().map(text)), "who made a run leaves no mark on it");
}

#[test]
fn a_cancelled_array_is_gone_on_with_by_the_same_command() {
    let Some(bench) = Bench::new("runs_per_task = 1\nthrottle = 1") else { return };
    let started = bench.start();
    bench.wait_for_runs(1);
    bench.cluster.tell("scancel", &["1"]);
    let cut = started.finish();
    assert!(cut.code == 1 && cut.stderr.contains("was cancelled"), "{cut:?}");
    assert!(cut.json()["done"].as_u64().unwrap() < 6 && cut.stderr.contains("runs are left"), "{cut:?}");
    let kept = bench.lab.text("runs");
    bench.assert_complete(&bench.collect(&[]));
    assert!(bench.lab.text("runs").starts_with(&kept), "recorded runs stay as they were");
}

#[test]
fn a_node_drained_in_the_middle_delays_the_rest_and_loses_nothing() {
    let Some(bench) = Bench::new("runs_per_task = 1\nthrottle = 1") else { return };
    let started = bench.start();
    bench.wait_for_runs(1);
    bench.cluster.tell("scontrol", &["update", "NodeName=n1", "State=DRAIN", "Reason=the disk is replaced"]);
    started.wait_to_hear("n1 is drained: the disk is replaced");
    assert!(bench.lab.records("runs").len() < 6);
    bench.cluster.tell("scontrol", &["update", "NodeName=n1", "State=RESUME"]);
    bench.assert_complete(&started.finish());
}

#[test]
fn a_requeued_task_goes_on_and_its_run_is_made_once() {
    let Some(bench) = Bench::new("runs_per_task = 6") else { return };
    let started = bench.start();
    bench.wait_for_runs(1);
    bench.cluster.tell("scontrol", &["requeue", "1_0"]);
    started.wait_to_hear("was put back into the queue");
    let finished = started.finish();
    bench.assert_complete(&finished);
    assert!(bench.cluster.ask("scontrol", &["show", "job", "1"]).contains("Restarts=1"));
}

#[test]
fn jobs_outlive_the_command_and_are_waited_for_by_the_next() {
    let Some(bench) = Bench::new("runs_per_task = 1\nthrottle = 1") else { return };
    let started = bench.start();
    bench.wait_for_runs(1);
    // The task that runs now cannot be held, which scontrol calls an error.
    bench.cluster.ask("scontrol", &["hold", "1"]);
    let process = started.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &process]).status().unwrap().success());
    let left = started.finish();
    assert!(left.code == 0 && left.stderr.contains("cancel: scancel 1"), "{left:?}");
    let detached = bench.collect(&["--detach"]);
    assert!(detached.code == 0 && detached.stderr.contains("of an earlier command"), "{detached:?}");

    let next = bench.start();
    next.wait_to_hear("let them go with: scontrol release 1");
    bench.cluster.ask("scontrol", &["release", "1"]);
    bench.assert_complete(&next.finish());
    assert_eq!(bench.jobs("all").len(), 1, "nothing was submitted twice");
}

#[test]
fn what_goes_wrong_is_said_with_its_place_and_its_way_out() {
    let Some(bench) = Bench::new("partition = \"long\"") else { return };
    let refused = bench.collect(&[]);
    for words in ["slurm.partition", "this cluster has short", "invalid partition specified: long"] {
        assert!(refused.code == 2 && refused.stderr.contains(words), "{words}: {refused:?}");
    }

    let table = |text: &str| fs::write(bench.lab.sweep(), format!("{SWEEP}\n[slurm]\n{text}\n")).unwrap();
    table("setup = [\"module load no/such/compiler\"]");
    let failed = bench.collect(&[]);
    assert!(failed.code == 1 && failed.stderr.contains("failed: "), "{failed:?}");
    assert!(failed.stderr.contains("module: command not found"), "{failed:?}");

    // As a task says on a file system whose locks stay on their machine.
    let report = bench.lab.at("runs/slurm/lock-was-free");
    table(&format!("setup = [\"echo process 7 on n2 > '{}'; sleep 60\"]", report.display()));
    let unsafe_folder = bench.collect(&[]);
    assert!(unsafe_folder.code == 2, "{unsafe_folder:?}");
    assert!(unsafe_folder.stderr.contains("process 7 on n2 got the lock"), "{unsafe_folder:?}");
    wait_for("no job is left", || bench.jobs("PENDING,RUNNING").is_empty());

    table("runs_per_task = 0");
    let wrong = bench.collect(&[]);
    assert!(wrong.code == 2 && wrong.stderr.contains("slurm.runs_per_task: expected 1 or more"), "{wrong:?}");

    table("");
    let nowhere = bench.command(&[]).env("PATH", bench.lab.at("tasks")).output().unwrap();
    let nowhere = finished(nowhere);
    assert!(nowhere.code == 2 && nowhere.stderr.contains("--executor local"), "{nowhere:?}");
}
