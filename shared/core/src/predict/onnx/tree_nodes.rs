//! The two tree operators of `ai.onnx.ml`: TreeEnsembleRegressor (opsets 1 and 3, with the `_as_tensor`
//! double attributes) and TreeEnsemble (opset 5). Both end as the same checked trees.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::error::{OnnxError, TreeFault};
use super::proto::{Attribute, Node as GraphNode};
use crate::limits;
use crate::predict::model::{Aggregate, Forest};
use crate::predict::tree::{Branch, Node, Split, Tree};

/// A forest and what is added to its aggregate.
#[derive(Debug)]
pub struct TreeNode {
    pub forest: Forest,
    pub base: f64,
}

/// Metadata key of `Covers`, as JSON.
pub const COVERS_KEY: &str = "foretune_covers";

/// How many training rows reached each split and each leaf: a list for each TreeEnsemble node of the graph,
/// in the order of its own lists.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Covers {
    pub splits: Vec<Vec<f64>>,
    pub leaves: Vec<Vec<f64>>,
}

/// TreeEnsembleRegressor. As in onnxruntime the first node listed of a tree is its root, and weights on
/// nodes that split are ignored.
pub fn regressor(node: &GraphNode, feature_count: usize) -> Result<TreeNode, OnnxError> {
    let read = Reader { node, operator: "TreeEnsembleRegressor" };
    read.refuse_post_transform()?;
    if read.int("n_targets", 1)? != 1 {
        return Err(read.fault("it has more than one target"));
    }
    let tree_ids = read.ints("nodes_treeids");
    let node_ids = read.ints("nodes_nodeids");
    let count = tree_ids.len();
    read.same_length("nodes_nodeids", node_ids.len(), count)?;
    let features = read.ints("nodes_featureids");
    read.same_length("nodes_featureids", features.len(), count)?;
    let modes = read.texts("nodes_modes");
    read.same_length("nodes_modes", modes.len(), count)?;
    let thresholds = read.numbers("nodes_values")?;
    read.same_length("nodes_values", thresholds.len(), count)?;
    let on_true = read.ints("nodes_truenodeids");
    read.same_length("nodes_truenodeids", on_true.len(), count)?;
    let on_false = read.ints("nodes_falsenodeids");
    read.same_length("nodes_falsenodeids", on_false.len(), count)?;
    let missing = read.ints("nodes_missing_value_tracks_true");
    if !missing.is_empty() {
        read.same_length("nodes_missing_value_tracks_true", missing.len(), count)?;
    }
    let covers = read.numbers("nodes_hitrates")?;
    if !covers.is_empty() {
        read.same_length("nodes_hitrates", covers.len(), count)?;
    }
    let leaf_values = read.leaf_values()?;

    let mut starts: Vec<usize> =
        (0..count).filter(|index| *index == 0 || tree_ids[*index] != tree_ids[index - 1]).collect();
    let mut names = HashSet::new();
    if let Some(twice) = starts.iter().find(|start| !names.insert(tree_ids[**start])) {
        return Err(read.fault(&format!("the nodes of tree {} do not stand together", tree_ids[*twice])));
    }
    starts.push(count);

    let mut trees = Vec::with_capacity(starts.len().saturating_sub(1));
    for (tree_index, range) in starts.windows(2).enumerate() {
        let in_tree = |what| OnnxError::Tree { tree: tree_index, what };
        let range = range[0]..range[1];
        let mut index_of = HashMap::with_capacity(range.len());
        for at in range.clone() {
            if index_of.insert(node_ids[at], (at - range.start) as u32).is_some() {
                return Err(read.fault(&format!("tree {} has two nodes {}", tree_ids[at], node_ids[at])));
            }
        }
        let mut nodes = Vec::with_capacity(range.len());
        for at in range.clone() {
            let here = (at - range.start) as u32;
            let Some(branch) = read.mode(&modes[at])? else {
                let value = leaf_values.get(&(tree_ids[at], node_ids[at])).copied().unwrap_or(0.0);
                nodes.push(Node::Leaf(value));
                continue;
            };
            let child = |id: i64| index_of.get(&id).copied().ok_or(in_tree(TreeFault::Child(here)));
            nodes.push(Node::Split(Split {
                feature: feature_index(features[at], feature_count)
                    .ok_or(in_tree(TreeFault::Feature(here, features[at] as u64)))?,
                branch,
                missing_goes_true: missing.get(at).is_some_and(|track| *track != 0),
                threshold: thresholds[at],
                on_true: child(on_true[at])?,
                on_false: child(on_false[at])?,
            }));
        }
        let covers = (!covers.is_empty()).then(|| covers[range].to_vec());
        trees.push(Tree::new(nodes, covers, feature_count).map_err(in_tree)?);
    }
    let base = match read.numbers("base_values")?.as_slice() {
        [] => 0.0,
        [base] if base.is_finite() => *base,
        _ => return Err(read.fault("its base value is not one finite number")),
    };
    let (aggregate, scale) = match read.text("aggregate_function")?.unwrap_or("SUM") {
        "SUM" => (Aggregate::Sum, 1.0),
        "AVERAGE" => (Aggregate::Sum, 1.0 / trees.len().max(1) as f64),
        "MIN" => (Aggregate::Minimum, 1.0),
        "MAX" => (Aggregate::Maximum, 1.0),
        other => return Err(read.fault(&format!("no aggregate is called {other:?}"))),
    };
    Ok(TreeNode { forest: Forest { trees, aggregate, scale, rounds_input: false }, base })
}

