//! What of a model is trained: nothing, adapters, or everything; and the optimizer step.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

use super::Model;
use super::layer::NormOffsets;
use super::projection::{Matrix, Part, Projection, ProjectionLora};
use crate::error::{EngineError, Result};
use crate::lora::{Adapter, LoraConfig, initial_a, tensor_name};
use crate::ops::AdamW;
use crate::parameters::{Parameters, ParametersBuilder};

#[derive(Debug)]
pub struct Trained {
    parameters: Option<Parameters>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Nothing,
    Lora(LoraConfig),
    Full { embedding: usize, final_norm: usize, head: usize },
}

impl Trained {
    pub(super) fn nothing() -> Self {
        Self { parameters: None, kind: Kind::Nothing }
    }

    pub(super) fn embedding_offset(&self) -> Option<usize> {
        match self.kind {
            Kind::Full { embedding, .. } => Some(embedding),
            _ => None,
        }
    }

    pub(super) fn head_offset(&self) -> Option<usize> {
        match self.kind {
            Kind::Full { head, .. } => Some(head),
            _ => None,
        }
    }

    pub(super) fn final_norm_offset(&self) -> Option<usize> {
        match self.kind {
            Kind::Full { final_norm, .. } => Some(final_norm),
            _ => None,
        }
    }

    pub fn parameters(&self) -> Result<&Parameters> {
        self.parameters.as_ref().ok_or_else(untrained)
    }

    pub fn lora(&self) -> Option<&LoraConfig> {
        match &self.kind {
            Kind::Lora(config) => Some(config),
            _ => None,
        }
    }
}

fn untrained() -> EngineError {
    EngineError::Recipe { field: "training", expected: "adapters or full training", found: "nothing".into() }
}

impl Model {
    /// Puts fresh adapters on; earlier ones are forgotten.
    pub fn attach_lora(&mut self, config: &LoraConfig, seed: u64) -> Result<()> {
        config.check()?;
        let mut builder = ParametersBuilder::default();
        let mut attached = Vec::new();
        for (index, layer) in self.layers.iter_mut().enumerate() {
            layer.full = None;
            for projection in layer.projections_mut() {
                projection.lora = None;
                projection.full = None;
                attached.push(plan_lora(projection, index, config, seed, &self.device, &mut builder)?);
            }
        }
        let parameters = builder.build()?;
        let projections = self.layers.iter_mut().flat_map(super::layer::Layer::projections_mut);
        for (projection, lora) in projections.zip(attached) {
            if let Some(lora) = lora {
                projection.attach_lora(lora, &parameters)?;
            }
        }
        self.trained = Trained { parameters: Some(parameters), kind: Kind::Lora(config.clone()) };
        Ok(())
    }

    /// Puts an adapter read from a file on.
    pub fn attach_adapter(&mut self, adapter: &Adapter) -> Result<()> {
        self.attach_lora(&adapter.config, 0)?;
        let mut values = Vec::new();
        for parameter in &self.trained.parameters()?.list {
            let (name, side) = (&parameter.name, parameter.name.contains("lora_A"));
            let found = adapter.tensors.iter().find(|((layer, target), _)| {
                *name == tensor_name(*layer, *target, if side { 'A' } else { 'B' })
            });
            let (_, (a, b)) = found.ok_or_else(|| EngineError::MissingTensor { name: name.clone() })?;
            let tensor = if side { a } else { b };
            if tensor.dims() != parameter.shape {
                return Err(EngineError::Tensor {
                    name: name.clone(),
                    expected: format!("shape {:?} for this model", parameter.shape),
                    found: format!("{:?}", tensor.dims()),
                });
            }
            values.push(tensor.flatten_all()?);
        }
        self.set_values(&Tensor::cat(&values, 0)?)
    }

    /// The adapters as PEFT stores them.
    pub fn adapter(&self) -> Result<Adapter> {
        let config = self.trained.lora().cloned().ok_or_else(untrained)?;
        let parameters = self.trained.parameters()?;
        let mut by_name = BTreeMap::new();
        for parameter in &parameters.list {
            let view = parameters.view(parameter.offset, &parameter.shape)?;
            by_name.insert(parameter.name.as_str(), view.to_device(&Device::Cpu)?.copy()?);
        }
        let mut tensors = BTreeMap::new();
        for layer in 0..self.config.layers {
            for target in &config.targets {
                let side = |side| by_name.get(tensor_name(layer, *target, side).as_str()).cloned();
                if let (Some(a), Some(b)) = (side('A'), side('B')) {
                    tensors.insert((layer, *target), (a, b));
                }
            }
        }
        Ok(Adapter { config, tensors })
    }

