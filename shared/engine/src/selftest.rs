//! The start-up self-test: a small model of the same code goes through a few steps on the device that is
//! to be used. A library that drops gradients or computes wrong does it silently; this makes it loud.

use candle_core::{DType, Device, Tensor};

use crate::batch::{Batch, BatchStyle, Row};
use crate::config::{Architecture, ModelConfig};
use crate::error::{EngineError, Result};
use crate::lora::LoraConfig;
use crate::model::{LoadOptions, Model, PassOptions, Quantization};
use crate::ops::{AdamW, with_slice};
use crate::parameters::Gradients;

const STEPS: usize = 6;
const DROPOUT_SEED: u64 = 3;

/// Measured by a test that passed.
#[derive(Debug, Clone, Copy)]
pub struct SelfTest {
    /// Largest difference of a logit from the CPU's in f32.
    pub logit_difference: f32,
    /// Distance of the first gradient from the CPU's in f32, as a share of its length.
    pub gradient_difference: f64,
    pub first_loss: f64,
    pub last_loss: f64,
}

/// Largest allowed logit difference: rounding of the type, and TF32 on devices that use it for f32.
fn tolerance(device: &Device, dtype: DType) -> f32 {
    match dtype {
        DType::F32 if device.is_cpu() => 0.0,
        DType::F32 => 2e-2,
        _ => 1e-1,
    }
}

pub fn self_test(device: &Device, dtype: DType) -> Result<SelfTest> {
    let config = config();
    let batch = batch(&config, BatchStyle::Padded)?;
    let mut model = Model::random(
        &config,
        1,
        &LoadOptions { device: device.clone(), dtype, quantization: Quantization::None },
    )?;
    let reference = Model::random(&config, 1, &LoadOptions::cpu())?.logits(&batch)?;
    let logits = model.logits(&batch)?.to_device(&Device::Cpu)?;
    let difference = (logits - reference)?.abs()?.max_all()?.to_scalar::<f32>()?;
    if difference.is_nan() || difference > tolerance(device, dtype) {
        return Err(failed(format!("logits differ from the CPU's by {difference}")));
    }
    let gradient_difference = differences(device, dtype, &Case::default())?.gradient;
    if gradient_difference.is_nan() || gradient_difference > gradient_tolerance(device, dtype) {
        return Err(failed(format!(
            "gradients differ from the CPU's by {gradient_difference} of their length"
        )));
    }
    model.attach_lora(&lora(), 2)?;
    let start = values(&model)?;
    let mut losses = Vec::with_capacity(STEPS);
    for step in 0..STEPS {
        let mut gradients = Gradients::default();
        let scale = 1.0 / batch.target_count() as f64;
        let results = model.forward_backward(&batch, scale, PassOptions::default(), &mut gradients)?;
        losses.push(results.loss_sum() * scale);
        let gradient = gradients.flatten(model.trained.parameters()?)?;
        check_gradient(&model, &with_slice(&gradient, <[f32]>::to_vec)?, step)?;
        model.step(&AdamW::default(), &gradient, 2e-2, 1.0)?;
    }
    check_moved(&model, &start)?;
    let (first_loss, last_loss) = (losses[0], losses[STEPS - 1]);
    if last_loss.is_nan() || last_loss >= first_loss {
        return Err(failed(format!("the loss on a fixed batch went from {first_loss} to {last_loss}")));
    }
    Ok(SelfTest { logit_difference: difference, gradient_difference, first_loss, last_loss })
}

/// Largest allowed distance of a gradient.
pub fn gradient_tolerance(device: &Device, dtype: DType) -> f64 {
    match dtype {
        DType::F32 if device.is_cpu() => 0.0,
        DType::F32 => 1e-2,
        _ => 5e-2,
    }
}

/// One way of making a step; the default is the plainest.
#[derive(Debug, Clone, Copy, Default)]
pub struct Case {
    pub quantization: Quantization,
    pub dropout: f64,
    pub style: BatchStyle,
    pub recompute: bool,
}

/// How far a step on a device is from the same step on the CPU in f32.
#[derive(Debug, Clone, Copy)]
pub struct Differences {
    /// As a share of the CPU's loss.
    pub loss: f64,
    /// Length of the gap between the gradients as a share of the gradient's length.
    pub gradient: f64,
}

/// With adapters that have moved away from zero, so that the gradients of A count too.
pub fn differences(device: &Device, dtype: DType, case: &Case) -> Result<Differences> {
    let load = LoadOptions { device: device.clone(), dtype, quantization: case.quantization };
    let (loss, gradient) = moved_step(&load, case)?;
    let cpu = LoadOptions { quantization: case.quantization, ..LoadOptions::cpu() };
    let (wanted_loss, wanted) = moved_step(&cpu, case)?;
    let length = |values: &mut dyn Iterator<Item = f32>| {
        libm::sqrt(values.map(|value| f64::from(value).powi(2)).sum::<f64>())
    };
    let gap = length(&mut gradient.iter().zip(&wanted).map(|(a, b)| a - b));
    Ok(Differences {
        loss: (loss - wanted_loss).abs() / wanted_loss,
        gradient: gap / length(&mut wanted.iter().copied()),
    })
}

