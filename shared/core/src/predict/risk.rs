//! How much a longer probe is worth (papers.md, section 2): squared error at depth c is
//! L_int + K (c + c0)^-alpha, fitted with bootstrap intervals; from it the best probe length, the stopping
//! rule and the regime.

use serde::{Deserialize, Serialize};

use crate::numerics::linear::non_negative_least_squares;
use crate::numerics::{Matrix, Random, stats};

/// One out-of-fold squared error at a depth, with the run it belongs to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DepthError {
    pub run: u64,
    pub probe_step: f64,
    pub squared_error: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RiskCurve {
    /// What no probe removes, in squared points.
    pub floor: f64,
    pub scale: f64,
    /// Steps added to every depth, so that depth 0 has a finite error.
    pub offset_steps: f64,
    pub decay: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskFit {
    pub curve: RiskCurve,
    /// 5th and 95th percentile over bootstrap samples of runs.
    pub floor_interval: (f64, f64),
    pub decay_interval: (f64, f64),
    /// Depth and mean squared error that were fitted.
    pub points: Vec<(f64, f64)>,
    pub runs: usize,
}

/// What one step of probing costs, against what a squared point of error costs (gamma lambda).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepPrice(pub f64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Regime {
    StaticSufficient,
    DynamicCritical,
    NoiseDominant,
}

/// Five depths identify four numbers barely; fewer do not.
pub const MIN_DEPTHS: usize = 5;
const BOOTSTRAPS: usize = 200;
/// Share of the error before any probe that probing can remove, below which a probe is not worth its name.
const REMOVABLE_SHARE: f64 = 0.2;

impl RiskCurve {
    pub fn at(&self, probe_step: f64) -> f64 {
        self.floor + self.reducible(probe_step)
    }

    /// The part that a longer probe would still remove.
    pub fn reducible(&self, probe_step: f64) -> f64 {
        self.scale * libm::pow(probe_step + self.offset_steps, -self.decay)
    }

    /// c* = (alpha K / price)^(1 / (alpha + 1)) - c0, or 0 where probing so long costs more than it saves.
    pub fn best_steps(&self, price: StepPrice) -> f64 {
        let interior =
            libm::pow(self.decay * self.scale / price.0, 1.0 / (self.decay + 1.0)) - self.offset_steps;
        let total = |steps: f64| self.at(steps) + price.0 * steps;
        if interior.is_finite() && interior > 0.0 && total(interior) < total(0.0) { interior } else { 0.0 }
    }

    /// The next depth worth reading after `now`, of those on offer; `None`: stop here. Looks past the next
    /// one, because a plateau may hide a gain behind it.
    pub fn next_probe_step(&self, now: f64, depths: &[f64], price: StepPrice) -> Option<f64> {
        let saved = |to: f64| self.at(now) - self.at(to) - price.0 * (to - now);
        let mut ahead = depths.iter().copied().filter(|depth| *depth > now);
        let next = ahead.next()?;
        (saved(next) > 0.0 || ahead.any(|depth| saved(depth) > 0.0)).then_some(next)
    }

    /// papers.md 2.5 gives the map without borders; these are ours: the removable share of the error, then
    /// whether the best length lies behind the first reading. `tolerated_error_points`: a floor at or below
    /// it is no noise problem.
    pub fn regime(&self, price: StepPrice, first_depth: f64, tolerated_error_points: f64) -> Regime {
        let removable = self.reducible(0.0) / self.at(0.0);
        if removable < REMOVABLE_SHARE || removable.is_nan() {
            return if self.floor > tolerated_error_points * tolerated_error_points {
                Regime::NoiseDominant
            } else {
                Regime::StaticSufficient
            };
        }
        if self.best_steps(price) <= first_depth { Regime::StaticSufficient } else { Regime::DynamicCritical }
    }
}

impl RiskFit {
    /// `None` with fewer than `MIN_DEPTHS` depths or fewer than 10 runs.
    pub fn of(errors: &[DepthError], seed: u64) -> Option<Self> {
        let mut depths: Vec<f64> = errors.iter().map(|error| error.probe_step).collect();
        depths.sort_by(f64::total_cmp);
        depths.dedup_by(|a, b| (*a - *b).abs() < 0.5);
        let mut runs: Vec<u64> = errors.iter().map(|error| error.run).collect();
        runs.sort_unstable();
        runs.dedup();
        if depths.len() < MIN_DEPTHS || runs.len() < 10 {
            return None;
        }
        // by run, by depth: sum of squared errors and count
        let mut by_run = vec![vec![(0.0, 0.0); depths.len()]; runs.len()];
        for error in errors.iter().filter(|error| error.squared_error.is_finite()) {
            let run = runs.binary_search(&error.run).expect("every run was listed");
            let depth = depths
                .iter()
                .position(|depth| (depth - error.probe_step).abs() < 0.5)
                .expect("every depth was listed");
            by_run[run][depth].0 += error.squared_error;
            by_run[run][depth].1 += 1.0;
        }
        let means = |chosen: &[usize]| -> Vec<(f64, f64)> {
            (0..depths.len())
                .filter_map(|depth| {
                    let (sum, count) = chosen.iter().fold((0.0, 0.0), |(sum, count), run| {
                        (sum + by_run[*run][depth].0, count + by_run[*run][depth].1)
                    });
                    (count > 0.0).then(|| (depths[depth], sum / count))
                })
                .collect()
        };
        let all: Vec<usize> = (0..runs.len()).collect();
        let points = means(&all);
        let curve = fit_curve(&points)?;
        let mut random = Random::new(seed);
        let (mut floors, mut decays) = (Vec::new(), Vec::new());
        for _ in 0..BOOTSTRAPS {
            let drawn: Vec<usize> = all.iter().map(|_| random.below(runs.len())).collect();
            if let Some(curve) = fit_curve(&means(&drawn)) {
                floors.push(curve.floor);
                decays.push(curve.decay);
            }
        }
        let interval = |values: &[f64]| (stats::quantile(values, 0.05), stats::quantile(values, 0.95));
        Some(Self {
            curve,
            floor_interval: interval(&floors),
            decay_interval: interval(&decays),
            points,
            runs: runs.len(),
        })
    }
}

