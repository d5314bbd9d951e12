//! Helpers of this crate's tests: small models, smooth made-up tensors, comparisons with a tolerance.

use candle_core::{Device, Shape, Tensor};

use crate::config::{Architecture, ModelConfig};

/// A smooth, irregular tensor: different for every `scale`, the same on every machine to rounding.
pub fn wave(shape: impl Into<Shape>, scale: f64) -> Tensor {
    let shape = shape.into();
    let values: Vec<f32> =
        (0..shape.elem_count()).map(|i| (libm::sin(i as f64 * 1.37 + scale) * scale) as f32).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

pub fn values(tensor: &Tensor) -> Vec<f32> {
    crate::ops::with_slice(tensor, <[f32]>::to_vec).unwrap()
}

pub fn assert_close(a: &Tensor, b: &Tensor, tolerance: f32) {
    assert_eq!(a.dims(), b.dims());
    for (i, (a, b)) in values(a).iter().zip(values(b)).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "entry {i}: {a} against {b}");
    }
}

pub fn small_config() -> ModelConfig {
    ModelConfig {
        architecture: Architecture::Qwen2,
        vocab_size: 61,
        hidden_size: 24,
        intermediate_size: 40,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        head_size: 6,
        max_positions: 64,
        rms_eps: 1e-6,
        rope_theta: 10_000.0,
        rope_scaling: None,
        tied_head: false,
        qkv_bias: true,
        qk_norm: false,
    }
}
