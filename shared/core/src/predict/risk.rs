//! How much a longer probe is worth (papers.md, section 2): squared error at depth c is
//! L_int + K (c + c0)^-alpha, fitted with bootstrap intervals; from it the best probe length, the stopping
//! rule and the regime.

use serde::{Deserialize, Serialize};

use crate::numerics::power_law::PowerLaw;
use crate::numerics::{Random, stats};

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
#[serde(rename_all = "kebab-case")]
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

    /// The same for one candidate: it has this squared error left, of which a longer probe removes the share that
    /// the curve says.
    pub fn next_worth(&self, now: f64, depths: &[f64], squared_error: f64, price: StepPrice) -> Option<f64> {
        self.through(now, squared_error).next_probe_step(now, depths, price)
    }

    /// The curve of one candidate, which has this squared error left at a depth.
    #[must_use]
    pub fn through(&self, probe_step: f64, squared_error: f64) -> Self {
        let share = squared_error / self.at(probe_step);
        Self { floor: share * self.floor, scale: share * self.scale, ..*self }
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
        if floors.is_empty() {
            return None;
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

fn fit_curve(points: &[(f64, f64)]) -> Option<RiskCurve> {
    let law = PowerLaw::fit(points)?;
    Some(RiskCurve { floor: law.floor, scale: law.scale, offset_steps: law.offset, decay: law.decay })
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
