//! Screening replayed: each run is watched from before its probe on and stopped as soon as it is unlikely to
//! reach the threshold. How likely it must stay is chosen on the training part so that good runs are kept.

use serde::Serialize;

use super::judged::{JudgedRow, courses};
use crate::predict::card::Card;
use crate::runs::RunRecord;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScreeningPoint {
    pub threshold: f64,
    /// A run is stopped when its probability of reaching the threshold falls below this.
    pub least_probability: f64,
    pub good_runs: usize,
    pub bad_runs: usize,
    /// Share of runs that reach the threshold and were let go on.
    pub good_kept: f64,
    /// Share of the compute of runs that do not reach it which was not spent. A probe of a run that is let go
    /// on counts on top of the run.
    pub bad_compute_saved: f64,
    pub all_compute_saved: f64,
}

/// A little above what is wanted, because the choice is made on other runs.
const GOOD_KEPT_IN_TRAINING: f64 = 0.965;
/// Probabilities below which a run may be stopped, tried from the boldest on.
const PROBABILITIES: u32 = 60;

pub fn curve(
    runs: &[RunRecord],
    train: &[JudgedRow],
    test: &[JudgedRow],
    card: &Card,
    thresholds: &[f64],
) -> Vec<ScreeningPoint> {
    let screen = |rows: &[JudgedRow], threshold: f64| -> Vec<Watched> {
        courses(rows, &card.depths).iter().map(|course| Watched::of(runs, course, card, threshold)).collect()
    };
    let point = |threshold: &f64| {
        let known = screen(train, *threshold);
        let candidates =
            (1..=PROBABILITIES).rev().map(|step| 0.5 * f64::from(step) / f64::from(PROBABILITIES));
        let mut allowed =
            candidates.filter(|least| outcome(&known, *least).good_kept >= GOOD_KEPT_IN_TRAINING);
        let least = allowed.next().unwrap_or(0.0);
        let watched = screen(test, *threshold);
        let found = outcome(&watched, least);
        let usable = found.good_runs > 0 && found.bad_runs > 0;
        usable.then_some(ScreeningPoint { threshold: *threshold, least_probability: least, ..found })
    };
    if card.calibration.is_none() {
        return Vec::new();
    }
    thresholds.iter().filter_map(point).collect()
}

struct Watched {
    good: bool,
    full_cost: f64,
    /// Probability of reaching the threshold and the cost so far, in the order of depth.
    views: Vec<(f64, f64)>,
}

impl Watched {
    fn of(runs: &[RunRecord], course: &[&JudgedRow], card: &Card, threshold: f64) -> Self {
        let run = &runs[course[0].run];
        // Tokens where they are known; every step of a run costs the same.
        let full_cost = run.trained_tokens.map_or(run.total_steps as f64, |tokens| tokens as f64);
        let cost_of_step = full_cost / run.total_steps.max(1) as f64;
        let view =
            |row: &&JudgedRow| (row.probability_above(card, threshold), row.step.max(0.0) * cost_of_step);
        Self { good: course[0].truth >= threshold, full_cost, views: course.iter().map(view).collect() }
    }

    /// Whether it was let go on, and what was spent.
    fn end(&self, least: f64) -> (bool, f64) {
        match self.views.iter().find(|(probability, _)| *probability < least) {
            Some((_, cost)) => (false, *cost),
            None => (true, self.full_cost + self.views.last().map_or(0.0, |(_, cost)| *cost)),
        }
    }
}

fn outcome(watched: &[Watched], least: f64) -> ScreeningPoint {
    let (mut kept, mut good, mut bad) = (0, 0, 0);
    let (mut bad_cost, mut bad_full, mut cost, mut full) = (0.0, 0.0, 0.0, 0.0);
    for run in watched {
        let (went_on, spent) = run.end(least);
        cost += spent;
        full += run.full_cost;
        if run.good {
            good += 1;
            kept += usize::from(went_on);
        } else {
            bad += 1;
            bad_cost += spent;
            bad_full += run.full_cost;
        }
    }
    ScreeningPoint {
        threshold: f64::NAN,
        least_probability: least,
        good_runs: good,
        bad_runs: bad,
        good_kept: kept as f64 / f64::from(good.max(1) as u32),
        bad_compute_saved: 1.0 - bad_cost / bad_full,
        all_compute_saved: 1.0 - cost / full,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stopped_run_costs_its_probe_and_a_kept_one_its_probe_on_top() {
        let run = |good, views: &[(f64, f64)]| Watched { good, full_cost: 300.0, views: views.to_vec() };
        let watched = [
            run(false, &[(0.4, 0.0), (0.05, 30.0), (0.3, 100.0)]),
            run(false, &[(0.4, 0.0), (0.4, 100.0)]),
            run(true, &[(0.9, 0.0), (0.9, 100.0)]),
        ];
        let found = outcome(&watched, 0.1);
        assert_eq!((found.good_runs, found.bad_runs), (1, 2));
        assert!((found.good_kept - 1.0).abs() < 1e-12);
        assert!((found.bad_compute_saved - (1.0 - 430.0 / 600.0)).abs() < 1e-12);
        assert!(outcome(&watched, 0.95).good_kept < 0.5);
    }
}
