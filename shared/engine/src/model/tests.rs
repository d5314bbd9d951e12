//! Gradients against finite differences, and the equalities that every way of batching must keep.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use foretune_core::hash::{combine, hash_bytes};

use super::{LoadOptions, Model, PassOptions, Quantization};
use crate::batch::{Batch, BatchStyle, Row};
use crate::config::{Architecture, ModelConfig};
use crate::lora::{Adapter, LoraConfig, Target, normal};
use crate::ops::AdamW;
use crate::parameters::{Gradients, inner};
use crate::testing::{assert_close, small_config, values};

fn rows() -> Vec<Row> {
    vec![
        Row::answered(&[1, 2, 3, 4, 5], &[6, 7]),
        Row::answered(&[9, 8, 7], &[11, 12, 13]),
        Row::text(&[20, 21, 22, 23]),
        Row::answered(&[30, 31, 2, 60], &[41, 5, 6]),
    ]
}

fn batch(style: BatchStyle) -> Batch {
    let rows = rows();
    Batch::new(&rows.iter().collect::<Vec<_>>(), style, 61).unwrap()
}

fn noise(count: usize, seed: u64, scale: f64) -> Tensor {
    let values: Vec<f32> = (0..count as u64)
        .map(|i| (normal(combine(seed, 2 * i), combine(seed, 2 * i + 1)) * scale) as f32)
        .collect();
    Tensor::from_vec(values, count, &Device::Cpu).unwrap()
}

/// A model whose weights are large enough for differences to stand above rounding.
fn model(config: &ModelConfig, full: bool) -> Model {
    let mut model = Model::random(config, 7, &LoadOptions::cpu()).unwrap();
    if !full {
        model.train_all().unwrap();
        spread(&mut model, 0.15);
    }
    if full {
        model.train_all().unwrap();
    } else {
        let lora = LoraConfig { rank: 3, alpha: 5.0, dropout: 0.0, targets: Target::ALL.to_vec() };
        model.attach_lora(&lora, 3).unwrap();
    }
    spread(&mut model, 0.15);
    model
}

fn spread(model: &mut Model, scale: f64) {
    let old = model.trained.parameters().unwrap().values.copy().unwrap();
    let moved = (&old + noise(old.elem_count(), 5, scale)).unwrap();
    model.set_values(&moved).unwrap();
}

fn gradient(model: &Model, batch: &Batch, options: PassOptions) -> (f64, Tensor) {
    let mut gradients = Gradients::default();
    let scale = 1.0 / batch.target_count() as f64;
    let results = model.forward_backward(batch, scale, options, &mut gradients).unwrap();
    (results.loss_sum() * scale, gradients.flatten(model.trained.parameters().unwrap()).unwrap())
}

fn mean_loss(model: &Model, batch: &Batch, options: PassOptions) -> f64 {
    model.evaluate(batch, options).unwrap().loss_sum() / batch.target_count() as f64
}

/// Along a random direction in each single tensor: (L(p+e) - L(p-e)) / 2e against the gradient.
fn check_differences(model: &mut Model, batch: &Batch, options: PassOptions) {
    let (_, gradient) = gradient(model, batch, options);
    let parameters = model.trained.parameters().unwrap();
    let list = parameters.list.clone();
    let start = parameters.values.copy().unwrap();
    for parameter in list {
        let mut direction = vec![0f32; start.elem_count()];
        let seed = hash_bytes(parameter.name.as_bytes(), 1);
        let drawn = values(&noise(parameter.len(), seed, 1.0));
        direction[parameter.offset..parameter.offset + parameter.len()].copy_from_slice(&drawn);
        let direction = Tensor::from_vec(direction, start.elem_count(), &Device::Cpu).unwrap();
        let step = 0.02 / (parameter.len() as f64).sqrt();
        let mut losses = Vec::new();
        for sign in [1.0, -1.0] {
            model.set_values(&(&start + (&direction * (sign * step)).unwrap()).unwrap()).unwrap();
            losses.push(mean_loss(model, batch, options));
        }
        let numeric = (losses[0] - losses[1]) / (2.0 * step);
        let exact = inner(&gradient, &direction).unwrap();
        let size = inner(&gradient, &gradient).unwrap().sqrt();
        assert!(
            (numeric - exact).abs() <= 0.01 * exact.abs() + 2e-3 * size,
            "{}: difference {numeric}, gradient {exact}, norm {size}",
            parameter.name
        );
    }
    model.set_values(&start).unwrap();
}

