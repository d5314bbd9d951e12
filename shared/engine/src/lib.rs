//! The training engine: tensors, Qwen2 with LoRA, probe, tune, evaluation. No files, sockets or clocks.
