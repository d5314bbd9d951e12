//! Queue and log under many orders of the threads that use them, drawn by shuttle: the real hub on a real store, with
//! jobs that are threads and no processes. `just interleavings N` runs each test in so many orders.
#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

use std::sync::Arc;

use anyhow::Result;
use foretune_core::jobs::{End, Wish};
use foretune_core::wire::{
    Answer, CheckSpec, EventBody, JobEvent, JobId, JobInfo, JobSpec, JobState, LogLevel, ProbeSpec,
};
use shuttle::scheduler::RandomScheduler;
use shuttle::{Config, Runner};
use tempfile::TempDir;

use super::hub::{Hub, Outcome, UnderWay};
use super::log;
use super::sync::atomic::{AtomicBool, Ordering};
use super::sync::thread;
use crate::files;

const ORDERS: &str = "FORETUNE_ORDERS";
const USUAL_ORDERS: usize = 200;
const STEPS: usize = 3;
const LAST_WORD: &str = "all is done";
/// SQLite needs more than the scheduler gives a thread.
const STACK_BYTES: usize = 1 << 20;

/// What was asked of a job that runs as a thread.
#[derive(Debug, Default)]
struct Asked {
    to_end_early: AtomicBool,
    to_go: AtomicBool,
}

impl UnderWay for Arc<Asked> {
    fn ask(&mut self, wish: Wish) {
        match wish {
            Wish::StopEarly => self.to_end_early.store(true, Ordering::SeqCst),
            Wish::Cancel => self.close(),
        }
    }

    fn close(&mut self) {
        self.to_go.store(true, Ordering::SeqCst);
    }

    fn kill(&self) {}
}

fn say(hub: &Hub, job: JobId, text: &str) -> Result<()> {
    hub.record(job, &EventBody::Log { level: LogLevel::Info, text: text.to_owned() })
}

/// A job as the runner knows it: attached, telling, ending as it is asked to.
fn work(hub: &Hub, job: JobId) -> Result<Outcome> {
    let asked = Arc::new(Asked::default());
    hub.attach(job, Box::new(Arc::clone(&asked)));
    let ended = |end| Ok(Outcome { end, answer: Answer::Yes, message: "it went".to_owned() });
    for step in 0..STEPS {
        if asked.to_go.load(Ordering::SeqCst) {
            return ended(if hub.is_stopping() { End::Interrupted } else { End::Failed });
        }
        say(hub, job, &format!("step {step}"))?;
        if asked.to_end_early.load(Ordering::SeqCst) {
            break;
        }
    }
    say(hub, job, LAST_WORD)?;
    ended(End::Finished)
}

struct Daemon {
    folder: TempDir,
    hub: Arc<Hub>,
}

impl Daemon {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        files::write_atomically(&folder.path().join("rows.jsonl"), b"{}\n").unwrap();
        let hub = Hub::open(folder.path(), work).unwrap();
        Self { folder, hub }
    }

    /// One that waits for the device, or one of those that run beside it.
    fn submit(&self, needs_device: bool) -> JobId {
        let path = self.folder.path().join("rows.jsonl").to_str().unwrap().to_owned();
        let probe = serde_json::json!({"data": {"path": path}, "model": "tiny"});
        let spec = if needs_device {
            JobSpec::Probe(Box::new(serde_json::from_value::<ProbeSpec>(probe).unwrap()))
        } else {
            let check = serde_json::json!({"data": {"path": path}});
            JobSpec::Check(serde_json::from_value::<CheckSpec>(check).unwrap())
        };
        self.hub.submit("", &spec).unwrap().job
    }

    fn info(&self, job: JobId) -> JobInfo {
        self.hub.info(job).unwrap()
    }

    fn events(&self, job: JobId) -> Vec<JobEvent> {
        self.hub.events(job, 1).unwrap()
    }

    fn wait_for(&self, jobs: &[JobId]) {
        while jobs.iter().any(|job| !self.info(*job).state.is_over()) {
            thread::yield_now();
        }
    }
}

/// As a connection does: from where it is, until the job is over.
fn follow(hub: &Hub, job: JobId) -> Vec<JobEvent> {
    let mut heard: Vec<JobEvent> = Vec::new();
    loop {
        // Asked before the reading: what was told until then is read.
        let is_over = hub.info(job).unwrap().state.is_over();
        heard.extend(hub.events(job, heard.len() as u64 + 1).unwrap());
        if is_over {
            return heard;
        }
        thread::yield_now();
    }
}

