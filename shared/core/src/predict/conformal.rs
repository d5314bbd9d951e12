//! Intervals with a promise: split conformal with the finite-sample rank, by stage (what is known, and how
//! deep the probe is), scaled by the error that is expected of this very candidate, and with source datasets,
//! not rows, as what is exchangeable.

use serde::{Deserialize, Serialize};

/// What was held out: a residual, the error expected for that row, the stage that answered, its source dataset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeldOut {
    pub residual_points: f64,
    pub expected_error_points: f64,
    pub stage: usize,
    pub group: u64,
}

/// Scaled error quantiles. An interval at x is prediction +- `factor` x expected error(x).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    pub coverage: f64,
    pub stages: Vec<StageCalibration>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageCalibration {
    pub factor: f64,
    pub rows: usize,
    pub groups: usize,
    /// False where there are fewer groups than the coverage needs, so the largest error stands in.
    pub rank_exists: bool,
    /// Signed scaled residuals (truth - prediction) at equally spaced levels, for probabilities.
    pub residual_quantiles: Vec<f64>,
}

const QUANTILES: usize = 41;

impl Calibration {
    /// `None` where a stage has nothing to calibrate on.
    pub fn of(held_out: &[HeldOut], stages: usize, coverage: f64) -> Option<Self> {
        let stage = |stage: usize| {
            let rows: Vec<HeldOut> = held_out
                .iter()
                .copied()
                .filter(|row| row.stage == stage)
                .filter(|row| row.residual_points.is_finite() && row.expected_error_points > 0.0)
                .collect();
            (!rows.is_empty()).then(|| StageCalibration::of(&rows, coverage))
        };
        let stages: Option<Vec<StageCalibration>> = (0..stages).map(stage).collect();
        stages.filter(|stages| !stages.is_empty()).map(|stages| Self { coverage, stages })
    }

    /// Whether the numbers can be used at all with a model of so many stages; a card from outside is checked
    /// with this.
    pub fn is_sound(&self, stages: usize) -> bool {
        self.coverage > 0.0
            && self.coverage < 1.0
            && self.stages.len() == stages
            && self.stages.iter().all(|stage| {
                stage.factor.is_finite()
                    && stage.factor >= 0.0
                    && !stage.residual_quantiles.is_empty()
                    && stage.residual_quantiles.iter().all(|quantile| quantile.is_finite())
            })
    }
}

impl StageCalibration {
    fn of(rows: &[HeldOut], coverage: f64) -> Self {
        let mut groups: Vec<u64> = rows.iter().map(|row| row.group).collect();
        groups.sort_unstable();
        groups.dedup();
        // Each group weighs the same, whatever its number of rows; inside it rows share the weight.
        let sizes: Vec<f64> =
            groups.iter().map(|group| rows.iter().filter(|row| row.group == *group).count() as f64).collect();
        let weight_of = |row: &HeldOut| {
            1.0 / sizes[groups.binary_search(&row.group).expect("every row's group was listed")]
        };
        let scaled = |row: &HeldOut| row.residual_points / row.expected_error_points;
        let mut sizes_of_error: Vec<(f64, f64)> =
            rows.iter().map(|row| (scaled(row).abs(), weight_of(row))).collect();
        sizes_of_error.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (factor, rank_exists) = finite_sample_quantile(&sizes_of_error, groups.len(), coverage);
        let mut signed: Vec<(f64, f64)> = rows.iter().map(|row| (scaled(row), weight_of(row))).collect();
        signed.sort_by(|a, b| a.0.total_cmp(&b.0));
        Self {
            factor,
            rows: rows.len(),
            groups: groups.len(),
            rank_exists,
            residual_quantiles: weighted_quantiles(&signed, groups.len()),
        }
    }

    /// Of the scaled residuals: what a squared expected error is multiplied with to give a squared error.
    pub fn mean_square(&self) -> f64 {
        let squares: f64 = self.residual_quantiles.iter().map(|quantile| quantile * quantile).sum();
        squares / self.residual_quantiles.len().max(1) as f64
    }

