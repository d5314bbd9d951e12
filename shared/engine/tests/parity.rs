//! Logits, LoRA training and full training against Hugging Face transformers and PEFT, from committed
//! reference values (tests/parity/make_fixtures.py makes them).

#![expect(clippy::unwrap_used, reason = "a test's helpers may fail the test")]

use std::path::PathBuf;

use foretune_engine::model::{LoadOptions, Model, PassOptions};
use foretune_engine::parameters::inner;
use foretune_engine::safetensors::{SafetensorsBytes, TensorSource, load};
use foretune_engine::{
    AdamW, Adapter, Batch, BatchStyle, DType, Device, Gradients, ModelConfig, Row, Tensor,
};
use serde_json::Value;

const MODELS: [&str; 4] = ["qwen2", "qwen2_tied", "qwen3", "llama"];
const STYLES: [BatchStyle; 3] = [BatchStyle::Ragged, BatchStyle::Padded, BatchStyle::Packed { len: 40 }];
/// Relative, on logits, losses, gradient norms and (as the norm of the difference) trained tensors.
const TOLERANCE: f64 = 1e-5;

struct Fixture {
    name: &'static str,
    json: Value,
    config: ModelConfig,
    model: Vec<u8>,
    results: Vec<u8>,
    start: Vec<u8>,
    adapter: Vec<u8>,
}

impl Fixture {
    fn read(name: &'static str) -> Self {
        // `just parity` makes them anew and names its folder here.
        let folder = std::env::var_os("FORETUNE_PARITY_FIXTURES").map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/parity/fixtures"),
            PathBuf::from,
        );
        let file = |kind: &str| std::fs::read(folder.join(format!("{name}.{kind}"))).unwrap();
        let json: Value = serde_json::from_slice(&file("json")).unwrap();
        let config = ModelConfig::from_json(&json["config"].to_string()).unwrap();
        let (model, results) = (file("model.safetensors"), file("results.safetensors"));
        let (start, adapter) = (file("start.safetensors"), file("adapter.safetensors"));
        Self { name, json, config, model, results, start, adapter }
    }

    fn model(&self) -> Model {
        Model::load(&self.config, &SafetensorsBytes::new(&self.model).unwrap(), &LoadOptions::cpu()).unwrap()
    }

    fn batches(&self) -> Vec<Vec<Row>> {
        serde_json::from_value(self.json["batches"].clone()).unwrap()
    }

    fn numbers(&self, part: &str, key: &str) -> Vec<f64> {
        serde_json::from_value(self.json[part][key].clone()).unwrap()
    }

    /// Trains as the reference did and compares each step's loss and norm.
    fn train(&self, model: &mut Model, part: &str, style: BatchStyle) {
        let (losses, norms) = (self.numbers(part, "losses"), self.numbers(part, "norms"));
        let setting = |key: &str| self.json["adamw"][key].as_f64().unwrap();
        let adamw = AdamW { weight_decay: setting("weight_decay"), ..AdamW::default() };
        let batches = self.batches();
        for (step, (wanted_loss, wanted_norm)) in losses.iter().zip(norms).enumerate() {
            let rows: Vec<&Row> = batches[step % batches.len()].iter().collect();
            let batch = Batch::new(&rows, style, self.config.vocab_size).unwrap();
            let scale = 1.0 / batch.target_count() as f64;
            let mut gradients = Gradients::default();
            let results =
                model.forward_backward(&batch, scale, PassOptions::default(), &mut gradients).unwrap();
            let gradient = gradients.flatten(model.trained.parameters().unwrap()).unwrap();
            let norm = inner(&gradient, &gradient).unwrap().sqrt();
            let place = format!("{} {part} {style:?} step {step}", self.name);
            close(results.loss_sum() * scale, *wanted_loss, &format!("{place}: loss"));
            close(norm, wanted_norm, &format!("{place}: gradient norm"));
            let clip = (setting("clip") / (norm + 1e-6)).min(1.0);
            model.step(&adamw, &gradient, setting("lr"), clip).unwrap();
        }
    }
}

fn close(found: f64, wanted: f64, place: &str) {
    assert!(
        (found - wanted).abs() <= TOLERANCE * wanted.abs().max(1.0),
        "{place}: {found}, reference {wanted}"
    );
}

fn close_tensors(found: &Tensor, wanted: &Tensor, place: &str) {
    assert_eq!(found.dims(), wanted.dims(), "{place}");
    let flat = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let (found, wanted) = (flat(found), flat(wanted));
    let largest = wanted.iter().fold(0f32, |top, value| top.max(value.abs()));
    let worst = found.iter().zip(&wanted).fold(0f32, |top, (a, b)| top.max((a - b).abs()));
    assert!(f64::from(worst) <= TOLERANCE * f64::from(largest), "{place}: off by {worst} of {largest}");
}

