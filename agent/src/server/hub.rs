//! What connections and jobs share. A job writes its log and rings; connections read on from where they are, so a
//! client that takes nothing costs its job nothing. Locks are held for one call of the store, never across a wait.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use foretune_core::jobs::{Desk, End, Fresh, Guesses, Wish, differing};
use foretune_core::limits;
use foretune_core::wire::{
    Answer, EventBody, FromServer, JobEvent, JobId, JobInfo, JobSpec, JobState, Refusal, Rule, ServerMessage,
};
use tokio::sync::{broadcast, watch};

use super::arguments::arguments;
use super::log::{self, now_ms};
use super::runner;
use super::store::{Change, Store};
use super::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use super::sync::{Mutex, MutexGuard, thread};
use super::uploads::Uploads;
use crate::files;

const DATABASE: &str = "foretune.sqlite3";
const JOBS: &str = "jobs";
/// Messages to every client that a connection may be behind by before it is sent the whole list instead.
const NOTICES: usize = 256;
/// As many as a slow page may be behind by and still be served from memory.
const RECENT_EVENTS: usize = 64;
/// Between two tries to write where the disk is full.
const KEEP_AGAIN: Duration = Duration::from_secs(1);

/// A job's process, as far as the hub deals with it.
pub trait UnderWay: std::fmt::Debug + Send {
    fn ask(&mut self, wish: Wish);
    /// It keeps what it has and ends.
    fn close(&mut self);
    fn kill(&self);
}

/// Does a job's work to its end; what does it is attached meanwhile.
pub type Work = fn(&Hub, JobId) -> Result<Outcome>;

#[derive(Debug)]
pub struct Hub {
    folder: PathBuf,
    work: Work,
    pub uploads: Uploads,
    shared: Mutex<Shared>,
    /// Rises with every event of any job.
    rung: watch::Sender<u64>,
    notices: broadcast::Sender<Arc<FromServer>>,
    pub clients: AtomicUsize,
    stopping: AtomicBool,
    begun: Instant,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    desk: Desk,
    guesses: Guesses,
    children: BTreeMap<JobId, Box<dyn UnderWay>>,
    fresh: BTreeMap<JobId, Fresh>,
    /// Sequence numbers without a look into the store.
    last_seq: BTreeMap<JobId, u64>,
    /// The latest events of jobs that run, of which a crowd of watchers would else ask the store one by one.
    recent: BTreeMap<JobId, VecDeque<JobEvent>>,
}

#[derive(Debug)]
pub struct Seat(Arc<Hub>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::SeqCst);
    }
}

/// How a job's process ended, and what it had to say.
#[derive(Debug)]
pub struct Outcome {
    pub end: End,
    pub answer: Answer,
    pub message: String,
}

fn internal(error: &anyhow::Error) -> Refusal {
    log::error(&format!("{error:#}"));
    Refusal::new(Rule::Internal, "the agent's memory cannot be read or written")
}

