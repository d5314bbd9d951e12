//! The predictor: models that are sums of trees and functions of single features, read from and written
//! to ONNX, fitted, explained exactly, and honest about what they do not know.

pub mod build;
pub mod card;
pub mod certainty;
pub mod changes;
pub mod conformal;
pub mod expression;
pub mod fit;
pub mod model;
pub mod onnx;
pub mod outcome;
pub mod phase;
pub mod predictor;
pub mod probe_kind;
pub mod recalibrate;
pub mod risk;
pub mod scorer;

pub mod shap;
pub mod shap_sampling;
pub mod staged;
pub mod tree;
pub mod verdict;
