//! Pretraining with a warm-up, a constant rate and a linear decay at the end, so that a longer run can
//! start from the constant part of a shorter one.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use foretune_core::hash::combine;
use foretune_engine::model::{LoadOptions, Model, PassOptions};
use foretune_engine::parameters::inner;
use foretune_engine::{
    AdamW, Architecture, Batch, BatchStyle, DType, Gradients, ModelConfig, Row, safetensors,
};

use crate::Outcome;
use crate::data::Rows;
use crate::variants::Variant;
use crate::vocabulary::PIECES;

const STEP_TOKENS: usize = 4096;
const WARM_UP_STEPS: f64 = 100.0;
/// The last part of the planned tokens, over which the rate falls to zero.
const DECAY_SHARE: f64 = 0.25;
const CLIP: f64 = 1.0;
const SAVE_EVERY_STEPS: u64 = 100;

/// The lab's three sizes: one tokenizer, four layers, wider and wider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// 0.26 million parameters
    Small,
    /// 0.61 million: the bundled one
    Tiny,
    /// 2.0 million
    Large,
}

impl Size {
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "small" => Some(Self::Small),
            "tiny" => Some(Self::Tiny),
            "large" => Some(Self::Large),
            _ => None,
        }
    }

    fn config(self) -> ModelConfig {
        let (hidden_size, intermediate_size, heads, kv_heads) = match self {
            Self::Small => (56, 160, 4, 2),
            Self::Tiny => (96, 256, 4, 2),
            Self::Large => (192, 512, 8, 4),
        };
        ModelConfig {
            architecture: Architecture::Qwen2,
            vocab_size: PIECES,
            hidden_size,
            intermediate_size,
            layers: 4,
            heads,
            kv_heads,
            head_size: hidden_size / heads,
            max_positions: 512,
            rms_eps: 1e-6,
            rope_theta: 10_000.0,
            rope_scaling: None,
            tied_head: true,
            qkv_bias: true,
            qk_norm: false,
        }
    }

    /// Wider models want smaller steps.
    fn peak_rate(self) -> f64 {
        match self {
            Self::Small | Self::Tiny => 4e-3,
            Self::Large => 2.5e-3,
        }
    }
}

/// How far a run has come; written beside the optimizer's state.
#[derive(serde::Serialize, serde::Deserialize, Default, Clone)]
struct Progress {
    steps: u64,
    tokens: u64,
    next_row: u64,
    epoch: u64,
    seconds: f64,
}

#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub size: Size,
    pub variant: Variant,
    pub tokens: u64,
}

pub fn run(rows: &Rows, plan: Plan, work: &Path, out: &Path) -> Outcome<()> {
    let Plan { size, variant, tokens: planned_tokens } = plan;
    let peak_rate = variant.rate.unwrap_or(size.peak_rate());
    let mut model = Model::random(&size.config(), variant.seed, &LoadOptions::cpu())?;
    model.train_all()?;
    let mut progress = resume(&mut model, work)?;
    let decay_start = (planned_tokens as f64 * (1.0 - DECAY_SHARE)) as u64;
    let settings = AdamW { beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.05 };
    let mut order = epoch_order(rows, variant.seed + progress.epoch);
    let mut clock = Instant::now();
    while progress.tokens < planned_tokens {
        let was_before_decay = progress.tokens < decay_start;
        let batch = next_batch(rows, variant.seed, &mut order, &mut progress);
        let targets: usize = batch.iter().map(|row| row.target_count()).sum();
        let scale = 1.0 / targets as f64;
        let mut gradients = Gradients::default();
        let mut loss = 0.0;
        // Micro-batches that stay in cache.
        for part in batch.chunks(16) {
            let part = Batch::new(part, BatchStyle::Ragged, PIECES)?;
            loss += model.forward_backward(&part, scale, PassOptions::default(), &mut gradients)?.loss_sum();
        }
        let gradient = gradients.flatten(model.trained.parameters()?)?;
        let norm = inner(&gradient, &gradient)?.sqrt();
        let rate = peak_rate * rate_share(&progress, planned_tokens);
        model.step(&settings, &gradient, rate, (CLIP / norm.max(1e-12)).min(1.0))?;
        progress.steps += 1;
        progress.tokens += batch.iter().map(|row| row.tokens.len() as u64).sum::<u64>();
        progress.seconds += clock.elapsed().as_secs_f64();
        clock = Instant::now();
        if progress.steps.is_multiple_of(20) {
            eprintln!(
                "step {} tokens {} loss {:.4} norm {norm:.3} rate {rate:.5} tokens/s {:.0}",
                progress.steps,
                progress.tokens,
                loss * scale,
                progress.tokens as f64 / progress.seconds
            );
        }
        let enters_decay = was_before_decay && progress.tokens >= decay_start;
        if enters_decay || (progress.tokens < decay_start && progress.steps.is_multiple_of(SAVE_EVERY_STEPS))
        {
            save(&model, &progress, work)?;
        }
        if progress.steps.is_multiple_of(SAVE_EVERY_STEPS * 5) {
            eprintln!("held-out loss {:.4}", held_out_loss(&model, rows)?);
            export(&model, out)?;
        }
    }
    eprintln!(
        "done: {} steps, {} tokens, {:.0} s, held-out loss {:.4}",
        progress.steps,
        progress.tokens,
        progress.seconds,
        held_out_loss(&model, rows)?
    );
    export(&model, out)
}