impl Hub {
    /// Takes up what an earlier start left; `start_ready` lets it go on.
    pub fn open(folder: &Path, work: Work) -> Result<Arc<Self>> {
        files::create_private_folder(&folder.join(JOBS))?;
        let mut store = Store::open(&folder.join(DATABASE))?;
        let uploads = Uploads::open(folder)?;
        let mut desk = Desk::default();
        for (info, wish) in store.open_jobs()? {
            let state = desk.restore(info.job, info.state, info.spec.needs_device(), info.attempts, wish);
            if state == info.state {
                continue;
            }
            log::info(&format!(
                "job {} ({}) was {}, is {}",
                info.job,
                info.spec.name(),
                info.state.name(),
                state.name()
            ));
            let error = "it was running each time the agent was killed, and is not tried again";
            let body = match state {
                JobState::Cancelled => Some(EventBody::Cancelled {}),
                JobState::Failed => Some(EventBody::Failed { message: error.to_owned() }),
                _ => None,
            };
            let change = Change {
                wish: wish.filter(|_| !state.is_over()),
                ended_ms: state.is_over().then(now_ms),
                error: (state == JobState::Failed).then_some(error),
                ..Change::default()
            };
            match body {
                Some(body) => store.turn(info.job, state, change, now_ms(), &body).map(drop)?,
                None => store.set_state(info.job, state, change)?,
            }
        }
        uploads.sweep(&store.specs()?)?;
        let shared = Shared {
            store,
            desk,
            guesses: Guesses::default(),
            children: BTreeMap::new(),
            fresh: BTreeMap::new(),
            last_seq: BTreeMap::new(),
            recent: BTreeMap::new(),
        };
        Ok(Arc::new(Self {
            folder: folder.to_owned(),
            work,
            uploads,
            shared: Mutex::new(shared),
            rung: watch::Sender::new(0),
            notices: broadcast::Sender::new(NOTICES),
            clients: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
            begun: Instant::now(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // What a panicking thread left is whole: every change is one call.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn job_folder(&self, job: JobId) -> PathBuf {
        self.folder.join(JOBS).join(job.to_string())
    }

    pub fn bell(&self) -> watch::Receiver<u64> {
        self.rung.subscribe()
    }

    pub fn notices(&self) -> broadcast::Receiver<Arc<FromServer>> {
        self.notices.subscribe()
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    // ---- what clients ask -------------------------------------------------------------------------------------

    pub fn list(&self, before: Option<JobId>) -> Result<ServerMessage, Refusal> {
        let shared = self.lock();
        let (jobs, more) = shared.store.jobs(before).map_err(|error| internal(&error))?;
        let pinned = shared.store.pinned().map_err(|error| internal(&error))?;
        let differing = differing(&jobs);
        Ok(ServerMessage::Jobs { jobs, pinned, more, differing })
    }

    pub fn submit(self: &Arc<Self>, title: &str, spec: &JobSpec) -> Result<JobInfo, Refusal> {
        if self.is_stopping() {
            return Err(Refusal::new(Rule::Stopping, "the agent is being stopped"));
        }
        // Looks at the files before the lock: a slow disk is the client's wait alone.
        arguments(spec, &self.folder, &self.uploads)?;
        let info = {
            let mut shared = self.lock();
            shared.desk.check_room()?;
            let job = shared.store.add_job(title, spec, now_ms()).map_err(|error| internal(&error))?;
            shared.desk.submit(job, spec.needs_device())?;
            for old in shared.store.prune(limits::MAX_KEPT_JOBS).map_err(|error| internal(&error))? {
                let _ = files::remove_folder(&self.job_folder(old));
            }
            info(&shared, job)?
        };
        log::info(&format!("job {} ({}) was queued", info.job, spec.name()));
        self.tell_state(&info);
        self.start_ready();
        // Perhaps it runs already.
        Ok(self.info(info.job).unwrap_or(info))
    }

    pub fn ask(&self, job: JobId, wish: Wish) -> Result<JobInfo, Refusal> {
        let mut shared = self.lock();
        info(&shared, job)?;
        let state = shared.desk.ask(job, wish)?;
        let is_over = state.is_over();
        let change =
            Change { wish: shared.desk.wish(job), ended_ms: is_over.then(now_ms), ..Change::default() };
        let kept = if is_over {
            turn(&mut shared, job, state, change, &EventBody::Cancelled {})
        } else {
            shared.store.set_state(job, state, change)
        };
        kept.map_err(|error| internal(&error))?;
        if let Some(child) = shared.children.get_mut(&job) {
            child.ask(wish);
        }
        let info = info(&shared, job)?;
        drop(shared);
        self.ring();
        self.tell_state(&info);
        Ok(info)
    }

    pub fn pin(&self, job: Option<JobId>) -> Result<(), Refusal> {
        let shared = self.lock();
        if let Some(job) = job {
            info(&shared, job)?;
        }
        shared.store.pin(job).map_err(|error| internal(&error))?;
        drop(shared);
        let _ = self.notices.send(Arc::new(ServerMessage::Pinned { job }.into()));
        Ok(())
    }

    pub fn forget(&self, job: JobId) -> Result<(), Refusal> {
        let shared = self.lock();
        let info = info(&shared, job)?;
        if !info.state.is_over() {
            let message = format!("job {job} is {}", info.state.name());
            return Err(Refusal::new(Rule::WrongState, message).with_fix("cancel it first"));
        }
        shared.store.forget(job).map_err(|error| internal(&error))?;
        let kept = shared.store.specs().map_err(|error| internal(&error))?;
        self.uploads.forget(&info.spec, &kept).map_err(|error| internal(&error))?;
        drop(shared);
        files::remove_folder(&self.job_folder(job)).map_err(|error| internal(&error.into()))?;
        let _ = self.notices.send(Arc::new(ServerMessage::Forgotten { job }.into()));
        Ok(())
    }

    pub fn info(&self, job: JobId) -> Result<JobInfo, Refusal> {
        info(&self.lock(), job)
    }

    /// Whether the log of a job that this start has written to goes on at `from`.
    pub fn has_news(&self, job: JobId, from: u64) -> bool {
        self.lock().last_seq.get(&job).is_some_and(|last| *last >= from)
    }

    pub fn events(&self, job: JobId, from: u64) -> Result<Vec<JobEvent>, Refusal> {
        let shared = self.lock();
        if let Some(recent) = shared.recent.get(&job)
            && recent.front().is_some_and(|first| first.seq <= from)
        {
            return Ok(recent.iter().filter(|event| event.seq >= from).cloned().collect());
        }
        shared.store.events(job, from).map_err(|error| internal(&error))
    }

    pub fn locked_for_ms(&self, origin: &str) -> Option<u64> {
        self.lock().guesses.locked_for_ms(origin, self.uptime_ms())
    }

    pub fn wrong_secret(&self, origin: &str) {
        self.lock().guesses.wrong(origin, self.uptime_ms());
    }

    /// Unlike the time of day it never jumps back: a lock must not last for hours.
    fn uptime_ms(&self) -> u64 {
        self.begun.elapsed().as_millis() as u64
    }

    // ---- what jobs do -----------------------------------------------------------------------------------------

    /// Starts whatever may start now.
    pub fn start_ready(self: &Arc<Self>) {
        while !self.is_stopping() {
            let Some((job, info)) = self.begin_next() else { return };
            self.ring();
            if let Some(info) = info {
                log::info(&format!("job {job} ({}) begins", info.spec.name()));
                self.tell_state(&info);
            }
            let hub = Arc::clone(self);
            thread::spawn(move || {
                let outcome = (hub.work)(&hub, job).unwrap_or_else(|error| Outcome {
                    end: End::Failed,
                    answer: Answer::No,
                    message: format!("{error:#}"),
                });
                hub.end(job, &outcome);
                // Not before: what is killed in between goes on from its last checkpoint.
                if outcome.end == End::Finished
                    && let Err(error) = runner::drop_checkpoints(&hub.job_folder(job))
                {
                    log::warn(&format!("job {job}: {error}"));
                }
                hub.start_ready();
            });
        }
    }

    fn begin_next(&self) -> Option<(JobId, Option<JobInfo>)> {
        let mut shared = self.lock();
        let job = shared.desk.start_next()?;
        let attempt = shared.desk.attempts(job);
        let begun = begin(&mut shared, job, attempt);
        if let Err(error) = &begun {
            log::error(&format!("job {job}: {error:#}"));
        }
        Some((job, begun.ok()))
    }

    /// Makes the process known; a wish that came before it is passed on.
    pub fn attach(&self, job: JobId, mut child: Box<dyn UnderWay>) {
        let mut shared = self.lock();
        if let Some(wish) = shared.desk.wish(job) {
            child.ask(wish);
        }
        if self.is_stopping() {
            child.close();
        }
        shared.children.insert(job, child);
    }

    /// Keeps an event of a job, unless it was told before.
    pub fn record(&self, job: JobId, body: &EventBody) -> Result<()> {
        {
            let mut shared = self.lock();
            if !shared.fresh.entry(job).or_default().take(body) {
                return Ok(());
            }
            let is_remark = matches!(body, EventBody::Log { .. } | EventBody::Progress { .. });
            if is_remark && shared.last_seq.get(&job).is_some_and(|last| *last >= limits::MAX_JOB_EVENTS) {
                return Ok(());
            }
        }
        self.patiently(job, |shared| add(shared, job, body))?;
        self.ring();
        Ok(())
    }

    /// On a full disk a job waits here for room instead of being lost, and its end instead of seeming never to come.
    fn patiently(&self, job: JobId, mut write: impl FnMut(&mut Shared) -> Result<()>) -> Result<()> {
        let mut was_said = false;
        loop {
            let mut shared = self.lock();
            let Err(error) = write(&mut shared) else { return Ok(()) };
            if self.is_stopping() || shared.desk.wish(job) == Some(Wish::Cancel) {
                return Err(error);
            }
            drop(shared);
            if !was_said {
                log::error(&format!("job {job} waits: what it tells cannot be kept yet: {error:#}"));
                was_said = true;
            }
            thread::sleep(KEEP_AGAIN);
        }
    }

    fn end(&self, job: JobId, outcome: &Outcome) {
        let mut shared = self.lock();
        shared.fresh.remove(&job);
        let wish = shared.desk.wish(job);
        let state = shared.desk.ended(job, outcome.end);
        let body = match state {
            JobState::Done => {
                Some(EventBody::Done { answer: outcome.answer, stopped_early: wish == Some(Wish::StopEarly) })
            }
            JobState::Failed => Some(EventBody::Failed { message: outcome.message.clone() }),
            JobState::Cancelled => Some(EventBody::Cancelled {}),
            _ => None,
        };
        let change = Change {
            wish: wish.filter(|_| !state.is_over()),
            ended_ms: state.is_over().then(now_ms),
            error: (state == JobState::Failed).then_some(outcome.message.as_str()),
            ..Change::default()
        };
        drop(shared);
        let kept = self.patiently(job, |shared| match &body {
            Some(body) => turn(shared, job, state, change, body),
            None => shared.store.set_state(job, state, change),
        });
        if let Err(error) = kept {
            log::error(&format!("job {job}: its end was not kept: {error:#}"));
        }
        let mut shared = self.lock();
        // Not before its end is written: a daemon that is stopped goes once nobody runs, and what is not written goes with it.
        shared.children.remove(&job);
        let info = info(&shared, job);
        drop(shared);
        if state == JobState::Cancelled {
            let _ = files::remove_folder(&self.job_folder(job));
        }
        self.ring();
        if let Ok(info) = info {
            let why =
                if state == JobState::Failed { format!(": {}", outcome.message) } else { String::new() };
            log::info(&format!("job {job} ({}) is {}{why}", info.spec.name(), state.name()));
            self.tell_state(&info);
        }
    }

    // ---- the end ----------------------------------------------------------------------------------------------

    /// No job starts any more, and those that run are told to keep what they have and end.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        let mut shared = self.lock();
        for child in shared.children.values_mut() {
            child.close();
        }
        drop(shared);
        self.ring();
    }

    pub fn running(&self) -> usize {
        self.lock().children.len()
    }

    /// Whatever does not end by itself.
    pub fn kill_all(&self) {
        for child in self.lock().children.values() {
            child.kill();
        }
    }

    /// Room for one more connection, given back when it is dropped.
    pub fn seat(self: &Arc<Self>) -> Result<Seat, Refusal> {
        let seat = Seat(Arc::clone(self));
        let before = self.clients.fetch_add(1, Ordering::SeqCst);
        if before >= limits::MAX_CLIENTS {
            return Err(Refusal::new(Rule::TooManyClients, format!("{before} are open")));
        }
        Ok(seat)
    }

    fn ring(&self) {
        self.rung.send_modify(|count| *count += 1);
    }

    fn tell_state(&self, info: &JobInfo) {
        // Nobody may be listening.
        let _ = self.notices.send(Arc::new(ServerMessage::Job { job: Box::new(info.clone()) }.into()));
    }
}

fn info(shared: &Shared, job: JobId) -> Result<JobInfo, Refusal> {
    let info = shared.store.job(job).map_err(|error| internal(&error))?;
    info.ok_or_else(|| Refusal::new(Rule::UnknownJob, format!("there is no job {job}")))
}

fn add(shared: &mut Shared, job: JobId, body: &EventBody) -> Result<()> {
    let time_ms = now_ms();
    let seq = shared.store.add_event(job, time_ms, body)?;
    remember(shared, JobEvent { job, seq, time_ms, body: body.clone() });
    Ok(())
}

fn remember(shared: &mut Shared, event: JobEvent) {
    shared.last_seq.insert(event.job, event.seq);
    let recent = shared.recent.entry(event.job).or_default();
    recent.push_back(event);
    if recent.len() > RECENT_EVENTS {
        recent.pop_front();
    }
}

fn turn(
    shared: &mut Shared,
    job: JobId,
    state: JobState,
    change: Change<'_>,
    body: &EventBody,
) -> Result<()> {
    let time_ms = now_ms();
    let seq = shared.store.turn(job, state, change, time_ms, body)?;
    remember(shared, JobEvent { job, seq, time_ms, body: body.clone() });
    if state.is_over() {
        shared.recent.remove(&job);
    }
    Ok(())
}

fn begin(shared: &mut Shared, job: JobId, attempt: u32) -> Result<JobInfo> {
    let mut fresh = Fresh::default();
    let mut from = 1;
    loop {
        let events = shared.store.events(job, from)?;
        let Some(last) = events.last() else { break };
        from = last.seq + 1;
        for event in &events {
            fresh.take(&event.body);
        }
    }
    shared.fresh.insert(job, fresh);
    let state = shared.desk.state(job).context("a job that begins is known")?;
    let change = Change {
        attempts: attempt,
        wish: shared.desk.wish(job),
        started_ms: Some(now_ms()),
        ..Change::default()
    };
    turn(shared, job, state, change, &EventBody::Attempt { attempt })?;
    shared.store.job(job)?.context("a job that begins is kept")
}
