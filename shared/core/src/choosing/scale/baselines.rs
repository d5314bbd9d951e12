//! What any method has to beat: the largest small model's score, a line in log size, the law task by task.

use super::input::Series;
use super::law::Law;
use crate::numerics::linear::Line;

pub fn carry(series: &Series) -> Vec<f64> {
    series.scores.column(series.sizes.len() - 1)
}

pub fn linear(series: &Series) -> Vec<f64> {
    let x = series.log_sizes();
    series.scores.iter_rows().map(|scores| Line::fit(&x, scores).at(series.target_log_size())).collect()
}

pub fn end_to_end(series: &Series) -> Vec<f64> {
    series
        .scores
        .iter_rows()
        .zip(&series.chance)
        .map(|(scores, chance)| Law::fit(*chance, &series.compute, scores).at(series.target_compute))
        .collect()
}
