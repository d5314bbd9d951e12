//! Learners and what they learn: the score itself, or its change from a value that is known already. Each
//! ends as one `Model`, a stack included.

use serde::{Deserialize, Serialize};

use super::additive::{self, AdditiveOptions};
use super::extra_trees::{self, ExtraTreesOptions};
use super::table::Table;
use crate::features;
use crate::numerics::boosted_trees::{BoostOptions, BoostedNode, BoostedTree, BoostedTrees};
use crate::numerics::{Matrix, stats};
use crate::predict::expression::{Expression, Unary};
use crate::predict::model::{Column, Forest, Model};
use crate::predict::tree::{Branch, Node, Split, Tree};

#[derive(Debug, Clone, PartialEq)]
pub enum Learner {
    Mean,
    Additive(AdditiveOptions),
    Boosted(BoostOptions),
    ExtraTrees(ExtraTreesOptions),
}

/// What is learned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    Score,
    /// The change from this feature's value; where it is missing, from its mean over the training rows.
    ChangeFrom(String),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    pub name: String,
    pub learner: Learner,
    pub target: Target,
}

impl Recipe {
    pub fn fit(&self, table: &Table) -> Model {
        let known = match &self.target {
            Target::Score => None,
            Target::ChangeFrom(name) => changes(table, name),
        };
        let Some((anchor, change)) = known else { return self.fit_to(table, &table.target) };
        let mut model = self.fit_to(table, &change);
        model.add(anchor, 1.0);
        model
    }

    /// To another target than the table's own.
    fn fit_to(&self, table: &Table, target: &[f64]) -> Model {
        match &self.learner {
            Learner::Mean => Model::constant(table.names.len(), stats::mean(target)),
            Learner::Additive(options) => additive::fit(table, target, *options),
            Learner::ExtraTrees(options) => extra_trees::fit(table, target, *options),
            Learner::Boosted(options) => {
                let boosted = BoostedTrees::fit(&Matrix::from_rows(&table.rows), target, *options);
                as_model(&boosted, table.names.len())
            }
        }
    }
}

/// What is added to a learned change, and the change to learn.
pub fn changes(table: &Table, name: &str) -> Option<(Model, Vec<f64>)> {
    let anchor = anchor(table, table.column_index(name)?);
    let change = table.rows.iter().zip(&table.target).map(|(row, y)| y - anchor.predict(row)).collect();
    Some((anchor, change))
}

/// The feature itself in points, centred so that an average row contributes nothing; its mean where it is missing.
fn anchor(table: &Table, column: usize) -> Model {
    let is_share = features::find(&table.names[column]).is_some_and(|feature| feature.unit == "share");
    let points = if is_share { 100.0 } else { 1.0 };
    let present: Vec<f64> = table.column(column).into_iter().filter(|value| !value.is_nan()).collect();
    let centre = if present.is_empty() { 0.0 } else { stats::mean(&present) };
    let filled = Expression::Choose(
        Expression::unary(Unary::IsMissing, Expression::Feature).into(),
        Expression::Number(centre).into(),
        Expression::Feature.into(),
    );
    let function =
        Expression::binary(crate::predict::expression::Binary::Subtract, filled, Expression::Number(centre));
    let mut model = Model::constant(table.names.len(), points * centre);
    model.columns.push(Column { feature: column as u32, weight: points, function });
    model
}

pub fn as_model(boosted: &BoostedTrees, width: usize) -> Model {
    let mut model = Model::constant(width, boosted.base_score());
    model.forests.push(Forest::sum(boosted.trees().iter().map(|tree| as_tree(tree, width)).collect()));
    model
}

fn as_tree(tree: &BoostedTree, width: usize) -> Tree {
    let nodes = tree
        .nodes()
        .iter()
        .map(|node| match node {
            BoostedNode::Leaf { value } => Node::Leaf(*value),
            BoostedNode::Split { column, threshold, missing_low, low, high, .. } => Node::Split(Split {
                feature: *column as u32,
                branch: Branch::LessOrEqual,
                missing_goes_true: *missing_low,
                threshold: *threshold,
                on_true: *low as u32,
                on_false: *high as u32,
            }),
        })
        .collect();
    let covers = tree.covers().iter().map(|cover| *cover as f64).collect();
    Tree::new(nodes, Some(covers), width).expect("a grown tree has its children after their parents")
}
