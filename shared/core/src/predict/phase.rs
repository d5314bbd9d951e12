//! Where a candidate stands among the three regimes: its own curve of errors, and how the plane of what no probe
//! removes and how fast a probe removes the rest is divided for a curve of this size.

use serde::Serialize;

use super::predictor::{ForecastOptions, Predictor, PredictorError};
use super::probe_kind::ProbeKind;
use super::risk::{Regime, RiskCurve, RiskFit, Terms};
use crate::features::FeatureVector;

#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// Of the candidate itself, should it be probed.
    pub curve: RiskCurve,
    pub probe_kind: ProbeKind,
    /// What is left to it after `probe_step`.
    squared_error: f64,
    probe_step: f64,
    floor_interval: (f64, f64),
    decay_interval: (f64, f64),
    terms: Terms,
}

/// The plane as it is drawn; both axes begin at 0.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseMap {
    /// Root of the squared error that no probe removes.
    pub floor_points: f64,
    pub floor_interval_points: (f64, f64),
    pub decay: f64,
    pub decay_interval: (f64, f64),
    pub regime: Regime,
    /// Without them a probe tells little, whatever the noise.
    pub reads_clean_rows: bool,
    pub most_floor_points: f64,
    pub most_decay: f64,
    /// What the digits of `cells` stand for.
    pub regimes: [Regime; 3],
    /// Rows from the smallest decay on, a digit for each cell.
    pub cells: Vec<String>,
}

const COLUMNS: usize = 96;
const ROWS: usize = 48;
const REGIMES: [Regime; 3] = [Regime::StaticSufficient, Regime::DynamicCritical, Regime::NoiseDominant];

/// Where a candidate stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Standing {
    pub probe_kind: ProbeKind,
    /// 0 before any probe.
    pub probe_step: f64,
    /// What is left to it.
    pub squared_error: f64,
    /// What is left in the mean to runs of which as much is known.
    pub usual_squared_error: f64,
}

impl Phase {
    /// The curve of all runs is scaled to what is left to this one.
    pub fn new(risk: &RiskFit, standing: Standing, terms: Terms) -> Self {
        let share = standing.squared_error / standing.usual_squared_error;
        Self {
            curve: risk.curve.scaled(share),
            probe_kind: standing.probe_kind,
            squared_error: standing.squared_error,
            probe_step: standing.probe_step,
            floor_interval: (share * risk.floor_interval.0, share * risk.floor_interval.1),
            decay_interval: risk.decay_interval,
            terms,
        }
    }

    /// The share of the squared error that a probe until there is expected to remove. Before any probe a file leaves more
    /// open than step 0 does, where the base model has answered already.
    pub fn removed_until(&self, probe_step: f64) -> f64 {
        (1.0 - self.curve.at(probe_step) / self.squared_error).max(0.0)
    }

    pub fn next_probe_step(&self, depths: &[f64]) -> Option<f64> {
        self.curve.next_probe_step(self.probe_step, self.squared_error, depths, self.terms.price)
    }

    pub fn regime(&self) -> Regime {
        self.regime_of(&self.curve)
    }

    pub fn map(&self) -> PhaseMap {
        let points = |squared: f64| squared.max(0.0).sqrt();
        // Far enough to the right for the border of what a probe can remove.
        let most_floor_points = [
            1.2 * points(self.floor_interval.1),
            1.2 * points(self.curve.floor),
            3.0 * points(self.curve.reducible(0.0)),
            1.2 * self.terms.tolerated_error_points,
        ]
        .into_iter()
        .fold(1.0, f64::max);
        let most_decay =
            [1.5, 1.2 * self.curve.decay, 1.1 * self.decay_interval.1].into_iter().fold(0.0, f64::max);
        let middle = |cell: usize, cells: usize, most: f64| (cell as f64 + 0.5) / cells as f64 * most;
        let row = |row: usize| {
            let digit = |column: usize| {
                let floor = middle(column, COLUMNS, most_floor_points);
                let decay = middle(row, ROWS, most_decay);
                match self.regime_of(&RiskCurve { floor: floor * floor, decay, ..self.curve }) {
                    Regime::StaticSufficient => '0',
                    Regime::DynamicCritical => '1',
                    Regime::NoiseDominant => '2',
                }
            };
            (0..COLUMNS).map(digit).collect()
        };
        PhaseMap {
            floor_points: points(self.curve.floor),
            floor_interval_points: (points(self.floor_interval.0), points(self.floor_interval.1)),
            decay: self.curve.decay,
            decay_interval: self.decay_interval,
            regime: self.regime(),
            reads_clean_rows: self.probe_kind != ProbeKind::WithoutCleanRows,
            most_floor_points,
            most_decay,
            regimes: REGIMES,
            cells: (0..ROWS).map(row).collect(),
        }
    }