/// Loss and gradient of one pass over the fixed batch.
fn moved_step(load: &LoadOptions, case: &Case) -> Result<(f64, Vec<f32>)> {
    const MOVE: f64 = 0.05;
    let batch = batch(&config(), case.style)?;
    let mut model = Model::random(&config(), 1, load)?;
    model.attach_lora(&LoraConfig { dropout: case.dropout, ..lora() }, 2)?;
    let moved: Vec<f32> = values(&model)?
        .iter()
        .enumerate()
        .map(|(i, value)| value + (MOVE * libm::sin(i as f64)) as f32)
        .collect();
    model.set_values(&Tensor::new(moved.as_slice(), &Device::Cpu)?)?;
    let mut gradients = Gradients::default();
    let scale = 1.0 / batch.target_count() as f64;
    let options = PassOptions {
        recompute: case.recompute,
        dropout_seed: (case.dropout > 0.0).then_some(DROPOUT_SEED),
        ..PassOptions::default()
    };
    let results = model.forward_backward(&batch, scale, options, &mut gradients)?;
    let gradient = gradients.flatten(model.trained.parameters()?)?;
    Ok((results.loss_sum() * scale, with_slice(&gradient, <[f32]>::to_vec)?))
}

/// Finite everywhere; non-zero for every B at once, and for every A once B has moved.
fn check_gradient(model: &Model, gradient: &[f32], step: usize) -> Result<()> {
    for parameter in &model.trained.parameters()?.list {
        let part = &gradient[parameter.offset..parameter.offset + parameter.len()];
        if part.iter().any(|value| !value.is_finite()) {
            return Err(failed(format!("the gradient of {} is not finite", parameter.name)));
        }
        let must_have = step > 0 || parameter.name.contains("lora_B");
        if must_have && part.iter().all(|value| *value == 0.0) {
            return Err(failed(format!("{} got no gradient", parameter.name)));
        }
    }
    Ok(())
}

fn check_moved(model: &Model, start: &[f32]) -> Result<()> {
    let now = values(model)?;
    for parameter in &model.trained.parameters()?.list {
        let range = parameter.offset..parameter.offset + parameter.len();
        if now[range.clone()] == start[range] {
            return Err(failed(format!("{} did not move", parameter.name)));
        }
    }
    Ok(())
}

fn values(model: &Model) -> Result<Vec<f32>> {
    with_slice(&model.trained.parameters()?.values, <[f32]>::to_vec)
}

fn failed(reason: String) -> EngineError {
    EngineError::SelfTest { reason }
}

fn lora() -> LoraConfig {
    LoraConfig { rank: 4, alpha: 8.0, ..LoraConfig::default() }
}

fn config() -> ModelConfig {
    ModelConfig {
        architecture: Architecture::Qwen2,
        vocab_size: 128,
        hidden_size: 64,
        intermediate_size: 96,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        head_size: 16,
        max_positions: 64,
        rms_eps: 1e-6,
        rope_theta: 10_000.0,
        rope_scaling: None,
        tied_head: false,
        qkv_bias: true,
        qk_norm: false,
    }
}

fn batch(config: &ModelConfig, style: BatchStyle) -> Result<Batch> {
    let rows: Vec<Row> = (0..4u32)
        .map(|row| {
            let tokens: Vec<u32> = (0..12 - row).map(|i| (row * 31 + i * 7) % 128).collect();
            Row::answered(&tokens, &[row + 1, row + 50])
        })
        .collect();
    Batch::new(&rows.iter().collect::<Vec<_>>(), style, config.vocab_size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_passes() {
        let passed = self_test(&Device::Cpu, DType::F32).unwrap();
        assert!(passed.logit_difference == 0.0 && passed.gradient_difference == 0.0);
        assert!(passed.last_loss < passed.first_loss);
    }

    #[test]
    fn every_way_of_making_a_step_is_compared_and_dropout_packing_and_bits_count() {
        let ways = [
            Case { dropout: 0.2, ..Case::default() },
            Case { style: BatchStyle::Packed { len: 40 }, ..Case::default() },
            Case { quantization: Quantization::Four, ..Case::default() },
            Case { recompute: true, ..Case::default() },
        ];
        for case in ways {
            let same = differences(&Device::Cpu, DType::F32, &case).unwrap();
            assert!(same.loss == 0.0 && same.gradient == 0.0, "{case:?}: {same:?}");
        }
        let gradient = |case: &Case| {
            moved_step(&LoadOptions { quantization: case.quantization, ..LoadOptions::cpu() }, case)
                .unwrap()
                .1
        };
        let plain = gradient(&Case::default());
        assert!(plain != gradient(&ways[0]) && plain != gradient(&ways[2]));
    }

    #[test]
    fn a_silent_gradient_and_a_still_parameter_are_found() {
        let mut model = Model::random(&config(), 1, &LoadOptions::cpu()).unwrap();
        model.attach_lora(&LoraConfig::default(), 2).unwrap();
        let count = model.trained.parameters().unwrap().len();
        let error = check_gradient(&model, &vec![0.0; count], 0).unwrap_err().to_string();
        assert!(error.contains("lora_B") && error.contains("no gradient"), "{error}");
        assert!(check_gradient(&model, &vec![f32::NAN; count], 0).is_err());
        let start = values(&model).unwrap();
        assert!(check_moved(&model, &start).unwrap_err().to_string().contains("did not move"));
    }
}