fn end_of(event: &JobEvent) -> Option<JobState> {
    match event.body {
        EventBody::Done { .. } => Some(JobState::Done),
        EventBody::Failed { .. } => Some(JobState::Failed),
        EventBody::Cancelled {} => Some(JobState::Cancelled),
        _ => None,
    }
}

/// Counted without gaps, one end at most and nothing after it, and the end that the list tells.
fn assert_whole(info: &JobInfo, events: &[JobEvent]) {
    let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<_>>(), "{events:?}");
    let ends: Vec<(usize, JobState)> =
        events.iter().enumerate().filter_map(|(index, event)| Some((index, end_of(event)?))).collect();
    let expected: Vec<_> = info.state.is_over().then(|| (events.len() - 1, info.state)).into_iter().collect();
    assert_eq!(ends, expected, "{info:?} {events:?}");
}

fn is_complete(events: &[JobEvent]) -> bool {
    events.iter().any(|event| matches!(&event.body, EventBody::Log { text, .. } if text == LAST_WORD))
}

fn in_many_orders(test: impl Fn() + Send + Sync + 'static) {
    log::set(log::Level::Error);
    let orders = std::env::var(ORDERS).map_or(USUAL_ORDERS, |text| text.parse().expect("a number of orders"));
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    Runner::new(RandomScheduler::new(orders), config).run(test);
}

#[test]
fn every_log_is_whole_and_everybody_reads_the_same() {
    in_many_orders(|| {
        let daemon = Arc::new(Daemon::start());
        let first = daemon.submit(true);
        let follower = thread::spawn({
            let daemon = Arc::clone(&daemon);
            move || follow(&daemon.hub, first)
        });
        let others = thread::spawn({
            let daemon = Arc::clone(&daemon);
            move || [daemon.submit(true), daemon.submit(false)]
        });
        // May come before it begins, while it runs, or after its end.
        let _ = daemon.hub.ask(first, Wish::StopEarly);
        let others = others.join().unwrap();
        let _ = daemon.hub.ask(others[0], Wish::Cancel);
        let jobs = [first, others[0], others[1]];
        daemon.wait_for(&jobs);
        for job in jobs {
            assert_whole(&daemon.info(job), &daemon.events(job));
        }
        assert_eq!(follower.join().unwrap(), daemon.events(first));
        assert_eq!(daemon.info(others[1]).state, JobState::Done);
        // Threads that told the end last look for what may start.
        while daemon.hub.running() > 0 {
            thread::yield_now();
        }
    });
}

#[test]
fn one_job_at_a_time_is_on_the_device() {
    in_many_orders(|| {
        let daemon = Arc::new(Daemon::start());
        let submitting: Vec<_> = (0..3)
            .map(|_| {
                let daemon = Arc::clone(&daemon);
                thread::spawn(move || daemon.submit(true))
            })
            .collect();
        let jobs: Vec<JobId> = submitting.into_iter().map(|thread| thread.join().unwrap()).collect();
        daemon.wait_for(&jobs);
        let mut spans = Vec::new();
        for job in jobs {
            let (info, events) = (daemon.info(job), daemon.events(job));
            assert_whole(&info, &events);
            assert!(is_complete(&events) && info.state == JobState::Done, "{info:?}");
            spans.push((info.started_ms.unwrap(), info.ended_ms.unwrap()));
        }
        spans.sort_unstable();
        assert!(spans.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{spans:?}");
    });
}

/// An end that was not yet written when nobody seemed to run any more was lost with the process, and the job made again.
#[test]
fn who_is_stopped_has_told_every_end() {
    in_many_orders(|| {
        let daemon = Arc::new(Daemon::start());
        let jobs = [daemon.submit(true), daemon.submit(true), daemon.submit(false)];
        let asking = thread::spawn({
            let daemon = Arc::clone(&daemon);
            move || drop(daemon.hub.ask(jobs[2], Wish::Cancel))
        });
        daemon.hub.stop();
        while daemon.hub.running() > 0 {
            thread::yield_now();
        }
        // The process would end here.
        for job in jobs {
            let (info, events) = (daemon.info(job), daemon.events(job));
            let has_begun = events.iter().any(|event| matches!(event.body, EventBody::Log { .. }));
            assert!(!is_complete(&events) || info.state.is_over(), "{info:?} {events:?}");
            assert!(has_begun || info.state != JobState::Done, "{info:?}");
        }
        asking.join().unwrap();
        let kept: Vec<JobInfo> = jobs.iter().map(|job| daemon.info(*job)).collect();
        let again = Hub::open(daemon.folder.path(), work).unwrap();
        for before in kept.iter().filter(|info| info.state.is_over()) {
            assert_eq!(again.info(before.job).unwrap().state, before.state);
        }
    });
}
