//! Speed of training steps for `just bench-engine` and `just gpu-check`: a model of a given shape with random
//! weights, whole steps (loss, gradient, norm, clip, AdamW), one JSON line.
//!
//! `bench_train SIZE lora|full ROWS LENGTH STEPS [cpu|cuda] [recompute] [composed]`; SIZE is 1m, 10m or 7b;
//! `composed` is without kernels of our own.

#![expect(clippy::print_stdout, reason = "its result goes there")]
#![expect(clippy::disallowed_methods, reason = "a native program: it reads files and the clock")]

use std::time::Instant;

use foretune_engine::parameters::inner;
use foretune_engine::{
    AdamW, Batch, BatchStyle, DType, Device, Gradients, LoadOptions, LoraConfig, Model, ModelConfig,
    PassOptions, Quantization, Row, Tensor,
};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn config(size: &str) -> Outcome<ModelConfig> {
    let (vocab, hidden, mlp, layers, heads, kv_heads, tied) = match size {
        "1m" => (2048, 128, 352, 4, 4, 2, true),
        "10m" => (2048, 320, 896, 8, 8, 4, true),
        "7b" => (152_064, 3584, 18_944, 28, 28, 4, false),
        other => return Err(format!("size {other}: expected 1m, 10m or 7b").into()),
    };
    let text = format!(
        r#"{{"architectures":["Qwen2ForCausalLM"],"hidden_size":{hidden},"intermediate_size":{mlp},
        "num_hidden_layers":{layers},"num_attention_heads":{heads},"num_key_value_heads":{kv_heads},
        "vocab_size":{vocab},"rms_norm_eps":1e-6,"rope_theta":1000000.0,"tie_word_embeddings":{tied},
        "hidden_act":"silu","max_position_embeddings":32768,"use_sliding_window":false}}"#
    );
    Ok(ModelConfig::from_json(&text)?)
}

/// bf16 weights drawn on the device: 15 GB are not made on the host and copied.
fn model(config: &ModelConfig, device: &Device, dtype: DType) -> Outcome<Model> {
    let options = LoadOptions { device: device.clone(), dtype, quantization: Quantization::None };
    Ok(if device.is_cpu() {
        Model::random(config, 1, &options)?
    } else {
        Model::random_on_device(config, &options)?
    })
}

#[cfg(feature = "cuda")]
fn gpu(words: &[String]) -> Outcome<Device> {
    foretune_engine::ops::cuda::use_kernels(!words.iter().any(|word| word == "composed"));
    Ok(foretune_engine::open_gpu(0)?)
}

#[cfg(not(feature = "cuda"))]
fn gpu(_: &[String]) -> Outcome<Device> {
    Err("built without the feature cuda".into())
}

/// The same tokens as the Python peer draws.
fn rows(count: usize, length: usize, vocab: usize) -> Vec<Row> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % vocab as u64) as u32
    };
    (0..count).map(|_| Row::text(&(0..length).map(|_| next()).collect::<Vec<_>>())).collect()
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(11);
    fields.take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// Rate of a large bf16 matrix product, in FLOP a second: what the device can really do.
fn matmul_rate(device: &Device, dtype: DType) -> Outcome<f64> {
    let n = if device.is_cpu() { 1024 } else { 8192 };
    let a = Tensor::randn(0f32, 1f32, (n, n), device)?.to_dtype(dtype)?;
    let product = || -> Outcome<()> {
        a.matmul(&a)?;
        Ok(())
    };
    product()?;
    device.synchronize()?;
    let (start, count) = (Instant::now(), 20);
    for _ in 0..count {
        product()?;
    }
    device.synchronize()?;
    Ok(2.0 * (n as f64).powi(3) * f64::from(count) / start.elapsed().as_secs_f64())
}

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [size, kind, row_count, length, steps, rest @ ..] = arguments.as_slice() else {
        return Err("bench_train SIZE lora|full ROWS LENGTH STEPS [cpu|cuda] [recompute]".into());
    };
    let config = config(size)?;
    let (device, dtype) = if rest.iter().any(|word| word == "cuda") {
        (gpu(rest)?, DType::BF16)
    } else {
        (Device::Cpu, DType::F32)
    };
    let mut model = model(&config, &device, dtype)?;
    if kind == "full" {
        model.train_all()?;
    } else {
        model.attach_lora(&LoraConfig::default(), 2)?;
    }
    let rows = rows(row_count.parse()?, length.parse()?, config.vocab_size);
    let rows: Vec<&Row> = rows.iter().collect();
    let batch = Batch::new(&rows, BatchStyle::Padded, config.vocab_size)?;
    let options =
        PassOptions { recompute: rest.iter().any(|word| word == "recompute"), ..PassOptions::default() };
    let scale = 1.0 / batch.target_count() as f64;
    let mut losses = Vec::new();
    let mut step = |model: &mut Model| -> Outcome<()> {
        let mut gradients = Gradients::default();
        let results = model.forward_backward(&batch, scale, options, &mut gradients)?;
        let gradient = gradients.flatten(model.trained.parameters()?)?;
        let norm = inner(&gradient, &gradient)?.sqrt();
        model.step(&AdamW::default(), &gradient, 1e-4, (1.0 / (norm + 1e-6)).min(1.0))?;
        losses.push(results.loss_sum() * scale);
        Ok(())
    };
    step(&mut model)?;
    device.synchronize()?;
    let (cpu_start, start) = (cpu_seconds(), Instant::now());
    let steps: usize = steps.parse()?;
    for _ in 0..steps {
        step(&mut model)?;
    }
    device.synchronize()?;
    let (cpu, wall) = (cpu_seconds() - cpu_start, start.elapsed().as_secs_f64());
    let tokens = (steps * batch.tokens.len()) as f64;
    let rate = matmul_rate(&device, dtype)?;
    println!(
        "{}",
        serde_json::json!({
            "parameters": config.parameter_count(), "tokens": tokens, "cpu_seconds": cpu, "wall_seconds": wall,
            "tokens_per_cpu_second": tokens / cpu, "tokens_per_second": tokens / wall, "peak_bytes": peak_bytes(),
            "first_loss": losses[0], "last_loss": losses[losses.len() - 1], "matmul_flops": rate,
        })
    );
    Ok(())
}
