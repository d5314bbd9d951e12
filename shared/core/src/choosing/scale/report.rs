//! The answer of `scale`: the target's score on every task and on all, with intervals, beside the clusters of
//! COD and the simple extrapolations.

use serde::Serialize;

use super::input::{ScaleOptions, Series};
use super::law::Law;
use super::pooled::Group;
use super::{ScaleMethod, baselines, cod, interval, pooled};
use crate::choosing::problem::{Note, Result};
use crate::choosing::table::Table;
use crate::numerics::stats::mean;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PredictedTask {
    pub task: String,
    /// In the table's own unit.
    pub predicted: f64,
    pub lo: Option<f64>,
    pub hi: Option<f64>,
    pub group: String,
    /// The largest small model's score.
    pub last: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClusterSummary {
    pub members: Vec<String>,
    pub sizes: Vec<String>,
    /// Mean score at each small size, and what the law gives there.
    pub curve: Vec<f64>,
    pub fitted: Vec<f64>,
    pub law: Law,
    pub predicted: f64,
    pub excluded: Option<&'static str>,
}

/// On what the prediction stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Support {
    pub tasks: usize,
    pub growing: usize,
    pub flat: usize,
    pub small_sizes: Vec<String>,
    pub parameters: Vec<f64>,
    pub target_parameters: f64,
    /// Target over largest small size.
    pub size_ratio: f64,
    /// Share of tasks in clusters that COD extrapolates.
    pub cod_predictable_share: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScaleReport {
    pub method: &'static str,
    pub target: String,
    pub score: f64,
    pub score_lo: Option<f64>,
    pub score_hi: Option<f64>,
    /// COD's score on the tasks it extrapolates, before the mapping.
    pub cod_predictable_score: Option<f64>,
    pub coverage: f64,
    pub per_task: Vec<PredictedTask>,
    pub clusters: Vec<ClusterSummary>,
    pub support: Support,
    /// Tasks COD leaves to its mapping: outliers, never solved, clusters that do not emerge or scale.
    pub excluded: Vec<String>,
    /// Score of all tasks by every method, for comparison.
    pub other_methods: Vec<(&'static str, f64)>,
    pub notes: Vec<Note>,
}

pub fn scale(text: &str, options: &ScaleOptions) -> Result<ScaleReport> {
    let series = Series::read(&Table::parse(text)?, options)?;
    let pooled = pooled::predict(&series);
    let clustered = cod::predict(&series, options.cod);
    let widths = (options.method == ScaleMethod::Pooled)
        .then(|| interval::widths(&series, &pooled.groups, options.coverage))
        .flatten();
    let mut notes = series.notes.clone();
    if options.method == ScaleMethod::Pooled && widths.is_none() {
        let message = "fewer than four small sizes: nothing to back-test, so no intervals";
        notes.push(Note::general("no_interval", message.to_owned()));
    }
    if options.method == ScaleMethod::Cod && clustered.predictable_score.is_none() {
        let message = "no cluster can be extrapolated: the largest small model's scores are carried over";
        notes.push(Note::general("nothing_predictable", message.to_owned()));
    }
    let predicted = per_task(&series, options.method, &pooled.predicted, &clustered.per_task);
    let score = score(options.method, &predicted, &clustered);
    let shown = |value: f64| value * series.unit;
    let last = series.sizes.len() - 1;
    let tasks = (0..series.tasks.len())
        .map(|task| {
            let edge = |sign: f64| {
                widths
                    .as_ref()
                    .map(|widths| shown((predicted[task] + sign * widths.tasks[task]).clamp(0.0, 1.0)))
            };
            PredictedTask {
                task: series.tasks[task].clone(),
                predicted: shown(predicted[task]),
                lo: edge(-1.0),
                hi: edge(1.0),
                group: group_name(pooled.groups[task]).to_owned(),
                last: shown(series.scores.at(task, last)),
            }
        })
        .collect();
    let mean_edge =
        |sign: f64| widths.as_ref().map(|widths| shown((score + sign * widths.mean).clamp(0.0, 1.0)));
    let other_methods = ScaleMethod::ALL
        .into_iter()
        .map(|method| {
            let predicted = per_task(&series, method, &pooled.predicted, &clustered.per_task);
            (method.name(), shown(self::score(method, &predicted, &clustered)))
        })
        .collect();
    Ok(ScaleReport {
        method: options.method.name(),
        target: options.target.clone(),
        score: shown(score),
        score_lo: mean_edge(-1.0),
        score_hi: mean_edge(1.0),
        cod_predictable_score: clustered.predictable_score.map(shown),
        coverage: options.coverage,
        per_task: tasks,
        clusters: clustered.clusters.iter().map(|cluster| summary(&series, cluster)).collect(),
        support: support(&series, &pooled.groups, &clustered),
        excluded: excluded(&series, &clustered),
        other_methods,
        notes,
    })
}

pub(super) fn per_task(series: &Series, method: ScaleMethod, pooled: &[f64], cod: &[f64]) -> Vec<f64> {
    match method {
        ScaleMethod::Carry => baselines::carry(series),
        ScaleMethod::Linear => baselines::linear(series),
        ScaleMethod::EndToEnd => baselines::end_to_end(series),
        ScaleMethod::Cod => cod.to_vec(),
        ScaleMethod::Pooled => pooled.to_vec(),
    }
}

/// COD foretells the whole set by its mapping; the others by the mean of their tasks.
pub(super) fn score(method: ScaleMethod, predicted: &[f64], clustered: &cod::CodResult) -> f64 {
    if method == ScaleMethod::Cod { clustered.score } else { mean(predicted) }
}

fn group_name(group: Group) -> &'static str {
    match group {
        Group::Growing => "growing",
        Group::Flat => "flat",
    }
}

fn summary(series: &Series, cluster: &cod::Cluster) -> ClusterSummary {
    ClusterSummary {
        members: cluster.members.iter().map(|task| series.tasks[*task].clone()).collect(),
        sizes: series.sizes.clone(),
        curve: cluster.curve.clone(),
        fitted: series.compute.iter().map(|compute| cluster.law.at(*compute)).collect(),
        law: cluster.law,
        predicted: cluster.predicted,
        excluded: cluster.excluded,
    }
}

fn support(series: &Series, groups: &[Group], clustered: &cod::CodResult) -> Support {
    let growing = groups.iter().filter(|group| **group == Group::Growing).count();
    let predictable: usize = clustered
        .clusters
        .iter()
        .filter(|cluster| cluster.excluded.is_none())
        .map(|cluster| cluster.members.len())
        .sum();
    Support {
        tasks: groups.len(),
        growing,
        flat: groups.len() - growing,
        small_sizes: series.sizes.clone(),
        parameters: series.parameters.clone(),
        target_parameters: series.target_parameters,
        size_ratio: series.target_parameters / series.parameters[series.parameters.len() - 1],
        cod_predictable_share: predictable as f64 / groups.len() as f64,
    }
}

fn excluded(series: &Series, clustered: &cod::CodResult) -> Vec<String> {
    let dropped = clustered.clusters.iter().filter(|cluster| cluster.excluded.is_some());
    let mut tasks: Vec<usize> = dropped.flat_map(|cluster| cluster.members.iter().copied()).collect();
    tasks.extend(&clustered.outliers);
    tasks.extend(&clustered.never_solved);
    tasks.sort_unstable();
    tasks.into_iter().map(|task| series.tasks[task].clone()).collect()
}
