//! Exact path-dependent TreeSHAP (Lundberg et al. 2018/2020), missing values included, in f64. The game is
//! that of the `shap` package: a split on an unknown feature is followed both ways, weighted by cover.
//!
//! A leaf with value v, reached through the distinct features 1..D, contributes to feature i
//!     v (o_i - z_i) sum over S of the others: |S|! (D-1-|S|)! / D! prod_{j in S} o_j prod_{j not in S} z_j
//! where o_j is 1 if the row passes every split on j along the path, else 0, and z_j is the product of the
//! cover shares of those splits. The factor is the integral of t^|S| (1-t)^(D-1-|S|) over [0, 1], so the sum is
//!     integral of prod_{j != i} (o_j t + z_j (1-t))
//! a polynomial of degree D-1 in t, which D/2 points of Gauss and Legendre integrate exactly. At a point each
//! factor has two values, and one product of all D serves every feature: for o_i = 1 it is divided by the
//! feature's own factor, for o_i = 0 the z_i cancels. Short paths read their answer from a table.

use super::model::{Aggregate, Column, Forest, Model};
use super::staged::{Gate, Staged};
use super::tree::{Node, Split, Tree};
use crate::numerics::quadrature::gauss_legendre;

/// Features on a path up to which a table of all 2^D patterns is made; 2^6 x 6 doubles are 3 KiB a leaf.
const TABLE_FEATURES: usize = 6;

/// Points that are calculated at once; `LANES` of them are exact for paths of twice as many features.
const LANES: usize = 4;

/// Contributions in the score's unit; `base` plus all of them is the prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    pub base: f64,
    pub contributions: Vec<f64>,
}

/// Prepared once for a model, then cheap for each row. Which stage answers is given, not explained: a
/// contribution is a difference from the average row of that stage.
#[derive(Debug, Clone)]
pub struct Explainer {
    feature_count: usize,
    gate: Gate,
    stages: Vec<SumExplainer>,
}

#[derive(Debug, Clone)]
struct SumExplainer {
    base: f64,
    forests: Vec<PreparedForest>,
    /// Compared with 0, which is their average over the training rows in files of ours.
    columns: Vec<Column>,
}

#[derive(Debug, Clone)]
struct PreparedForest {
    trees: Vec<PreparedTree>,
    rounds_input: bool,
}

#[derive(Debug, Clone)]
struct PreparedTree {
    splits: Vec<Split>,
    leaves: Vec<Leaf>,
}

/// What a leaf needs: its features, and which splits must go which way.
#[derive(Debug, Clone)]
struct Leaf {
    value: f64,
    features: Vec<u32>,
    zero_fractions: Vec<f64>,
    /// (slot in `features`, split, goes true)
    conditions: Vec<(u8, u32, bool)>,
    /// Contributions of each slot for each pattern of ones: row `pattern`, `features.len()` wide.
    table: Vec<f64>,
    /// Of paths too long for a table.
    points: Vec<Points>,
}

/// Some points of the integral of one leaf.
#[derive(Debug, Clone)]
struct Points {
    /// With the leaf's value and sign, what the product of all factors counts to a feature with o = 0.
    missed: [f64; LANES],
    slots: Vec<SlotAtPoints>,
}

#[derive(Debug, Clone)]
struct SlotAtPoints {
    /// The feature's factor for o = 0 and for o = 1.
    factors: [[f64; LANES]; 2],
    /// What the product of all factors counts to this feature where o = 1: its own factor is divided out.
    passed: [f64; LANES],
}

/// Why a model cannot be explained exactly; the sampling fallback says so in its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotExact {
    #[error("the file does not say how many training rows reached each node")]
    NoCovers,
    #[error("trees are combined by minimum or maximum, not by a sum")]
    NotASum,
    #[error("a path of a tree uses more than {0} features")]
    LongPath(usize),
}

/// A path can name this many distinct features; slots are bytes, and deeper trees do not occur.
const MAX_PATH_FEATURES: usize = 64;