/// Share of the peak rate at this point of the run.
fn rate_share(progress: &Progress, planned_tokens: u64) -> f64 {
    let warm = ((progress.steps + 1) as f64 / WARM_UP_STEPS).min(1.0);
    let left = 1.0 - progress.tokens as f64 / planned_tokens as f64;
    warm * (left / DECAY_SHARE).clamp(0.0, 1.0)
}

fn epoch_order(rows: &Rows, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..rows.train.len()).collect();
    order.sort_by_key(|index| combine(seed, *index as u64));
    order
}

fn next_batch<'a>(
    rows: &'a Rows,
    seed: u64,
    order: &mut Vec<usize>,
    progress: &mut Progress,
) -> Vec<&'a Row> {
    let (mut batch, mut tokens) = (Vec::new(), 0);
    while tokens < STEP_TOKENS {
        if progress.next_row as usize >= order.len() {
            progress.epoch += 1;
            progress.next_row = 0;
            *order = epoch_order(rows, seed + progress.epoch);
        }
        let row = &rows.train[order[progress.next_row as usize]];
        progress.next_row += 1;
        tokens += row.tokens.len();
        batch.push(row);
    }
    // Rows of like length share a micro-batch: more of them attend together.
    batch.sort_by_key(|row| row.tokens.len());
    batch
}

fn held_out_loss(model: &Model, rows: &Rows) -> Outcome<f64> {
    let (mut sum, mut count) = (0.0, 0);
    for part in rows.held_out.chunks(16) {
        let part = Batch::new(&part.iter().collect::<Vec<_>>(), BatchStyle::Ragged, PIECES)?;
        sum += model.evaluate(&part, PassOptions::default())?.loss_sum();
        count += part.target_count();
    }
    Ok(sum / f64::from(u32::try_from(count)?))
}

fn resume(model: &mut Model, work: &Path) -> Outcome<Progress> {
    let (state, note) = (work.join("state.bin"), work.join("progress.json"));
    if !state.exists() || !note.exists() {
        return Ok(Progress::default());
    }
    let progress: Progress = serde_json::from_str(&std::fs::read_to_string(note)?)?;
    let bytes = std::fs::read(state)?;
    let steps = bytes.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
    if steps != Some(progress.steps) {
        return Err(
            "the state and its progress note are of different steps; delete both to start over".into()
        );
    }
    model.restore(&bytes)?;
    eprintln!("going on from step {}, {} tokens", progress.steps, progress.tokens);
    Ok(progress)
}

fn save(model: &Model, progress: &Progress, work: &Path) -> Outcome<()> {
    write(&work.join("state.bin"), &model.snapshot()?)?;
    write(&work.join("progress.json"), serde_json::to_string(progress)?.as_bytes())
}

fn export(model: &Model, out: &Path) -> Outcome<()> {
    let mut tensors = BTreeMap::new();
    for (name, tensor) in model.named_tensors()? {
        tensors.insert(name, tensor.to_dtype(DType::BF16)?);
    }
    let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    write(&out.join("model.safetensors"), &safetensors::write(&tensors, &metadata)?)?;
    let mut config = model.config.to_json();
    config["eos_token_id"] = 0.into();
    config["pad_token_id"] = 0.into();
    write(&out.join("config.json"), format!("{config:#}\n").as_bytes())
}

/// Under its final name only when whole.
fn write(path: &Path, bytes: &[u8]) -> Outcome<()> {
    let partial = path.with_extension("partial");
    std::fs::write(&partial, bytes)?;
    Ok(std::fs::rename(partial, path)?)
}