fn llama_like() -> ModelConfig {
    ModelConfig { architecture: Architecture::Llama, qkv_bias: false, tied_head: true, ..small_config() }
}

fn qwen3_like() -> ModelConfig {
    ModelConfig {
        architecture: Architecture::Qwen3,
        qkv_bias: false,
        qk_norm: true,
        head_size: 8,
        ..small_config()
    }
}

#[test]
fn full_gradients_match_differences_in_every_architecture() {
    for config in [small_config(), llama_like(), qwen3_like()] {
        let mut model = model(&config, true);
        check_differences(&mut model, &batch(BatchStyle::Ragged), PassOptions::default());
    }
}

#[test]
fn adapter_gradients_match_differences_with_and_without_dropout() {
    for dropout in [0.0, 0.3] {
        let mut model = model(&small_config(), true);
        let lora = LoraConfig { rank: 3, alpha: 5.0, dropout, targets: Target::ALL.to_vec() };
        model.attach_lora(&lora, 3).unwrap();
        spread(&mut model, 0.1);
        let options = PassOptions { dropout_seed: Some(11), ..PassOptions::default() };
        check_differences(&mut model, &batch(BatchStyle::Packed { len: 9 }), options);
    }
}

#[test]
fn adapters_on_some_modules_only_match_differences() {
    for targets in [vec![Target::Q, Target::V], vec![Target::Down], vec![Target::K, Target::Gate]] {
        let mut model = model(&small_config(), true);
        let lora = LoraConfig { rank: 2, alpha: 2.0, dropout: 0.0, targets };
        model.attach_lora(&lora, 3).unwrap();
        spread(&mut model, 0.1);
        check_differences(&mut model, &batch(BatchStyle::Ragged), PassOptions::default());
    }
}

#[test]
fn ragged_padded_and_packed_give_the_same_loss_and_gradient() {
    let model = model(&small_config(), false);
    let (loss, wanted) = gradient(&model, &batch(BatchStyle::Ragged), PassOptions::default());
    for style in [BatchStyle::Padded, BatchStyle::Packed { len: 8 }, BatchStyle::Packed { len: 14 }] {
        let (other_loss, other) = gradient(&model, &batch(style), PassOptions::default());
        assert!((loss - other_loss).abs() < 1e-6, "{style:?}: {loss} {other_loss}");
        assert_close(&other, &wanted, 1e-5);
    }
}

/// Padding beyond the model's last position read past the end of the rotation tables on a GPU: whatever stood
/// there, and with dropout or packed weights beside it that was no number.
#[test]
fn padding_of_a_long_pack_asks_for_no_position_that_the_model_lacks() {
    let config = small_config();
    let rows = [Row::answered(&[5; 40], &[6; 20]), Row::answered(&[7; 30], &[8])];
    let rows: Vec<&Row> = rows.iter().collect();
    let batch = Batch::new(&rows, BatchStyle::Packed { len: 10 * config.max_positions }, 61).unwrap();
    assert!(batch.tokens.len() < 2 * config.max_positions, "no longer than what stands in it");
    let positions = batch.blocks[0].positions.as_ref().unwrap();
    assert!(positions.iter().all(|position| (*position as usize) < batch.longest));
    let model = model(&config, false);
    let (loss, wanted) =
        gradient(&model, &Batch::new(&rows, BatchStyle::Ragged, 61).unwrap(), PassOptions::default());
    let (packed_loss, packed) = gradient(&model, &batch, PassOptions::default());
    assert!((loss - packed_loss).abs() < 1e-6, "{loss} {packed_loss}");
    assert_close(&packed, &wanted, 1e-5);
}

