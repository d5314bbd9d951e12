//! How the error falls with depth, fitted on out-of-fold errors with bootstrap intervals: for each kind of probe, and
//! for each family of tasks.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::judged::JudgedRow;
use crate::numerics::power_law::PowerLaw;
use crate::numerics::{Random, stats};
use crate::predict::card::Card;
use crate::predict::probe_kind::ProbeKind;
use crate::predict::risk::{Regime, RiskCurve, RiskFit};
use crate::runs::{Knowledge, RunRecord};

/// One out-of-fold squared error at a depth, with the run it belongs to.
#[derive(Debug, Clone, Copy, PartialEq)]
struct DepthError {
    run: usize,
    probe_step: f64,
    squared_error: f64,
}

/// A family of tasks, in the training part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FamilyRisk {
    pub family: String,
    pub risk: RiskFit,
    pub regime: Regime,
}

/// Five depths identify four numbers barely; fewer do not.
const MIN_DEPTHS: usize = 5;
const MIN_RUNS: usize = 10;
/// Beyond the common depths, a band of steps that fewer runs are read in is left out.
const MIN_RUNS_OF_A_BAND: usize = 30;
const BOOTSTRAPS: usize = 200;

/// Mean squared error of a state of knowledge over all training runs, also where only some of them were ever in it: the
/// runs with a smaller model beside them, or those that are long enough, are no fair sample.
pub struct Standard<'a> {
    rows: &'a [JudgedRow],
    /// Of the file and the recipe alone, which are known of every run.
    of_plan: BTreeMap<usize, f64>,
}

impl<'a> Standard<'a> {
    pub fn of(rows: &'a [JudgedRow]) -> Self {
        let of_plan = by_run(rows.iter().filter(|row| row.knowledge == Knowledge::Plan));
        Self { rows, of_plan }
    }

    /// NaN where no run is in the state.
    pub fn squared_error(&self, is_in: impl Fn(&JudgedRow) -> bool) -> f64 {
        let found = by_run(self.rows.iter().filter(|row| is_in(row)));
        let level = stats::mean(&self.of_plan.values().copied().collect::<Vec<f64>>());
        level * ratio(found.iter().filter_map(|(run, error)| Some((*error, *self.of_plan.get(run)?))))
    }
}

fn by_run<'a>(rows: impl Iterator<Item = &'a JudgedRow>) -> BTreeMap<usize, f64> {
    let mut sums: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for row in rows {
        let (sum, count) = sums.entry(row.run).or_default();
        *sum += row.residual().powi(2);
        *count += 1.0;
    }
    sums.into_iter().map(|(run, (sum, count))| (run, sum / count)).collect()
}

/// Of the sums of pairs.
fn ratio(pairs: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (above, below) = pairs.fold((0.0, 0.0), |(a, b), pair| (a + pair.0, b + pair.1));
    above / below
}

/// For each kind of probe that enough training runs tell of, as if all of them did.
pub fn by_kind(rows: &[JudgedRow], depths: &[f64], seed: u64) -> BTreeMap<ProbeKind, RiskFit> {
    let standard = Standard::of(rows);
    let of = |kind: ProbeKind| {
        let fit = fit(&errors_along(rows, kind, depths), deepest(depths), seed)?;
        let (depth, first) = fit.points.first()?;
        let is_there = |row: &JudgedRow| (row.step - depth).abs() < 0.5;
        let level = standard.squared_error(|row| row.knowledge == kind.knowledge() && is_there(row));
        let share = level / first;
        Some((kind, if share.is_finite() { scaled(fit, share) } else { fit }))
    };
    ProbeKind::ALL.into_iter().filter_map(of).collect()
}

/// With clean rows.
pub fn by_family(runs: &[RunRecord], rows: &[JudgedRow], card: &Card, seed: u64) -> Vec<FamilyRisk> {
    let families: BTreeSet<&str> = rows.iter().map(|row| runs[row.run].family()).collect();
    let of = |family: &str| {
        let own: Vec<JudgedRow> =
            rows.iter().filter(|row| runs[row.run].family() == family).cloned().collect();
        let errors = errors_along(&own, ProbeKind::CleanRows, &card.depths);
        let risk = fit(&errors, deepest(&card.depths), seed)?;
        let regime = risk.curve.regime(card.terms(None));
        Some(FamilyRisk { family: family.to_owned(), risk, regime })
    };
    families.into_iter().filter_map(of).collect()
}

fn deepest(depths: &[f64]) -> f64 {
    depths.last().copied().unwrap_or(0.0)
}

