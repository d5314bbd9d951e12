//! `foretune serve`: killed alone or with its job while a probe runs, started again on the same folder.
#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Kills, Moment, WHOLE_FILE, kill_with_children, unfinished};
use crate::daemon::{Client, Daemon, eval_rows, probe, train_rows};

/// A job that was running five times when its daemon went down is given up.
pub const MOST_KILLS_OF_A_JOB: usize = 4;

#[derive(Debug)]
pub struct Served {
    place: tempfile::TempDir,
    steps: u64,
    whole: (Vec<Value>, String),
    /// Jobs that are done, as the list tells of them.
    done: Vec<Value>,
    /// One probe, without being killed.
    pub takes: Duration,
    pub kills: Kills,
}

/// Every named point of the files that a probe of the daemon keeps.
pub fn points() -> Vec<Moment> {
    let files = ["trace.jsonl", "trace.jsonl.checkpoint"];
    files.into_iter().flat_map(|file| WHOLE_FILE.map(|point| Moment::At(point, file, 2))).collect()
}

/// And of those that a starting daemon writes, on a folder of its own.
pub fn points_of_the_start() -> Vec<Moment> {
    let files = ["secret", "foretune.sqlite3", "daemon.json"];
    files.into_iter().flat_map(|file| WHOLE_FILE.map(|point| Moment::At(point, file, 1))).collect()
}

impl Served {
    pub fn new(steps: u64) -> Self {
        let place = tempfile::tempdir().unwrap();
        let mut served = Self {
            place,
            steps,
            whole: (Vec::new(), String::new()),
            done: Vec::new(),
            takes: Duration::ZERO,
            kills: Kills::default(),
        };
        let daemon = served.start(None);
        let mut client = daemon.client();
        let begun = Instant::now();
        let job = served.begin(&mut client);
        served.whole = served.end(&mut client, job);
        served.takes = begun.elapsed();
        served
    }

    fn state(&self) -> PathBuf {
        self.place.path().join("state")
    }

    fn tells(&self) -> PathBuf {
        self.place.path().join("tells")
    }

    fn start(&self, moment: Option<&Moment>) -> Daemon {
        fs::create_dir_all(self.state()).unwrap();
        let mut command = Daemon::command(&self.state());
        if let Some(moment) = moment {
            moment.arm(&mut command, &self.tells());
        }
        Daemon::of(&self.state(), command)
    }

    fn begin(&self, client: &mut Client) -> u64 {
        let data = client.upload(&train_rows());
        let eval = client.upload(&eval_rows());
        client.start(&probe(&data, &eval, self.steps))
    }

    /// Follows a job to its end: what its training told, and its trace.
    fn end(&mut self, client: &mut Client, job: u64) -> (Vec<Value>, String) {
        client.subscribe(job, 1);
        let events = client.events_to_the_end(job);
        let seqs: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "numbers without gaps");
        let ends = events
            .iter()
            .filter(|event| ["done", "failed", "cancelled"].iter().any(|kind| event["kind"] == *kind));
        assert_eq!(ends.count(), 1, "one end");
        let info = client.info(job);
        assert_eq!((&info["state"], &info["last_seq"]), (&json!("done"), &json!(seqs.len())), "{info}");
        self.done.push(info);
        let trace = fs::read_to_string(self.state().join(format!("jobs/{job}/trace.jsonl"))).unwrap();
        let told = ["start", "step", "reading", "done"];
        let lasting = events.iter().filter(|event| told.iter().any(|kind| event["kind"] == *kind));
        (lasting.map(|event| json!([event["kind"], event["payload"]])).collect(), trace)
    }

    /// One job, its daemon killed at each of these moments; every other time the job's process lives on and ends by
    /// itself.
    pub fn round(&mut self, moments: &[Moment]) {
        assert!(moments.len() <= MOST_KILLS_OF_A_JOB);
        let mut job = None;
        for (number, moment) in moments.iter().enumerate() {
            let mut daemon = self.start(Some(moment));
            let mut client = daemon.client();
            let known = *job.get_or_insert_with(|| self.begin(&mut client));
            let tells = self.tells();
            let mut is_over = || client.info(known)["state"] == "done";
            // Asking costs the daemon something: only where nothing else would end the waiting.
            let is_now = match moment {
                Moment::At(..) => moment.wait(&tells, is_over),
                Moment::After(_) => moment.wait(&tells, || false) && !is_over(),
            };
            if !is_now {
                self.compare(&mut client, known, moments);
                job = None;
                continue;
            }
            if matches!(moment, Moment::At(..)) || number % 2 == 0 {
                kill_with_children(daemon.id());
            }
            daemon.kill();
            self.kills.count(moment);
        }
        let daemon = self.start(None);
        let mut client = daemon.client();
        for known in &self.done {
            let job = known["job"].as_u64().unwrap();
            // The history shows a page of them.
            if self.done.len() < 100 {
                assert_eq!(client.info(job), *known, "{moments:?}: a finished job changed");
            }
        }
        let job = job.unwrap_or_else(|| self.begin(&mut client));
        self.compare(&mut client, job, moments);
    }

    fn compare(&mut self, client: &mut Client, job: u64, moments: &[Moment]) {
        let (events, trace) = self.end(client, job);
        assert!(events == self.whole.0, "{moments:?}: the log differs");
        assert!(trace == self.whole.1, "{moments:?}: the trace differs");
        assert!(unfinished(&self.state().join(format!("jobs/{job}"))).is_empty(), "{moments:?}");
    }

    /// A daemon killed while it starts on an empty folder; the next one serves from it.
    pub fn start_killed_at(&mut self, moment: &Moment) {
        let state = self.place.path().join("fresh");
        let _ = fs::remove_dir_all(&state);
        fs::create_dir_all(&state).unwrap();
        let tells = self.tells();
        let mut command = Daemon::command(&state);
        moment.arm(&mut command, &tells);
        let mut process = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        assert!(moment.wait(&tells, || process.try_wait().unwrap().is_some()), "it ended by itself");
        process.kill().unwrap();
        process.wait().unwrap();
        self.kills.count(moment);
        let daemon = Daemon::start(&state, &[]);
        assert_eq!(daemon.client().ask(json!({"type": "ping"}))["type"], "pong");
        assert!(unfinished(&state).is_empty(), "{moment:?}");
    }
}
