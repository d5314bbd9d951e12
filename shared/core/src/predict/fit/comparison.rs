//! Learners that are no sum over trees and single features, so that their forecasts could not be explained
//! exactly: kernel ridge on landmarks, and learners on the logit of the score. Tried to know what is given up.

use super::additive::{self, AdditiveOptions};
use super::folds::Fold;
use super::metrics::metrics;
use super::search::LogLine;
use super::table::Table;
use crate::numerics::matrix::{Cholesky, Matrix, dot};
use crate::numerics::{Random, stats};

/// Rows whose distances stand for all (Nystroem).
const LANDMARKS: usize = 250;
/// Width of the kernel, in standard deviations of each feature.
const WIDTHS: [f64; 3] = [1.0, 2.0, 4.0];
const PENALTIES: [f64; 4] = [1e-4, 1e-3, 1e-2, 1e-1];

pub(super) fn lines(table: &Table, folds: &[Fold], seed: u64) -> Vec<LogLine> {
    let line = |recipe: String, rmse: f64| LogLine { recipe, rmse, chosen: false, explainable: false };
    let mut lines = vec![line("ridge on the logit of the score".into(), on_logit(table, folds))];
    let best = WIDTHS
        .iter()
        .flat_map(|width| kernel_ridge(table, folds, *width, seed))
        .min_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((name, rmse)) = best {
        lines.push(line(name, rmse));
    }
    lines
}

/// The score as log-odds, half a point kept from both ends.
fn on_logit(table: &Table, folds: &[Fold]) -> f64 {
    let logit = |score: f64| {
        let share = (score.clamp(0.0, 100.0) + 0.5) / 101.0;
        libm::log(share / (1.0 - share))
    };
    let target: Vec<f64> = table.target.iter().map(|score| logit(*score)).collect();
    let fits = additive::fit_all(table, &[target], AdditiveOptions { bends: 1, ..Default::default() }, folds);
    let back: Vec<f64> = fits[0].out_of_fold.iter().map(|z| 101.0 / (1.0 + libm::exp(-z)) - 0.5).collect();
    metrics(&back, &table.target).rmse
}

/// Out-of-fold error for each penalty.
fn kernel_ridge(table: &Table, folds: &[Fold], reach: f64, seed: u64) -> Vec<(String, f64)> {
    let mut held_out = vec![vec![f64::NAN; table.rows.len()]; PENALTIES.len()];
    for fold in folds {
        let scale = Scale::of(table, &fold.train);
        let scaled: Vec<Vec<f64>> = table.rows.iter().map(|row| scale.at(row)).collect();
        let mut chosen = fold.train.clone();
        Random::new(seed).shuffle(&mut chosen);
        chosen.truncate(LANDMARKS);
        let kernel = |a: &[f64], b: &[f64]| {
            let squares: f64 = a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum();
            libm::exp(-squares / (2.0 * reach * reach * a.len().max(1) as f64))
        };
        let towards: Vec<Vec<f64>> = scaled
            .iter()
            .map(|row| chosen.iter().map(|landmark| kernel(row, &scaled[*landmark])).chain([1.0]).collect())
            .collect();
        let count = chosen.len();
        let centre = stats::mean(&fold.train.iter().map(|row| table.target[*row]).collect::<Vec<f64>>());
        let width = count + 1;
        let (mut products, mut right) = (vec![0.0; width * width], vec![0.0; width]);
        for row in &fold.train {
            let values = &towards[*row];
            for (a, left) in values.iter().enumerate() {
                right[a] += left * (table.target[*row] - centre);
                for (sum, value) in products[a * width..(a + 1) * width].iter_mut().zip(values) {
                    *sum += left * value;
                }
            }
        }
        for (penalty, held_out) in PENALTIES.iter().zip(&mut held_out) {
            let rows = fold.train.len() as f64;
            let penalised = Matrix::from_fn(width, width, |a, b| {
                let own = if a < count && b < count {
                    penalty * rows * kernel(&scaled[chosen[a]], &scaled[chosen[b]])
                } else {
                    0.0
                };
                products[a * width + b] + own + if a == b { 1e-9 * rows } else { 0.0 }
            });
            let Some(factor) = Cholesky::of(&penalised) else { continue };
            let weights = factor.solve(&right);
            for row in &fold.test {
                held_out[*row] = centre + dot(&weights, &towards[*row]);
            }
        }
    }
    PENALTIES
        .iter()
        .zip(held_out)
        .map(|(penalty, found)| {
            let rmse = metrics(&found, &table.target).rmse;
            (format!("kernel ridge, width {reach}, penalty {penalty}"), rmse)
        })
        .filter(|(_, rmse)| rmse.is_finite())
        .collect()
}

/// Standardised, clipped columns; missing values stand at the median.
struct Scale {
    columns: Vec<(usize, f64, f64, f64)>,
}

impl Scale {
    fn of(table: &Table, rows: &[usize]) -> Self {
        let columns = (0..table.names.len())
            .filter_map(|column| {
                let present: Vec<f64> =
                    rows.iter().map(|row| table.rows[*row][column]).filter(|value| !value.is_nan()).collect();
                let spread = stats::deviation(&present);
                (present.len() >= 5 && spread > 1e-12 * (1.0 + stats::mean(&present).abs()))
                    .then(|| (column, stats::mean(&present), spread, stats::median(&present)))
            })
            .collect();
        Self { columns }
    }

    fn at(&self, row: &[f64]) -> Vec<f64> {
        self.columns
            .iter()
            .map(|(column, centre, spread, median)| {
                let value = if row[*column].is_nan() { *median } else { row[*column] };
                ((value - centre) / spread).clamp(-4.0, 4.0)
            })
            .collect()
    }
}
