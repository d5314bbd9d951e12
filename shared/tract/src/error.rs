//! Why the second engine refused a file or a row: what, and at which node.

use foretune_core::predict::onnx::OnnxError;
use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Error)]
pub enum EngineError {
    #[error(transparent)]
    File(#[from] OnnxError),
    #[error("operator {operator} (node {node:?}) is not one that the second engine runs")]
    UnknownOperator { operator: String, node: String },
    #[error("node {node:?} ({operator}): {what}")]
    Node { node: String, operator: String, what: String },
    #[error(
        "the model {what}, and the second engine runs regressors: rows of numbers in, one number a row out"
    )]
    NotSupported { what: String },
    #[error("its nodes read and give more than {limit} numbers for {rows} rows")]
    TooLarge { rows: usize, limit: usize },
    #[error("{found} values are no whole rows of {width} features")]
    Rows { found: usize, width: usize },
    #[error("tract failed: {what}")]
    Tract { what: String },
}
