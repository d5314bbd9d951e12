//! The answer of `rank curves`: every model's predicted full-data value with interval, the order, the
//! probability of being best and what to run next.

use serde::Serialize;

use super::input::{CurveOptions, Curves, Measure};
use super::interval::{self, Widths};
use super::next::{self, Belief, NextPoint};
use super::{Method, predict};
use crate::choosing::problem::{Note, Problem, Result};
use crate::choosing::table::Table;
use crate::numerics::stats::normal_quantile;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RankedModel {
    pub name: String,
    /// In the table's own unit at the target size; for `model-size` it is only an order.
    pub predicted: f64,
    pub lo: Option<f64>,
    pub hi: Option<f64>,
    pub probability_best: Option<f64>,
    /// Value at the largest size within the budget.
    pub last: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CurveReport {
    pub method: &'static str,
    pub measure: Measure,
    pub budget: f64,
    pub target: f64,
    pub coverage: f64,
    pub sizes_used: Vec<f64>,
    /// Best first.
    pub ranking: Vec<RankedModel>,
    /// Most expected gain for its cost first.
    pub next: Vec<NextPoint>,
    pub notes: Vec<Note>,
}

/// Reads a table and ranks its models.
pub fn rank(text: &str, options: &CurveOptions) -> Result<CurveReport> {
    check(options)?;
    let curves = Curves::read(&Table::parse(text)?, options.budget, options.measure)?;
    rank_curves(&curves, options)
}

fn check(options: &CurveOptions) -> Result<()> {
    if !(options.budget > 0.0 && options.budget.is_finite() && options.target.is_finite()) {
        return Err(Problem::Option("--budget and --target must be data sizes above zero".to_owned()));
    }
    if options.target <= options.budget {
        let message = format!("--target {} must lie beyond --budget {}", options.target, options.budget);
        return Err(Problem::Option(message));
    }
    if !(options.coverage > 0.0 && options.coverage < 1.0) {
        return Err(Problem::Option(format!("--coverage {} must lie between 0 and 1", options.coverage)));
    }
    Ok(())
}

fn rank_curves(curves: &Curves, options: &CurveOptions) -> Result<CurveReport> {
    let predicted = predict(curves, options.method, options.target).ok_or_else(|| {
        let needs = if options.method == Method::ZeroShot { "0" } else { "size" };
        Problem::Option(format!("--method {} needs a complete column {needs:?}", options.method.name()))
    })?;
    let ahead = libm::log2(options.target / curves.last_size());
    // The back-test is that of the pooled predictor; other methods are for comparison and carry no interval.
    let widths = (options.method == Method::Pooled)
        .then(|| interval::widths(curves, ahead, options.coverage))
        .flatten();
    let beliefs = widths.as_ref().map(|widths| beliefs(&predicted, widths, options.coverage));
    let best = beliefs.as_ref().map(|beliefs| next::probabilities_of_best(beliefs));
    let last_column = curves.sizes.len() - 1;
    let mut ranking: Vec<(f64, RankedModel)> = (0..curves.models())
        .map(|model| {
            let log_loss = predicted[model];
            let edge = |sign: f64| {
                widths.as_ref().map(|widths| curves.display(log_loss + sign * widths.whole[model]))
            };
            let (a, b) = (edge(-1.0), edge(1.0));
            let flipped = !curves.ceiling.is_nan();
            (
                log_loss,
                RankedModel {
                    name: curves.names[model].clone(),
                    predicted: curves.display(log_loss),
                    lo: if flipped { b } else { a },
                    hi: if flipped { a } else { b },
                    probability_best: best.as_ref().map(|best| best[model]),
                    last: curves.display(curves.log_losses.at(model, last_column)),
                },
            )
        })
        .collect();
    ranking.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.name.cmp(&b.1.name)));
    let mut notes = curves.notes.clone();
    if ahead > 6.0 {
        let message =
            format!("the target lies {ahead:.1} doublings beyond the budget: order and intervals are rough");
        notes.push(Note::general("far_target", message));
    }
    Ok(CurveReport {
        method: options.method.name(),
        measure: options.measure,
        budget: options.budget,
        target: options.target,
        coverage: options.coverage,
        sizes_used: curves.sizes.clone(),
        ranking: ranking.into_iter().map(|(_, model)| model).collect(),
        next: beliefs.map(|beliefs| next_points(curves, &beliefs, ahead)).unwrap_or_default(),
        notes,
    })
}

fn beliefs(predicted: &[f64], widths: &Widths, coverage: f64) -> Vec<Belief> {
    let deviations_per_width = 1.0 / normal_quantile(f64::midpoint(1.0, coverage));
    predicted
        .iter()
        .zip(&widths.own)
        .map(|(mean, width)| Belief { mean: *mean, deviation: width * deviations_per_width })
        .collect()
}

fn next_points(curves: &Curves, beliefs: &[Belief], ahead: f64) -> Vec<NextPoint> {
    let size = 2.0 * curves.last_size();
    let gains = next::expected_gains(beliefs, ahead);
    let mut points: Vec<NextPoint> = (0..curves.models())
        .map(|model| NextPoint {
            name: curves.names[model].clone(),
            size,
            cost: size * curves.parameters.as_ref().map_or(1.0, |counts| counts[model]),
            expected_gain: gains[model],
        })
        .collect();
    points.sort_by(|a, b| {
        (b.expected_gain / b.cost).total_cmp(&(a.expected_gain / a.cost)).then_with(|| a.name.cmp(&b.name))
    });
    points.truncate(10);
    points
}
