//! How much a longer probe is worth (papers.md, section 2): squared error at depth c is
//! L_int + K (c + c0)^-alpha; from it the best probe length, the stopping rule and the regime. How it is fitted:
//! `build/depth_risk.rs`.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RiskCurve {
    /// What no probe removes, in squared points.
    pub floor: f64,
    pub scale: f64,
    /// Steps added to every depth, so that depth 0 has a finite error.
    pub offset_steps: f64,
    pub decay: f64,
}

/// A curve with what is known of its numbers: 5th and 95th percentile over bootstrap samples of runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskFit {
    pub curve: RiskCurve,
    pub floor_interval: (f64, f64),
    pub decay_interval: (f64, f64),
    /// Missing from predictors of older builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_interval: Option<(f64, f64)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_interval: Option<(f64, f64)>,
    /// Depth and mean squared error that were fitted.
    pub points: Vec<(f64, f64)>,
    pub runs: usize,
}

/// What one step of probing costs, against what a squared point of error costs (gamma lambda).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepPrice(pub f64);

/// What the plane is divided by, the same for every candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    pub price: StepPrice,
    /// Of the first reading.
    pub first_depth: f64,
    /// A floor at or below it is no noise problem.
    pub tolerated_error_points: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Regime {
    StaticSufficient,
    DynamicCritical,
    NoiseDominant,
}

impl Regime {
    pub fn word(self) -> &'static str {
        match self {
            Self::StaticSufficient => "static-sufficient",
            Self::DynamicCritical => "dynamic-critical",
            Self::NoiseDominant => "noise-dominant",
        }
    }

    /// Of a probe that reads clean rows, at the predictor's price of a step.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::StaticSufficient => "file and recipe tell what can be told",
            Self::DynamicCritical => "a probe removes much of the error that the file alone leaves",
            Self::NoiseDominant => "most of what the file alone leaves differs between runs of one recipe",
        }
    }
}

/// Share of the error before any probe that probing can remove, below which a probe is not worth its name.
const REMOVABLE_SHARE: f64 = 0.2;

impl RiskCurve {
    /// A curve from outside might be below 0 or have no end.
    pub fn is_sound(&self) -> bool {
        self.floor >= 0.0
            && self.scale >= 0.0
            && self.offset_steps > 0.0
            && self.decay > 0.0
            && self.at(0.0) > 0.0
    }

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

    /// The next depth worth reading for a candidate that has this squared error left at `now`, of the depths on
    /// offer; `None`: stop here. Looks past the next one, because a plateau may hide a gain behind it.
    pub fn next_probe_step(
        &self,
        now: f64,
        squared_error: f64,
        depths: &[f64],
        price: StepPrice,
    ) -> Option<f64> {
        let saved = |to: f64| squared_error - self.at(to) - price.0 * (to - now);
        let mut ahead = depths.iter().copied().filter(|depth| *depth > now);
        let next = ahead.next()?;
        (saved(next) > 0.0 || ahead.any(|depth| saved(depth) > 0.0)).then_some(next)
    }

    /// The same where a longer probe removes the share of what is left that the curve says.
    pub fn next_worth(&self, now: f64, depths: &[f64], squared_error: f64, price: StepPrice) -> Option<f64> {
        self.scaled(squared_error / self.at(now)).next_probe_step(now, squared_error, depths, price)
    }

    #[must_use]
    pub fn scaled(&self, share: f64) -> Self {
        Self { floor: share * self.floor, scale: share * self.scale, ..*self }
    }

    /// papers.md 2.5 gives the map without borders; these are ours: the removable share of the error, then
    /// whether the best length lies behind the first reading.
    pub fn regime(&self, terms: Terms) -> Regime {
        let removable = self.reducible(0.0) / self.at(0.0);
        if removable < REMOVABLE_SHARE || removable.is_nan() {
            return if self.floor > terms.tolerated_error_points * terms.tolerated_error_points {
                Regime::NoiseDominant
            } else {
                Regime::StaticSufficient
            };
        }
        if self.best_steps(terms.price) <= terms.first_depth {
            Regime::StaticSufficient
        } else {
            Regime::DynamicCritical
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPTHS: [f64; 8] = [0.0, 5.0, 10.0, 20.0, 35.0, 50.0, 75.0, 100.0];

    #[test]
    fn the_best_length_is_the_minimum_of_error_and_price() {
        let curve = RiskCurve { floor: 4.0, scale: 300.0, offset_steps: 5.0, decay: 0.9 };
        let price = StepPrice(0.02);
        let best = curve.best_steps(price);
        let total = |steps: f64| curve.at(steps) + price.0 * steps;
        assert!(best > 0.0 && total(best) < total(best * 0.9) && total(best) < total(best * 1.1));
        assert!(curve.best_steps(StepPrice(1e6)).abs() < 1e-12);
        let next = |now, price| curve.next_probe_step(now, curve.at(now), &DEPTHS, price);
        assert_eq!(next(0.0, price), Some(5.0));
        assert_eq!(next(0.0, StepPrice(1e6)), None);
        assert_eq!(next(100.0, price), None);
        assert_eq!(curve.next_worth(100.0, &[100.0, 400.0], 900.0, price), Some(400.0));
    }

    #[test]
    fn regimes_are_those_of_the_phase_diagram() {
        let terms = Terms { price: StepPrice(0.01), first_depth: 5.0, tolerated_error_points: 3.0 };
        let of = |floor, scale| RiskCurve { floor, scale, offset_steps: 10.0, decay: 1.0 }.regime(terms);
        assert_eq!(of(400.0, 10.0), Regime::NoiseDominant);
        assert_eq!(of(2.0, 1.0), Regime::StaticSufficient);
        assert_eq!(of(4.0, 2000.0), Regime::DynamicCritical);
    }
}
