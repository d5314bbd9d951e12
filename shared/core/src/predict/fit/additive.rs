//! Ridge regression on functions of single features: each column on its natural scale or its logarithm,
//! clipped, standardised, with a bend at its quartiles where asked, and an indicator where values are
//! missing. Wide features are tamed, and every contribution stays exact. The penalty is chosen by the
//! grouped folds of the training rows.

use super::folds::group_folds;
use super::table::Table;
use crate::numerics::matrix::{Cholesky, Matrix, dot};
use crate::numerics::stats;
use crate::predict::expression::{Binary, Expression, Unary};
use crate::predict::model::{Column, Model};

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdditiveOptions {
    /// Bends a feature: 0 (straight) or up to 3 (at its quartiles).
    pub bends: usize,
    /// Standard deviations beyond which a value counts as the limit.
    pub clip: f64,
}

impl Default for AdditiveOptions {
    fn default() -> Self {
        Self { bends: 0, clip: 4.0 }
    }
}

/// For each row and unit of variance.
const PENALTIES: [f64; 11] = [1e-5, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0, 10.0];
/// A share of missing values outside this is too rare or too common for an indicator to be estimated.
const INDICATOR_SHARE: (f64, f64) = (0.02, 0.98);

pub fn fit(table: &Table, target: &[f64], options: AdditiveOptions) -> Model {
    let basis: Vec<Column> = (0..table.names.len())
        .flat_map(|column| basis_of(column as u32, &table.column(column), options))
        .collect();
    let mut model = Model::constant(table.names.len(), stats::mean(target));
    if basis.is_empty() {
        return model;
    }
    let design =
        Matrix::from_fn(table.rows.len(), basis.len(), |row, column| basis[column].at(&table.rows[row]));
    let Some((intercept, weights)) = best_ridge(&design, target, &table.groups) else { return model };
    model.constant = intercept;
    model.columns = basis
        .into_iter()
        .zip(weights)
        .map(|(column, weight)| Column { weight: column.weight * weight, ..column })
        .collect();
    model
}

/// The functions of one feature; none where it does not vary.
fn basis_of(feature: u32, values: &[f64], options: AdditiveOptions) -> Vec<Column> {
    let present: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    let missing_share = 1.0 - present.len() as f64 / values.len() as f64;
    let mut functions = Vec::new();
    if missing_share > INDICATOR_SHARE.0 && missing_share < INDICATOR_SHARE.1 {
        functions.push(Expression::unary(Unary::IsMissing, Expression::Feature));
    }
    if present.len() >= 5 && stats::deviation(&present) > 1e-12 * (1.0 + stats::mean(&present).abs()) {
        let filled = Expression::Choose(
            Expression::unary(Unary::IsMissing, Expression::Feature).into(),
            Expression::Number(stats::median(&present)).into(),
            Expression::Feature.into(),
        );
        let scaled = match log_unit(&present) {
            Some(unit) => signed_log(filled, unit),
            None => filled,
        };
        let on_scale: Vec<f64> = present.iter().map(|value| scaled.at(*value)).collect();
        let (centre, spread) = (stats::mean(&on_scale), stats::deviation(&on_scale));
        let standard = scaled_by(shifted(scaled, centre), 1.0 / spread);
        let straight = limited(standard, -options.clip, options.clip);
        for bend in 1..=options.bends {
            let level = bend as f64 / (options.bends + 1) as f64;
            let knot = (stats::quantile(&on_scale, level) - centre) / spread;
            functions.push(Expression::binary(
                Binary::Maximum,
                shifted(straight.clone(), knot),
                Expression::Number(0.0),
            ));
        }
        functions.push(straight);
    }
    functions.into_iter().filter_map(|function| standardised(feature, function, values)).collect()
}

/// Mean 0 and variance 1 over the training rows, so that one penalty fits all and an average row has no
/// contribution.
fn standardised(feature: u32, function: Expression, values: &[f64]) -> Option<Column> {
    let at: Vec<f64> = values.iter().map(|value| function.at(*value)).collect();
    let (centre, spread) = (stats::mean(&at), stats::deviation(&at));
    if spread <= 1e-12 {
        return None;
    }
    Some(Column { feature, weight: 1.0 / spread, function: shifted(function, centre) })
}

/// The unit of a signed logarithm that makes a skewed column less than half as skewed.
fn log_unit(present: &[f64]) -> Option<f64> {
    let magnitudes: Vec<f64> = present.iter().map(|value| value.abs()).filter(|value| *value > 0.0).collect();
    let unit = stats::quantile(&magnitudes, 0.1);
    if !(unit.is_finite() && unit > 0.0) {
        return None;
    }
    let on_log: Vec<f64> =
        present.iter().map(|value| signed_log(Expression::Feature, unit).at(*value)).collect();
    let (plain, logged) = (skewness(present).abs(), skewness(&on_log).abs());
    (plain > 1.0 && logged < 0.5 * plain).then_some(unit)
}

fn skewness(values: &[f64]) -> f64 {
    stats::z_scores(values).iter().map(|z| z * z * z).sum::<f64>() / values.len() as f64
}

