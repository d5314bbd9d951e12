//! COD as published (arXiv 2502.17262 v4, section 3): cluster by difficulty vectors, a law a cluster, drop
//! clusters that do not emerge or do not scale, map the rest's score to the full set's by a smooth curve.

use serde::Serialize;

use super::input::Series;
use super::law::Law;
use crate::numerics::mean_shift::{Clustering, MeanShiftOptions, improved_mean_shift};
use crate::numerics::monotone::{MonotoneCurve, isotonic};
use crate::numerics::smoothing_spline::SmoothingSpline;
use crate::numerics::stats::mean;

/// The defaults are the paper's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CodOptions {
    /// Q of the bandwidth estimate.
    pub bandwidth_quantile: f64,
    /// U: the largest radius as a share of the largest possible distance, sqrt(sizes).
    pub radius_share: f64,
    /// K: fewest members of a cluster.
    pub fewest_members: usize,
    /// A cluster is extrapolated iff a > this,
    pub least_a: f64,
    /// b > this
    pub least_b: f64,
    /// and 0 <= c < this.
    pub most_c: f64,
    /// RMSE the mapping has to reach.
    pub mapping_error: f64,
    /// (score on the predictable subset, score on all) of a model from elsewhere, such as a public large one.
    pub anchor: Option<(f64, f64)>,
    /// Tokens a step, for compute in 1e18 operations; the rule on `a` depends on that unit.
    pub tokens_per_step: f64,
}

