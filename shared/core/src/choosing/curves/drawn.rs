//! Every model's curve as it was seen and as it is expected to go on, for drawing.

use serde::Serialize;

use super::input::{CurveOptions, Curves};
use super::{Method, predict};
use crate::choosing::problem::Result;
use crate::choosing::table::Table;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DrawnCurve {
    pub name: String,
    /// Data size and value in the table's unit, within the budget.
    pub seen: Vec<(f64, f64)>,
    /// From the last seen size to the target; empty for a method that gives an order alone.
    pub expected: Vec<(f64, f64)>,
}

const POINTS: usize = 12;

/// In the order of the table.
pub fn drawn(text: &str, options: &CurveOptions) -> Result<Vec<DrawnCurve>> {
    let curves = Curves::read(&Table::parse(text)?, options.budget, options.measure)?;
    let last = curves.last_size();
    let ahead = libm::log2(options.target / last);
    let steps = (1..=POINTS).map(|step| last * libm::exp2(ahead * step as f64 / POINTS as f64));
    let draws_a_curve = !matches!(options.method, Method::ZeroShot | Method::ModelSize);
    let expected: Vec<(f64, Vec<f64>)> = steps
        .filter(|_| draws_a_curve)
        .filter_map(|size| Some((size, predict(&curves, options.method, size)?)))
        .collect();
    Ok((0..curves.models())
        .map(|model| {
            let value = |column: usize| curves.display(curves.log_losses.at(model, column));
            let seen: Vec<(f64, f64)> =
                curves.sizes.iter().enumerate().map(|(column, size)| (*size, value(column))).collect();
            let ahead = expected.iter().map(|(size, losses)| (*size, curves.display(losses[model])));
            let expected = seen.last().copied().filter(|_| draws_a_curve).into_iter().chain(ahead).collect();
            DrawnCurve { name: curves.names[model].clone(), seen, expected }
        })
        .collect())
}
