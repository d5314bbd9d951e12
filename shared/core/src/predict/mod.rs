//! The predictor: models that are sums of trees and functions of single features, read from and written
//! to ONNX, fitted, explained exactly, and honest about what they do not know.

pub mod expression;
pub mod model;
pub mod onnx;
pub mod shap;
pub mod tree;