/// At the common depths, and beyond them in bands, each twice as wide as the one before and standing at the mean depth of
/// what is read in it.
fn errors_along(rows: &[JudgedRow], kind: ProbeKind, depths: &[f64]) -> Vec<DepthError> {
    let deepest = deepest(depths);
    let mut errors = Vec::new();
    let mut bands: BTreeMap<i32, Vec<DepthError>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.knowledge == kind.knowledge()) {
        let common = depths.iter().copied().find(|depth| (depth - row.step).abs() < 0.5);
        let probe_step = common.unwrap_or(row.step);
        let error = DepthError { run: row.run, probe_step, squared_error: row.residual().powi(2) };
        if common.is_some() {
            errors.push(error);
        } else if deepest > 0.0 && row.step > deepest {
            bands.entry(libm::log2(row.step / deepest).floor() as i32).or_default().push(error);
        }
    }
    for band in bands.into_values() {
        let runs: BTreeSet<usize> = band.iter().map(|error| error.run).collect();
        if runs.len() >= MIN_RUNS_OF_A_BAND {
            let logarithms: Vec<f64> = band.iter().map(|error| libm::log(error.probe_step)).collect();
            let middle = libm::exp(stats::mean(&logarithms));
            errors.extend(band.into_iter().map(|error| DepthError { probe_step: middle, ..error }));
        }
    }
    errors
}

/// `None` with fewer than `MIN_DEPTHS` depths or `MIN_RUNS` runs. Not every run is read at every depth, and those that
/// are differ from the others: each depth is compared with the first one in the same runs.
fn fit(errors: &[DepthError], most_offset: f64, seed: u64) -> Option<RiskFit> {
    let mut depths: Vec<f64> = errors.iter().map(|error| error.probe_step).collect();
    depths.sort_by(f64::total_cmp);
    depths.dedup_by(|a, b| (*a - *b).abs() < 0.5);
    let mut runs: Vec<usize> = errors.iter().map(|error| error.run).collect();
    runs.sort_unstable();
    runs.dedup();
    if depths.len() < MIN_DEPTHS || runs.len() < MIN_RUNS {
        return None;
    }
    // by run, by depth: sum of squared errors and count
    let mut by_run = vec![vec![(0.0, 0.0); depths.len()]; runs.len()];
    for error in errors.iter().filter(|error| error.squared_error.is_finite()) {
        let run = runs.binary_search(&error.run).expect("every run was listed");
        let is_at = |depth: &f64| (depth - error.probe_step).abs() < 0.5;
        let depth = depths.iter().position(is_at).expect("every depth was listed");
        by_run[run][depth].0 += error.squared_error;
        by_run[run][depth].1 += 1.0;
    }
    let mean = |run: usize, depth: usize| {
        let (sum, count) = by_run[run][depth];
        (count > 0.0).then(|| sum / count)
    };
    let points_of = |chosen: &[usize]| -> Vec<(f64, f64)> {
        let first: Vec<f64> = chosen.iter().filter_map(|run| mean(*run, 0)).collect();
        let level = stats::mean(&first);
        let at = |depth: usize| {
            let pairs = chosen.iter().filter_map(|run| Some((mean(*run, depth)?, mean(*run, 0)?)));
            (depths[depth], level * ratio(pairs))
        };
        (0..depths.len()).map(at).filter(|(_, error)| error.is_finite()).collect()
    };
    let all: Vec<usize> = (0..runs.len()).collect();
    let points = points_of(&all);
    let curve = curve_through(&points, most_offset)?;
    let mut random = Random::new(seed);
    let drawn: Vec<RiskCurve> = (0..BOOTSTRAPS)
        .filter_map(|_| {
            let drawn: Vec<usize> = all.iter().map(|_| random.below(runs.len())).collect();
            curve_through(&points_of(&drawn), most_offset)
        })
        .collect();
    if drawn.is_empty() {
        return None;
    }
    let interval = |pick: fn(&RiskCurve) -> f64| {
        let values: Vec<f64> = drawn.iter().map(pick).collect();
        (stats::quantile(&values, 0.05), stats::quantile(&values, 0.95))
    };
    Some(RiskFit {
        curve,
        floor_interval: interval(|curve| curve.floor),
        decay_interval: interval(|curve| curve.decay),
        scale_interval: Some(interval(|curve| curve.scale)),
        offset_interval: Some(interval(|curve| curve.offset_steps)),
        points,
        runs: runs.len(),
    })
}

/// The offset is there for depth 0 to be finite. Beyond the depths that probes go to it turns the power into an
/// exponential, whose decay means nothing without it; the lab's points are met as well (6.3 against 5.8 per cent).
fn curve_through(points: &[(f64, f64)], most_offset: f64) -> Option<RiskCurve> {
    let law = PowerLaw::fit_within(points, most_offset)?;
    Some(RiskCurve { floor: law.floor, scale: law.scale, offset_steps: law.offset, decay: law.decay })
}

