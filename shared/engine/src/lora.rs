//! Low-rank adapters: which modules, how they start, and PEFT's file format in both directions.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use foretune_core::hash::{combine, hash_bytes};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::ModelConfig;
use crate::error::{EngineError, Result};
use crate::safetensors::{SafetensorsBytes, TensorSource};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Target {
    #[serde(rename = "q_proj")]
    Q,
    #[serde(rename = "k_proj")]
    K,
    #[serde(rename = "v_proj")]
    V,
    #[serde(rename = "o_proj")]
    O,
    #[serde(rename = "gate_proj")]
    Gate,
    #[serde(rename = "up_proj")]
    Up,
    #[serde(rename = "down_proj")]
    Down,
}

impl Target {
    pub const ALL: [Self; 7] = [Self::Q, Self::K, Self::V, Self::O, Self::Gate, Self::Up, Self::Down];

    pub fn module(self) -> &'static str {
        match self {
            Self::Q => "q_proj",
            Self::K => "k_proj",
            Self::V => "v_proj",
            Self::O => "o_proj",
            Self::Gate => "gate_proj",
            Self::Up => "up_proj",
            Self::Down => "down_proj",
        }
    }

    /// Path inside a decoder layer, without `.weight`.
    pub fn path(self) -> String {
        let block = match self {
            Self::Q | Self::K | Self::V | Self::O => "self_attn",
            Self::Gate | Self::Up | Self::Down => "mlp",
        };
        format!("{block}.{}", self.module())
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|target| target.module() == name || target.module().strip_suffix("_proj") == Some(name))
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoraConfig {
    pub rank: usize,
    pub alpha: f64,
    pub dropout: f64,
    pub targets: Vec<Target>,
}

impl Default for LoraConfig {
    fn default() -> Self {
        Self { rank: 16, alpha: 32.0, dropout: 0.0, targets: Target::ALL.to_vec() }
    }
}

impl LoraConfig {
    pub fn scale(&self) -> f64 {
        self.alpha / self.rank as f64
    }

    /// Numbers that are trained: A and B of every adapted layer.
    pub fn parameter_count(&self, config: &ModelConfig) -> u64 {
        let (hidden, mlp) = (config.hidden_size, config.intermediate_size);
        let sides = |target: Target| match target {
            Target::Q => hidden + config.q_size(),
            Target::K | Target::V => hidden + config.kv_size(),
            Target::O => config.q_size() + hidden,
            Target::Gate | Target::Up | Target::Down => hidden + mlp,
        };
        let numbers: usize = self.targets.iter().map(|target| self.rank * sides(*target)).sum();
        (numbers * config.layers) as u64
    }

    pub fn check(&self) -> Result<()> {
        let wrong = |field, expected, found: String| Err(EngineError::Recipe { field, expected, found });
        if self.rank == 0 || self.rank > 4096 {
            return wrong("rank", "1 to 4096", self.rank.to_string());
        }
        if !(self.alpha > 0.0 && self.alpha.is_finite()) {
            return wrong("alpha", "a positive number", self.alpha.to_string());
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return wrong("dropout", "at least 0 and below 1", self.dropout.to_string());
        }
        if self.targets.is_empty() {
            return wrong("target modules", "at least one", "none".into());
        }
        Ok(())
    }
}

/// PEFT's start: A uniform in +-1/sqrt(inputs) (Kaiming with a = sqrt 5), B zero. Each tensor draws from
/// its own name, so the same seed gives the same adapter whatever else is trained.
pub fn initial_a(name: &str, rank: usize, inputs: usize, seed: u64, device: &Device) -> Result<Tensor> {
    let bound = 1.0 / (inputs as f64).sqrt();
    let start = hash_bytes(name.as_bytes(), seed);
    let values: Vec<f32> =
        (0..rank * inputs).map(|i| ((2.0 * unit(combine(start, i as u64)) - 1.0) * bound) as f32).collect();
    Ok(Tensor::from_vec(values, (rank, inputs), &Device::Cpu)?.to_device(device)?)
}

/// A hash as a number in [0, 1).
pub fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1u64 << 53) as f64
}

/// Two independent hashes as a standard normal number (Box and Muller).
pub fn normal(a: u64, b: u64) -> f64 {
    let radius = libm::sqrt(-2.0 * libm::log(1.0 - unit(a)));
    radius * libm::cos(2.0 * std::f64::consts::PI * unit(b))
}

/// An adapter as PEFT stores it: `adapter_config.json` and `adapter_model.safetensors`.
#[derive(Debug, Clone)]
pub struct Adapter {
    pub config: LoraConfig,
    /// `(layer, target)` -> (A, B), f32 on the CPU.
    pub tensors: BTreeMap<(usize, Target), (Tensor, Tensor)>,
}