impl Explainer {
    pub fn new(model: &Staged) -> Result<Self, NotExact> {
        let stages: Result<Vec<SumExplainer>, NotExact> =
            model.stages.iter().map(SumExplainer::new).collect();
        Ok(Self { feature_count: model.feature_count, gate: model.gate.clone(), stages: stages? })
    }

    pub fn explain(&self, row: &[f64]) -> Attribution {
        let mut contributions = vec![0.0; self.feature_count];
        let base = self.explain_into(row, &mut contributions);
        Attribution { base, contributions }
    }

    /// Adds to `contributions`, one entry a feature, without allocating for short paths; gives the base.
    pub fn explain_into(&self, row: &[f64], contributions: &mut [f64]) -> f64 {
        let stage = &self.stages[self.gate.stage_of(row)];
        stage.explain_into(row, contributions);
        stage.base
    }
}

impl SumExplainer {
    fn new(model: &Model) -> Result<Self, NotExact> {
        let mut base = model.constant;
        let mut forests = Vec::with_capacity(model.forests.len());
        for forest in &model.forests {
            let (prepared, expected) = prepare_forest(forest)?;
            base += expected;
            forests.push(prepared);
        }
        Ok(Self { base, forests, columns: model.columns.clone() })
    }

    fn explain_into(&self, row: &[f64], contributions: &mut [f64]) {
        let mut decisions = Vec::new();
        let mut rounded = Vec::new();
        for forest in &self.forests {
            let row = if forest.rounds_input {
                rounded.clear();
                rounded.extend(row.iter().map(|x| f64::from(*x as f32)));
                &rounded
            } else {
                row
            };
            for tree in &forest.trees {
                tree.add(row, &mut decisions, contributions);
            }
        }
        for column in &self.columns {
            contributions[column.feature as usize] += column.at(row);
        }
    }
}

fn prepare_forest(forest: &Forest) -> Result<(PreparedForest, f64), NotExact> {
    if forest.aggregate != Aggregate::Sum {
        return Err(NotExact::NotASum);
    }
    let mut expected = 0.0;
    let mut trees = Vec::with_capacity(forest.trees.len());
    for tree in &forest.trees {
        if let [Node::Leaf(value)] = tree.nodes() {
            expected += forest.scale * value;
            continue;
        }
        let covers = tree.covers().ok_or(NotExact::NoCovers)?;
        let prepared = prepare_tree(tree, covers, forest.scale)?;
        expected += prepared
            .leaves
            .iter()
            .map(|leaf| leaf.value * leaf.zero_fractions.iter().product::<f64>())
            .sum::<f64>();
        trees.push(prepared);
    }
    Ok((PreparedForest { trees, rounds_input: forest.rounds_input }, expected))
}

/// On the way to a leaf: the split's number, whether the path goes its true way, that side's cover share.
type Step = (u32, bool, f64);

fn prepare_tree(tree: &Tree, covers: &[f64], scale: f64) -> Result<PreparedTree, NotExact> {
    let mut splits = Vec::new();
    let mut leaves = Vec::new();
    let mut open: Vec<(u32, Vec<Step>)> = vec![(0, Vec::new())];
    while let Some((at, path)) = open.pop() {
        match &tree.nodes()[at as usize] {
            Node::Leaf(value) => leaves.push(prepare_leaf(scale * value, &path, &splits)?),
            Node::Split(split) => {
                let number = splits.len() as u32;
                splits.push(*split);
                // Shares of the children's sum, so that a maker's rounding cannot break additivity.
                let (yes, no) = (covers[split.on_true as usize], covers[split.on_false as usize]);
                for (child, goes_true, cover) in [(split.on_true, true, yes), (split.on_false, false, no)] {
                    let mut longer = path.clone();
                    longer.push((number, goes_true, cover / (yes + no)));
                    open.push((child, longer));
                }
            }
        }
    }
    Ok(PreparedTree { splits, leaves })
}