impl Default for CodOptions {
    fn default() -> Self {
        Self {
            bandwidth_quantile: 0.1,
            radius_share: 0.1,
            fewest_members: 10,
            least_a: 1.0,
            least_b: 0.1,
            most_c: 1.0,
            mapping_error: 0.005,
            anchor: None,
            tokens_per_step: 2_097_152.0,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cluster {
    pub members: Vec<usize>,
    /// Mean score over the small sizes.
    pub curve: Vec<f64>,
    pub law: Law,
    pub predicted: f64,
    /// Why it is not extrapolated; None: it is.
    pub excluded: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CodResult {
    pub clusters: Vec<Cluster>,
    pub outliers: Vec<usize>,
    /// All-zero difficulty vectors, left to the mapping.
    pub never_solved: Vec<usize>,
    /// Score of the full set at the target; the largest small model's where no cluster can be extrapolated.
    pub score: f64,
    /// Score on the extrapolated tasks before the mapping.
    pub predictable_score: Option<f64>,
    /// Per task: members of an extrapolated cluster move as it does, the others stay.
    pub per_task: Vec<f64>,
}

pub fn predict(series: &Series, options: CodOptions) -> CodResult {
    let last = series.sizes.len() - 1;
    let everything: Vec<usize> = (0..series.tasks.len()).collect();
    let (solved, never_solved): (Vec<usize>, Vec<usize>) =
        everything.iter().partition(|task| series.scores.row(**task).iter().any(|score| *score > 0.0));
    let points: Vec<Vec<f64>> = solved.iter().map(|task| series.scores.row(*task).to_vec()).collect();
    let farthest = (series.sizes.len() as f64).sqrt();
    let clustering = improved_mean_shift(
        &points,
        MeanShiftOptions {
            quantile: options.bandwidth_quantile,
            most_radius: options.radius_share * farthest,
            fewest_points: options.fewest_members,
        },
    );
    let clusters = fit_clusters(series, &solved, &clustering, options);
    let outliers = solved
        .iter()
        .zip(&clustering.labels)
        .filter(|(_, label)| label.is_none())
        .map(|(task, _)| *task)
        .collect();
    let mut per_task = series.scores.column(last);
    for cluster in clusters.iter().filter(|cluster| cluster.excluded.is_none()) {
        let move_ = cluster.predicted - cluster.law.at(series.compute[last]);
        for task in &cluster.members {
            per_task[*task] = (per_task[*task] + move_).clamp(0.0, 1.0);
        }
    }
    let (score, predictable_score) = mapped_score(series, &clusters, options);
    CodResult { clusters, outliers, never_solved, score, predictable_score, per_task }
}

fn fit_clusters(
    series: &Series,
    solved: &[usize],
    clustering: &Clustering,
    options: CodOptions,
) -> Vec<Cluster> {
    (0..clustering.clusters)
        .map(|label| {
            let members: Vec<usize> = solved
                .iter()
                .zip(&clustering.labels)
                .filter(|(_, own)| **own == Some(label))
                .map(|(task, _)| *task)
                .collect();
            let curve = mean_curve(series, &members);
            let chance = mean(&members.iter().map(|task| series.chance[*task]).collect::<Vec<_>>());
            let law = Law::fit(chance, &series.compute, &curve);
            let excluded = exclusion(law, options);
            Cluster { predicted: law.at(series.target_compute), members, curve, law, excluded }
        })
        .collect()
}

fn exclusion(law: Law, options: CodOptions) -> Option<&'static str> {
    if law.a <= options.least_a || law.b <= options.least_b {
        Some("does not emerge: the score hardly grows with compute")
    } else if law.c >= options.most_c {
        Some("does not scale: the law ends at a low ceiling")
    } else {
        None
    }
}

fn mean_curve(series: &Series, tasks: &[usize]) -> Vec<f64> {
    (0..series.sizes.len())
        .map(|size| mean(&tasks.iter().map(|task| series.scores.at(*task, size)).collect::<Vec<_>>()))
        .collect()
}

fn mapped_score(series: &Series, clusters: &[Cluster], options: CodOptions) -> (f64, Option<f64>) {
    let everything: Vec<usize> = (0..series.tasks.len()).collect();
    let full = mean_curve(series, &everything);
    let kept: Vec<&Cluster> = clusters.iter().filter(|cluster| cluster.excluded.is_none()).collect();
    let members: Vec<usize> = kept.iter().flat_map(|cluster| cluster.members.iter().copied()).collect();
    if members.is_empty() {
        return (full[full.len() - 1], None);
    }
    let weighted: f64 = kept.iter().map(|cluster| cluster.predicted * cluster.members.len() as f64).sum();
    let predictable = weighted / members.len() as f64;
    let mut points: Vec<(f64, f64)> = mean_curve(series, &members).into_iter().zip(full).collect();
    points.extend(options.anchor);
    let mapped = mapping(points, options.mapping_error).map_or(predictable, |curve| curve.at(predictable));
    (mapped, Some(predictable))
}

/// A smooth rising curve through (0, 0) and (1, 1) near the points: the smoothing is halved until the error is
/// small enough, then what still falls is levelled.
fn mapping(mut points: Vec<(f64, f64)>, most_error: f64) -> Option<MonotoneCurve> {
    points.retain(|(x, _)| *x > 1e-6 && *x < 1.0 - 1e-6);
    points.extend([(0.0, 0.0), (1.0, 1.0)]);
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points.dedup_by(|b, a| {
        let same = b.0 - a.0 < 1e-6;
        if same {
            a.1 = f64::midpoint(a.1, b.1);
        }
        same
    });
    let (x, y): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
    // The ends are fixed: they weigh as much as they need to.
    let weights: Vec<f64> =
        (0..x.len()).map(|knot| if knot == 0 || knot + 1 == x.len() { 1e4 } else { 1.0 }).collect();
    let mut smoothing = 1.0;
    let mut values = y.clone();
    for _ in 0..40 {
        let Some(spline) = SmoothingSpline::fit(&x, &y, &weights, smoothing) else { break };
        values = x.iter().map(|x| spline.at(*x)).collect();
        let squares: f64 = values.iter().zip(&y).map(|(a, b)| (a - b) * (a - b)).sum();
        if (squares / x.len() as f64).sqrt() <= most_error {
            break;
        }
        smoothing /= 2.0;
    }
    let mut rising = isotonic(&values, &weights);
    let last = rising.len() - 1;
    rising[0] = 0.0;
    rising[last] = 1.0;
    for value in &mut rising {
        *value = value.clamp(0.0, 1.0);
    }
    MonotoneCurve::through(&x, &rising)
}