pub fn tensor_name(layer: usize, target: Target, side: char) -> String {
    format!("base_model.model.model.layers.{layer}.{}.lora_{side}.weight", target.path())
}

impl Adapter {
    pub fn config_json(&self, base_model: &str) -> String {
        let targets: Vec<&str> = self.config.targets.iter().map(|target| target.module()).collect();
        let json = serde_json::json!({
            "peft_type": "LORA",
            "task_type": "CAUSAL_LM",
            "base_model_name_or_path": base_model,
            "r": self.config.rank,
            "lora_alpha": self.config.alpha,
            "lora_dropout": self.config.dropout,
            "target_modules": targets,
            "bias": "none",
            "fan_in_fan_out": false,
            "inference_mode": true,
            "init_lora_weights": true,
            "modules_to_save": null,
            "use_dora": false,
            "use_rslora": false,
        });
        format!("{json:#}\n")
    }

    pub fn to_safetensors(&self) -> Result<Vec<u8>> {
        let mut named = BTreeMap::new();
        for ((layer, target), (a, b)) in &self.tensors {
            named.insert(tensor_name(*layer, *target, 'A'), a.clone());
            named.insert(tensor_name(*layer, *target, 'B'), b.clone());
        }
        crate::safetensors::write(&named, &BTreeMap::from([("format".to_owned(), "pt".to_owned())]))
    }

    /// Reads what PEFT wrote; kinds of adapter that compute something else are refused by name.
    pub fn read(config_json: &str, file: &[u8]) -> Result<Self> {
        let bad = |reason: String| EngineError::Adapter { reason };
        let json: Value = serde_json::from_str(config_json)
            .map_err(|error| bad(format!("adapter_config.json: {error}")))?;
        if json.get("peft_type").and_then(Value::as_str) != Some("LORA") {
            return Err(bad(format!("peft_type is {}, only LORA is read", json["peft_type"])));
        }
        for flag in ["use_dora", "use_rslora", "fan_in_fan_out"] {
            if json.get(flag).and_then(Value::as_bool) == Some(true) {
                return Err(bad(format!("{flag} is set; such adapters are not read")));
            }
        }
        for field in ["rank_pattern", "alpha_pattern"] {
            if json.get(field).and_then(Value::as_object).is_some_and(|pattern| !pattern.is_empty()) {
                return Err(bad(format!("{field} is set; only one rank for all modules is read")));
            }
        }
        let number = |field: &str| {
            json.get(field).and_then(Value::as_f64).ok_or_else(|| bad(format!("{field} is missing")))
        };
        let listed = json.get("target_modules").and_then(Value::as_array);
        let mut targets = Vec::new();
        for name in listed.ok_or_else(|| bad("target_modules is not a list".into()))? {
            let target = name.as_str().and_then(Target::parse);
            targets
                .push(target.ok_or_else(|| bad(format!("target module {name} is not a linear of a layer")))?);
        }
        targets.sort_unstable();
        targets.dedup();
        let config = LoraConfig {
            rank: number("r")? as usize,
            alpha: number("lora_alpha")?,
            dropout: number("lora_dropout").unwrap_or(0.0),
            targets,
        };
        config.check()?;
        let source = SafetensorsBytes::new(file)?;
        let mut tensors = BTreeMap::new();
        for name in source.header.entries.keys().filter(|name| name.ends_with(".lora_A.weight")) {
            let place =
                place(name).ok_or_else(|| bad(format!("tensor {name:?} is not one of a layer's linears")))?;
            let read = |side| -> Result<Tensor> {
                let name = tensor_name(place.0, place.1, side);
                let shape = source.entry(&name).map(|entry| entry.shape).unwrap_or_default();
                crate::safetensors::load(&source, &name, &shape, candle_core::DType::F32, &Device::Cpu)
            };
            let (a, b) = (read('A')?, read('B')?);
            if a.rank() != 2 || b.rank() != 2 || a.dims()[0] != config.rank || b.dims()[1] != config.rank {
                return Err(bad(format!(
                    "{name}: shapes {:?} and {:?} for rank {}",
                    a.dims(),
                    b.dims(),
                    config.rank
                )));
            }
            tensors.insert(place, (a, b));
        }
        if tensors.is_empty() {
            return Err(bad("the file holds no LoRA tensors".into()));
        }
        Ok(Self { config, tensors })
    }
}

fn place(name: &str) -> Option<(usize, Target)> {
    let rest = name.strip_prefix("base_model.model.model.layers.")?.strip_suffix(".lora_A.weight")?;
    let (layer, path) = rest.split_once('.')?;
    let target = Target::parse(path.rsplit('.').next()?)?;
    (target.path() == path).then_some((layer.parse().ok()?, target))
}