fn prepare_leaf(value: f64, path: &[Step], splits: &[Split]) -> Result<Leaf, NotExact> {
    let mut leaf = Leaf {
        value,
        features: Vec::new(),
        zero_fractions: Vec::new(),
        conditions: Vec::new(),
        table: Vec::new(),
        points: Vec::new(),
    };
    for (split, goes_true, share) in path {
        let feature = splits[*split as usize].feature;
        let slot = leaf.features.iter().position(|known| *known == feature).unwrap_or_else(|| {
            leaf.features.push(feature);
            leaf.zero_fractions.push(1.0);
            leaf.features.len() - 1
        });
        if slot >= MAX_PATH_FEATURES {
            return Err(NotExact::LongPath(MAX_PATH_FEATURES));
        }
        leaf.zero_fractions[slot] *= share;
        leaf.conditions.push((slot as u8, *split, *goes_true));
    }
    leaf.points = points_of(&leaf);
    let width = leaf.features.len();
    if width <= TABLE_FEATURES {
        leaf.table = vec![0.0; width << width];
        for pattern in 0..1usize << width {
            let row = pattern * width..(pattern + 1) * width;
            add_points(&leaf.points, pattern as u64, |slot, share| leaf.table[row.start + slot] += share);
        }
        leaf.points = Vec::new();
    }
    Ok(leaf)
}

impl PreparedTree {
    fn add(&self, row: &[f64], decisions: &mut Vec<bool>, contributions: &mut [f64]) {
        decisions.clear();
        decisions.extend(self.splits.iter().map(|split| split.goes_true(row[split.feature as usize])));
        for leaf in &self.leaves {
            let width = leaf.features.len();
            let mut failed = 0u64;
            for (slot, split, goes_true) in &leaf.conditions {
                failed |= u64::from(decisions[*split as usize] != *goes_true) << slot;
            }
            let pattern = !failed & (u64::MAX >> (64 - width));
            if leaf.table.is_empty() {
                add_points(&leaf.points, pattern, |slot, share| {
                    contributions[leaf.features[slot] as usize] += share;
                });
            } else {
                let start = pattern as usize * width;
                for (feature, contribution) in leaf.features.iter().zip(&leaf.table[start..start + width]) {
                    contributions[*feature as usize] += contribution;
                }
            }
        }
    }
}

/// The factors of the module's head at as many points as the path needs, `LANES` at a time.
fn points_of(leaf: &Leaf) -> Vec<Points> {
    let blocks = leaf.features.len().div_ceil(2 * LANES);
    let all = gauss_legendre(blocks * LANES);
    let block = |points: &[(f64, f64)]| {
        let at = |value: &dyn Fn(f64, f64) -> f64| -> [f64; LANES] {
            std::array::from_fn(|lane| value(points[lane].0, points[lane].1))
        };
        let slot = |share: &f64| SlotAtPoints {
            factors: [at(&|t, _| share * (1.0 - t)), at(&|t, _| t + share * (1.0 - t))],
            passed: at(&|t, weight| leaf.value * (1.0 - share) * weight / (t + share * (1.0 - t))),
        };
        Points {
            missed: at(&|t, weight| -leaf.value * weight / (1.0 - t)),
            slots: leaf.zero_fractions.iter().map(slot).collect(),
        }
    };
    all.chunks_exact(LANES).map(block).collect()
}

/// Gives each slot its contribution for one pattern of ones (bit = slot), in as many parts as there are blocks.
fn add_points(blocks: &[Points], pattern: u64, mut add: impl FnMut(usize, f64)) {
    let is_one = |slot: usize| (pattern >> slot & 1) as usize;
    for block in blocks {
        let mut product = [1.0; LANES];
        for (slot, at) in block.slots.iter().enumerate() {
            let factors = &at.factors[is_one(slot)];
            product = std::array::from_fn(|lane| product[lane] * factors[lane]);
        }
        let counted = |by: &[f64; LANES]| -> f64 {
            let [a, b, c, d]: [f64; LANES] = std::array::from_fn(|lane| product[lane] * by[lane]);
            (a + b) + (c + d)
        };
        let missed = counted(&block.missed);
        for (slot, at) in block.slots.iter().enumerate() {
            add(slot, if is_one(slot) == 1 { counted(&at.passed) } else { missed });
        }
    }
}

#[cfg(test)]
#[path = "shap_tests.rs"]
mod tests;
