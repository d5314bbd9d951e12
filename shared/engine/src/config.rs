//! A model's shape, read from the `config.json` of a Hugging Face folder. Every number is checked here,
//! so that later code can divide and index without asking again.

use foretune_core::limits::{MAX_MODEL_LAYERS, MAX_MODEL_WIDTH};
use serde_json::Value;

use crate::error::{EngineError, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// Qwen2 and Qwen2.5: biases on q, k and v.
    Qwen2,
    /// Qwen3: no biases, an RMS norm on every head of q and k.
    Qwen3,
    /// Llama 3.x: no biases, rope with the long-context stretch.
    Llama,
}

/// The frequency stretch of Llama 3.1 and later.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Llama3Rope {
    pub factor: f64,
    pub low_freq_factor: f64,
    pub high_freq_factor: f64,
    pub original_max_positions: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    pub architecture: Architecture,
    pub vocab_size: usize,
    pub hidden_size: usize,
    pub intermediate_size: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_size: usize,
    pub max_positions: usize,
    pub rms_eps: f64,
    pub rope_theta: f64,
    pub rope_scaling: Option<Llama3Rope>,
    pub tied_head: bool,
    /// Biases on q, k and v.
    pub qkv_bias: bool,
    /// RMS norm on every head of q and k.
    pub qk_norm: bool,
}

impl ModelConfig {
    pub fn from_json(text: &str) -> Result<Self> {
        let json: Value = serde_json::from_str(text).map_err(|error| EngineError::Config {
            field: "config.json".into(),
            expected: "a JSON object".into(),
            found: error.to_string(),
        })?;
        let architecture = architecture(&json)?;
        let hidden_size = count(&json, "hidden_size", MAX_MODEL_WIDTH)?;
        let heads = count(&json, "num_attention_heads", MAX_MODEL_WIDTH)?;
        let kv_heads = optional_count(&json, "num_key_value_heads", MAX_MODEL_WIDTH)?.unwrap_or(heads);
        let head_size = match optional_count(&json, "head_dim", MAX_MODEL_WIDTH)? {
            Some(size) => size,
            None if hidden_size % heads == 0 => hidden_size / heads,
            None => return Err(wrong("hidden_size", "a multiple of num_attention_heads", hidden_size)),
        };
        if heads % kv_heads != 0 {
            return Err(wrong("num_key_value_heads", "a divisor of num_attention_heads", kv_heads));
        }
        if head_size % 2 != 0 {
            return Err(wrong("head_dim", "an even number", head_size));
        }
        for (field, refused) in [("hidden_act", "silu")] {
            if let Some(found) = json.get(field).and_then(Value::as_str).filter(|found| *found != refused) {
                return Err(wrong(field, refused, found));
            }
        }
        if json.get("use_sliding_window").and_then(Value::as_bool) == Some(true) {
            return Err(wrong("use_sliding_window", "false", true));
        }
        if architecture == Architecture::Llama {
            for field in ["attention_bias", "mlp_bias"] {
                if json.get(field).and_then(Value::as_bool) == Some(true) {
                    return Err(wrong(field, "false", true));
                }
            }
        }
        Ok(Self {
            architecture,
            vocab_size: count(&json, "vocab_size", 1 << 24)?,
            hidden_size,
            intermediate_size: count(&json, "intermediate_size", MAX_MODEL_WIDTH)?,
            layers: count(&json, "num_hidden_layers", MAX_MODEL_LAYERS)?,
            heads,
            kv_heads,
            head_size,
            max_positions: optional_count(&json, "max_position_embeddings", 1 << 28)?.unwrap_or(32_768),
            rms_eps: positive(&json, "rms_norm_eps")?.unwrap_or(1e-6),
            rope_theta: rope_theta(&json)?,
            rope_scaling: rope_scaling(&json)?,
            tied_head: json.get("tie_word_embeddings").and_then(Value::as_bool).unwrap_or(false),
            qkv_bias: architecture == Architecture::Qwen2,
            qk_norm: architecture == Architecture::Qwen3,
        })
    }

    /// The `config.json` that transformers reads back.
    pub fn to_json(&self) -> Value {
        let (class, kind) = match self.architecture {
            Architecture::Qwen2 => ("Qwen2ForCausalLM", "qwen2"),
            Architecture::Qwen3 => ("Qwen3ForCausalLM", "qwen3"),
            Architecture::Llama => ("LlamaForCausalLM", "llama"),
        };
        let mut json = serde_json::json!({
            "architectures": [class],
            "model_type": kind,
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_size,
            "max_position_embeddings": self.max_positions,
            "rms_norm_eps": self.rms_eps,
            "rope_theta": self.rope_theta,
            "tie_word_embeddings": self.tied_head,
            "hidden_act": "silu",
            "use_sliding_window": false,
            "torch_dtype": "bfloat16",
        });
        if let Some(rope) = self.rope_scaling {
            json["rope_scaling"] = serde_json::json!({
                "rope_type": "llama3",
                "factor": rope.factor,
                "low_freq_factor": rope.low_freq_factor,
                "high_freq_factor": rope.high_freq_factor,
                "original_max_position_embeddings": rope.original_max_positions,
            });
        }
        json
    }

    pub fn q_size(&self) -> usize {
        self.heads * self.head_size
    }

    pub fn kv_size(&self) -> usize {
        self.kv_heads * self.head_size
    }

    /// All weights, a tied head counted once.
    pub fn parameter_count(&self) -> u64 {
        let (hidden, q, kv) = (self.hidden_size as u64, self.q_size() as u64, self.kv_size() as u64);
        let attention = 2 * hidden * q + 2 * hidden * kv + if self.qkv_bias { q + 2 * kv } else { 0 };
        let norms = 2 * hidden + if self.qk_norm { 2 * self.head_size as u64 } else { 0 };
        let mlp = 3 * hidden * self.intermediate_size as u64;
        let embeddings = self.vocab_size as u64 * hidden * if self.tied_head { 1 } else { 2 };
        self.layers as u64 * (attention + norms + mlp) + embeddings + hidden
    }
}