/// Norm of the difference relative to the norm, over all tensors together.
fn close_together(pairs: &[(&Tensor, &Tensor)], place: &str) {
    let (mut difference, mut size) = (0.0, 0.0);
    for (found, wanted) in pairs {
        let gap = (*found - *wanted).unwrap().flatten_all().unwrap();
        let wanted = wanted.flatten_all().unwrap();
        difference += inner(&gap, &gap).unwrap();
        size += inner(&wanted, &wanted).unwrap();
    }
    let relative = (difference / size).sqrt();
    assert!(relative <= TOLERANCE, "{place}: relative difference {relative}");
}

fn tensor(file: &[u8], name: &str) -> Tensor {
    let source = SafetensorsBytes::new(file).unwrap();
    let shape = source.entry(name).unwrap().shape;
    load(&source, name, &shape, DType::F32, &Device::Cpu).unwrap()
}

#[test]
fn logits_match_transformers() {
    for name in MODELS {
        let fixture = Fixture::read(name);
        fixture.compare_logits(&fixture.model(), "logits");
    }
}

#[test]
fn an_adapter_that_peft_wrote_computes_the_same_here() {
    for name in MODELS {
        let fixture = Fixture::read(name);
        let adapter = Adapter::read(&fixture.json["adapter_config"].to_string(), &fixture.adapter).unwrap();
        let mut model = fixture.model();
        model.attach_adapter(&adapter).unwrap();
        fixture.compare_logits(&model, "adapter.logits");
    }
}

impl Fixture {
    /// Of each row of the first batch, alone and padded.
    fn compare_logits(&self, model: &Model, key: &str) {
        let (fixture, name) = (self, self.name);
        let rows = fixture.batches().remove(0);
        let rows: Vec<&Row> = rows.iter().collect();
        let wanted = tensor(&fixture.results, key);
        let padded = Batch::new(&rows, BatchStyle::Padded, fixture.config.vocab_size).unwrap();
        let padded_logits = model.logits(&padded).unwrap();
        let mut start = 0;
        for (index, row) in rows.iter().enumerate() {
            let alone = Batch::new(&[row], BatchStyle::Ragged, fixture.config.vocab_size).unwrap();
            let length = row.tokens.len();
            let wanted = wanted.narrow(0, start, length).unwrap();
            close_tensors(&model.logits(&alone).unwrap(), &wanted, name);
            let found = padded_logits.narrow(0, index * padded.longest, length).unwrap();
            close_tensors(&found, &wanted, name);
            start += length;
        }
    }
}

#[test]
fn twenty_lora_steps_match_peft() {
    for name in MODELS {
        let fixture = Fixture::read(name);
        let config_json = fixture.json["adapter_config"].to_string();
        let wanted = Adapter::read(&config_json, &fixture.adapter).unwrap();
        for style in STYLES {
            let mut model = fixture.model();
            model.attach_lora(&wanted.config, 0).unwrap();
            set_start(&mut model, &fixture.start);
            fixture.train(&mut model, "lora", style);
            let found = model.adapter().unwrap();
            assert_eq!(found.tensors.len(), wanted.tensors.len());
            let pairs = wanted.tensors.iter().flat_map(|(place, (a, b))| {
                let (found_a, found_b) = &found.tensors[place];
                [(found_a, a), (found_b, b)]
            });
            close_together(&pairs.collect::<Vec<_>>(), &format!("{name} {style:?} adapter"));
        }
    }
}

/// PEFT's drawn A's; every B starts at zero.
fn set_start(model: &mut Model, start: &[u8]) {
    let list = model.trained.parameters().unwrap().list.clone();
    let parts = list.iter().map(|parameter| {
        if parameter.name.contains("lora_A") {
            tensor(start, &parameter.name).flatten_all().unwrap()
        } else {
            Tensor::zeros(parameter.len(), DType::F32, &Device::Cpu).unwrap()
        }
    });
    model.set_values(&Tensor::cat(&parts.collect::<Vec<_>>(), 0).unwrap()).unwrap();
}

#[test]
fn five_full_steps_match_torch() {
    for name in MODELS {
        let fixture = Fixture::read(name);
        for style in STYLES {
            let mut model = fixture.model();
            model.train_all().unwrap();
            fixture.train(&mut model, "full", style);
            let trained = model.named_tensors().unwrap();
            for key in ["model.norm.weight", "model.layers.0.self_attn.v_proj.weight"] {
                let wanted = tensor(&fixture.results, &format!("full.{key}"));
                close_together(&[(&trained[key], &wanted)], &format!("{name} {key}"));
            }
        }
    }
}
