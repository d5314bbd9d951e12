//! The daemon's memory: jobs, their events, what is pinned. SQLite in the state folder; every call is one
//! transaction, so a kill at any moment loses nothing that a client has seen.

mod schema;

use std::path::Path;

use anyhow::{Context, Result, bail};
use foretune_core::jobs::Wish;
use foretune_core::limits;
use foretune_core::wire::{EventBody, JobEvent, JobId, JobInfo, JobSpec, JobState, Measured};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::log;
use crate::files;

#[derive(Debug)]
pub struct Store {
    connection: Connection,
}

/// Changes to a job's row that come with a change of its state.
#[derive(Debug, Default, Clone, Copy)]
pub struct Change<'a> {
    pub attempts: u32,
    pub wish: Option<Wish>,
    pub started_ms: Option<u64>,
    pub ended_ms: Option<u64>,
    pub error: Option<&'a str>,
}

impl Store {
    pub fn open(path: &Path) -> Result<Self> {
        let told = || format!("the daemon's memory {} cannot be opened", path.display());
        if !files::exists(path) {
            // Its journal gets the mode that it has.
            files::write_private(path, b"")?;
        }
        let connection = Connection::open(path).with_context(told)?;
        Self::prepare(connection).with_context(told)
    }

    fn prepare(mut connection: Connection) -> Result<Self> {
        // With the journal beside the file a commit is a write without a wait for the disk: safe against a killed
        // process, and after a power cut still whole.
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;",
        )?;
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        let known = schema::STEPS.len() as i64;
        if version > known {
            bail!(
                "it was written by a newer foretune (version {version}, this one knows {known}): update foretune, or \
                 name another folder with --state"
            );
        }
        for (step, sql) in schema::STEPS.iter().enumerate().skip(usize::try_from(version)?) {
            let transaction = connection.transaction()?;
            transaction.execute_batch(sql)?;
            transaction.execute_batch(&format!("PRAGMA user_version = {}", step + 1))?;
            transaction.commit()?;
        }
        Ok(Self { connection })
    }

    pub fn add_job(&self, title: &str, spec: &JobSpec, now_ms: u64) -> Result<JobId> {
        self.connection.execute(
            "INSERT INTO jobs (title, spec, state, created_ms) VALUES (?1, ?2, 'queued', ?3)",
            params![title, serde_json::to_string(spec)?, now_ms as i64],
        )?;
        Ok(self.connection.last_insert_rowid() as JobId)
    }

    pub fn job(&self, job: JobId) -> Result<Option<JobInfo>> {
        let mut statement = self.connection.prepare(&format!("SELECT {COLUMNS} FROM jobs WHERE job = ?1"))?;
        let row = statement.query_row(params![job as i64], raw_job).optional()?;
        row.map(RawJob::read).transpose()
    }

    /// The newest first, older than `before`; and whether there are more.
    pub fn jobs(&self, before: Option<JobId>) -> Result<(Vec<JobInfo>, bool)> {
        let before = before.map_or(i64::MAX, |before| before.min(i64::MAX as u64) as i64);
        let mut statement = self
            .connection
            .prepare(&format!("SELECT {COLUMNS} FROM jobs WHERE job < ?1 ORDER BY job DESC LIMIT ?2"))?;
        let rows = statement.query_map(params![before, limits::MAX_LISTED_JOBS as i64 + 1], raw_job)?;
        let mut jobs = Vec::new();
        for row in rows {
            jobs.push(row?);
        }
        let more = jobs.len() > limits::MAX_LISTED_JOBS;
        jobs.truncate(limits::MAX_LISTED_JOBS);
        // One row that cannot be read must not hide the others.
        let told = |error: &anyhow::Error| log::error(&format!("{error:#}"));
        Ok((jobs.into_iter().filter_map(|job| job.read().inspect_err(told).ok()).collect(), more))
    }

    /// Jobs that are not over, the oldest first, with what was asked of them.
    pub fn open_jobs(&self) -> Result<Vec<(JobInfo, Option<Wish>)>> {
        let mut statement = self.connection.prepare(&format!(
            "SELECT {COLUMNS}, wish FROM jobs WHERE state IN ('queued', 'running', 'stopping') ORDER BY job"
        ))?;
        let rows =
            statement.query_map([], |row| Ok((raw_job(row)?, row.get::<_, Option<String>>("wish")?)))?;
        let mut jobs = Vec::new();
        for row in rows {
            let (job, wish) = row?;
            jobs.push((job.read()?, wish.as_deref().and_then(Wish::parse)));
        }
        Ok(jobs)
    }

    pub fn set_state(&self, job: JobId, state: JobState, change: Change<'_>) -> Result<()> {
        set_state(&self.connection, job, state, change)
    }

    /// A change of state and what the log says of it: both or neither, so that no end is told twice.
    pub fn turn(
        &mut self,
        job: JobId,
        state: JobState,
        change: Change<'_>,
        time_ms: u64,
        body: &EventBody,
    ) -> Result<u64> {
        let transaction = self.connection.transaction()?;
        set_state(&transaction, job, state, change)?;
        let seq = add_event(&transaction, job, time_ms, body)?;
        transaction.commit()?;
        Ok(seq)
    }

    /// Appends to the job's log and draws the row of the history along.
    pub fn add_event(&mut self, job: JobId, time_ms: u64, body: &EventBody) -> Result<u64> {
        let transaction = self.connection.transaction()?;
        let seq = add_event(&transaction, job, time_ms, body)?;
        transaction.commit()?;
        Ok(seq)
    }

    /// Events from sequence number `from` on, a batch of them.
    pub fn events(&self, job: JobId, from: u64) -> Result<Vec<JobEvent>> {
        let from = from.min(i64::MAX as u64) as i64;
        let mut statement = self.connection.prepare(
            "SELECT seq, time_ms, body FROM events WHERE job = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3",
        )?;
        let rows = statement.query_map(params![job as i64, from, limits::REPLAY_EVENTS as i64], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?))
        })?;
        let mut events = Vec::new();
        for row in rows {
            let (seq, time_ms, body) = row?;
            let body = serde_json::from_str(&body).with_context(|| format!("event {seq} of job {job}"))?;
            events.push(JobEvent { job, seq: seq as u64, time_ms: time_ms as u64, body });
        }
        Ok(events)
    }

    pub fn pinned(&self) -> Result<Option<JobId>> {
        let value: Option<String> = self
            .connection
            .query_row("SELECT value FROM settings WHERE name = 'pinned'", [], |row| row.get(0))
            .optional()?;
        Ok(value.and_then(|value| value.parse().ok()))
    }

    pub fn pin(&self, job: Option<JobId>) -> Result<()> {
        match job {
            Some(job) => self.connection.execute(
                "INSERT INTO settings VALUES ('pinned', ?1) ON CONFLICT (name) DO UPDATE SET value = ?1",
                params![job.to_string()],
            )?,
            None => self.connection.execute("DELETE FROM settings WHERE name = 'pinned'", [])?,
        };
        Ok(())
    }

    /// Forgets the oldest finished jobs beyond what is kept, and names them.
    pub fn prune(&self, keep: usize) -> Result<Vec<JobId>> {
        let pinned = self.pinned()?.map_or(0, |job| job as i64);
        let mut statement = self.connection.prepare(
            "DELETE FROM jobs WHERE job IN (
                SELECT job FROM jobs WHERE state IN ('done', 'failed', 'cancelled') AND job <> ?1
                ORDER BY job DESC LIMIT -1 OFFSET ?2) RETURNING job",
        )?;
        let rows = statement.query_map(params![pinned, keep as i64], |row| row.get::<_, i64>(0))?;
        Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().map(|job| job as JobId).collect())
    }

    pub fn forget(&self, job: JobId) -> Result<()> {
        self.connection.execute("DELETE FROM jobs WHERE job = ?1", params![job as i64])?;
        if self.pinned()? == Some(job) {
            self.pin(None)?;
        }
        Ok(())
    }

    /// Specifications of the jobs kept.
    pub fn specs(&self) -> Result<Vec<JobSpec>> {
        let mut statement = self.connection.prepare("SELECT spec FROM jobs")?;
        let rows = statement.query_map([], |row| row.get::<_, String>(0))?;
        let texts = rows.collect::<rusqlite::Result<Vec<_>>>()?;
        Ok(texts.iter().filter_map(|text| serde_json::from_str(text).ok()).collect())
    }
}