/// sign(x) ln(1 + |x| / unit)
fn signed_log(inner: Expression, unit: f64) -> Expression {
    let magnitude = scaled_by(Expression::unary(Unary::Abs, inner.clone()), 1.0 / unit);
    let shifted = Expression::binary(Binary::Add, magnitude, Expression::Number(1.0));
    Expression::binary(
        Binary::Multiply,
        Expression::unary(Unary::Sign, inner),
        Expression::unary(Unary::Log, shifted),
    )
}

fn shifted(inner: Expression, by: f64) -> Expression {
    Expression::binary(Binary::Subtract, inner, Expression::Number(by))
}

fn scaled_by(inner: Expression, factor: f64) -> Expression {
    Expression::binary(Binary::Multiply, inner, Expression::Number(factor))
}

fn limited(inner: Expression, low: f64, high: f64) -> Expression {
    let raised = Expression::binary(Binary::Maximum, inner, Expression::Number(low));
    Expression::binary(Binary::Minimum, raised, Expression::Number(high))
}

/// Sums from which any subset's ridge fit follows: products of all columns and the target, with a column
/// of ones at the end for the intercept.
#[derive(Clone)]
struct Moments {
    products: Matrix,
    right: Vec<f64>,
}

impl Moments {
    fn of(design: &Matrix, target: &[f64], rows: &[usize]) -> Self {
        let width = design.columns() + 1;
        let mut products = Matrix::zeros(width, width);
        let mut right = vec![0.0; width];
        let mut sums = vec![0.0; width * width];
        for row in rows {
            let values = design.row(*row);
            for (a, left) in values.iter().chain([&1.0]).enumerate() {
                right[a] += left * target[*row];
                let line = &mut sums[a * width..(a + 1) * width];
                for (sum, value) in line[a..].iter_mut().zip(values.iter().chain([&1.0]).skip(a)) {
                    *sum += left * value;
                }
            }
        }
        for a in 0..width {
            for b in a..width {
                products.set(a, b, sums[a * width + b]);
                products.set(b, a, sums[a * width + b]);
            }
        }
        Self { products, right }
    }

    fn minus(&self, other: &Self) -> Self {
        let products = Matrix::from_fn(self.right.len(), self.right.len(), |a, b| {
            self.products.at(a, b) - other.products.at(a, b)
        });
        let right = self.right.iter().zip(&other.right).map(|(a, b)| a - b).collect();
        Self { products, right }
    }

    /// Weights with the intercept last; the penalty is per row, so it means the same for every fold.
    fn solve(&self, penalty: f64) -> Option<Vec<f64>> {
        let last = self.right.len() - 1;
        let rows = self.products.at(last, last);
        let penalised = Matrix::from_fn(self.right.len(), self.right.len(), |a, b| {
            let own = if a != b {
                0.0
            } else if a == last {
                1e-12
            } else {
                penalty * rows
            };
            self.products.at(a, b) + own
        });
        Some(Cholesky::of(&penalised)?.solve(&self.right))
    }
}

fn best_ridge(design: &Matrix, target: &[f64], groups: &[u64]) -> Option<(f64, Vec<f64>)> {
    let all: Vec<usize> = (0..design.rows()).collect();
    let whole = Moments::of(design, target, &all);
    let folds = group_folds(groups, 5, 0x21d6e);
    let trains: Vec<Moments> =
        folds.iter().map(|fold| whole.minus(&Moments::of(design, target, &fold.test))).collect();
    let mut best: Option<(f64, f64)> = None;
    for penalty in PENALTIES {
        let mut squares = 0.0;
        for (fold, train) in folds.iter().zip(&trains) {
            // With one group nothing is left to train on.
            let Some(weights) = train.solve(penalty) else { continue };
            for row in &fold.test {
                let found = dot(&weights[..design.columns()], design.row(*row)) + weights[design.columns()];
                squares += (found - target[*row]) * (found - target[*row]);
            }
        }
        if best.is_none_or(|(error, _)| squares < error) {
            best = Some((squares, penalty));
        }
    }
    let mut weights = whole.solve(best?.1)?;
    let intercept = weights.pop()?;
    Some((intercept, weights))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::Random;

    #[test]
    fn a_sum_of_bent_and_logarithmic_functions_is_found() {
        let mut random = Random::new(8);
        let rows: Vec<Vec<f64>> = (0..300)
            .map(|row| {
                let rate = 10f64.powf(-4.0 + 2.5 * random.uniform());
                let score = if row % 6 == 0 { f64::NAN } else { 100.0 * random.uniform() };
                vec![rate, score]
            })
            .collect();
        let truth = |row: &[f64]| {
            let from_score = if row[1].is_nan() { 20.0 } else { 0.5 * row[1] };
            8.0 * row[0].log10() + from_score
        };
        let target: Vec<f64> = rows.iter().map(|row| truth(row)).collect();
        let names = vec!["learning_rate".to_owned(), "eval_score".to_owned()];
        let groups = (0..300).collect();
        let table = Table { names, rows, target: target.clone(), groups };
        let model = fit(&table, &target, AdditiveOptions { bends: 3, ..AdditiveOptions::default() });
        let errors: Vec<f64> =
            table.rows.iter().zip(&target).map(|(row, y)| (model.predict(row) - y).abs()).collect();
        assert!(stats::mean(&errors) < 0.3, "{}", stats::mean(&errors));
        // Each column is 0 on average, so the constant is what is expected of an average row.
        assert!((model.constant - stats::mean(&target)).abs() < 1e-6);
    }
}
