//! Which events of a job are kept and sent. Work that goes on after an interruption tells again what it told
//! before; a client that lags needs no old states of a bar.

use crate::wire::{EventBody, JobEvent};

/// Lets each event of deterministic work through once, however often the work was begun anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fresh {
    started: bool,
    last_step: Option<u64>,
    last_reading: Option<u64>,
}

impl Fresh {
    /// Whether the event is new; from then on it is known.
    pub fn take(&mut self, event: &EventBody) -> bool {
        match event {
            EventBody::Start(_) => !std::mem::replace(&mut self.started, true),
            EventBody::Step(step) => rises(&mut self.last_step, step.step),
            EventBody::Reading(reading) => rises(&mut self.last_reading, reading.step),
            _ => true,
        }
    }
}

fn rises(last: &mut Option<u64>, now: u64) -> bool {
    let is_new = last.is_none_or(|last| last < now);
    if is_new {
        *last = Some(now);
    }
    is_new
}

/// Without the events that later ones of the same batch supersede.
pub fn thin(mut events: Vec<JobEvent>) -> Vec<JobEvent> {
    let last = events.iter().rposition(|event| event.body.is_superseded_by_later());
    let mut index = 0;
    events.retain(|event| {
        let keep = !event.body.is_superseded_by_later() || Some(index) == last;
        index += 1;
        keep
    });
    events
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::features::FeatureVector;
    use crate::runs::Reading;

    fn reading(step: u64) -> EventBody {
        EventBody::Reading(Reading { step, features: FeatureVector::default() })
    }

    fn progress(done: u64) -> EventBody {
        EventBody::Progress { done, total: None, unit: "rows".into() }
    }

    #[test]
    fn work_begun_anew_tells_nothing_twice() {
        let mut fresh = Fresh::default();
        let start = EventBody::Start(serde_json::json!({}));
        let first = [start.clone(), reading(0), reading(5)];
        assert!(first.iter().all(|event| fresh.take(event)));
        let told: Vec<bool> = [start, reading(0), reading(5), reading(10), EventBody::Attempt { attempt: 2 }]
            .iter()
            .map(|event| fresh.take(event))
            .collect();
        assert_eq!(told, [false, false, false, true, true]);
    }

    proptest! {
        /// Order stays, only superseded progress goes, the last progress is there.
        #[test]
        fn thinning_keeps_all_that_counts(kinds in prop::collection::vec(any::<bool>(), 0..60)) {
            let events: Vec<JobEvent> = kinds.iter().zip(1..).map(|(is_progress, seq)| {
                let body = if *is_progress { progress(seq) } else { reading(seq) };
                JobEvent { job: 1, seq, time_ms: 0, body }
            }).collect();
            let thinned = thin(events.clone());
            prop_assert!(thinned.windows(2).all(|pair| pair[0].seq < pair[1].seq));
            let last = events.iter().rev().find(|event| event.body.is_superseded_by_later());
            let wanted: Vec<&JobEvent> = events.iter()
                .filter(|event| !event.body.is_superseded_by_later() || Some(*event) == last).collect();
            prop_assert_eq!(thinned.iter().collect::<Vec<_>>(), wanted);
            prop_assert_eq!(thin(thinned.clone()), thinned);
        }
    }
}
