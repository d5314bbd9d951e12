//! One predictor by both engines: core's exact reader and tract, on rows drawn where they would part first, at the
//! numbers that the model itself compares with.

use foretune_core::numerics::Random;
use foretune_core::predict::card::{DIVERGENCE_MODEL_KEY, ERROR_MODEL_KEY, from_base64};
use foretune_core::predict::expression::Expression;
use foretune_core::predict::onnx;
use foretune_core::predict::staged::{Gate, Staged};
use foretune_core::predict::tree::Node;

use crate::engine::Engine;
use crate::error::EngineError;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// Of each model.
    pub rows: usize,
    /// The predictor itself, and those of its errors and of divergence that it carries.
    pub models: usize,
    /// Infinite where one engine gives a number and the other none.
    pub largest_difference: f64,
}

/// A share of the rows has missing values.
pub fn compare(bytes: &[u8], rows: usize, seed: u64) -> Result<Comparison, EngineError> {
    let file = onnx::read(bytes)?;
    let mut comparison = Comparison { rows, models: 1, largest_difference: difference(bytes, rows, seed)? };
    for key in [ERROR_MODEL_KEY, DIVERGENCE_MODEL_KEY] {
        let Some(inner) = file.metadata(key).and_then(from_base64) else { continue };
        comparison.models += 1;
        comparison.largest_difference =
            comparison.largest_difference.max(difference(&inner, rows, seed + comparison.models as u64)?);
    }
    Ok(comparison)
}

fn difference(bytes: &[u8], rows: usize, seed: u64) -> Result<f64, EngineError> {
    let model = onnx::read(bytes)?.model;
    let engine = Engine::open(bytes)?;
    let drawn = draw_rows(&model, rows, seed);
    let scores = engine.scores(&drawn)?;
    let ours = drawn.chunks_exact(model.feature_count.max(1)).map(|row| model.predict(row));
    Ok(ours.zip(scores).map(|(ours, theirs)| apart(ours, theirs)).fold(0.0, f64::max))
}

fn apart(ours: f64, theirs: f64) -> f64 {
    match (ours.is_nan(), theirs.is_nan()) {
        (true, true) => 0.0,
        (false, false) => (ours - theirs).abs(),
        _ => f64::INFINITY,
    }
}

/// Rows one after the other.
pub fn draw_rows(model: &Staged, rows: usize, seed: u64) -> Vec<f64> {
    let compared = compared_numbers(model);
    let mut random = Random::new(seed);
    let mut drawn = Vec::with_capacity(rows * compared.len());
    for _ in 0..rows {
        let missing_share = if random.below(2) == 0 { 0.0 } else { 0.3 };
        for numbers in &compared {
            let value = match (numbers.len(), random.below(4)) {
                (0, _) | (_, 0) => random.normal() * 3.0,
                (count, 1) => numbers[random.below(count)],
                (count, _) => {
                    let (a, b) = (numbers[random.below(count)], numbers[random.below(count)]);
                    a + (b - a) * (1.4 * random.uniform() - 0.2)
                }
            };
            drawn.push(if random.uniform() < missing_share { f64::NAN } else { value });
        }
    }
    drawn
}

/// For each feature the numbers that something in the model depends on.
fn compared_numbers(model: &Staged) -> Vec<Vec<f64>> {
    let mut numbers = vec![Vec::new(); model.feature_count];
    for stage in &model.stages {
        for tree in stage.forests.iter().flat_map(|forest| &forest.trees) {
            for node in tree.nodes() {
                if let Node::Split(split) = node {
                    numbers[split.feature as usize].push(split.threshold);
                }
            }
        }
        for column in &stage.columns {
            collect(&column.function, &mut numbers[column.feature as usize]);
        }
    }
    let mut open = vec![&model.gate];
    while let Some(gate) = open.pop() {
        if let Gate::Choose(choice) = gate {
            collect(&choice.condition, &mut numbers[choice.feature as usize]);
            open.extend([&choice.yes, &choice.no]);
        }
    }
    for list in &mut numbers {
        list.retain(|number| number.is_finite());
    }
    numbers
}

fn collect(expression: &Expression, into: &mut Vec<f64>) {
    match expression {
        Expression::Feature => {}
        Expression::Number(number) => into.push(*number),
        Expression::Unary(_, inner) => collect(inner, into),
        Expression::Binary(_, left, right) => {
            collect(left, into);
            collect(right, into);
        }
        Expression::Choose(condition, yes, no) => {
            for part in [condition, yes, no] {
                collect(part, into);
            }
        }
    }
}
