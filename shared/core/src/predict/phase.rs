//! Where a candidate stands among the three regimes: its own curve of errors, and how the plane of what no probe
//! removes and how fast a probe removes the rest is divided for a curve of this size.

use serde::Serialize;

use super::risk::{Regime, RiskCurve, RiskFit, StepPrice};

#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    pub curve: RiskCurve,
    floor_interval: (f64, f64),
    decay_interval: (f64, f64),
    pub price: StepPrice,
    first_depth: f64,
    tolerated_error_points: f64,
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

impl Phase {
    /// `squared_error`: what is left to this candidate after `probe_step`; the curve of all runs is scaled to it.
    pub fn new(
        risk: &RiskFit,
        probe_step: f64,
        squared_error: f64,
        price: StepPrice,
        first_depth: f64,
        tolerated_error_points: f64,
    ) -> Self {
        let share = squared_error / risk.curve.at(probe_step);
        Self {
            curve: risk.curve.through(probe_step, squared_error),
            floor_interval: (share * risk.floor_interval.0, share * risk.floor_interval.1),
            decay_interval: risk.decay_interval,
            price,
            first_depth,
            tolerated_error_points,
        }
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
            1.2 * self.tolerated_error_points,
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
            most_floor_points,
            most_decay,
            regimes: REGIMES,
            cells: (0..ROWS).map(row).collect(),
        }
    }

    fn regime_of(&self, curve: &RiskCurve) -> Regime {
        curve.regime(self.price, self.first_depth, self.tolerated_error_points)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(floor: f64, decay: f64, squared_error: f64) -> Phase {
        let curve = RiskCurve { floor, scale: 60.0, offset_steps: 4.0, decay };
        let risk = RiskFit {
            curve,
            floor_interval: (0.8 * floor, 1.2 * floor),
            decay_interval: (0.8 * decay, 1.2 * decay),
            points: Vec::new(),
            runs: 40,
        };
        Phase::new(&risk, 10.0, squared_error, StepPrice(0.01), 5.0, 1.0)
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
