//! Why an ONNX file was refused. Each case names the place in the graph and what was found there.

use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Error)]
pub enum OnnxError {
    #[error("not a readable ONNX file: {what} at byte {offset}")]
    Damaged { offset: usize, what: &'static str },
    #[error("the ONNX file has {found} {what}; at most {limit} are read")]
    TooMany { what: &'static str, found: u64, limit: u64 },
    #[error("the model {what}, and this reader runs regressors of trees and linear parts with one output")]
    NotSupported { what: String },
    #[error("operator {operator} (node {node:?}) is not one that this reader runs")]
    UnknownOperator { operator: String, node: String },
    #[error("node {node:?} ({operator}): {what}")]
    Node { node: String, operator: &'static str, what: String },
    #[error("node {node:?} reads {value:?}, which nothing before it produces")]
    UnknownValue { node: String, value: String },
    #[error("tree {tree}: {what}")]
    Tree { tree: usize, what: TreeFault },
    #[error("the model reads {found} features, but {expected} names are given")]
    FeatureCount { found: usize, expected: usize },
}

impl OnnxError {
    /// The file is whole, but its graph is no sum of trees and functions of single features: another engine may run it.
    pub fn is_unlike_a_sum(&self) -> bool {
        matches!(self, Self::NotSupported { .. } | Self::UnknownOperator { .. } | Self::Node { .. })
    }
}

#[derive(Debug, Clone, PartialEq, Error)]
pub enum TreeFault {
    #[error("node {0} is its own ancestor or has two parents")]
    Cycle(u32),
    #[error("node {0} points to a node that does not exist")]
    Child(u32),
    #[error("node {0} cannot be reached from the root")]
    Unreachable(u32),
    #[error("node {0} has no number as its threshold")]
    Threshold(u32),
    #[error("leaf {0} has no finite value")]
    LeafValue(u32),
    #[error("node {0} splits on feature {1}, which does not exist")]
    Feature(u32, u64),
    #[error("node {0} is deeper than {1} splits")]
    Depth(u32, usize),
    #[error("the tree has no node")]
    Empty,
}
