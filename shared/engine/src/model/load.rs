//! Building a model from named tensors, or from nothing with seeded random weights; and writing one out.

use std::collections::BTreeMap;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Tensor};
use foretune_core::hash::{combine, hash_bytes};

use super::layer::Layer;
use super::projection::{Matrix, Part, Projection};
use super::{Model, Trained};
use crate::config::ModelConfig;
use crate::error::Result;
use crate::lora::{Target, normal};
use crate::ops::RopeTables;
use crate::safetensors::{TensorSource, load};

/// How frozen matrices are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quantization {
    #[default]
    None,
    /// 8 bits a weight in blocks of 32.
    Eight,
    /// 4 bits a weight in blocks of 32.
    Four,
}

#[derive(Debug, Clone)]
pub struct LoadOptions {
    pub device: Device,
    /// Type of weights and activations.
    pub dtype: DType,
    pub quantization: Quantization,
}

impl LoadOptions {
    /// f32 on the CPU.
    pub fn cpu() -> Self {
        Self { device: Device::Cpu, dtype: DType::F32, quantization: Quantization::None }
    }
}

/// Where a tensor of a given name and shape comes from.
type Fetch<'a> = dyn FnMut(&str, &[usize]) -> Result<Tensor> + 'a;

impl Model {
    pub fn load(config: &ModelConfig, source: &dyn TensorSource, options: &LoadOptions) -> Result<Self> {
        let prefix = if source.entry("model.embed_tokens.weight").is_some() { "model." } else { "" };
        let mut fetch = |name: &str, shape: &[usize]| {
            let name = if prefix.is_empty() { name.strip_prefix("model.").unwrap_or(name) } else { name };
            load(source, name, shape, options.dtype, &options.device)
        };
        Self::build(config, options, &mut fetch)
    }

    /// Seeded start for pretraining: matrices normal with sd 0.02, those that write into the residual
    /// stream scaled down by sqrt(2 * layers) (GPT-2's rule), norms one, biases zero.
    pub fn random(config: &ModelConfig, seed: u64, options: &LoadOptions) -> Result<Self> {
        let residual = 0.02 / (2.0 * config.layers as f64).sqrt();
        let mut fetch = |name: &str, shape: &[usize]| {
            let count: usize = shape.iter().product();
            let start = hash_bytes(name.as_bytes(), seed);
            let values: Vec<f32> = if name.contains("norm") {
                vec![1.0; count]
            } else if name.rsplit('.').next() == Some("bias") {
                vec![0.0; count]
            } else {
                let spread =
                    if name.contains("o_proj") || name.contains("down_proj") { residual } else { 0.02 };
                (0..count as u64)
                    .map(|i| (normal(combine(start, 2 * i), combine(start, 2 * i + 1)) * spread) as f32)
                    .collect()
            };
            Ok(Tensor::from_vec(values, shape, &Device::Cpu)?
                .to_device(&options.device)?
                .to_dtype(options.dtype)?)
        };
        Self::build(config, options, &mut fetch)
    }

    /// Weights drawn by the device itself, for measuring speed: not the same twice.
    pub fn random_on_device(config: &ModelConfig, options: &LoadOptions) -> Result<Self> {
        let mut fetch = |name: &str, shape: &[usize]| {
            Ok(if name.contains("norm") {
                Tensor::ones(shape, options.dtype, &options.device)?
            } else {
                let spread = 0.02 / (2.0 * config.layers as f32).sqrt();
                Tensor::randn(0f32, spread, shape, &options.device)?.to_dtype(options.dtype)?
            })
        };
        Self::build(config, options, &mut fetch)
    }

    fn build(config: &ModelConfig, options: &LoadOptions, fetch: &mut Fetch<'_>) -> Result<Self> {
        let hidden = config.hidden_size;
        let embedding = fetch("model.embed_tokens.weight", &[config.vocab_size, hidden])?;
        let mut layers = Vec::with_capacity(config.layers);
        for index in 0..config.layers {
            layers.push(build_layer(config, options, index, fetch)?);
        }
        let final_norm = fetch("model.norm.weight", &[hidden])?;
        let head = if config.tied_head {
            None
        } else {
            Some(fetch("lm_head.weight", &[config.vocab_size, hidden])?)
        };
        Ok(Self {
            config: config.clone(),
            device: options.device.clone(),
            dtype: options.dtype,
            embedding,
            layers,
            final_norm,
            head,
            rope: RopeTables::new(config, config.max_positions.min(1024), &options.device)?,
            trained: Trained::nothing(),
        })
    }

    /// All weights by their Hugging Face names, adapters not included.
    pub fn named_tensors(&self) -> Result<BTreeMap<String, Tensor>> {
        let mut named = BTreeMap::new();
        named.insert("model.embed_tokens.weight".to_owned(), self.embedding.clone());
        named.insert("model.norm.weight".to_owned(), self.final_norm.clone());
        if let Some(head) = &self.head {
            named.insert("lm_head.weight".to_owned(), head.clone());
        }
        for (index, layer) in self.layers.iter().enumerate() {
            for (name, tensor) in layer.named_tensors(index)? {
                named.insert(name, tensor);
            }
        }
        Ok(named)
    }
}

