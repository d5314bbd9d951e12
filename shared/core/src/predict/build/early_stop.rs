//! Early-stop extrapolation as a baseline: a power law through a run's own curve so far, carried to the run's
//! last step, and a monotone map from there to the score, learned on the training runs.

use crate::numerics::monotone::isotonic;
use crate::numerics::power_law::PowerLaw;
use crate::predict::fit::{group_folds, metrics};
use crate::runs::{AnytimeTable, RunRecord};

/// What is extrapolated; each falls while a run goes well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    OwnLoss,
    CleanLoss,
    CleanError,
}

impl Curve {
    fn at(self, features: &crate::features::FeatureVector) -> f64 {
        match self {
            Self::OwnLoss => features.get("held_out_loss"),
            Self::CleanLoss => features.get("eval_loss"),
            Self::CleanError => 100.0 - features.get("eval_score"),
        }
    }
}

/// Predictions for the test rows by that of the curves which does best on the training rows, held out.
pub fn extrapolate(
    runs: &[RunRecord],
    curves: &[Curve],
    train: &AnytimeTable,
    test: &AnytimeTable,
) -> Option<(Curve, Vec<f64>)> {
    let ends = |curve: Curve, table: &AnytimeTable| -> Vec<f64> {
        (0..table.run.len()).map(|row| end_of(&runs[table.run[row]], curve, table.step[row])).collect()
    };
    let folds = group_folds(&train.table.groups, 5, 3);
    let mut best: Option<(f64, Curve, Vec<f64>)> = None;
    for curve in curves.iter().copied() {
        let known = ends(curve, train);
        let mut held_out = vec![f64::NAN; known.len()];
        for fold in &folds {
            let Some(map) = FallingMap::fit(&known, &train.table.target, &fold.train) else { continue };
            for row in &fold.test {
                held_out[*row] = map.at(known[*row]);
            }
        }
        let error = metrics(&held_out, &train.table.target).rmse;
        if error.is_finite() && best.as_ref().is_none_or(|(least, ..)| error < *least) {
            best = Some((error, curve, known));
        }
    }
    let (_, curve, known) = best?;
    let all: Vec<usize> = (0..known.len()).collect();
    let map = FallingMap::fit(&known, &train.table.target, &all)?;
    Some((curve, ends(curve, test).into_iter().map(|end| map.at(end)).collect()))
}

/// The curve's value at the run's last step by what is known at `step`; the last reading where three points
/// are not there.
fn end_of(run: &RunRecord, curve: Curve, step: f64) -> f64 {
    let points: Vec<(f64, f64)> = run
        .readings
        .iter()
        .filter(|reading| reading.step as f64 <= step)
        .map(|reading| (reading.step as f64, curve.at(&reading.features)))
        .filter(|(_, value)| value.is_finite())
        .collect();
    match PowerLaw::fit(&points) {
        Some(law) => law.at(run.total_steps as f64),
        None => points.last().map_or(f64::NAN, |(_, value)| *value),
    }
}

/// Isotonic regression, falling, with straight lines between the blocks.
struct FallingMap {
    knots: Vec<(f64, f64)>,
}

impl FallingMap {
    fn fit(x: &[f64], y: &[f64], rows: &[usize]) -> Option<Self> {
        let mut pairs: Vec<(f64, f64)> =
            rows.iter().map(|row| (x[*row], y[*row])).filter(|(x, _)| x.is_finite()).collect();
        if pairs.len() < 5 {
            return None;
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let values: Vec<f64> = pairs.iter().map(|(_, y)| *y).collect();
        let level = isotonic(&values, &vec![1.0; values.len()]);
        let mut knots: Vec<(f64, f64)> = Vec::new();
        let mut start = 0;
        while start < level.len() {
            let end =
                (start..level.len()).take_while(|row| level[*row] <= level[start]).last().unwrap_or(start);
            let middle = pairs[start..=end].iter().map(|(x, _)| x).sum::<f64>() / (end - start + 1) as f64;
            knots.push((middle, level[start]));
            start = end + 1;
        }
        knots.reverse();
        Some(Self { knots })
    }

    fn at(&self, x: f64) -> f64 {
        if x.is_nan() {
            return f64::NAN;
        }
        let above = self.knots.partition_point(|(knot, _)| *knot < x);
        match (above.checked_sub(1).map(|below| self.knots[below]), self.knots.get(above)) {
            (Some((x0, y0)), Some((x1, y1))) if *x1 > x0 => y0 + (y1 - y0) * (x - x0) / (x1 - x0),
            (Some((_, y)), _) => y,
            (None, Some((_, y))) => *y,
            (None, None) => f64::NAN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_falls_and_joins_its_blocks() {
        let x = [3.0, 2.0, 1.0, 0.5, 0.2, f64::NAN];
        let y = [10.0, 30.0, 20.0, 50.0, 60.0, 99.0];
        let map = FallingMap::fit(&x, &y, &[0, 1, 2, 3, 4, 5]).unwrap();
        // The middle pair breaks the order and becomes one block of 25 at 1.5.
        for (x, expected) in [(9.0, 10.0), (3.0, 10.0), (1.5, 25.0), (1.0, 37.5), (0.1, 60.0)] {
            assert!((map.at(x) - expected).abs() < 1e-12, "{x}: {}", map.at(x));
        }
        assert!(map.at(f64::NAN).is_nan());
    }
}
