//! Intervals by back-testing among the small sizes: prefixes of them predict the later ones, and the misses,
//! relative to a distance that grows with the gap in size, set the width.

use super::input::Series;
use super::pooled::{self, Group};
use crate::numerics::stats::{mean, quantile};

/// Misses grow like the square root of the gap in ln size plus this: a part of them is there at no gap.
const GAP_AT_ZERO: f64 = 0.5;
/// Fewest sizes of a prefix, so that the line has its three.
const FEWEST_SIZES: usize = 3;
/// Fewest misses of a group of tasks for widths of its own.
const FEWEST_MISSES: usize = 15;

#[derive(Debug, Clone)]
pub struct Widths {
    /// Half-width for each task.
    pub tasks: Vec<f64>,
    /// Half-width for the mean over all tasks.
    pub mean: f64,
}

/// None with too few sizes to back-test.
pub fn widths(series: &Series, groups: &[Group], coverage: f64) -> Option<Widths> {
    let mut misses: Vec<(Group, f64)> = Vec::new();
    let mut mean_misses = Vec::new();
    for count in FEWEST_SIZES..series.sizes.len() {
        for target in count..series.sizes.len() {
            let shorter = series.as_if(count, target);
            let scale = distance(shorter.target_log_size());
            let predicted = pooled::predict(&shorter);
            let truth = series.scores.column(target);
            for (task, value) in predicted.predicted.iter().enumerate() {
                misses.push((groups[task], (truth[task] - value).abs() / scale));
            }
            mean_misses.push((mean(&truth) - mean(&predicted.predicted)).abs() / scale);
        }
    }
    if misses.is_empty() {
        return None;
    }
    let ahead = distance(series.target_log_size());
    let all: Vec<f64> = misses.iter().map(|miss| miss.1).collect();
    let width_of = |wanted: Group| {
        let own: Vec<f64> = misses.iter().filter(|miss| miss.0 == wanted).map(|miss| miss.1).collect();
        ahead * quantile(if own.len() >= FEWEST_MISSES { &own } else { &all }, coverage)
    };
    let (growing, flat) = (width_of(Group::Growing), width_of(Group::Flat));
    let tasks = groups.iter().map(|group| if *group == Group::Growing { growing } else { flat }).collect();
    // A handful of back-tests: their largest miss stands for the quantile.
    let largest = mean_misses.into_iter().fold(0.0, f64::max);
    Some(Widths { tasks, mean: ahead * largest })
}

fn distance(gap: f64) -> f64 {
    (GAP_AT_ZERO + gap).sqrt()
}