/// TreeEnsemble. Its splits and leaves are two lists and only splits may have hit rates, so covers come
/// from the file's metadata where its maker wrote them there: (of splits, of leaves).
pub fn ensemble(
    node: &GraphNode,
    feature_count: usize,
    covers: Option<(&[f64], &[f64])>,
) -> Result<TreeNode, OnnxError> {
    let read = Reader { node, operator: "TreeEnsemble" };
    if read.int("post_transform", 0)? != 0 {
        return Err(read.fault("its output is transformed; a regressor's is not"));
    }
    if read.int("n_targets", 1)? != 1 {
        return Err(read.fault("it has more than one target"));
    }
    if read.attribute("membership_values").is_some_and(|found| found.tensor.is_some()) {
        return Err(read.fault("it splits on set membership"));
    }
    let features = read.ints("nodes_featureids");
    let count = features.len();
    let modes = read.tensor_ints("nodes_modes")?;
    read.same_length("nodes_modes", modes.len(), count)?;
    let thresholds = read.tensor_numbers("nodes_splits")?;
    read.same_length("nodes_splits", thresholds.len(), count)?;
    let on_true = read.ints("nodes_truenodeids");
    read.same_length("nodes_truenodeids", on_true.len(), count)?;
    let on_false = read.ints("nodes_falsenodeids");
    read.same_length("nodes_falsenodeids", on_false.len(), count)?;
    let true_is_leaf = read.ints("nodes_trueleafs");
    read.same_length("nodes_trueleafs", true_is_leaf.len(), count)?;
    let false_is_leaf = read.ints("nodes_falseleafs");
    read.same_length("nodes_falseleafs", false_is_leaf.len(), count)?;
    let missing = read.ints("nodes_missing_value_tracks_true");
    if !missing.is_empty() {
        read.same_length("nodes_missing_value_tracks_true", missing.len(), count)?;
    }
    let leaf_values = read.tensor_numbers("leaf_weights")?;
    let leaf_targets = read.ints("leaf_targetids");
    read.same_length("leaf_targetids", leaf_targets.len(), leaf_values.len())?;
    if leaf_targets.iter().any(|target| *target != 0) {
        return Err(read.fault("a leaf has a target above 0"));
    }
    let known = covers.filter(|(splits, leaves)| splits.len() == count && leaves.len() == leaf_values.len());

    let mut trees = Vec::new();
    let mut visited = vec![false; count];
    let mut total = 0usize;
    for (tree_index, root) in read.ints("tree_roots").iter().enumerate() {
        let in_tree = |what| OnnxError::Tree { tree: tree_index, what };
        let mut nodes = Vec::new();
        let mut covers = known.map(|_| Vec::new());
        // (is a leaf, index in its list), in the order in which the new tree numbers them
        let mut queue = vec![(false, *root)];
        let mut next = 0;
        while let Some(&(is_leaf, index)) = queue.get(next) {
            let here = next as u32;
            next += 1;
            if is_leaf {
                let at = usize::try_from(index).ok().filter(|at| *at < leaf_values.len());
                let at = at.ok_or(in_tree(TreeFault::Child(here)))?;
                nodes.push(Node::Leaf(leaf_values[at]));
                if let (Some(covers), Some((_, leaves))) = (&mut covers, known) {
                    covers.push(leaves[at]);
                }
                continue;
            }
            let at = usize::try_from(index).ok().filter(|at| *at < count);
            let at = at.ok_or(in_tree(TreeFault::Child(here)))?;
            if std::mem::replace(&mut visited[at], true) {
                return Err(in_tree(TreeFault::Cycle(at as u32)));
            }
            if let (Some(covers), Some((splits, _))) = (&mut covers, known) {
                covers.push(splits[at]);
            }
            let child = queue.len() as u32;
            queue.push((true_is_leaf[at] != 0, on_true[at]));
            queue.push((false_is_leaf[at] != 0, on_false[at]));
            nodes.push(Node::Split(Split {
                feature: feature_index(features[at], feature_count)
                    .ok_or(in_tree(TreeFault::Feature(here, features[at] as u64)))?,
                branch: branch_of_code(modes[at])
                    .ok_or_else(|| read.fault(&format!("no branch mode has the number {}", modes[at])))?,
                missing_goes_true: missing.get(at).is_some_and(|track| *track != 0),
                threshold: thresholds[at],
                on_true: child,
                on_false: child + 1,
            }));
        }
        total += nodes.len();
        if total > limits::MAX_ONNX_ELEMENTS {
            return Err(OnnxError::TooMany {
                what: "tree nodes",
                found: total as u64,
                limit: limits::MAX_ONNX_ELEMENTS as u64,
            });
        }
        trees.push(Tree::new(nodes, covers, feature_count).map_err(in_tree)?);
    }
    let (aggregate, scale) = match read.int("aggregate_function", 1)? {
        0 => (Aggregate::Sum, 1.0 / trees.len().max(1) as f64),
        1 => (Aggregate::Sum, 1.0),
        2 => (Aggregate::Minimum, 1.0),
        3 => (Aggregate::Maximum, 1.0),
        other => return Err(read.fault(&format!("no aggregate has the number {other}"))),
    };
    Ok(TreeNode { forest: Forest { trees, aggregate, scale, rounds_input: false }, base: 0.0 })
}