#[test]
fn a_batch_equals_its_rows_alone_and_accumulation_the_big_batch() {
    let model = model(&small_config(), false);
    let whole = batch(BatchStyle::Ragged);
    let (loss, wanted) = gradient(&model, &whole, PassOptions::default());
    let scale = 1.0 / whole.target_count() as f64;
    let (mut sum, mut gradients) = (0.0, Gradients::default());
    for row in rows() {
        let alone = Batch::new(&[&row], BatchStyle::Ragged, 61).unwrap();
        sum +=
            model.forward_backward(&alone, scale, PassOptions::default(), &mut gradients).unwrap().loss_sum();
    }
    assert!((loss - sum * scale).abs() < 1e-6, "{loss} {}", sum * scale);
    assert_close(&gradients.flatten(model.trained.parameters().unwrap()).unwrap(), &wanted, 1e-5);
}

#[test]
fn dropout_does_not_depend_on_the_micro_batch() {
    let mut model = model(&small_config(), true);
    let lora = LoraConfig { rank: 3, alpha: 5.0, dropout: 0.4, targets: Target::ALL.to_vec() };
    model.attach_lora(&lora, 3).unwrap();
    spread(&mut model, 0.1);
    let options = PassOptions { dropout_seed: Some(2), ..PassOptions::default() };
    let together = mean_loss(&model, &batch(BatchStyle::Ragged), options);
    let mut sum = 0.0;
    for row in rows() {
        let alone = Batch::new(&[&row], BatchStyle::Padded, 61).unwrap();
        sum += model.evaluate(&alone, options).unwrap().loss_sum();
    }
    let apart = sum / batch(BatchStyle::Ragged).target_count() as f64;
    assert!((together - apart).abs() < 1e-5, "{together} {apart}");
    let plain = mean_loss(&model, &batch(BatchStyle::Ragged), PassOptions::default());
    assert!((together - plain).abs() > 1e-4, "dropout changed nothing");
}

#[test]
fn recomputation_is_bit_equal() {
    let model = model(&small_config(), false);
    let plain = gradient(&model, &batch(BatchStyle::Ragged), PassOptions::default());
    let options = PassOptions { recompute: true, ..PassOptions::default() };
    let again = gradient(&model, &batch(BatchStyle::Ragged), options);
    assert_eq!(plain.0.to_bits(), again.0.to_bits());
    assert_eq!(values(&plain.1), values(&again.1));
}

#[test]
fn a_restored_model_goes_on_bit_for_bit() {
    let steps = |model: &mut Model, count: usize| {
        for _ in 0..count {
            let (_, gradient) = gradient(model, &batch(BatchStyle::Ragged), PassOptions::default());
            model.step(&AdamW::default(), &gradient, 1e-2, 1.0).unwrap();
        }
        values(&model.trained.parameters().unwrap().values)
    };
    let mut first = model(&small_config(), false);
    steps(&mut first, 2);
    let state = first.snapshot().unwrap();
    let wanted = steps(&mut first, 3);
    let mut second = model(&small_config(), false);
    second.restore(&state).unwrap();
    assert_eq!(steps(&mut second, 3), wanted);
    assert!(second.restore(&state[..state.len() - 4]).is_err());
}

#[test]
fn training_lowers_the_loss() {
    for full in [false, true] {
        let mut model = model(&small_config(), full);
        let batch = batch(BatchStyle::Ragged);
        let before = mean_loss(&model, &batch, PassOptions::default());
        for _ in 0..20 {
            let (_, gradient) = gradient(&model, &batch, PassOptions::default());
            model.step(&AdamW::default(), &gradient, 1e-2, 1.0).unwrap();
        }
        let after = mean_loss(&model, &batch, PassOptions::default());
        assert!(after < before * 0.5, "full {full}: {before} -> {after}");
    }
}

#[test]
fn an_adapter_written_and_read_gives_the_same_loss() {
    let model = model(&small_config(), false);
    let adapter = model.adapter().unwrap();
    let read = Adapter::read(&adapter.config_json("base"), &adapter.to_safetensors().unwrap()).unwrap();
    assert_eq!(read.config, adapter.config);
    let mut fresh = Model::load(
        &model.config,
        &crate::safetensors::SafetensorsBytes::new(
            &crate::safetensors::write(&model.named_tensors().unwrap(), &BTreeMap::default()).unwrap(),
        )
        .unwrap(),
        &LoadOptions::cpu(),
    )
    .unwrap();
    fresh.attach_adapter(&read).unwrap();
    let batch = batch(BatchStyle::Ragged);
    let (a, b) = (
        mean_loss(&model, &batch, PassOptions::default()),
        mean_loss(&fresh, &batch, PassOptions::default()),
    );
    assert_eq!(a.to_bits(), b.to_bits());
}

