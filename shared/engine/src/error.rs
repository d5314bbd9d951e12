//! What can go wrong in the engine, as facts: the agent adds paths and tells the user what to do.

use thiserror::Error;

#[derive(Debug, Error)]
pub enum EngineError {
    #[error("config: {field}: expected {expected}, found {found}")]
    Config { field: String, expected: String, found: String },
    #[error("architecture {found:?} is not supported; supported are Qwen2, Qwen3 and Llama (3.x)")]
    Architecture { found: String },
    #[error("weights: tensor {name:?} is missing")]
    MissingTensor { name: String },
    #[error("weights: tensor {name:?}: expected {expected}, found {found}")]
    Tensor { name: String, expected: String, found: String },
    #[error("weights: {reason}")]
    Container { reason: String },
    #[error("adapter: {reason}")]
    Adapter { reason: String },
    #[error("data: {reason}")]
    Data { reason: String },
    #[error("recipe: {field}: expected {expected}, found {found}")]
    Recipe { field: &'static str, expected: &'static str, found: String },
    #[error("checkpoint: {reason}")]
    Checkpoint { reason: String },
    #[error("self-test on this device failed: {reason}; refusing to train, since its numbers would be wrong")]
    SelfTest { reason: String },
    /// The caller asked for a stop (Ctrl-C); state up to the last whole step is kept.
    #[error("stopped on request")]
    Stopped,
    #[error("tensor library: {0}")]
    Tensors(#[from] candle_core::Error),
}

impl EngineError {
    /// Whether the device ran out of memory: the caller then halves the micro-batch and tries again.
    pub fn is_out_of_memory(&self) -> bool {
        let Self::Tensors(inner) = self else { return false };
        let text = inner.to_string().to_ascii_lowercase();
        text.contains("out of memory") || text.contains("out_of_memory") || text.contains("alloc_failed")
    }
}

pub type Result<T> = std::result::Result<T, EngineError>;
