//! TreeSHAP beside its definition: every subset of features, followed through the trees by hand.

use super::*;
use crate::hash;
use crate::predict::expression::Unary;
use crate::predict::expression::{Binary, Expression};
use crate::predict::model::Column;
use crate::predict::staged::Staged;
use crate::predict::tree::Branch;

struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 += 1;
        hash::combine(self.0, 99)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn random_tree(draw: &mut Draw, features: usize, depth_limit: u32) -> Tree {
    let mut nodes = vec![Node::Leaf(0.0)];
    let mut covers = vec![100.0];
    let mut open = vec![(0usize, 0)];
    while let Some((at, depth)) = open.pop() {
        if depth == depth_limit || (depth > 1 && draw.below(5) == 0) {
            nodes[at] = Node::Leaf(draw.unit() * 10.0 - 5.0);
            continue;
        }
        let child = nodes.len() as u32;
        nodes[at] = Node::Split(Split {
            feature: draw.below(features as u64) as u32,
            branch: if draw.below(2) == 0 { Branch::LessOrEqual } else { Branch::NotEqual },
            missing_goes_true: draw.below(2) == 0,
            threshold: draw.below(3) as f64,
            on_true: child,
            on_false: child + 1,
        });
        let share = 0.05 + 0.9 * draw.unit();
        covers.extend([covers[at] * share, covers[at] * (1.0 - share)]);
        nodes.extend([Node::Leaf(0.0), Node::Leaf(0.0)]);
        open.extend([(child as usize, depth + 1), (child as usize + 1, depth + 1)]);
    }
    Tree::new(nodes, Some(covers), features).unwrap()
}

fn random_row(draw: &mut Draw, features: usize) -> Vec<f64> {
    (0..features).map(|_| if draw.below(5) == 0 { f64::NAN } else { draw.below(4) as f64 - 0.5 }).collect()
}

/// The value of the game for a set of known features.
fn known_value(tree: &Tree, at: u32, row: &[f64], known: u32) -> f64 {
    match &tree.nodes()[at as usize] {
        Node::Leaf(value) => *value,
        Node::Split(split) => {
            if known >> split.feature & 1 == 1 {
                let goes_true = split.goes_true(row[split.feature as usize]);
                return known_value(tree, if goes_true { split.on_true } else { split.on_false }, row, known);
            }
            let covers = tree.covers().unwrap();
            let (yes, no) = (covers[split.on_true as usize], covers[split.on_false as usize]);
            (yes * known_value(tree, split.on_true, row, known)
                + no * known_value(tree, split.on_false, row, known))
                / (yes + no)
        }
    }
}

fn brute_force(tree: &Tree, row: &[f64], features: usize) -> Vec<f64> {
    let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
    let mut shap = vec![0.0; features];
    for known in 0u32..1 << features {
        for (feature, value) in shap.iter_mut().enumerate() {
            if known >> feature & 1 == 0 {
                let size = known.count_ones();
                let weight =
                    factorial(size) * factorial(features as u32 - 1 - size) / factorial(features as u32);
                let gain = known_value(tree, 0, row, known | 1 << feature) - known_value(tree, 0, row, known);
                *value += weight * gain;
            }
        }
    }
    shap
}

#[test]
fn equal_to_every_subset_on_small_trees() {
    let mut draw = Draw(5);
    for round in 0..40 {
        let features = 2 + round % 6;
        let tree = random_tree(&mut draw, features, 2 + (round % 4) as u32);
        let mut model = Model::constant(features, 1.5);
        model.forests.push(Forest::sum(vec![tree.clone()]));
        let explainer = Explainer::new(&model.clone().into()).unwrap();
        for _ in 0..8 {
            let row = random_row(&mut draw, features);
            let found = explainer.explain(&row);
            for (found, expected) in found.contributions.iter().zip(brute_force(&tree, &row, features)) {
                assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
            }
        }
    }
}

#[test]
fn contributions_and_base_add_up_to_the_prediction_on_deep_trees() {
    let mut draw = Draw(77);
    let features = 24;
    let mut model = Model::constant(features, 3.0);
    let trees: Vec<Tree> = (0..6).map(|_| random_tree(&mut draw, features, 11)).collect();
    model.forests.push(Forest { scale: 0.3, ..Forest::sum(trees) });
    let explainer = Explainer::new(&model.clone().into()).unwrap();
    for _ in 0..30 {
        let row = random_row(&mut draw, features);
        let found = explainer.explain(&row);
        let total = found.base + found.contributions.iter().sum::<f64>();
        assert!((total - model.predict(&row)).abs() < 1e-9);
    }
}

#[test]
fn a_linear_part_is_its_difference_from_the_average() {
    let mut model = Model::constant(2, 10.0);
    let function = Expression::binary(Binary::Subtract, Expression::Feature, Expression::Number(1.0));
    model.columns.push(Column { feature: 1, weight: 2.0, function });
    let explainer = Explainer::new(&model.into()).unwrap();
    assert_eq!(explainer.explain(&[0.0, 6.0]), Attribution { base: 10.0, contributions: vec![0.0, 10.0] });
}

#[test]
fn each_stage_is_explained_by_itself() {
    let stage = |constant: f64| {
        let mut model = Model::constant(2, constant);
        model.columns.push(Column { feature: 1, weight: constant, function: Expression::Feature });
        Staged::from(model)
    };
    let missing = Expression::unary(Unary::IsMissing, Expression::Feature);
    let model = Staged::choice(0, missing, stage(1.0), stage(2.0)).unwrap();
    let explainer = Explainer::new(&model).unwrap();
    let before = explainer.explain(&[f64::NAN, 3.0]);
    let after = explainer.explain(&[0.0, 3.0]);
    assert_eq!(before, Attribution { base: 1.0, contributions: vec![0.0, 3.0] });
    assert_eq!(after, Attribution { base: 2.0, contributions: vec![0.0, 6.0] });
}

#[test]
fn what_has_no_covers_is_not_called_exact() {
    let nodes = vec![
        Node::Split(Split {
            feature: 0,
            branch: Branch::Less,
            missing_goes_true: false,
            threshold: 0.0,
            on_true: 1,
            on_false: 2,
        }),
        Node::Leaf(1.0),
        Node::Leaf(2.0),
    ];
    let mut model = Model::constant(1, 0.0);
    model.forests.push(Forest::sum(vec![Tree::new(nodes, None, 1).unwrap()]));
    assert_eq!(Explainer::new(&model.clone().into()).unwrap_err(), NotExact::NoCovers);
    model.forests[0].aggregate = Aggregate::Maximum;
    assert_eq!(Explainer::new(&model.clone().into()).unwrap_err(), NotExact::NotASum);
}