#[test]
fn composed_operations_on_another_type_agree_roughly() {
    let source = model(&small_config(), true);
    let file = crate::safetensors::write(&source.named_tensors().unwrap(), &BTreeMap::default()).unwrap();
    let file = crate::safetensors::SafetensorsBytes::new(&file).unwrap();
    let load = |dtype| {
        let options = LoadOptions { dtype, ..LoadOptions::cpu() };
        Model::load(&source.config, &file, &options).unwrap().logits(&batch(BatchStyle::Padded)).unwrap()
    };
    // f64 has no fused operations, so this runs the path of other devices, masks included.
    assert_close(&load(DType::F64).to_dtype(DType::F32).unwrap(), &load(DType::F32), 1e-4);
}

#[test]
fn adapters_have_as_many_numbers_as_their_recipe_says() {
    for targets in [Target::ALL.to_vec(), vec![Target::Q, Target::V], vec![Target::Down]] {
        let config = ModelConfig { kv_heads: 1, ..small_config() };
        let mut model = Model::random(&config, 7, &LoadOptions::cpu()).unwrap();
        let lora = LoraConfig { rank: 3, alpha: 5.0, dropout: 0.0, targets };
        model.attach_lora(&lora, 3).unwrap();
        assert_eq!(model.trained.parameters().unwrap().len() as u64, lora.parameter_count(&config));
    }
}

#[test]
fn quantised_weights_are_smaller_and_their_logits_near() {
    let config = ModelConfig {
        hidden_size: 64,
        intermediate_size: 128,
        heads: 4,
        kv_heads: 2,
        head_size: 16,
        ..small_config()
    };
    let source = Model::random(&config, 5, &LoadOptions::cpu()).unwrap();
    let file = crate::safetensors::write(&source.named_tensors().unwrap(), &BTreeMap::default()).unwrap();
    let file = crate::safetensors::SafetensorsBytes::new(&file).unwrap();
    let load = |quantization| {
        Model::load(&config, &file, &LoadOptions { quantization, ..LoadOptions::cpu() }).unwrap()
    };
    let plain = load(Quantization::None);
    let wanted = plain.logits(&batch(BatchStyle::Ragged)).unwrap();
    let size = inner(&wanted.flatten_all().unwrap(), &wanted.flatten_all().unwrap()).unwrap().sqrt();
    // Blocks of 32 weights and a scale of two bytes: 34 and 18 bytes in place of 128.
    for (quantization, share, bound) in
        [(Quantization::Eight, 34.0 / 128.0, 0.01), (Quantization::Four, 18.0 / 128.0, 0.15)]
    {
        let model = load(quantization);
        let gap =
            (model.logits(&batch(BatchStyle::Ragged)).unwrap() - &wanted).unwrap().flatten_all().unwrap();
        let relative = inner(&gap, &gap).unwrap().sqrt() / size;
        assert!(relative > 0.0 && relative < bound, "{quantization:?}: {relative}");
        let ratio = model.frozen_matrix_bytes() as f64 / plain.frozen_matrix_bytes() as f64;
        assert!((ratio - share).abs() < 1e-9, "{quantization:?}: {ratio}");
    }
}

#[test]
fn adapter_gradients_on_quantised_weights_match_differences() {
    let config = ModelConfig {
        hidden_size: 64,
        intermediate_size: 128,
        heads: 4,
        kv_heads: 2,
        head_size: 16,
        ..small_config()
    };
    for quantization in [Quantization::Eight, Quantization::Four] {
        let options = LoadOptions { quantization, ..LoadOptions::cpu() };
        let mut model = Model::random(&config, 7, &options).unwrap();
        let lora = LoraConfig { rank: 3, alpha: 5.0, dropout: 0.0, targets: Target::ALL.to_vec() };
        model.attach_lora(&lora, 3).unwrap();
        spread(&mut model, 0.15);
        check_differences(&mut model, &batch(BatchStyle::Ragged), PassOptions::default());
    }
}