impl Model {
    /// Memory of the layers' matrices, as they are kept.
    pub fn frozen_matrix_bytes(&self) -> usize {
        let projections = self.layers.iter().flat_map(Layer::projections);
        projections.map(|projection| projection.weight.bytes()).sum()
    }
}

impl Layer {
    /// In the order in which full training lays them out.
    pub(super) fn named_tensors(&self, index: usize) -> Result<Vec<(String, Tensor)>> {
        let mut named = vec![(norm_name(index, "input_layernorm"), self.input_norm.clone())];
        for projection in self.projections() {
            named.extend(projection.named_tensors(index)?);
        }
        named.push((norm_name(index, "post_attention_layernorm"), self.mlp_norm.clone()));
        if let Some([q, k]) = &self.head_norms {
            named.push((norm_name(index, "self_attn.q_norm"), q.clone()));
            named.push((norm_name(index, "self_attn.k_norm"), k.clone()));
        }
        Ok(named)
    }

    pub(super) fn projections(&self) -> [&Projection; 4] {
        [&self.qkv, &self.o, &self.gate_up, &self.down]
    }

    pub(super) fn projections_mut(&mut self) -> [&mut Projection; 4] {
        [&mut self.qkv, &mut self.o, &mut self.gate_up, &mut self.down]
    }
}

impl Projection {
    /// Weights of all parts, then biases of all parts: joined they are contiguous either way.
    pub(super) fn named_tensors(&self, layer: usize) -> Result<Vec<(String, Tensor)>> {
        let weight = self.weight.dense()?;
        let mut named = Vec::new();
        for part in &self.parts {
            let name = format!("model.layers.{layer}.{}.weight", part.target.path());
            named.push((name, weight.narrow(0, part.start, part.rows)?));
        }
        for part in self.parts.iter().filter(|_| self.bias.is_some()) {
            let bias = self.bias.as_ref().expect("filtered on it");
            let name = format!("model.layers.{layer}.{}.bias", part.target.path());
            named.push((name, bias.narrow(0, part.start, part.rows)?));
        }
        Ok(named)
    }
}

fn norm_name(layer: usize, norm: &str) -> String {
    format!("model.layers.{layer}.{norm}.weight")
}

fn build_layer(
    config: &ModelConfig,
    options: &LoadOptions,
    index: usize,
    fetch: &mut Fetch<'_>,
) -> Result<Layer> {
    let (hidden, q, kv, mlp) =
        (config.hidden_size, config.q_size(), config.kv_size(), config.intermediate_size);
    let head_norms = if config.qk_norm {
        let mut norm = |name: &str| fetch(&norm_name(index, name), &[config.head_size]);
        Some([norm("self_attn.q_norm")?, norm("self_attn.k_norm")?])
    } else {
        None
    };
    let mut projection = |targets: &[(Target, usize)], inputs: usize, bias: bool| {
        build_projection(options, index, targets, inputs, bias, fetch)
    };
    Ok(Layer {
        qkv: projection(&[(Target::Q, q), (Target::K, kv), (Target::V, kv)], hidden, config.qkv_bias)?,
        o: projection(&[(Target::O, hidden)], q, false)?,
        gate_up: projection(&[(Target::Gate, mlp), (Target::Up, mlp)], hidden, false)?,
        down: projection(&[(Target::Down, hidden)], mlp, false)?,
        input_norm: fetch(&norm_name(index, "input_layernorm"), &[hidden])?,
        mlp_norm: fetch(&norm_name(index, "post_attention_layernorm"), &[hidden])?,
        head_norms,
        full: None,
    })
}

fn build_projection(
    options: &LoadOptions,
    layer: usize,
    targets: &[(Target, usize)],
    inputs: usize,
    bias: bool,
    fetch: &mut Fetch<'_>,
) -> Result<Projection> {
    let (mut parts, mut weights, mut biases) = (Vec::new(), Vec::new(), Vec::new());
    let mut start = 0;
    for (target, rows) in targets {
        parts.push(Part { target: *target, start, rows: *rows });
        start += rows;
        let path = format!("model.layers.{layer}.{}", target.path());
        weights.push(fetch(&format!("{path}.weight"), &[*rows, inputs])?);
        if bias {
            biases.push(fetch(&format!("{path}.bias"), &[*rows])?);
        }
    }
    let weight = if weights.len() == 1 { weights.remove(0) } else { Tensor::cat(&weights, 0)? };
    let packed = match options.quantization {
        // Blocks of 32 run along a row; a width that does not divide stays as it is.
        Quantization::Eight if inputs.is_multiple_of(32) => Some(GgmlDType::Q8_0),
        Quantization::Four if inputs.is_multiple_of(32) => Some(GgmlDType::Q4_0),
        _ => None,
    };
    let weight = match packed {
        Some(kind) => Matrix::Quantized {
            packed: QTensor::quantize(&weight.to_dtype(DType::F32)?, kind)?,
            dtype: options.dtype,
        },
        None => Matrix::Dense(weight),
    };
    let bias = if bias { Some(Tensor::cat(&biases, 0)?) } else { None };
    Ok(Projection { weight, bias, parts, lora: None, full: None })
}
