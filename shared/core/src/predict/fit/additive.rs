//! Ridge regression on functions of single features: each column on its natural scale or its logarithm,
//! clipped, standardised, with a bend at its quartiles where asked, and an indicator where values are
//! missing. Wide features are tamed, and every contribution stays exact. The penalty is chosen by grouped
//! folds of the training rows.

use super::folds::{Fold, group_folds};
use super::metrics::metrics;
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
const PENALTIES: [f64; 9] = [1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0, 3.0];
/// A share of missing values outside this is too rare or too common for an indicator to be estimated.
const INDICATOR_SHARE: (f64, f64) = (0.02, 0.98);

/// A fit with what it predicted for each row while the row's fold was held out.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldOutFit {
    pub model: Model,
    pub out_of_fold: Vec<f64>,
    pub penalty: f64,
}

/// The penalty is chosen by the table's own groups.
pub fn fit(table: &Table, target: &[f64], options: AdditiveOptions) -> Model {
    let folds = group_folds(&table.groups, 5, 0x21d6e);
    let mut fits = fit_all(table, &[target.to_vec()], options, &folds);
    fits.swap_remove(0).model
}

/// One fit a target; they share the sums over rows and the factors. Scales, knots and penalty of a held-out
/// row never come from its own fold, but for the choice of the penalty among nine.
pub fn fit_all(
    table: &Table,
    targets: &[Vec<f64>],
    options: AdditiveOptions,
    folds: &[Fold],
) -> Vec<HeldOutFit> {
    let rows = table.rows.len();
    let mut held_out = vec![vec![vec![f64::NAN; rows]; PENALTIES.len()]; targets.len()];
    for fold in folds.iter().filter(|fold| !fold.train.is_empty()) {
        let design = Design::of(table, &fold.train, options);
        let moments = Moments::of(&design, table, &fold.train, targets);
        let test = design.at(table, &fold.test);
        for (index, penalty) in PENALTIES.into_iter().enumerate() {
            let Some(factor) = moments.factor(penalty) else { continue };
            for (target, held_out) in held_out.iter_mut().enumerate() {
                let weights = factor.solve(&moments.right[target]);
                for (row, values) in fold.test.iter().zip(test.chunks_exact(weights.len())) {
                    held_out[index][*row] = dot(&weights, values);
                }
            }
        }
    }
    let all: Vec<usize> = (0..rows).collect();
    let design = Design::of(table, &all, options);
    let moments = Moments::of(&design, table, &all, targets);
    targets
        .iter()
        .zip(held_out)
        .enumerate()
        .map(|(target, (truth, held_out))| {
            // Without a fold to hold out nothing tells the penalties apart; the middle one is a safe start.
            let error = |index: &usize| {
                let found = metrics(&held_out[*index], truth).rmse;
                if found.is_nan() { f64::INFINITY } else { found }
            };
            let best = (0..PENALTIES.len())
                .min_by(|a, b| error(a).total_cmp(&error(b)))
                .filter(|best| error(best).is_finite())
                .unwrap_or(PENALTIES.len() / 2);
            let weights = moments.factor(PENALTIES[best]).map(|factor| factor.solve(&moments.right[target]));
            let model = match weights {
                Some(weights) => design.model(table.names.len(), &weights),
                None => Model::constant(table.names.len(), stats::mean(truth)),
            };
            HeldOutFit { model, out_of_fold: held_out[best].clone(), penalty: PENALTIES[best] }
        })
        .collect()
}

/// The functions of all features, made from some of the rows.
struct Design {
    basis: Vec<Column>,
}

impl Design {
    fn of(table: &Table, rows: &[usize], options: AdditiveOptions) -> Self {
        let column = |index: usize| -> Vec<f64> { rows.iter().map(|row| table.rows[*row][index]).collect() };
        let basis = (0..table.names.len())
            .flat_map(|index| basis_of(index as u32, &column(index), options))
            .collect();
        Self { basis }
    }

    /// Row after row, with a 1 for the intercept at each one's end.
    fn at(&self, table: &Table, rows: &[usize]) -> Vec<f64> {
        let width = self.basis.len() + 1;
        let mut values = vec![1.0; rows.len() * width];
        for (index, column) in self.basis.iter().enumerate() {
            // Rows of one run stand together, and what is known of its file and recipe is the same in all of them.
            let mut last = (f64::NAN.to_bits(), column.value_at(f64::NAN));
            for (row, values) in rows.iter().zip(values.chunks_exact_mut(width)) {
                let value = table.rows[*row][column.feature as usize];
                if value.to_bits() != last.0 {
                    last = (value.to_bits(), column.value_at(value));
                }
                values[index] = last.1;
            }
        }
        values
    }

    fn model(&self, width: usize, weights: &[f64]) -> Model {
        let mut model = Model::constant(width, weights[self.basis.len()]);
        model.columns = self
            .basis
            .iter()
            .zip(weights)
            .map(|(column, weight)| Column { weight: column.weight * weight, ..column.clone() })
            .collect();
        model
    }
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

/// Sums over rows: products of all columns with each other and with each target, the intercept last.
struct Moments {
    products: Matrix,
    right: Vec<Vec<f64>>,
}

impl Moments {
    fn of(design: &Design, table: &Table, rows: &[usize], targets: &[Vec<f64>]) -> Self {
        let width = design.basis.len() + 1;
        let mut sums = vec![0.0; width * width];
        let mut right = vec![vec![0.0; width]; targets.len()];
        let all = design.at(table, rows);
        for (row, values) in rows.iter().zip(all.chunks_exact(width)) {
            for (a, left) in values.iter().enumerate() {
                for (sum, value) in sums[a * width + a..(a + 1) * width].iter_mut().zip(&values[a..]) {
                    *sum += left * value;
                }
            }
            for (right, target) in right.iter_mut().zip(targets) {
                for (sum, value) in right.iter_mut().zip(values) {
                    *sum += value * target[*row];
                }
            }
        }
        let products =
            Matrix::from_fn(
                width,
                width,
                |a, b| if a <= b { sums[a * width + b] } else { sums[b * width + a] },
            );
        Self { products, right }
    }

    /// The penalty is per row, so it means the same for every fold; the intercept has none.
    fn factor(&self, penalty: f64) -> Option<Cholesky> {
        let last = self.products.rows() - 1;
        let rows = self.products.at(last, last);
        let mut penalised = self.products.clone();
        for index in 0..=last {
            let own = if index == last { 1e-12 } else { penalty * rows };
            penalised.set(index, index, penalised.at(index, index) + own);
        }
        Cholesky::of(&penalised)
    }
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
