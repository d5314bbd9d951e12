//! ONNX in and out: an exact reader of regressors made of trees and linear parts, and a writer of the
//! same as standard operators in double precision. Anything else is refused by name.

mod error;
mod graph;
pub mod proto;
mod read;
pub mod tree_nodes;
pub mod wire;
mod write;

pub use error::{OnnxError, TreeFault};
pub use read::{OnnxModel, read};
pub use write::write;
