//! The queue: which job starts next, one at a time on the device, and what may be asked of a job in which state.

use std::collections::BTreeMap;

use crate::limits::{MAX_JOB_ATTEMPTS, MAX_QUEUED_JOBS};
use crate::wire::{JobId, JobState, Refusal, Rule};

/// Jobs that use no device run beside the one that does.
const LIGHT_JOBS: usize = 2;

/// What somebody asked of a job that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    StopEarly,
    Cancel,
}

impl Wish {
    pub fn name(self) -> &'static str {
        match self {
            Self::StopEarly => "stop_early",
            Self::Cancel => "cancel",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::StopEarly, Self::Cancel].into_iter().find(|wish| wish.name() == name)
    }
}

/// How a job's work came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Finished,
    Failed,
    /// The agent is being stopped: the work goes on at its next start.
    Interrupted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    state: JobState,
    needs_device: bool,
    attempts: u32,
    wish: Option<Wish>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desk {
    jobs: BTreeMap<JobId, Entry>,
}

impl Desk {
    /// Takes up a job that an earlier start of the agent left, and says how it stands now.
    pub fn restore(
        &mut self,
        job: JobId,
        state: JobState,
        needs_device: bool,
        attempts: u32,
        wish: Option<Wish>,
    ) -> JobState {
        let state = match state {
            JobState::Running | JobState::Stopping | JobState::Queued if wish == Some(Wish::Cancel) => {
                JobState::Cancelled
            }
            // Whatever it does, it may be what took the agent down.
            JobState::Running | JobState::Stopping if attempts >= MAX_JOB_ATTEMPTS => JobState::Failed,
            JobState::Running | JobState::Stopping => JobState::Queued,
            other => other,
        };
        if !state.is_over() {
            self.jobs.insert(job, Entry { state, needs_device, attempts, wish });
        }
        state
    }

    pub fn check_room(&self) -> Result<(), Refusal> {
        let waiting = self.count(|entry| entry.state == JobState::Queued);
        if waiting >= MAX_QUEUED_JOBS {
            return Err(Refusal::new(Rule::QueueFull, format!("{waiting} jobs wait")));
        }
        Ok(())
    }

    pub fn submit(&mut self, job: JobId, needs_device: bool) -> Result<(), Refusal> {
        self.check_room()?;
        self.jobs.insert(job, Entry { state: JobState::Queued, needs_device, attempts: 0, wish: None });
        Ok(())
    }

    /// The job to start now, if any; it counts as running from here on.
    pub fn start_next(&mut self) -> Option<JobId> {
        let begun = |entry: &Entry| matches!(entry.state, JobState::Running | JobState::Stopping);
        let device_is_free = self.count(|entry| begun(entry) && entry.needs_device) == 0;
        let light_is_free = self.count(|entry| begun(entry) && !entry.needs_device) < LIGHT_JOBS;
        let (job, entry) = self.jobs.iter_mut().find(|(_, entry)| {
            entry.state == JobState::Queued && if entry.needs_device { device_is_free } else { light_is_free }
        })?;
        entry.state = if entry.wish.is_some() { JobState::Stopping } else { JobState::Running };
        entry.attempts += 1;
        Some(*job)
    }

    /// The state after a wish was taken down. Asking twice changes nothing.
    pub fn ask(&mut self, job: JobId, wish: Wish) -> Result<JobState, Refusal> {
        let entry = self.jobs.get_mut(&job).ok_or_else(|| over(job))?;
        match (entry.state, wish) {
            (JobState::Queued, Wish::Cancel) => {
                self.jobs.remove(&job);
                return Ok(JobState::Cancelled);
            }
            (JobState::Queued, Wish::StopEarly) => {
                let message = format!("job {job} waits: there is nothing of it yet");
                return Err(Refusal::new(Rule::WrongState, message).with_fix("cancel it"));
            }
            _ => {
                entry.state = JobState::Stopping;
                entry.wish = entry.wish.max(Some(wish));
            }
        }
        Ok(entry.state)
    }

    pub fn wish(&self, job: JobId) -> Option<Wish> {
        self.jobs.get(&job)?.wish
    }

    pub fn attempts(&self, job: JobId) -> u32 {
        self.jobs.get(&job).map_or(0, |entry| entry.attempts)
    }

    pub fn state(&self, job: JobId) -> Option<JobState> {
        self.jobs.get(&job).map(|entry| entry.state)
    }

    /// Jobs whose work is under way.
    pub fn running(&self) -> Vec<JobId> {
        let begun = |entry: &Entry| matches!(entry.state, JobState::Running | JobState::Stopping);
        self.jobs.iter().filter(|(_, entry)| begun(entry)).map(|(job, _)| *job).collect()
    }

    /// The work has ended: the state that the job is in now.
    pub fn ended(&mut self, job: JobId, end: End) -> JobState {
        let Some(entry) = self.jobs.get_mut(&job) else { return JobState::Cancelled };
        let state = match (entry.wish, end) {
            (Some(Wish::Cancel), _) => JobState::Cancelled,
            (_, End::Interrupted) => JobState::Queued,
            (_, End::Finished) => JobState::Done,
            (_, End::Failed) => JobState::Failed,
        };
        entry.state = state;
        if state.is_over() {
            self.jobs.remove(&job);
        }
        state
    }

