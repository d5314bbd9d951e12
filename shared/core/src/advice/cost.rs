//! What training costs, with the formula shown and every price and assumption editable. Services bill tokens times
//! epochs; on an own GPU the time follows from the number of operations.

use serde::{Deserialize, Serialize};

use super::models::base_model;
use super::recipe::{Method, Recipe};

/// Prices and assumptions; the page shows them in fields and calls `estimate` again with what was typed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostTable {
    /// When the prices were known; nobody updates them behind the user's back.
    pub known_on: String,
    pub services: Vec<ServicePrice>,
    pub gpus: Vec<Gpu>,
    /// Share of a GPU's peak that training reaches.
    pub utilisation: f64,
    /// Recomputing activations saves memory and costs one more forward pass.
    pub gradient_checkpointing: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServicePrice {
    pub provider: String,
    pub model: String,
    pub usd_per_million_tokens: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gpu {
    pub name: String,
    /// Dense 16-bit matrix products, from the data sheet.
    pub peak_teraflops: f64,
    pub memory_gib: f64,
    pub usd_per_hour: f64,
}

impl Default for CostTable {
    /// List prices as they were generally known in mid-2025, not looked up since.
    fn default() -> Self {
        let service = |provider: &str, model: &str, usd_per_million_tokens| ServicePrice {
            provider: provider.to_owned(),
            model: model.to_owned(),
            usd_per_million_tokens,
        };
        let gpu = |name: &str, peak_teraflops, memory_gib, usd_per_hour| Gpu {
            name: name.to_owned(),
            peak_teraflops,
            memory_gib,
            usd_per_hour,
        };
        Self {
            known_on: "2025-06 (general knowledge)".to_owned(),
            services: vec![
                service("OpenAI", "gpt-4.1", 25.0),
                service("OpenAI", "gpt-4.1-mini", 5.0),
                service("OpenAI", "gpt-4.1-nano", 1.5),
                service("OpenAI", "gpt-4o-mini", 3.0),
                service("Together", "LoRA, up to 16B", 0.48),
                service("Together", "LoRA, 17B to 69B", 1.5),
                service("Together", "full, up to 16B", 0.54),
            ],
            gpus: vec![
                gpu("H100 SXM", 989.0, 80.0, 2.99),
                gpu("A100 80 GB", 312.0, 80.0, 1.79),
                gpu("L40S", 362.0, 48.0, 1.19),
                gpu("RTX 4090", 165.0, 24.0, 0.44),
                gpu("RTX 3090", 71.0, 24.0, 0.22),
            ],
            utilisation: 0.35,
            gradient_checkpointing: true,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CostEstimate {
    /// NaN (null in JSON) where tokens were not counted.
    pub tokens_per_epoch: f64,
    pub tokens_exact: bool,
    pub epochs: f64,
    pub billed_tokens: f64,
    pub known_on: String,
    pub services: Vec<ServiceCost>,
    /// Empty where the size of the base model is not known.
    pub own_gpu: Vec<GpuCost>,
    pub assumptions: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceCost {
    pub provider: String,
    pub model: String,
    pub usd: f64,
    pub formula: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GpuCost {
    pub gpu: String,
    pub hours: f64,
    pub usd: f64,
    pub memory_gib: f64,
    pub fits: bool,
    pub formula: String,
}

/// OpenAI's rule for epochs that are not given, from its cookbook: three, fewer for large files, more for small ones.
pub fn default_epochs(rows: u64) -> u64 {
    const TARGET: u64 = 3;
    const MIN_EXAMPLES: u64 = 100;
    const MAX_EXAMPLES: u64 = 25_000;
    const MAX_EPOCHS: u64 = 25;
    if rows == 0 {
        TARGET
    } else if rows * TARGET < MIN_EXAMPLES {
        (MIN_EXAMPLES / rows).min(MAX_EPOCHS)
    } else if rows * TARGET > MAX_EXAMPLES {
        (MAX_EXAMPLES / rows).max(1)
    } else {
        TARGET
    }
}

/// Floating-point operations for one parameter and token: 2 forward, 2 for the gradient of the activations, 2 for
/// that of the weights (none where they are frozen), 2 to compute activations again (Kaplan et al. 2020, section 2.1).
pub fn operations_per_parameter_and_token(method: Method, gradient_checkpointing: bool) -> f64 {
    let weights = if matches!(method, Method::Full) { 2.0 } else { 0.0 };
    let recompute = if gradient_checkpointing { 2.0 } else { 0.0 };
    4.0 + weights + recompute
}

/// Bytes: 16-bit weights; 16 bytes for each trained parameter (gradient, 32-bit copy, two Adam moments and the
/// 16-bit value), and a fifth on top for activations and buffers.
pub fn memory_gib(parameters: f64, trained_parameters: f64) -> f64 {
    const OVERHEAD: f64 = 1.2;
    let frozen = parameters - trained_parameters.min(parameters);
    OVERHEAD * (2.0 * frozen + 16.0 * trained_parameters) / f64::from(1 << 30)
}

pub fn estimate(
    tokens_per_epoch: f64,
    tokens_exact: bool,
    recipe: &Recipe,
    table: &CostTable,
) -> CostEstimate {
    let epochs = recipe.epochs;
    let billed_tokens = tokens_per_epoch * epochs;
    let services = table
        .services
        .iter()
        .map(|price| ServiceCost {
            provider: price.provider.clone(),
            model: price.model.clone(),
            usd: billed_tokens / 1e6 * price.usd_per_million_tokens,
            formula: format!(
                "{tokens_per_epoch:.0} tokens × {epochs} epochs × ${} per million",
                price.usd_per_million_tokens
            ),
        })
        .collect();
    CostEstimate {
        tokens_per_epoch,
        tokens_exact,
        epochs,
        billed_tokens,
        known_on: table.known_on.clone(),
        services,
        own_gpu: own_gpu(billed_tokens, recipe, table),
        assumptions: assumptions(tokens_exact, recipe, table),
    }
}

fn own_gpu(billed_tokens: f64, recipe: &Recipe, table: &CostTable) -> Vec<GpuCost> {
    let Some(parameters) = recipe.parameters() else { return Vec::new() };
    let per_token = operations_per_parameter_and_token(recipe.method, table.gradient_checkpointing);
    let memory = memory_gib(parameters, recipe.trained_parameters().unwrap_or(parameters));
    table
        .gpus
        .iter()
        .map(|gpu| {
            let speed = gpu.peak_teraflops * 1e12 * table.utilisation;
            let hours = per_token * parameters * billed_tokens / speed / 3600.0;
            GpuCost {
                gpu: gpu.name.clone(),
                hours,
                usd: hours * gpu.usd_per_hour,
                memory_gib: memory,
                fits: memory <= gpu.memory_gib,
                formula: format!(
                    "{per_token:.0} × {:.2} billion parameters × {billed_tokens:.0} tokens ÷ ({} TFLOP/s × {:.0} %)",
                    parameters / 1e9,
                    gpu.peak_teraflops,
                    table.utilisation * 100.0
                ),
            }
        })
        .collect()
}

fn assumptions(tokens_exact: bool, recipe: &Recipe, table: &CostTable) -> Vec<String> {
    let tokens = if tokens_exact {
        "Tokens counted by the tokenizer that was given"
    } else {
        "Tokens estimated; a tokenizer.json gives the exact number"
    };
    let mut said = vec![
        tokens.to_owned(),
        "Chat-template tokens are not counted; services add three or four for each message".to_owned(),
        format!("Prices as of {}; change them where they moved", table.known_on),
    ];
    if recipe.parameters().is_some() {
        said.push(format!(
            "An own GPU reaches {:.0} % of its peak; a measured speed replaces this as soon as there is one",
            table.utilisation * 100.0
        ));
        if recipe.model.as_deref().is_some_and(|name| base_model(name).is_none()) {
            said.push(
                "The model's shape is not known; LoRA's size is taken as 0.5 % of it at rank 16".to_owned(),
            );
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * b.abs()
    }

    #[test]
    fn services_bill_tokens_times_epochs() {
        let recipe = Recipe { epochs: 3.0, ..Recipe::default() };
        let cost = estimate(2e6, true, &recipe, &CostTable::default());
        let nano = cost.services.iter().find(|service| service.model == "gpt-4.1-nano").unwrap();
        assert!(close(nano.usd, 9.0), "{}", nano.usd);
        assert_eq!(nano.formula, "2000000 tokens × 3 epochs × $1.5 per million");
        assert!(cost.own_gpu.is_empty());
    }

    /// 6 operations × 7.616e9 × 1e6 tokens on an A100 at 35 % of 312 TFLOP/s: 418 seconds.
    #[test]
    fn own_gpu_time_follows_from_operations() {
        let recipe = Recipe { model: Some("Qwen2.5-7B".into()), epochs: 1.0, ..Recipe::default() };
        let cost = estimate(1e6, false, &recipe, &CostTable::default());
        let a100 = cost.own_gpu.iter().find(|gpu| gpu.gpu.starts_with("A100")).unwrap();
        assert!(close(a100.hours * 3600.0, 6.0 * 7.616e9 * 1e6 / (312e12 * 0.35)));
        assert!((a100.hours * 3600.0 - 418.0).abs() < 1.0);
        assert!(a100.fits && a100.memory_gib > 17.0 && a100.memory_gib < 19.0, "{}", a100.memory_gib);
        assert!(cost.assumptions[0].contains("estimated"));
    }

    #[test]
    fn full_tuning_of_seven_billion_does_not_fit_one_card() {
        let recipe = Recipe { model: Some("Qwen2.5-7B".into()), method: Method::Full, ..Recipe::default() };
        assert!(estimate(1e6, true, &recipe, &CostTable::default()).own_gpu.iter().all(|gpu| !gpu.fits));
        assert!(close(operations_per_parameter_and_token(Method::Full, false), 6.0));
    }

    #[test]
    fn epochs_follow_the_cookbook() {
        assert_eq!([0, 5, 20, 1000, 10_000, 50_000].map(default_epochs), [3, 20, 5, 3, 2, 1]);
    }

    #[test]
    fn unknown_tokens_stay_unknown_in_json() {
        let cost = estimate(f64::NAN, false, &Recipe::default(), &CostTable::default());
        assert!(serde_json::to_value(&cost).unwrap()["billed_tokens"].is_null());
    }
}
