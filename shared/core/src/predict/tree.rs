//! Decision trees as ONNX defines them: six comparisons, a direction for missing values at each split,
//! and the cover of each node where it is known. Built trees are checked: no cycle, no dangling child.

use super::onnx::TreeFault;
use crate::limits;

/// Which values go to the true branch. A missing value satisfies only `NotEqual`, as in IEEE 754, unless
/// the split says that missing values go to the true branch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Branch {
    LessOrEqual,
    Less,
    GreaterOrEqual,
    Greater,
    Equal,
    NotEqual,
}

impl Branch {
    #[inline]
    #[expect(clippy::float_cmp, reason = "BRANCH_EQ and BRANCH_NEQ are defined as exact comparisons")]
    pub fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::LessOrEqual => value <= threshold,
            Self::Less => value < threshold,
            Self::GreaterOrEqual => value >= threshold,
            Self::Greater => value > threshold,
            Self::Equal => value == threshold,
            Self::NotEqual => value != threshold,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Split {
    pub feature: u32,
    pub branch: Branch,
    pub missing_goes_true: bool,
    pub threshold: f64,
    pub on_true: u32,
    pub on_false: u32,
}

impl Split {
    #[inline]
    pub fn goes_true(&self, value: f64) -> bool {
        self.branch.holds(value, self.threshold) || (self.missing_goes_true && value.is_nan())
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Node {
    Split(Split),
    Leaf(f64),
}

/// A checked tree; node 0 is the root.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    nodes: Vec<Node>,
    covers: Option<Vec<f64>>,
}

impl Tree {
    /// Covers are kept only where they are usable: positive, and each split's the sum of its children's.
    pub fn new(nodes: Vec<Node>, covers: Option<Vec<f64>>, feature_count: usize) -> Result<Self, TreeFault> {
        check_structure(&nodes, feature_count)?;
        let covers = covers.filter(|covers| covers_add_up(&nodes, covers));
        Ok(Self { nodes, covers })
    }

    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// How much of the training data reached each node; `None` where the maker did not record it.
    pub fn covers(&self) -> Option<&[f64]> {
        self.covers.as_deref()
    }

    #[inline]
    pub fn predict(&self, row: &[f64]) -> f64 {
        let mut at = 0u32;
        loop {
            match &self.nodes[at as usize] {
                Node::Leaf(value) => return *value,
                Node::Split(split) => {
                    let value = row[split.feature as usize];
                    at = if split.goes_true(value) { split.on_true } else { split.on_false };
                }
            }
        }
    }

    pub fn leaf_count(&self) -> usize {
        self.nodes.iter().filter(|node| matches!(node, Node::Leaf(_))).count()
    }

    pub fn map_leaves(&mut self, change: impl Fn(f64) -> f64) {
        for node in &mut self.nodes {
            if let Node::Leaf(value) = node {
                *value = change(*value);
            }
        }
    }
}

fn check_structure(nodes: &[Node], feature_count: usize) -> Result<(), TreeFault> {
    if nodes.is_empty() {
        return Err(TreeFault::Empty);
    }
    let mut seen = vec![false; nodes.len()];
    let mut open = vec![(0u32, 0usize)];
    seen[0] = true;
    while let Some((at, depth)) = open.pop() {
        if depth > limits::MAX_TREE_DEPTH {
            return Err(TreeFault::Depth(at, limits::MAX_TREE_DEPTH));
        }
        match &nodes[at as usize] {
            Node::Leaf(value) if !value.is_finite() => return Err(TreeFault::LeafValue(at)),
            Node::Leaf(_) => {}
            Node::Split(split) => {
                if split.threshold.is_nan() {
                    return Err(TreeFault::Threshold(at));
                }
                if split.feature as usize >= feature_count {
                    return Err(TreeFault::Feature(at, u64::from(split.feature)));
                }
                for child in [split.on_true, split.on_false] {
                    let known = seen.get_mut(child as usize).ok_or(TreeFault::Child(at))?;
                    if std::mem::replace(known, true) {
                        return Err(TreeFault::Cycle(child));
                    }
                    open.push((child, depth + 1));
                }
            }
        }
    }
    match seen.iter().position(|seen| !seen) {
        Some(lost) => Err(TreeFault::Unreachable(lost as u32)),
        None => Ok(()),
    }
}

/// Makers round covers to float32 and some write 1 everywhere; only sums that hold to 1e-4 are covers.
fn covers_add_up(nodes: &[Node], covers: &[f64]) -> bool {
    covers.len() == nodes.len()
        && nodes.iter().zip(covers).all(|(node, cover)| match node {
            _ if !(cover.is_finite() && *cover > 0.0) => false,
            Node::Leaf(_) => true,
            Node::Split(split) => {
                let children = covers[split.on_true as usize] + covers[split.on_false as usize];
                (children - cover).abs() <= 1e-4 * cover
            }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(feature: u32, threshold: f64, on_true: u32, on_false: u32) -> Node {
        Node::Split(Split {
            feature,
            branch: Branch::LessOrEqual,
            missing_goes_true: true,
            threshold,
            on_true,
            on_false,
        })
    }

    #[test]
    fn faults_are_named() {
        let leaf = Node::Leaf(1.0);
        let build = |nodes: &[Node]| Tree::new(nodes.to_vec(), None, 2).unwrap_err();
        assert_eq!(build(&[]), TreeFault::Empty);
        assert_eq!(build(&[split(0, 0.0, 0, 1), leaf]), TreeFault::Cycle(0));
        assert_eq!(build(&[split(0, 0.0, 1, 1), leaf]), TreeFault::Cycle(1));
        assert_eq!(build(&[split(0, 0.0, 1, 7), leaf]), TreeFault::Child(0));
        assert_eq!(build(&[split(2, 0.0, 1, 2), leaf, leaf]), TreeFault::Feature(0, 2));
        assert_eq!(build(&[split(0, f64::NAN, 1, 2), leaf, leaf]), TreeFault::Threshold(0));
        assert_eq!(build(&[leaf, leaf]), TreeFault::Unreachable(1));
        assert_eq!(build(&[Node::Leaf(f64::INFINITY)]), TreeFault::LeafValue(0));
        let deep: Vec<Node> = (0..600u32)
            .flat_map(|level| [split(0, 0.0, 2 * level + 2, 2 * level + 1), leaf])
            .chain([leaf])
            .collect();
        assert!(matches!(build(&deep), TreeFault::Depth(_, 512)));
    }

    #[test]
    fn missing_values_take_the_recorded_side() {
        let nodes = vec![split(0, 0.5, 1, 2), Node::Leaf(1.0), Node::Leaf(2.0)];
        let tree = Tree::new(nodes, None, 1).unwrap();
        assert_eq!([0.5, 0.6, f64::NAN].map(|x| tree.predict(&[x]) as i32), [1, 2, 1]);
    }

    #[test]
    fn covers_that_do_not_add_up_are_dropped() {
        let nodes = vec![split(0, 0.5, 1, 2), Node::Leaf(1.0), Node::Leaf(2.0)];
        assert!(Tree::new(nodes.clone(), Some(vec![1.0, 1.0, 1.0]), 1).unwrap().covers().is_none());
        assert!(Tree::new(nodes, Some(vec![3.0, 1.0, 2.0]), 1).unwrap().covers().is_some());
    }
}
