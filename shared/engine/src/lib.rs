//! The training engine: Qwen2-like models with LoRA, hand-written backward, probe, tune, evaluation.
//! No files, sockets or clocks; weights and data come from the caller, progress goes back to it.

pub mod batch;
pub mod config;
mod curves;
pub mod error;
pub mod evaluate;
pub mod general_text;
pub mod indicators;
pub mod judge;
pub mod lora;
pub mod model;
mod neighbours;
pub mod ops;
pub mod parameters;
pub mod recipe;
pub mod rows;
pub mod safetensors;
pub mod selftest;
pub mod template;
#[cfg(test)]
mod testing;
pub mod trainer;

pub use batch::{Batch, BatchStyle, Row};
pub use candle_core::{DType, Device, Tensor};
pub use config::{Architecture, ModelConfig};
pub use error::{EngineError, Result};
pub use lora::{Adapter, LoraConfig, Target};
pub use model::{LoadOptions, Model, PassOptions, Quantization, TokenResults};
pub use ops::AdamW;
#[cfg(feature = "cuda")]
pub use ops::cuda::open as open_gpu;
pub use parameters::Gradients;
pub use recipe::{Recipe, Schedule};
pub use trainer::{Control, Event, Reading, RunData, RunOptions, StepRecord, StopReason, Trainer};