    /// P(truth > threshold) for a prediction with this expected error: a smoothed count of the held-out
    /// residuals that would carry it above.
    pub fn probability_above(&self, predicted: f64, expected_error: f64, threshold: f64) -> f64 {
        let needed = (threshold - predicted) / expected_error;
        let count = self.residual_quantiles.len();
        let quantiles = &self.residual_quantiles;
        let below = quantiles.partition_point(|quantile| *quantile <= needed);
        let position = if below == 0 || below == count {
            below as f64
        } else {
            let (low, high) = (quantiles[below - 1], quantiles[below]);
            let share = if high > low { (needed - low) / (high - low) } else { 0.5 };
            below as f64 - 0.5 + share
        };
        // Never 0 or 1: the next candidate may be worse than any that was held out.
        1.0 - position.clamp(0.5, count as f64 - 0.5) / count as f64
    }
}

/// With G groups the new candidate's is the (G + 1)th: the smallest value whose weight, of G + 1, reaches
/// the coverage (Dunn, Wasserman, Ramdas 2022; for groups of one row the rank ceil((n + 1) coverage)).
fn finite_sample_quantile(sorted: &[(f64, f64)], groups: usize, coverage: f64) -> (f64, bool) {
    let needed = coverage * (groups + 1) as f64;
    let mut sum = 0.0;
    for (value, weight) in sorted {
        sum += weight;
        if sum >= needed - 1e-9 {
            return (*value, true);
        }
    }
    (sorted.last().map_or(f64::INFINITY, |(value, _)| *value), false)
}

fn weighted_quantiles(sorted: &[(f64, f64)], groups: usize) -> Vec<f64> {
    let mut quantiles = Vec::with_capacity(QUANTILES);
    let mut sum = 0.0;
    let mut at = 0;
    for index in 0..QUANTILES {
        let level = (index as f64 + 0.5) / QUANTILES as f64 * groups as f64;
        while at + 1 < sorted.len() && sum + sorted[at].1 < level {
            sum += sorted[at].1;
            at += 1;
        }
        quantiles.push(sorted[at].0);
    }
    quantiles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::Random;

    fn row(residual: f64, stage: usize, group: u64) -> HeldOut {
        HeldOut { residual_points: residual, expected_error_points: 2.0, stage, group }
    }

    fn single(rows: &[HeldOut]) -> StageCalibration {
        Calibration::of(rows, 1, 0.9).unwrap().stages.swap_remove(0)
    }

    #[test]
    fn one_row_a_group_gives_the_textbook_rank() {
        let rows: Vec<HeldOut> = (1..=99).map(|i| row(2.0 * f64::from(i), 0, i as u64)).collect();
        // ceil(100 * 0.9) = 90th smallest of 1..99 after scaling by 2
        assert!((single(&rows).factor - 90.0).abs() < 1e-12 && single(&rows).rank_exists);
        let few: Vec<HeldOut> = (1..=8).map(|i| row(f64::from(i), 0, i as u64)).collect();
        assert!(!single(&few).rank_exists);
        assert_eq!(Calibration::of(&few, 2, 0.9), None);
    }

    #[test]
    fn coverage_holds_on_new_groups_and_at_each_stage() {
        let mut random = Random::new(3);
        let mut covered = [0.0; 2];
        let trials = 300;
        for _ in 0..trials {
            let draw_group = |random: &mut Random, group: u64| -> Vec<HeldOut> {
                let shift = random.normal();
                (0..3)
                    .flat_map(|_| [0, 1])
                    .map(|stage| {
                        let spread = if stage == 1 { 1.0 } else { 4.0 };
                        row(spread * (shift + random.normal()), stage, group)
                    })
                    .collect()
            };
            let held: Vec<HeldOut> = (0..40).flat_map(|group| draw_group(&mut random, group)).collect();
            let calibration = Calibration::of(&held, 2, 0.9).unwrap();
            for new in draw_group(&mut random, 99) {
                let half_width = calibration.stages[new.stage].factor * new.expected_error_points;
                covered[new.stage] += f64::from(u8::from(new.residual_points.abs() <= half_width)) / 3.0;
            }
        }
        for share in covered.map(|count| count / f64::from(trials)) {
            assert!((0.88..0.95).contains(&share), "{share}");
        }
    }

    #[test]
    fn probabilities_fall_with_the_threshold_and_are_half_at_the_median() {
        let rows: Vec<HeldOut> = (0..200).map(|i| row(f64::from(i) - 99.5, 0, i as u64)).collect();
        let above = |threshold: f64| single(&rows).probability_above(50.0, 2.0, threshold);
        assert!((above(50.0) - 0.5).abs() < 0.02, "{}", above(50.0));
        assert!(above(20.0) > above(40.0) && above(40.0) > above(90.0));
        assert!(above(1e9) > 0.0 && above(-1e9) < 1.0);
    }
}
