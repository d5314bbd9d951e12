//! What stands out on a split: runs unlike the training runs, what moved the forecasts, and the largest misses with
//! their reasons.

use serde::Serialize;

use super::{Maker, Outsiders};
use crate::predict::build::judged::summary;
use crate::predict::shap::Explainer;
use crate::runs::RunRecord;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Worst {
    pub run: String,
    pub source: String,
    pub predicted: f64,
    pub truth: f64,
    pub score_now: Option<f64>,
    pub half_way: Option<f64>,
    pub largest_contribution: String,
    pub reason: String,
}

const WORST: usize = 10;

impl Maker<'_> {
    fn outside_names(&self, row: usize) -> Vec<String> {
        let values = &self.test.table.rows[row];
        self.fitted.card.outside(self.judged[row].stage, values).into_iter().map(|found| found.name).collect()
    }

    pub(super) fn outsiders(&self, headline: &[usize]) -> Outsiders {
        let (outside, inside): (Vec<usize>, Vec<usize>) =
            headline.iter().partition(|row| !self.outside_names(**row).is_empty());
        let rmse = |rows: &[usize]| (!rows.is_empty()).then(|| summary(&self.pick(rows)).metrics.rmse);
        Outsiders {
            share: outside.len() as f64 / headline.len().max(1) as f64,
            rmse_outside: rmse(&outside),
            rmse_inside: rmse(&inside),
        }
    }

    /// Mean absolute contributions, and for each row the feature that moved it most.
    pub(super) fn explain(&self, rows: &[usize]) -> (Vec<(String, f64)>, Vec<String>) {
        let Ok(explainer) = Explainer::new(&self.fitted.model) else { return (Vec::new(), Vec::new()) };
        let names = &self.test.table.names;
        let mut sums = vec![0.0; names.len()];
        let mut largest = Vec::with_capacity(rows.len());
        for row in rows {
            let found = explainer.explain(&self.test.table.rows[*row]).contributions;
            for (sum, value) in sums.iter_mut().zip(&found) {
                *sum += value.abs();
            }
            let most = (0..found.len()).max_by(|a, b| found[*a].abs().total_cmp(&found[*b].abs()));
            largest.push(most.map_or(String::new(), |at| format!("{} {:+.1}", names[at], found[at])));
        }
        let count = rows.len().max(1) as f64;
        let mut importance: Vec<(String, f64)> = names
            .iter()
            .cloned()
            .zip(sums.into_iter().map(|sum| sum / count))
            .filter(|(_, points)| *points > 0.0)
            .collect();
        importance.sort_by(|a, b| b.1.total_cmp(&a.1));
        (importance, largest)
    }

    pub(super) fn worst(&self, headline: &[usize], largest: &[String]) -> Vec<Worst> {
        let mut order: Vec<usize> = (0..headline.len()).collect();
        let miss = |at: usize| {
            let row = &self.judged[headline[at]];
            (row.predicted - row.truth).abs()
        };
        order.sort_by(|a, b| miss(*b).total_cmp(&miss(*a)));
        order.truncate(WORST);
        order
            .into_iter()
            .map(|at| {
                let row = &self.judged[headline[at]];
                let run = &self.runs[row.run];
                let now = self.reading(run, row.step);
                let half_way = self.reading(run, 0.5 * run.total_steps as f64 + 1.0);
                Worst {
                    run: run.id.clone(),
                    source: run.dataset.source.clone(),
                    predicted: row.predicted,
                    truth: row.truth,
                    score_now: now,
                    half_way,
                    largest_contribution: largest.get(at).cloned().unwrap_or_default(),
                    reason: self.reason(headline[at], now, half_way),
                }
            })
            .collect()
    }

    /// The deepest reading of the forecast quantity up to this step.
    fn reading(&self, run: &RunRecord, step: f64) -> Option<f64> {
        let readings = run.readings.iter().rev().find(|reading| reading.step as f64 <= step);
        readings
            .map(|reading| reading.features.get(self.options.label.read_as()))
            .filter(|value| value.is_finite())
    }

    /// The first of these that holds, in order of how much it explains.
    fn reason(&self, row: usize, now: Option<f64>, half_way: Option<f64>) -> String {
        let judged = &self.judged[row];
        let miss = (judged.predicted - judged.truth).abs();
        let outside = self.outside_names(row);
        let late = half_way.filter(|half| (judged.truth - half).abs() > 0.6 * miss);
        if let Some(half) = late {
            return format!("moved from {half:.0} to {:.0} in the second half of the run", judged.truth);
        }
        if !outside.is_empty() {
            return format!("unlike the training runs in {}", outside[..outside.len().min(3)].join(", "));
        }
        if judged.is_covered() {
            return format!(
                "known to be uncertain: the interval was {:.0} points wide",
                2.0 * judged.half_width
            );
        }
        match now {
            Some(now) if (judged.truth - now).abs() < miss => {
                format!("changed less from {now:.0} than runs like it")
            }
            Some(now) => format!("changed more from {now:.0} than runs like it"),
            None => "nothing was read of it".to_owned(),
        }
    }
}