fn architecture(json: &Value) -> Result<Architecture> {
    let class = json.get("architectures").and_then(|list| list.get(0)).and_then(Value::as_str);
    let kind = json.get("model_type").and_then(Value::as_str);
    match (class, kind) {
        (Some("Qwen2ForCausalLM"), _) | (None, Some("qwen2")) => Ok(Architecture::Qwen2),
        (Some("Qwen3ForCausalLM"), _) | (None, Some("qwen3")) => Ok(Architecture::Qwen3),
        (Some("LlamaForCausalLM"), _) | (None, Some("llama")) => Ok(Architecture::Llama),
        (class, kind) => {
            Err(EngineError::Architecture { found: class.or(kind).unwrap_or("none stated").to_owned() })
        }
    }
}

/// Recent transformers write `rope_parameters.rope_theta`, older ones `rope_theta`.
fn rope_theta(json: &Value) -> Result<f64> {
    if let Some(nested) = json.get("rope_parameters")
        && let Some(theta) = positive(nested, "rope_theta")?
    {
        return Ok(theta);
    }
    Ok(positive(json, "rope_theta")?.unwrap_or(10_000.0))
}

fn rope_scaling(json: &Value) -> Result<Option<Llama3Rope>> {
    let Some(rope) = ["rope_parameters", "rope_scaling"]
        .iter()
        .find_map(|key| json.get(key).filter(|value| value.is_object()))
    else {
        return Ok(None);
    };
    let kind = rope.get("rope_type").or_else(|| rope.get("type")).and_then(Value::as_str);
    match kind {
        None | Some("default") => Ok(None),
        Some("llama3") => {
            let need =
                |name: &str| positive(rope, name)?.ok_or_else(|| wrong(name, "a positive number", "nothing"));
            Ok(Some(Llama3Rope {
                factor: need("factor")?,
                low_freq_factor: need("low_freq_factor")?,
                high_freq_factor: need("high_freq_factor")?,
                original_max_positions: need("original_max_position_embeddings")?,
            }))
        }
        Some(other) => Err(wrong("rope_type", "default or llama3", other)),
    }
}

fn wrong(field: &str, expected: &str, found: impl ToString) -> EngineError {
    EngineError::Config { field: field.to_owned(), expected: expected.to_owned(), found: found.to_string() }
}

fn count(json: &Value, field: &str, max: usize) -> Result<usize> {
    optional_count(json, field, max)?.ok_or_else(|| wrong(field, "a whole number", "nothing"))
}

fn optional_count(json: &Value, field: &str, max: usize) -> Result<Option<usize>> {
    match json.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64() {
            Some(number) if number >= 1 && number <= max as u64 => Ok(Some(number as usize)),
            _ => Err(wrong(field, &format!("a whole number from 1 to {max}"), value)),
        },
    }
}

fn positive(json: &Value, field: &str) -> Result<Option<f64>> {
    match json.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64() {
            Some(number) if number > 0.0 && number.is_finite() => Ok(Some(number)),
            _ => Err(wrong(field, "a positive number", value)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QWEN_7B: &str = r#"{"architectures":["Qwen2ForCausalLM"],"hidden_size":3584,"intermediate_size":18944,
        "num_hidden_layers":28,"num_attention_heads":28,"num_key_value_heads":4,"vocab_size":152064,
        "rms_norm_eps":1e-6,"rope_theta":1000000.0,"tie_word_embeddings":false,"sliding_window":null,
        "hidden_act":"silu","max_position_embeddings":32768,"use_sliding_window":false}"#;

    #[test]
    fn qwen_7b_has_its_published_size() {
        let config = ModelConfig::from_json(QWEN_7B).unwrap();
        assert_eq!(config.parameter_count(), 7_615_616_512);
        assert_eq!((config.head_size, config.kv_size()), (128, 512));
    }

    #[test]
    fn both_spellings_of_rope_theta_are_read() {
        let nested = QWEN_7B.replace(
            r#""rope_theta":1000000.0"#,
            r#""rope_parameters":{"rope_theta":1000000.0,"rope_type":"default"}"#,
        );
        assert_eq!(ModelConfig::from_json(&nested).unwrap(), ModelConfig::from_json(QWEN_7B).unwrap());
    }

    #[test]
    fn what_is_written_is_read_back() {
        let config = ModelConfig::from_json(QWEN_7B).unwrap();
        assert_eq!(ModelConfig::from_json(&config.to_json().to_string()).unwrap(), config);
    }

    #[test]
    fn bad_configs_name_the_field() {
        for (from, to, field) in [
            ("\"num_key_value_heads\":4", "\"num_key_value_heads\":5", "num_key_value_heads"),
            ("\"hidden_size\":3584", "\"hidden_size\":-1", "hidden_size"),
            ("\"hidden_act\":\"silu\"", "\"hidden_act\":\"gelu\"", "hidden_act"),
            ("\"use_sliding_window\":false", "\"use_sliding_window\":true", "use_sliding_window"),
            ("\"rms_norm_eps\":1e-6", "\"rms_norm_eps\":0", "rms_norm_eps"),
        ] {
            let error = ModelConfig::from_json(&QWEN_7B.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
        }
        let other = QWEN_7B.replace("Qwen2ForCausalLM", "MambaForCausalLM");
        assert!(matches!(ModelConfig::from_json(&other), Err(EngineError::Architecture { .. })));
        assert!(ModelConfig::from_json("[").is_err());
    }
}
