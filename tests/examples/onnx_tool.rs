//! Lets the Python scripts in tests/onnx talk to our ONNX code: `sample SEED` and `forest TREES DEPTH` write
//! a model of ours to stdout; `predict FILE`, `second FILE`, `explain FILE` and `time FILE` read little-endian f64 rows
//! from stdin and write little-endian f64 back: predictions, those of the second engine, base and contributions, or
//! seconds for all rows.

use std::io::{self, Read, Write};
use std::time::Instant;

use foretune_core::hash;
use foretune_core::predict::expression::{Binary, Expression, Unary};
use foretune_core::predict::model::{Column, Forest, Model};
use foretune_core::predict::onnx;
use foretune_core::predict::shap::Explainer;
use foretune_core::predict::staged::Staged;
use foretune_core::predict::tree::{Branch, Node, Split, Tree};
use foretune_tract::Engine;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["sample", seed] => {
            let card = ("card".into(), "{\"made\":\"by a test\"}".into());
            io::stdout().write_all(&onnx::write(&sample(seed.parse()?), &[card]))?;
        }
        ["predict", file] => {
            let model = onnx::read(&std::fs::read(file)?)?.model;
            for row in rows(model.feature_count)? {
                io::stdout().write_all(&model.predict(&row).to_le_bytes())?;
            }
        }
        ["second", file] => {
            let engine = Engine::open(&std::fs::read(file)?)?;
            for score in engine.scores(&rows(engine.feature_count())?.concat())? {
                io::stdout().write_all(&score.to_le_bytes())?;
            }
        }
        ["forest", trees, depth] => {
            let mut draw = Draw { state: 11 };
            let mut model = Model::constant(30, 40.0);
            let depth: u32 = depth.parse()?;
            let trees = (0..trees.parse()?).map(|_| sample_tree(&mut draw, 30, depth, 1)).collect();
            model.forests.push(Forest::sum(trees));
            io::stdout().write_all(&onnx::write(&model.into(), &[]))?;
        }
        ["explain", file] => {
            let model = onnx::read(&std::fs::read(file)?)?.model;
            let explainer = Explainer::new(&model)?;
            for row in rows(model.feature_count)? {
                let found = explainer.explain(&row);
                for value in [found.base].iter().chain(&found.contributions) {
                    io::stdout().write_all(&value.to_le_bytes())?;
                }
            }
        }
        ["time", file] => {
            let model = onnx::read(&std::fs::read(file)?)?.model;
            let rows = rows(model.feature_count)?;
            let started = Instant::now();
            let explainer = Explainer::new(&model)?;
            let mut contributions = vec![0.0; model.feature_count];
            let mut total = 0.0;
            for row in &rows {
                contributions.fill(0.0);
                explainer.explain_into(row, &mut contributions);
                total += contributions[0];
            }
            // The sum keeps the work from being optimised away.
            assert!(total.is_finite());
            io::stdout().write_all(&started.elapsed().as_secs_f64().to_le_bytes())?;
        }
        _ => {
            return Err(
                "usage: onnx_tool sample SEED | forest TREES DEPTH | predict | second | explain | time FILE"
                    .into(),
            );
        }
    }
    Ok(())
}

fn rows(width: usize) -> io::Result<Vec<Vec<f64>>> {
    let mut bytes = Vec::new();
    io::stdin().read_to_end(&mut bytes)?;
    let numbers: Vec<f64> =
        bytes.chunks_exact(8).map(|word| f64::from_le_bytes(word.try_into().expect("8 bytes"))).collect();
    Ok(numbers.chunks_exact(width).map(<[f64]>::to_vec).collect())
}