fn set_state(connection: &Connection, job: JobId, state: JobState, change: Change<'_>) -> Result<()> {
    connection.execute(
        "UPDATE jobs SET state = ?2, attempts = MAX(attempts, ?3), wish = ?4,
            started_ms = COALESCE(started_ms, ?5), ended_ms = MAX(?6, COALESCE(started_ms, ?6)), error = ?7
            WHERE job = ?1",
        params![
            job as i64,
            state.name(),
            change.attempts,
            change.wish.map(Wish::name),
            change.started_ms.map(|time| time as i64),
            change.ended_ms.map(|time| time as i64),
            change.error,
        ],
    )?;
    Ok(())
}

/// Inside a transaction: the number is read and used.
fn add_event(connection: &Connection, job: JobId, time_ms: u64, body: &EventBody) -> Result<u64> {
    let last: i64 =
        connection
            .query_row("SELECT last_seq FROM jobs WHERE job = ?1", params![job as i64], |row| row.get(0))?;
    let seq = last + 1;
    connection.execute(
        "INSERT INTO events (job, seq, time_ms, body) VALUES (?1, ?2, ?3, ?4)",
        params![job as i64, seq, time_ms as i64, serde_json::to_string(body)?],
    )?;
    let (done, total, score) = drawn_along(body);
    connection.execute(
        "UPDATE jobs SET last_seq = ?2, done = COALESCE(?3, done), total = COALESCE(?4, total),
            score = COALESCE(?5, score) WHERE job = ?1",
        params![job as i64, seq, done.map(|done| done as i64), total.map(|total| total as i64), score],
    )?;
    Ok(seq as u64)
}