    fn count(&self, wanted: impl Fn(&Entry) -> bool) -> usize {
        self.jobs.values().filter(|entry| wanted(entry)).count()
    }
}

fn over(job: JobId) -> Refusal {
    Refusal::new(Rule::WrongState, format!("job {job} is over"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_job_at_a_time_has_the_device_and_light_ones_run_beside_it() {
        let mut desk = Desk::default();
        for (job, needs_device) in [(1, true), (2, true), (3, false), (4, false), (5, false)] {
            desk.submit(job, needs_device).unwrap();
        }
        let started: Vec<JobId> = std::iter::from_fn(|| desk.start_next()).collect();
        assert_eq!(started, [1, 3, 4]);
        assert_eq!(desk.ended(1, End::Finished), JobState::Done);
        assert_eq!(desk.start_next(), Some(2));
        assert_eq!(desk.ended(3, End::Failed), JobState::Failed);
        assert_eq!(desk.start_next(), Some(5));
        assert_eq!(desk.start_next(), None);
    }

    #[test]
    fn a_full_queue_refuses_and_takes_again_once_one_left() {
        let mut desk = Desk::default();
        for job in 0..MAX_QUEUED_JOBS as u64 {
            desk.submit(job, true).unwrap();
        }
        assert_eq!(desk.submit(99, true).unwrap_err().rule, Rule::QueueFull);
        assert_eq!(desk.ask(3, Wish::Cancel).unwrap(), JobState::Cancelled);
        desk.submit(99, true).unwrap();
    }

    #[test]
    fn what_is_asked_fits_the_state() {
        let mut desk = Desk::default();
        desk.submit(1, true).unwrap();
        assert_eq!(desk.ask(1, Wish::StopEarly).unwrap_err().rule, Rule::WrongState);
        desk.start_next();
        assert_eq!(desk.ask(1, Wish::StopEarly).unwrap(), JobState::Stopping);
        assert_eq!(desk.ask(1, Wish::Cancel).unwrap(), JobState::Stopping);
        assert_eq!(desk.ask(1, Wish::StopEarly).unwrap(), JobState::Stopping);
        assert_eq!(desk.ended(1, End::Finished), JobState::Cancelled);
        assert_eq!(desk.ask(1, Wish::Cancel).unwrap_err().rule, Rule::WrongState);
    }

    #[test]
    fn a_stopped_agent_goes_on_where_it_was_but_not_for_ever() {
        let mut desk = Desk::default();
        assert_eq!(desk.restore(1, JobState::Running, true, 1, None), JobState::Queued);
        assert_eq!(desk.restore(2, JobState::Running, true, MAX_JOB_ATTEMPTS, None), JobState::Failed);
        assert_eq!(desk.restore(3, JobState::Stopping, true, 1, Some(Wish::Cancel)), JobState::Cancelled);
        assert_eq!(desk.restore(4, JobState::Stopping, false, 1, Some(Wish::StopEarly)), JobState::Queued);
        assert_eq!(desk.restore(5, JobState::Done, true, 1, None), JobState::Done);
        assert_eq!(desk.start_next(), Some(1));
        assert_eq!(desk.attempts(1), 2);
        assert_eq!(desk.start_next(), Some(4));
        assert_eq!(desk.state(4), Some(JobState::Stopping));
        assert_eq!(desk.ended(1, End::Interrupted), JobState::Queued);
        assert_eq!(desk.start_next(), Some(1));
    }

    proptest! {
        /// Whatever happens in whatever order: bounds hold, and what is over stays over.
        #[test]
        fn no_order_of_events_breaks_the_bounds(steps in prop::collection::vec((0_u8..6, 0_u64..24, any::<bool>()), 0..200)) {
            let mut desk = Desk::default();
            let mut over = std::collections::BTreeSet::new();
            let mut devices = BTreeMap::new();
            for (number, (what, job, flag)) in steps.into_iter().enumerate() {
                let id = number as u64 + 100;
                let told = match what {
                    0 | 1 => {
                        if desk.submit(id, flag).is_ok() {
                            devices.insert(id, flag);
                        }
                        None
                    }
                    2 => desk.start_next().map(|job| (job, JobState::Running)),
                    _ => {
                        let known: Vec<u64> = devices.keys().copied().collect();
                        let Some(job) = known.get(job as usize % known.len().max(1)).copied() else { continue };
                        match what {
                            3 => desk.ask(job, if flag { Wish::Cancel } else { Wish::StopEarly }).ok(),
                            _ if desk.running().contains(&job) => {
                                let end = if what == 4 { End::Finished } else if flag { End::Failed } else { End::Interrupted };
                                Some(desk.ended(job, end))
                            }
                            _ => None,
                        }
                        .map(|state| (job, state))
                    }
                };
                if let Some((job, state)) = told {
                    prop_assert!(!over.contains(&job), "job {job} rose again");
                    if state.is_over() {
                        over.insert(job);
                    }
                }
                let running = desk.running();
                prop_assert!(running.iter().filter(|job| devices[job]).count() <= 1);
                prop_assert!(running.iter().filter(|job| !devices[job]).count() <= LIGHT_JOBS);
                // Interrupted work waits again, whatever the queue holds.
                let waiting = desk.count(|entry| entry.state == JobState::Queued && entry.attempts == 0);
                prop_assert!(waiting <= MAX_QUEUED_JOBS);
            }
        }
    }
}