fn feature_index(id: i64, feature_count: usize) -> Option<u32> {
    usize::try_from(id).ok().filter(|id| *id < feature_count).map(|id| id as u32)
}

fn branch_of_code(code: i64) -> Option<Branch> {
    Some(match code {
        0 => Branch::LessOrEqual,
        1 => Branch::Less,
        2 => Branch::GreaterOrEqual,
        3 => Branch::Greater,
        4 => Branch::Equal,
        5 => Branch::NotEqual,
        _ => return None,
    })
}

pub fn code_of_branch(branch: Branch) -> u8 {
    match branch {
        Branch::LessOrEqual => 0,
        Branch::Less => 1,
        Branch::GreaterOrEqual => 2,
        Branch::Greater => 3,
        Branch::Equal => 4,
        Branch::NotEqual => 5,
    }
}

/// Attributes of one node, with errors that name it.
struct Reader<'a> {
    node: &'a GraphNode,
    operator: &'static str,
}

impl<'a> Reader<'a> {
    fn attribute(&self, name: &str) -> Option<&'a Attribute> {
        self.node.attributes.iter().find(|attribute| attribute.name == name)
    }

    fn fault(&self, what: &str) -> OnnxError {
        OnnxError::Node { node: self.node.name.clone(), operator: self.operator, what: what.to_owned() }
    }

    fn same_length(&self, name: &str, found: usize, expected: usize) -> Result<(), OnnxError> {
        if found == expected {
            return Ok(());
        }
        Err(self.fault(&format!("{name} has {found} entries where {expected} are needed")))
    }

    fn int(&self, name: &str, default: i64) -> Result<i64, OnnxError> {
        match self.attribute(name) {
            None => Ok(default),
            Some(attribute) => attribute.int.ok_or_else(|| self.fault(&format!("{name} is not an integer"))),
        }
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, OnnxError> {
        match self.attribute(name) {
            None => Ok(None),
            Some(attribute) => {
                let text = attribute.text.as_deref();
                text.map(Some).ok_or_else(|| self.fault(&format!("{name} is not text")))
            }
        }
    }

    fn ints(&self, name: &str) -> &'a [i64] {
        self.attribute(name).map_or(&[], |attribute| &attribute.ints)
    }

    fn texts(&self, name: &str) -> &'a [String] {
        self.attribute(name).map_or(&[], |attribute| &attribute.texts)
    }

    /// The float list, or its double form under `NAME_as_tensor`.
    fn numbers(&self, name: &str) -> Result<Vec<f64>, OnnxError> {
        let as_tensor = self.tensor_numbers(&format!("{name}_as_tensor"))?;
        let floats = self.attribute(name).map_or(&[][..], |attribute| &attribute.floats);
        match (as_tensor.is_empty(), floats.is_empty()) {
            (false, false) => Err(self.fault(&format!("{name} is given twice"))),
            (false, true) => Ok(as_tensor),
            _ => Ok(floats.to_vec()),
        }
    }

    fn tensor_numbers(&self, name: &str) -> Result<Vec<f64>, OnnxError> {
        match self.attribute(name) {
            None => Ok(Vec::new()),
            Some(Attribute { tensor: Some(tensor), .. }) if tensor.ints.is_empty() => {
                Ok(tensor.numbers.clone())
            }
            Some(_) => Err(self.fault(&format!("{name} is not a tensor of numbers"))),
        }
    }

    fn tensor_ints(&self, name: &str) -> Result<Vec<i64>, OnnxError> {
        match self.attribute(name) {
            None => Ok(Vec::new()),
            Some(Attribute { tensor: Some(tensor), .. }) if tensor.numbers.is_empty() => {
                Ok(tensor.ints.clone())
            }
            Some(_) => Err(self.fault(&format!("{name} is not a tensor of integers"))),
        }
    }

    fn refuse_post_transform(&self) -> Result<(), OnnxError> {
        match self.text("post_transform")?.unwrap_or("NONE") {
            "NONE" => Ok(()),
            other => Err(self.fault(&format!("its output goes through {other}; a regressor's does not"))),
        }
    }

    /// `None` for a leaf.
    fn mode(&self, text: &str) -> Result<Option<Branch>, OnnxError> {
        Ok(Some(match text {
            "LEAF" => return Ok(None),
            "BRANCH_LEQ" => Branch::LessOrEqual,
            "BRANCH_LT" => Branch::Less,
            "BRANCH_GTE" => Branch::GreaterOrEqual,
            "BRANCH_GT" => Branch::Greater,
            "BRANCH_EQ" => Branch::Equal,
            "BRANCH_NEQ" => Branch::NotEqual,
            other => return Err(self.fault(&format!("no branch mode is called {other:?}"))),
        }))
    }

    fn leaf_values(&self) -> Result<HashMap<(i64, i64), f64>, OnnxError> {
        let trees = self.ints("target_treeids");
        let nodes = self.ints("target_nodeids");
        let ids = self.ints("target_ids");
        let weights = self.numbers("target_weights")?;
        self.same_length("target_nodeids", nodes.len(), trees.len())?;
        self.same_length("target_ids", ids.len(), trees.len())?;
        self.same_length("target_weights", weights.len(), trees.len())?;
        if ids.iter().any(|id| *id != 0) {
            return Err(self.fault("a leaf has a target above 0"));
        }
        let mut values = HashMap::with_capacity(weights.len());
        for ((tree, node), weight) in trees.iter().zip(nodes).zip(weights) {
            if values.insert((*tree, *node), weight).is_some() {
                return Err(self.fault(&format!("leaf {node} of tree {tree} has two values")));
            }
        }
        Ok(values)
    }
}