    fn regime_of(&self, curve: &RiskCurve) -> Regime {
        curve.regime(self.terms)
    }
}

impl Predictor {
    /// Where the candidate stands on the phase diagram; none where the card tells nothing of what a probe is worth.
    pub fn phase(
        &self,
        vector: &FeatureVector,
        options: &ForecastOptions,
    ) -> Result<Option<Phase>, PredictorError> {
        Ok(self.phase_of(&self.row(vector)?, vector, options))
    }

    pub(super) fn phase_of(
        &self,
        row: &[f64],
        vector: &FeatureVector,
        options: &ForecastOptions,
    ) -> Option<Phase> {
        let card = self.card.as_ref()?;
        let (probe_kind, stage) = (ProbeKind::of(vector), self.model.gate.stage_of(row));
        let probe_step = vector.get("probe_step");
        let usual_squared_error = card.usual_squared_error(stage, probe_kind, probe_step)?;
        let squared_error = match &card.calibration {
            Some(calibration) => {
                let error = self.expected_error(row, self.answer(row));
                error.map(|error| error * error * calibration.stages[stage].mean_square())
            }
            None => None,
        };
        let standing = Standing {
            probe_kind,
            probe_step: if probe_step.is_nan() { 0.0 } else { probe_step },
            squared_error: squared_error.unwrap_or(usual_squared_error),
            usual_squared_error,
        };
        Some(Phase::new(card.risk_along(probe_kind)?, standing, card.terms(options.step_price)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::risk::StepPrice;

    fn phase(floor: f64, decay: f64, squared_error: f64) -> Phase {
        let curve = RiskCurve { floor, scale: 60.0, offset_steps: 4.0, decay };
        let risk = RiskFit {
            curve,
            floor_interval: (0.8 * floor, 1.2 * floor),
            decay_interval: (0.8 * decay, 1.2 * decay),
            scale_interval: None,
            offset_interval: None,
            points: Vec::new(),
            runs: 40,
        };
        let usual_squared_error = curve.at(10.0);
        let standing = Standing {
            probe_kind: ProbeKind::CleanRows,
            probe_step: 10.0,
            squared_error,
            usual_squared_error,
        };
        Phase::new(
            &risk,
            standing,
            Terms { price: StepPrice(0.01), first_depth: 5.0, tolerated_error_points: 1.0 },
        )
    }

    #[test]
    fn the_curve_passes_through_what_is_left_to_the_candidate() {
        let phase = phase(4.0, 0.8, 30.0);
        assert!((phase.curve.at(10.0) - 30.0).abs() < 1e-9);
        assert!((phase.map().floor_interval_points.0.powi(2) / phase.curve.floor - 0.8).abs() < 1e-9);
    }

    #[test]
    fn the_candidate_lies_in_the_region_of_its_regime() {
        for (floor, decay, squared_error) in
            [(4.0, 0.8, 30.0), (400.0, 0.5, 90.0), (0.1, 0.02, 0.2), (9.0, 1.4, 12.0)]
        {
            let phase = phase(floor, decay, squared_error);
            let map = phase.map();
            let cell =
                |value: f64, most: f64, cells: usize| ((value / most * cells as f64) as usize).min(cells - 1);
            let row = map.cells[cell(map.decay, map.most_decay, ROWS)].as_bytes();
            let around = cell(map.floor_points, map.most_floor_points, COLUMNS);
            // A border may run through its own cell.
            let near = &row[around.saturating_sub(1)..(around + 2).min(COLUMNS)];
            let digit = b'0' + map.regimes.iter().position(|regime| *regime == map.regime).unwrap() as u8;
            assert!(near.contains(&digit), "{map:?}");
        }
    }

    #[test]
    fn the_plane_has_the_regimes_in_their_places() {
        let map = phase(4.0, 0.8, 30.0).map();
        assert_eq!((map.cells.len(), map.cells[0].len()), (ROWS, COLUMNS));
        assert!(map.cells[ROWS / 2].starts_with('1'), "{:?}", map.cells);
        assert!(map.cells[ROWS / 2].ends_with('2'), "{:?}", map.cells);
    }
}