/// Every third one chooses between three models, by a missing value and by a limit.
fn sample(seed: u64) -> Staged {
    let model = |seed| Staged::from(sample_model(seed));
    if !seed.is_multiple_of(3) {
        return model(seed);
    }
    let missing = Expression::unary(Unary::IsMissing, Expression::Feature);
    let low = Expression::binary(Binary::LessOrEqual, Expression::Feature, Expression::Number(0.25));
    let read = Staged::choice(3, low, model(seed + 1), model(seed + 2));
    let all = read.and_then(|read| Staged::choice(2, missing, model(seed), read));
    all.expect("three stages are within the limits")
}

/// Random trees with every branch mode and both directions for missing values, and a linear part with
/// every transformation that our fits use.
fn sample_model(seed: u64) -> Model {
    let mut draw = Draw { state: seed };
    let width = 12;
    let mut model = Model::constant(width, 41.5);
    let trees = (0..60).map(|_| sample_tree(&mut draw, width, 6, 6)).collect();
    model.forests.push(Forest { scale: 0.125, ..Forest::sum(trees) });
    for feature in 0..width as u32 {
        let filled = Expression::Choose(
            Expression::unary(Unary::IsMissing, Expression::Feature).into(),
            Expression::Number(draw.normal()).into(),
            Expression::Feature.into(),
        );
        let shaped = if feature % 3 == 0 { signed_log(filled) } else { filled };
        let centred = Expression::binary(Binary::Subtract, shaped, Expression::Number(draw.normal()));
        let low = Expression::binary(Binary::Maximum, centred, Expression::Number(-2.0));
        let function = Expression::binary(Binary::Minimum, low, Expression::Number(2.5));
        model.columns.push(Column { feature, weight: 3.0 * draw.normal(), function });
        let function = Expression::unary(Unary::IsMissing, Expression::Feature);
        model.columns.push(Column { feature, weight: draw.normal(), function });
    }
    model
}

fn signed_log(inner: Expression) -> Expression {
    let magnitude = Expression::binary(
        Binary::Add,
        Expression::unary(Unary::Abs, inner.clone()),
        Expression::Number(1.0),
    );
    Expression::binary(
        Binary::Multiply,
        Expression::unary(Unary::Sign, inner),
        Expression::unary(Unary::Log, magnitude),
    )
}

/// The first `mode_count` comparisons are used; covers are whole numbers, as those of real fits.
fn sample_tree(draw: &mut Draw, width: usize, depth_limit: u32, mode_count: u64) -> Tree {
    let modes = [
        Branch::LessOrEqual,
        Branch::Less,
        Branch::GreaterOrEqual,
        Branch::Greater,
        Branch::Equal,
        Branch::NotEqual,
    ];
    let mut nodes = vec![Node::Leaf(0.0)];
    let mut covers = vec![1024.0];
    let mut open = vec![(0usize, 0u32)];
    while let Some((at, depth)) = open.pop() {
        if depth == depth_limit || covers[at] < 4.0 || (depth > 1 && draw.below(6) == 0) {
            nodes[at] = Node::Leaf(draw.normal());
            continue;
        }
        let child = nodes.len();
        nodes[at] = Node::Split(Split {
            feature: draw.below(width as u64) as u32,
            branch: modes[draw.below(mode_count) as usize],
            missing_goes_true: draw.below(2) == 0,
            // Whole numbers among the thresholds, so that equality is met by whole-numbered rows.
            threshold: if draw.below(2) == 0 { draw.normal().round() } else { draw.normal() },
            on_true: child as u32,
            on_false: child as u32 + 1,
        });
        let low = (covers[at] * (0.1 + 0.8 * draw.unit())).round().clamp(1.0, covers[at] - 1.0);
        covers.extend([low, covers[at] - low]);
        nodes.extend([Node::Leaf(0.0), Node::Leaf(0.0)]);
        open.extend([(child, depth + 1), (child + 1, depth + 1)]);
    }
    Tree::new(nodes, Some(covers), width).expect("children are numbered after their parents")
}

struct Draw {
    state: u64,
}

impl Draw {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(1);
        hash::combine(self.state, 7)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Close enough to normal for a test: the sum of twelve uniform draws.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}