/// Done, total and score, as far as the event tells them.
fn drawn_along(body: &EventBody) -> (Option<u64>, Option<u64>, Option<f64>) {
    match body {
        EventBody::Start(header) => (None, header["stop_after"].as_u64(), None),
        EventBody::Step(step) => (Some(step.step), None, None),
        EventBody::Progress { done, total, .. } => (Some(*done), *total, None),
        EventBody::Reading(reading) => {
            let score = reading.features.get("eval_score");
            (None, None, score.is_finite().then_some(score))
        }
        EventBody::Result(result) => (None, None, result["score"].as_f64()),
        _ => (None, None, None),
    }
}

/// A result is among a job's last events, so few have to be read for what it measured.
const COLUMNS: &str = "job, title, spec, state, attempts, created_ms, started_ms, ended_ms, last_seq, done, \
                       total, score, error, \
                       (SELECT json_extract(body, '$.payload') FROM events WHERE events.job = jobs.job \
                        AND seq > last_seq - 3 AND json_extract(body, '$.kind') = 'result') AS result";

/// A row as SQLite has it.
struct RawJob {
    spec: String,
    state: String,
    info: JobInfo,
}

fn raw_job(row: &Row<'_>) -> rusqlite::Result<RawJob> {
    let number = |name: &str| row.get::<_, i64>(name).map(|value| value as u64);
    let time =
        |name: &str| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(name)?.map(|value| value as u64));
    let nothing = JobSpec::Pull(foretune_core::wire::PullSpec { model: String::new() });
    Ok(RawJob {
        spec: row.get("spec")?,
        state: row.get("state")?,
        info: JobInfo {
            job: number("job")?,
            title: row.get("title")?,
            spec: nothing,
            state: JobState::Failed,
            attempts: row.get("attempts")?,
            created_ms: number("created_ms")?,
            started_ms: time("started_ms")?,
            ended_ms: time("ended_ms")?,
            last_seq: number("last_seq")?,
            done: number("done")?,
            total: time("total")?,
            score: row.get("score")?,
            measured: row.get::<_, Option<String>>("result")?.as_deref().and_then(measured),
            error: row.get("error")?,
        },
    })
}

fn measured(result: &str) -> Option<Measured> {
    serde_json::from_str(result).ok()
}

impl RawJob {
    fn read(self) -> Result<JobInfo> {
        let job = self.info.job;
        let spec = serde_json::from_str(&self.spec).with_context(|| format!("job {job} cannot be read"))?;
        let state = JobState::parse(&self.state);
        let state = state.with_context(|| format!("job {job} is in the unknown state {}", self.state))?;
        Ok(JobInfo { spec, state, ..self.info })
    }
}

#[cfg(test)]
mod tests {
    use foretune_core::features::FeatureVector;
    use foretune_core::runs::Reading;
    use foretune_core::wire::{Answer, PullSpec};

    use super::*;

    fn store() -> Store {
        Store::prepare(Connection::open_in_memory().unwrap()).unwrap()
    }

    fn spec() -> JobSpec {
        JobSpec::Pull(PullSpec { model: "m".into() })
    }