/// For each decay and offset on a grid the two linear numbers follow exactly; relative errors count, so
/// that shallow depths with their large errors do not decide alone. Then the grid is halved around the best.
fn fit_curve(points: &[(f64, f64)]) -> Option<RiskCurve> {
    if points.len() < 3 {
        return None;
    }
    let weigh = |value: f64, error: f64| value / error.max(1e-9);
    let target = vec![1.0; points.len()];
    let solve = |decay: f64, offset: f64| {
        let design = Matrix::from_fn(points.len(), 2, |row, column| {
            let (depth, error) = points[row];
            weigh(if column == 0 { 1.0 } else { libm::pow(depth + offset, -decay) }, error)
        });
        let fit = non_negative_least_squares(&design, &target);
        (fit.residual_squares, fit.coefficients)
    };
    // In logarithms; a decay above 4 or an offset beyond the depths is no different from a straight line.
    let deepest = points.iter().map(|point| point.0).fold(1.0, f64::max);
    let limits = [(libm::log(0.05), libm::log(4.0)), (0.0, libm::log(2.0 * deepest))];
    let mut centre = limits.map(|(low, high)| f64::midpoint(low, high));
    let mut reach = limits.map(|(low, high)| (high - low) / 2.0);
    let mut best: Option<(f64, RiskCurve)> = None;
    for _ in 0..6 {
        let mut next = centre;
        for a in -5..=5 {
            for b in -5..=5 {
                let at = [
                    (centre[0] + reach[0] * f64::from(a) / 5.0).clamp(limits[0].0, limits[0].1),
                    (centre[1] + reach[1] * f64::from(b) / 5.0).clamp(limits[1].0, limits[1].1),
                ];
                let (decay, offset_steps) = (libm::exp(at[0]), libm::exp(at[1]));
                let (error, linear) = solve(decay, offset_steps);
                if best.as_ref().is_none_or(|(known, _)| error < *known) {
                    let curve = RiskCurve { floor: linear[0], scale: linear[1], offset_steps, decay };
                    best = Some((error, curve));
                    next = at;
                }
            }
        }
        centre = next;
        reach = reach.map(|reach| reach * 0.4);
    }
    best.map(|(_, curve)| curve)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPTHS: [f64; 8] = [0.0, 5.0, 10.0, 20.0, 35.0, 50.0, 75.0, 100.0];

    #[test]
    fn a_known_curve_is_found_and_lies_in_its_intervals() {
        let truth = RiskCurve { floor: 9.0, scale: 800.0, offset_steps: 6.0, decay: 1.1 };
        let mut random = Random::new(4);
        let errors: Vec<DepthError> = (0..400u64)
            .flat_map(|run| DEPTHS.map(|depth| (run, depth)))
            .map(|(run, probe_step)| {
                let z = random.normal();
                DepthError { run, probe_step, squared_error: truth.at(probe_step) * z * z }
            })
            .collect();
        let fit = RiskFit::of(&errors, 1).unwrap();
        for depth in DEPTHS {
            assert!((fit.curve.at(depth) / truth.at(depth) - 1.0).abs() < 0.15, "{fit:?}");
        }
        assert!(fit.floor_interval.0 <= truth.floor && truth.floor <= fit.floor_interval.1, "{fit:?}");
        assert!(fit.decay_interval.0 <= truth.decay && truth.decay <= fit.decay_interval.1, "{fit:?}");
        assert_eq!(RiskFit::of(&errors[..40], 1), None);
    }

    #[test]
    fn the_best_length_is_the_minimum_of_error_and_price() {
        let curve = RiskCurve { floor: 4.0, scale: 300.0, offset_steps: 5.0, decay: 0.9 };
        let price = StepPrice(0.02);
        let best = curve.best_steps(price);
        let total = |steps: f64| curve.at(steps) + price.0 * steps;
        assert!(best > 0.0 && total(best) < total(best * 0.9) && total(best) < total(best * 1.1));
        assert!(curve.best_steps(StepPrice(1e6)).abs() < 1e-12);
        assert_eq!(curve.next_probe_step(0.0, &DEPTHS, price), Some(5.0));
        assert_eq!(curve.next_probe_step(0.0, &DEPTHS, StepPrice(1e6)), None);
        assert_eq!(curve.next_probe_step(100.0, &DEPTHS, price), None);
    }

    #[test]
    fn regimes_are_those_of_the_phase_diagram() {
        let price = StepPrice(0.01);
        let of =
            |floor, scale| RiskCurve { floor, scale, offset_steps: 10.0, decay: 1.0 }.regime(price, 5.0, 3.0);
        assert_eq!(of(400.0, 10.0), Regime::NoiseDominant);
        assert_eq!(of(2.0, 1.0), Regime::StaticSufficient);
        assert_eq!(of(4.0, 2000.0), Regime::DynamicCritical);
    }
}
