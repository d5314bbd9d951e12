//! Base models that the advice knows by name. Sizes and shapes are from the models' published configurations
//! (general knowledge, not looked up here); anything else can be given by its number of parameters.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BaseModel {
    pub name: &'static str,
    pub parameters: f64,
    pub layers: u32,
    pub hidden: u32,
    pub intermediate: u32,
    /// Width of keys and values.
    pub key_value: u32,
    pub context_tokens: u32,
    pub licence: &'static str,
    /// Whether the licence allows commercial use without further terms.
    pub permissive: bool,
    /// Languages beyond English and the large European ones, as its card claims.
    pub multilingual: bool,
}

const APACHE: &str = "Apache-2.0";
const LLAMA: &str = "Llama community licence: terms on naming, and above 700 million users";

#[rustfmt::skip]
pub static BASE_MODELS: &[BaseModel] = &[
    BaseModel { name: "Qwen2.5-0.5B", parameters: 0.494e9, layers: 24, hidden: 896, intermediate: 4864, key_value: 128, context_tokens: 32_768, licence: APACHE, permissive: true, multilingual: true },
    BaseModel { name: "Qwen2.5-1.5B", parameters: 1.544e9, layers: 28, hidden: 1536, intermediate: 8960, key_value: 256, context_tokens: 32_768, licence: APACHE, permissive: true, multilingual: true },
    BaseModel { name: "Qwen2.5-3B", parameters: 3.086e9, layers: 36, hidden: 2048, intermediate: 11_008, key_value: 256, context_tokens: 32_768, licence: "Qwen research licence: not for commercial use", permissive: false, multilingual: true },
    BaseModel { name: "Qwen2.5-7B", parameters: 7.616e9, layers: 28, hidden: 3584, intermediate: 18_944, key_value: 512, context_tokens: 32_768, licence: APACHE, permissive: true, multilingual: true },
    BaseModel { name: "Qwen2.5-14B", parameters: 14.77e9, layers: 48, hidden: 5120, intermediate: 13_824, key_value: 1024, context_tokens: 32_768, licence: APACHE, permissive: true, multilingual: true },
    BaseModel { name: "Qwen2.5-32B", parameters: 32.76e9, layers: 64, hidden: 5120, intermediate: 27_648, key_value: 1024, context_tokens: 32_768, licence: APACHE, permissive: true, multilingual: true },
    BaseModel { name: "Llama-3.2-1B", parameters: 1.236e9, layers: 16, hidden: 2048, intermediate: 8192, key_value: 512, context_tokens: 131_072, licence: LLAMA, permissive: false, multilingual: false },
    BaseModel { name: "Llama-3.2-3B", parameters: 3.213e9, layers: 28, hidden: 3072, intermediate: 8192, key_value: 1024, context_tokens: 131_072, licence: LLAMA, permissive: false, multilingual: false },
    BaseModel { name: "Llama-3.1-8B", parameters: 8.030e9, layers: 32, hidden: 4096, intermediate: 14_336, key_value: 1024, context_tokens: 131_072, licence: LLAMA, permissive: false, multilingual: false },
    BaseModel { name: "Mistral-7B-v0.3", parameters: 7.248e9, layers: 32, hidden: 4096, intermediate: 14_336, key_value: 1024, context_tokens: 32_768, licence: APACHE, permissive: true, multilingual: false },
];

/// By name, case and an organisation or `-Instruct` aside.
pub fn base_model(name: &str) -> Option<&'static BaseModel> {
    let plain = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    let plain = plain.trim_end_matches("-instruct").trim_end_matches("-base");
    BASE_MODELS.iter().find(|model| model.name.eq_ignore_ascii_case(plain))
}

impl BaseModel {
    /// Parameters of LoRA adapters on all linear layers: rank times inputs plus outputs of each.
    pub fn lora_parameters(&self, rank: u32) -> f64 {
        let [hidden, intermediate, key_value] =
            [self.hidden, self.intermediate, self.key_value].map(f64::from);
        let attention = 2.0 * (hidden + hidden) + 2.0 * (hidden + key_value);
        let feed_forward = 3.0 * (hidden + intermediate);
        f64::from(rank) * f64::from(self.layers) * (attention + feed_forward)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PEFT prints 40,370,176 trainable parameters for rank 16 on all linear layers of Qwen2.5-7B.
    #[test]
    fn adapter_size_is_that_of_peft() {
        let model = base_model("Qwen/Qwen2.5-7B-Instruct").unwrap();
        assert!((model.lora_parameters(16) - 40_370_176.0).abs() < 0.5);
    }

    #[test]
    fn names_are_found_however_they_are_written() {
        assert_eq!(base_model("qwen2.5-0.5b").unwrap().layers, 24);
        assert!(base_model("gpt-9").is_none());
    }
}