    #[test]
    fn events_count_without_gaps_and_draw_the_row_along() {
        let mut store = store();
        let job = store.add_job("first", &spec(), 5).unwrap();
        let mut features = FeatureVector::default();
        features.set("eval_score", 40.5);
        let bodies = [
            EventBody::Attempt { attempt: 1 },
            EventBody::Progress { done: 3, total: Some(9), unit: "rows".into() },
            EventBody::Reading(Reading { step: 0, features }),
            EventBody::Result(serde_json::json!({"tokens_per_second": 250.5, "peak_memory_bytes": 1024})),
            EventBody::Done { answer: Answer::Yes, stopped_early: false },
        ];
        for (body, seq) in bodies.iter().zip(1..) {
            assert_eq!(store.add_event(job, 7, body).unwrap(), seq);
        }
        let events = store.events(job, 2).unwrap();
        assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), [2, 3, 4, 5]);
        assert_eq!(events[0].body, bodies[1]);
        let info = store.job(job).unwrap().unwrap();
        assert_eq!((info.last_seq, info.done, info.total, info.score), (5, 3, Some(9), Some(40.5)));
        let measured = Measured { tokens_per_second: 250.5, peak_memory_bytes: Some(1024) };
        assert_eq!(info.measured, Some(measured));
        assert!(store.add_event(99, 7, &bodies[0]).is_err());
        assert!(store.events(job, u64::MAX).unwrap().is_empty());
    }

    #[test]
    fn the_oldest_finished_jobs_go_and_the_pinned_one_stays() {
        let store = store();
        for number in 0..6 {
            let job = store.add_job("", &spec(), number).unwrap();
            let state = if job == 6 { JobState::Running } else { JobState::Done };
            store.set_state(job, state, Change::default()).unwrap();
        }
        store.pin(Some(1)).unwrap();
        let mut gone = store.prune(2).unwrap();
        gone.sort_unstable();
        assert_eq!(gone, [2, 3]);
        let left: Vec<JobId> = store.jobs(None).unwrap().0.iter().map(|info| info.job).collect();
        assert_eq!(left, [6, 5, 4, 1]);
        assert_eq!(store.pinned().unwrap(), Some(1));
        // Numbers are not given out twice.
        assert_eq!(store.add_job("", &spec(), 0).unwrap(), 7);
    }

    #[test]
    fn a_clock_that_jumps_back_gives_no_negative_time() {
        let store = store();
        let job = store.add_job("", &spec(), 9_000).unwrap();
        store
            .set_state(job, JobState::Running, Change { started_ms: Some(9_000), ..Change::default() })
            .unwrap();
        let ended = |ended_ms| Change { ended_ms: Some(ended_ms), ..Change::default() };
        store.set_state(job, JobState::Done, ended(5_000)).unwrap();
        assert_eq!(store.job(job).unwrap().unwrap().ended_ms, Some(9_000));
        store.set_state(job, JobState::Done, ended(9_500)).unwrap();
        assert_eq!(store.job(job).unwrap().unwrap().ended_ms, Some(9_500));
    }

    #[test]
    fn a_change_of_state_and_its_event_come_together_or_not_at_all() {
        let mut store = store();
        let job = store.add_job("", &spec(), 0).unwrap();
        store
            .connection
            .execute_batch(
                "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(FAIL, 'disk full'); END",
            )
            .unwrap();
        let body = EventBody::Cancelled {};
        assert!(store.turn(job, JobState::Cancelled, Change::default(), 1, &body).is_err());
        assert_eq!(store.job(job).unwrap().unwrap().state, JobState::Queued);
        store.connection.execute_batch("DROP TRIGGER full").unwrap();
        assert_eq!(store.turn(job, JobState::Cancelled, Change::default(), 1, &body).unwrap(), 1);
        let info = store.job(job).unwrap().unwrap();
        assert_eq!((info.state, info.last_seq), (JobState::Cancelled, 1));
    }

    /// A version that is added gets a file and a test of its own; those of older ones stay.
    #[test]
    fn a_memory_of_version_1_is_taken_up() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(include_str!("version-1.sql")).unwrap();
        let store = Store::prepare(connection).unwrap();
        let version: i64 = store.connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        assert_eq!(version, schema::STEPS.len() as i64);
        let (jobs, more) = store.jobs(None).unwrap();
        let told: Vec<_> = jobs.iter().map(|info| (info.job, info.state, info.last_seq)).collect();
        assert_eq!((told, more), (vec![(2, JobState::Queued, 0), (1, JobState::Done, 8)], false));
        assert_eq!(store.events(1, 1).unwrap().len(), 8, "every event of then is one of now");
        assert_eq!(store.pinned().unwrap(), Some(1));
        assert_eq!(store.open_jobs().unwrap().len(), 1);
        assert_eq!(store.add_job("", &spec(), 0).unwrap(), 3);
    }

    #[test]
    fn a_newer_memory_is_not_touched() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("PRAGMA user_version = 99").unwrap();
        let error = format!("{:#}", Store::prepare(connection).unwrap_err());
        assert!(error.contains("newer foretune") && error.contains("--state"), "{error}");
    }
}