    /// Trains every weight (f32, not quantised).
    pub fn train_all(&mut self) -> Result<()> {
        if self.dtype != DType::F32 {
            return Err(EngineError::Recipe {
                field: "full training",
                expected: "a model loaded in f32",
                found: format!("{:?}", self.dtype),
            });
        }
        let mut builder = ParametersBuilder::default();
        let embedding = builder.push("model.embed_tokens.weight".into(), &self.embedding)?;
        let mut layer_offsets = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            let mut offsets = BTreeMap::new();
            for (name, tensor) in layer.named_tensors(index)? {
                offsets.insert(name.clone(), builder.push(name, &tensor)?);
            }
            layer_offsets.push(offsets);
        }
        let final_norm = builder.push("model.norm.weight".into(), &self.final_norm)?;
        let head = match &self.head {
            Some(head) => builder.push("lm_head.weight".into(), head)?,
            None => embedding,
        };
        let parameters = builder.build()?;
        let view = |offset: usize, like: &Tensor| parameters.view(offset, like.dims());
        self.embedding = view(embedding, &self.embedding)?;
        self.final_norm = view(final_norm, &self.final_norm)?;
        if let Some(tensor) = &mut self.head {
            *tensor = view(head, tensor)?;
        }
        for (index, (layer, offsets)) in self.layers.iter_mut().zip(&layer_offsets).enumerate() {
            let at = |path: &str| offsets[&format!("model.layers.{index}.{path}")];
            let norms = NormOffsets {
                input: at("input_layernorm.weight"),
                mlp: at("post_attention_layernorm.weight"),
                heads: layer
                    .head_norms
                    .is_some()
                    .then(|| [at("self_attn.q_norm.weight"), at("self_attn.k_norm.weight")]),
            };
            layer.full = Some(norms);
            layer.input_norm = view(norms.input, &layer.input_norm)?;
            layer.mlp_norm = view(norms.mlp, &layer.mlp_norm)?;
            if let (Some([q, k]), Some([q_offset, k_offset])) = (&mut layer.head_norms, norms.heads) {
                (*q, *k) = (view(q_offset, q)?, view(k_offset, k)?);
            }
            for projection in layer.projections_mut() {
                let path = projection.parts[0].target.path();
                let weight_offset = at(&format!("{path}.weight"));
                let bias_offset = projection.bias.is_some().then(|| at(&format!("{path}.bias")));
                let (rows, inputs) = projection.weight.dims2()?;
                projection.lora = None;
                projection.weight = Matrix::Dense(parameters.view(weight_offset, &[rows, inputs])?);
                if let (Some(bias), Some(offset)) = (&mut projection.bias, bias_offset) {
                    *bias = parameters.view(offset, &[rows])?;
                }
                projection.full = Some((weight_offset, bias_offset));
            }
        }
        self.trained =
            Trained { parameters: Some(parameters), kind: Kind::Full { embedding, final_norm, head } };
        Ok(())
    }

    /// One optimizer step; `gradient` is the whole flat gradient.
    pub fn step(
        &mut self,
        settings: &AdamW,
        gradient: &Tensor,
        learning_rate: f64,
        gradient_scale: f64,
    ) -> Result<()> {
        let parameters = self.trained.parameters.as_mut().ok_or_else(untrained)?;
        parameters.step(settings, gradient, learning_rate, gradient_scale)?;
        self.refresh()
    }

    /// Replaces all trained values, for perturbation, the best checkpoint, or an adapter from a file.
    pub fn set_values(&mut self, values: &Tensor) -> Result<()> {
        self.trained.parameters()?.set_values(values)?;
        self.refresh()
    }

    pub fn snapshot(&self) -> Result<Vec<u8>> {
        self.trained.parameters()?.snapshot()
    }

    pub fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        self.trained.parameters.as_mut().ok_or_else(untrained)?.restore(bytes)?;
        self.refresh()
    }

    fn refresh(&mut self) -> Result<()> {
        let Some(parameters) = &self.trained.parameters else { return Ok(()) };
        for layer in &mut self.layers {
            for projection in layer.projections_mut() {
                projection.refresh(parameters)?;
            }
        }
        Ok(())
    }
}

/// Lays out the adapters of one projection: all A's in one run, then each B.
fn plan_lora(
    projection: &Projection,
    layer: usize,
    config: &LoraConfig,
    seed: u64,
    device: &Device,
    builder: &mut ParametersBuilder,
) -> Result<Option<ProjectionLora>> {
    let parts: Vec<Part> =
        projection.parts.iter().filter(|part| config.targets.contains(&part.target)).copied().collect();
    if parts.is_empty() {
        return Ok(None);
    }
    let inputs = projection.in_size()?;
    let mut a_offset = None;
    for part in &parts {
        let name = tensor_name(layer, part.target, 'A');
        let value = initial_a(&name, config.rank, inputs, seed, device)?;
        let offset = builder.push(name, &value)?;
        a_offset.get_or_insert(offset);
    }
    let mut b_offsets = Vec::new();
    for part in &parts {
        let zeros = Tensor::zeros((part.rows, config.rank), DType::F32, device)?;
        b_offsets.push(builder.push(tensor_name(layer, part.target, 'B'), &zeros)?);
    }
    let a_offset = a_offset.expect("there is at least one part");
    ProjectionLora::new(parts, config.rank, config.scale(), config.dropout, a_offset, b_offsets).map(Some)
}
