//! Intervals with a promise: split conformal with the finite-sample rank, by stage (what is known, and how
//! deep the probe is), scaled by the error that is expected of this very candidate, and with source datasets,
//! not rows, as what is exchangeable. Where there are few of those the rank would be the hardest one's errors: the
//! level is then the one that covers each of them, left out in turn, as often as promised.

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
    /// False where there are too few groups for the coverage, so the largest error stands in.
    pub rank_exists: bool,
    /// Signed scaled residuals (truth - prediction) at equally spaced levels, for probabilities.
    pub residual_quantiles: Vec<f64>,
}

const QUANTILES: usize = 41;

impl Calibration {
    /// `None` where a stage has nothing to calibrate on.
    pub fn of(held_out: &[HeldOut], stages: usize, coverage: f64) -> Option<Self> {
        let of_stage = |stage: usize| -> Errors {
            let usable = |row: &&HeldOut| row.residual_points.is_finite() && row.expected_error_points > 0.0;
            Errors::of(held_out.iter().filter(|row| row.stage == stage).filter(usable))
        };
        let errors: Vec<Errors> = (0..stages).map(of_stage).collect();
        if errors.is_empty() || errors.iter().any(|errors| errors.signed.is_empty()) {
            return None;
        }
        let few: Vec<&Errors> = errors.iter().filter(|errors| FEW_GROUPS.contains(&errors.groups)).collect();
        let level = level_that_covers(&few, coverage);
        let stages = errors.iter().map(|errors| errors.calibration(coverage, level)).collect();
        Some(Self { coverage, stages })
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

/// So few groups that the rank of the coverage among them is the hardest one's or nearly, and enough to leave each
/// out in turn.
const FEW_GROUPS: std::ops::Range<usize> = 6..60;

/// Scaled residuals of one stage. Each group weighs the same, whatever its number of rows; inside it rows share the
/// weight.
struct Errors {
    groups: usize,
    /// Ascending.
    signed: Vec<ScaledError>,
    /// Without their signs, ascending.
    sizes: Vec<ScaledError>,
}

#[derive(Clone, Copy)]
struct ScaledError {
    value: f64,
    weight: f64,
    /// Position among the groups of the stage.
    group: usize,
}

impl Errors {
    fn of<'a>(rows: impl Iterator<Item = &'a HeldOut> + Clone) -> Self {
        let mut groups: Vec<u64> = rows.clone().map(|row| row.group).collect();
        groups.sort_unstable();
        let runs = groups.chunk_by(|a, b| a == b);
        let (names, counts): (Vec<u64>, Vec<usize>) = runs.map(|run| (run[0], run.len())).unzip();
        let mut signed: Vec<ScaledError> = rows
            .map(|row| {
                let group = names.binary_search(&row.group).expect("every row's group was listed");
                let value = row.residual_points / row.expected_error_points;
                ScaledError { value, weight: 1.0 / counts[group] as f64, group }
            })
            .collect();
        signed.sort_by(|a, b| a.value.total_cmp(&b.value));
        let mut sizes: Vec<ScaledError> =
            signed.iter().map(|error| ScaledError { value: error.value.abs(), ..*error }).collect();
        sizes.sort_by(|a, b| a.value.total_cmp(&b.value));
        Self { groups: names.len(), signed, sizes }
    }

    /// `level`: of the weighted errors, where the groups are few.
    fn calibration(&self, coverage: f64, level: Option<f64>) -> StageCalibration {
        let (factor, rank_exists) = match level.filter(|_| FEW_GROUPS.contains(&self.groups)) {
            Some(level) => (weighted_quantile(&self.sizes, level * self.groups as f64, None), true),
            None => finite_sample_quantile(&self.sizes, self.groups, coverage),
        };
        StageCalibration {
            factor,
            rows: self.signed.len(),
            groups: self.groups,
            rank_exists,
            residual_quantiles: weighted_quantiles(&self.signed, self.groups),
        }
    }

    /// Mean over the groups of how much of one the quantile of all others covers.
    fn coverage_of_left_out(&self, level: f64) -> f64 {
        let mut covered = 0.0;
        for group in 0..self.groups {
            let factor = weighted_quantile(&self.sizes, level * (self.groups - 1) as f64, Some(group));
            let own = self.sizes.iter().filter(|error| error.group == group && error.value <= factor);
            covered += own.map(|error| error.weight).sum::<f64>();
        }
        covered / self.groups as f64
    }
}

/// The lowest level whose quantiles cover a group that was left out as often as promised, in the mean over groups and
/// stages; the same for all stages, because a stage alone has too few groups to choose by.
fn level_that_covers(stages: &[&Errors], coverage: f64) -> Option<f64> {
    const STEPS: u32 = 40;
    let mean_coverage = |level: f64| {
        stages.iter().map(|errors| errors.coverage_of_left_out(level)).sum::<f64>() / stages.len() as f64
    };
    let mut levels = (0..=STEPS).map(|step| coverage + (1.0 - coverage) * f64::from(step) / f64::from(STEPS));
    // `None` where even the largest error of the others covers too little.
    levels.find(|level| !stages.is_empty() && mean_coverage(*level) >= coverage)
}

impl StageCalibration {
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
fn finite_sample_quantile(sorted: &[ScaledError], groups: usize, coverage: f64) -> (f64, bool) {
    let needed = coverage * (groups + 1) as f64;
    let rank_exists = needed <= groups as f64 + 1e-9;
    (weighted_quantile(sorted, needed, None), rank_exists)
}

/// The smallest value up to which the weights, but for those of the group left out, reach `needed`; the largest where
/// they never do.
fn weighted_quantile(sorted: &[ScaledError], needed: f64, left_out: Option<usize>) -> f64 {
    let mut sum = 0.0;
    let mut largest = f64::INFINITY;
    for error in sorted.iter().filter(|error| left_out != Some(error.group)) {
        sum += error.weight;
        largest = error.value;
        if sum >= needed - 1e-9 {
            break;
        }
    }
    largest
}

fn weighted_quantiles(sorted: &[ScaledError], groups: usize) -> Vec<f64> {
    let mut quantiles = Vec::with_capacity(QUANTILES);
    let mut sum = 0.0;
    let mut at = 0;
    for index in 0..QUANTILES {
        let level = (index as f64 + 0.5) / QUANTILES as f64 * groups as f64;
        while at + 1 < sorted.len() && sum + sorted[at].weight < level {
            sum += sorted[at].weight;
            at += 1;
        }
        quantiles.push(sorted[at].value);
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
    fn of_few_groups_not_the_hardest_decides_and_new_ones_are_still_covered() {
        let mut random = Random::new(5);
        let (mut covered, mut widths, trials) = (0.0, 0.0, 200);
        for _ in 0..trials {
            // Groups differ in how hard they are.
            let draw_group = |random: &mut Random, group: u64| -> Vec<HeldOut> {
                let scale = libm::exp(0.5 * random.normal());
                (0..20).map(|_| row(2.0 * scale * random.normal(), 0, group)).collect()
            };
            let held: Vec<HeldOut> = (0..13).flat_map(|group| draw_group(&mut random, group)).collect();
            let factor = single(&held).factor;
            let of_new = draw_group(&mut random, 99);
            let inside = of_new.iter().filter(|row| row.residual_points.abs() <= factor * 2.0).count();
            covered += inside as f64 / of_new.len() as f64 / f64::from(trials);
            widths += factor / f64::from(trials);
        }
        assert!((0.88..0.92).contains(&covered), "{covered}");
        // The rank among 13 groups covers 96 %, with intervals a third wider.
        assert!(widths < 2.4, "{widths}");
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
