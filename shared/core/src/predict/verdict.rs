//! Go, no-go, or probe longer: the cheaper mistake decides, and a longer probe is advised only when what it
//! may still reveal is worth its price.

use serde::{Deserialize, Serialize};

use crate::numerics::stats::{normal_cumulative, normal_quantile};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Go,
    NoGo,
    ProbeLonger,
    /// The candidate is unlike anything the predictor was fitted on, or no threshold was given.
    Withheld,
}

/// In one currency, whichever it is: the run itself, and the chance that is lost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MistakeCosts {
    /// Starting a run that ends below the threshold.
    pub wasted_run: f64,
    /// Not starting one that would have ended above it.
    pub missed_run: f64,
}

impl Default for MistakeCosts {
    fn default() -> Self {
        Self { wasted_run: 1.0, missed_run: 1.0 }
    }
}

/// Where nobody says how long the run is.
const STEPS_OF_A_RUN: f64 = 2000.0;

impl MistakeCosts {
    /// A step of a probe costs what a step of the run does.
    pub fn of_a_step(&self, total_steps: f64) -> f64 {
        self.wasted_run / if total_steps >= 1.0 { total_steps } else { STEPS_OF_A_RUN }
    }
}

/// What a longer probe offers: how much of the error it removes, and what it costs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LongerProbe {
    /// Standard deviation, in points, by which the forecast itself is expected to move.
    pub revealed_points: f64,
    pub price: f64,
}

/// `error_points`: the standard deviation of the forecast's error now. `longer`: every later reading on offer, since
/// the next one may tell little and one behind it much.
pub fn verdict(
    probability_above: f64,
    predicted: f64,
    threshold: f64,
    error_points: f64,
    costs: MistakeCosts,
    longer: &[LongerProbe],
) -> Verdict {
    if probability_above.is_nan() {
        return Verdict::Withheld;
    }
    // In the terms of what follows it: the calibrated probability has heavier tails than a normal curve.
    let now = expected_cost(normal_cumulative((predicted - threshold) / error_points), costs);
    let is_worth_it = |longer: &LongerProbe| {
        longer.revealed_points > 0.0
            && now - cost_after(predicted, threshold, error_points, costs, *longer) > longer.price
    };
    if longer.iter().any(is_worth_it) {
        return Verdict::ProbeLonger;
    }
    let cost_of_go = (1.0 - probability_above) * costs.wasted_run;
    let cost_of_no = probability_above * costs.missed_run;
    if cost_of_go <= cost_of_no { Verdict::Go } else { Verdict::NoGo }
}

fn expected_cost(probability_above: f64, costs: MistakeCosts) -> f64 {
    ((1.0 - probability_above) * costs.wasted_run).min(probability_above * costs.missed_run)
}

/// Expected cost of the better answer once the probe is longer: the forecast moves by a normal draw of the
/// revealed part, and what is left of the error decides the new probability (preposterior analysis).
fn cost_after(
    predicted: f64,
    threshold: f64,
    error_points: f64,
    costs: MistakeCosts,
    longer: LongerProbe,
) -> f64 {
    const DRAWS: usize = 41;
    let left =
        (error_points * error_points - longer.revealed_points * longer.revealed_points).max(1e-12).sqrt();
    let total: f64 = (0..DRAWS)
        .map(|draw| {
            let z = normal_quantile((draw as f64 + 0.5) / DRAWS as f64);
            let moved = predicted + longer.revealed_points * z;
            expected_cost(normal_cumulative((moved - threshold) / left), costs)
        })
        .sum();
    total / DRAWS as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheaper_mistake_decides() {
        let costs = |wasted_run, missed_run| MistakeCosts { wasted_run, missed_run };
        let decide = |probability, costs| verdict(probability, 50.0, 50.0, 5.0, costs, &[]);
        assert_eq!(decide(0.6, costs(1.0, 1.0)), Verdict::Go);
        assert_eq!(decide(0.6, costs(3.0, 1.0)), Verdict::NoGo);
        assert_eq!(decide(0.2, costs(1.0, 9.0)), Verdict::Go);
        assert_eq!(decide(f64::NAN, costs(1.0, 1.0)), Verdict::Withheld);
    }

    /// A short run is cheap: at the price of a long run's steps, five more of its own were worth asking for at 99 %.
    #[test]
    fn a_step_costs_its_share_of_the_run() {
        let costs = MistakeCosts { wasted_run: 3.0, missed_run: 1.0 };
        assert!((costs.of_a_step(60.0) - 0.05).abs() < 1e-12);
        for unknown in [f64::NAN, 0.0] {
            assert!(costs.of_a_step(unknown) > 0.0 && costs.of_a_step(unknown) < costs.of_a_step(1000.0));
        }
    }

    /// Two steps more were asked for at 99 %: the tail by which the two curves differ passed for something to learn.
    #[test]
    fn heavy_tails_alone_are_no_reason_to_probe_on() {
        let longer = LongerProbe { revealed_points: 0.5, price: 0.009 };
        let decided = verdict(0.988, 88.0, 50.0, 8.0, MistakeCosts::default(), &[longer]);
        assert_eq!(decided, Verdict::Go);
    }

    #[test]
    fn a_longer_probe_is_advised_only_near_the_threshold_and_when_cheap() {
        let costs = MistakeCosts::default();
        let with = |predicted: f64, price: f64| {
            let above = normal_cumulative((predicted - 50.0) / 6.0);
            let longer = LongerProbe { revealed_points: 5.0, price };
            let dull = LongerProbe { revealed_points: 0.1, price: 0.9 * price };
            verdict(above, predicted, 50.0, 6.0, costs, &[dull, longer])
        };
        assert_eq!(with(51.0, 0.05), Verdict::ProbeLonger);
        assert_eq!(with(51.0, 0.9), Verdict::Go);
        assert_eq!(with(80.0, 0.05), Verdict::Go);
        assert_eq!(with(20.0, 0.05), Verdict::NoGo);
    }
}