fn scaled(fit: RiskFit, share: f64) -> RiskFit {
    let both = |(low, high): (f64, f64)| (share * low, share * high);
    RiskFit {
        curve: fit.curve.scaled(share),
        floor_interval: both(fit.floor_interval),
        scale_interval: fit.scale_interval.map(both),
        points: fit.points.into_iter().map(|(depth, error)| (depth, share * error)).collect(),
        ..fit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPTHS: [f64; 8] = [0.0, 5.0, 10.0, 20.0, 35.0, 50.0, 75.0, 100.0];
    const TRUTH: RiskCurve = RiskCurve { floor: 9.0, scale: 800.0, offset_steps: 6.0, decay: 1.1 };

    fn row(run: usize, knowledge: Knowledge, step: f64, residual: f64) -> JudgedRow {
        JudgedRow {
            run,
            knowledge,
            step,
            share: 0.0,
            stage: 0,
            truth: residual,
            predicted: 0.0,
            expected_error: 1.0,
            half_width: 1.0,
            squared_error: 1.0,
        }
    }

    #[test]
    fn a_known_curve_is_found_and_lies_in_its_intervals() {
        let mut random = Random::new(4);
        let errors: Vec<DepthError> = (0..400)
            .flat_map(|run| DEPTHS.map(|depth| (run, depth)))
            .map(|(run, probe_step)| {
                let z = random.normal();
                DepthError { run, probe_step, squared_error: TRUTH.at(probe_step) * z * z }
            })
            .collect();
        let found = fit(&errors, 100.0, 1).unwrap();
        for depth in DEPTHS {
            assert!((found.curve.at(depth) / TRUTH.at(depth) - 1.0).abs() < 0.15, "{found:?}");
        }
        for (truth, (low, high)) in [
            (TRUTH.floor, found.floor_interval),
            (TRUTH.decay, found.decay_interval),
            (TRUTH.scale, found.scale_interval.unwrap()),
            (TRUTH.offset_steps, found.offset_interval.unwrap()),
        ] {
            assert!(low <= truth && truth <= high, "{found:?}");
        }
        assert_eq!(fit(&errors[..40], 100.0, 1), None);
    }

    /// Long runs, which alone are read deep down, were harder from the start: read as they stood, depth made it worse.
    #[test]
    fn runs_that_are_read_deeper_do_not_bend_the_curve() {
        let rows: Vec<JudgedRow> = (0..80)
            .flat_map(|run| DEPTHS.into_iter().chain([150.0, 320.0]).map(move |depth| (run, depth)))
            .filter(|(run, depth)| *depth <= 50.0 || run % 2 == 0)
            .map(|(run, depth)| {
                let harder = if run % 2 == 0 { 3.0 } else { 1.0 };
                row(run, Knowledge::Clean, depth, harder * TRUTH.at(depth).sqrt())
            })
            .collect();
        let found = fit(&errors_along(&rows, ProbeKind::CleanRows, &DEPTHS), 100.0, 1).unwrap();
        for (depth, error) in &found.points {
            assert!((error / TRUTH.at(*depth) - 5.0).abs() < 1e-6, "{found:?}");
        }
        let beyond: Vec<f64> = found.points[DEPTHS.len()..].iter().map(|point| point.0).collect();
        assert!(beyond.len() == 2 && (beyond[1] - 320.0).abs() < 1e-6, "{beyond:?}");
    }

    /// Only easy runs have a smaller model beside them.
    #[test]
    fn a_state_that_few_runs_are_in_counts_as_if_all_were() {
        let rows: Vec<JudgedRow> = (0..40)
            .flat_map(|run| {
                let size = if run < 10 { 2.0 } else { 6.0 };
                let proxy = (run < 10).then(|| row(run, Knowledge::Proxy, -1.0, size / 2.0));
                [Some(row(run, Knowledge::Plan, -1.0, size)), proxy].into_iter().flatten()
            })
            .collect();
        let standard = Standard::of(&rows);
        let plan = standard.squared_error(|row| row.knowledge == Knowledge::Plan);
        let proxy = standard.squared_error(|row| row.knowledge == Knowledge::Proxy);
        assert!((plan - 28.0).abs() < 1e-9 && (proxy - 7.0).abs() < 1e-9);
        assert!(standard.squared_error(|row| row.knowledge == Knowledge::Clean).is_nan());
    }

    #[test]
    fn each_kind_of_probe_has_its_curve() {
        let mut random = Random::new(7);
        let mut rows = Vec::new();
        for run in 0..200 {
            let z = random.normal();
            rows.push(row(run, Knowledge::Plan, -1.0, 20.0 * z));
            for depth in DEPTHS {
                rows.push(row(run, Knowledge::Clean, depth, TRUTH.at(depth).sqrt() * z));
                rows.push(row(run, Knowledge::Blind, depth, 15.0 * z));
            }
        }
        let found = by_kind(&rows, &DEPTHS, 0);
        assert_eq!(found.len(), 2);
        let left = |kind: ProbeKind| found[&kind].curve.at(100.0) / found[&kind].curve.at(0.0);
        assert!((left(ProbeKind::WithoutCleanRows) - 1.0).abs() < 1e-6, "{found:?}");
        assert!((left(ProbeKind::CleanRows) - TRUTH.at(100.0) / TRUTH.at(0.0)).abs() < 0.02, "{found:?}");
    }
}
