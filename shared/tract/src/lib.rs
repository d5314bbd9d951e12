//! A second engine for predictors: the graph as core's bounded reader understands it, run by tract. What tract
//! lacks or does otherwise than ONNX (trees, missing values in minima and activations) are operators of ours.

mod compare;
mod engine;
mod error;
mod load;
mod nodes;
mod operators;
mod wiring;

pub use compare::{Comparison, compare, draw_rows};
pub use engine::Engine;
pub use error::EngineError;
pub use load::{LoadError, load};
