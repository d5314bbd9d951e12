//! A decoder-only model: loading, adapters or full training, loss and gradients of a batch.

mod layer;
mod load;
mod projection;
#[cfg(test)]
mod tests;
mod train;

use candle_core::{DType, Device, Tensor};

use crate::batch::{Batch, Block};
use crate::config::ModelConfig;
use crate::error::Result;
use crate::ops::{
    RopeTables, SmallShare, cross_entropy, knows_ranges, rms_norm, rms_norm_backward, small_share,
};
use crate::parameters::Gradients;
use layer::{Layer, Pass, Saved, Selection, additive_mask};
use projection::Dropout;

pub use load::{LoadOptions, Quantization};
pub use train::Trained;

#[derive(Debug)]
pub struct Model {
    pub config: ModelConfig,
    pub device: Device,
    pub dtype: DType,
    embedding: Tensor,
    layers: Vec<Layer>,
    final_norm: Tensor,
    /// None: the embedding serves as head.
    head: Option<Tensor>,
    rope: RopeTables,
    pub trained: Trained,
}

/// What to do in a pass besides the loss.
#[derive(Debug, Clone, Copy, Default)]
pub struct PassOptions {
    /// Keep only each layer's input and run its forward again in backward: less memory, same bits.
    pub recompute: bool,
    /// Seed of adapter dropout; none for evaluation.
    pub dropout_seed: Option<u64>,
    /// Measure how sparse the MLP's activations are.
    pub measure_activations: bool,
    /// Also return the final hidden state at each target.
    pub keep_hidden: bool,
}

/// Per-target results, in the order of the batch's targets.
#[derive(Debug, Clone)]
pub struct TokenResults {
    pub losses: Vec<f32>,
    pub correct: Vec<bool>,
    pub rows: Vec<u32>,
    /// (targets, hidden), f32 on the CPU, where asked for.
    pub hidden: Option<Tensor>,
    /// Share of MLP activations below 1 % of their layer's root mean square; NaN where not measured.
    pub activation_sparsity: f64,
}

impl TokenResults {
    pub fn loss_sum(&self) -> f64 {
        self.losses.iter().map(|loss| f64::from(*loss)).sum()
    }
}

impl Model {
    /// Losses without gradients.
    pub fn evaluate(&self, batch: &Batch, options: PassOptions) -> Result<TokenResults> {
        self.run(batch, options, None)
    }

    /// Losses, and the gradient of (sum of losses) * `scale` added to `gradients`.
    pub fn forward_backward(
        &self,
        batch: &Batch,
        scale: f64,
        options: PassOptions,
        gradients: &mut Gradients,
    ) -> Result<TokenResults> {
        self.run(batch, options, Some((scale, gradients)))
    }

    /// Logits of every token, (tokens, vocab) in f32, in the batch's flat order.
    pub fn logits(&self, batch: &Batch) -> Result<Tensor> {
        let prepared = self.prepare(batch)?;
        let pass = self.pass(batch, &prepared, None);
        let mut x = prepared.embedded.clone();
        for layer in &self.layers {
            x = layer.forward(&x, &pass, None)?.0;
        }
        let normed = rms_norm(&x, &self.final_norm, self.config.rms_eps)?;
        Ok(normed.y.matmul(&self.head_weight().t()?)?.to_dtype(DType::F32)?)
    }

    fn run(
        &self,
        batch: &Batch,
        options: PassOptions,
        mut training: Option<(f64, &mut Gradients)>,
    ) -> Result<TokenResults> {
        let prepared = self.prepare(batch)?;
        let dropout = options.dropout_seed.map(|seed| Dropout { keys: &batch.dropout_keys, seed });
        let pass = self.pass(batch, &prepared, dropout);
        let mut x = prepared.embedded.clone();
        let mut kept: Vec<Kept> = Vec::new();
        let mut sparsity = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            let last = index + 1 == self.layers.len();
            let selection = prepared.selection.as_ref().filter(|_| last);
            let (y, saved) = layer.forward(&x, &pass, selection)?;
            if options.measure_activations {
                sparsity.push(small_share(saved.activation())?);
            }
            if training.is_some() {
                kept.push(if options.recompute { Kept::Input(x) } else { Kept::All(Box::new(saved)) });
            }
            x = y;
        }
        let head_scale = training.as_ref().map(|(scale, _)| *scale);
        let gradients = training.as_mut().map(|(_, gradients)| &mut **gradients);
        let head = self.head_loss(&x, batch, head_scale, options.keep_hidden, gradients)?;
        if let (Some((_, gradients)), Some(dy)) = (&mut training, head.dx) {
            self.backward(dy, kept, &pass, prepared.selection.as_ref(), batch, gradients)?;
        }
        Ok(TokenResults {
            losses: head.losses,
            correct: head.correct,
            rows: batch.target_row.clone(),
            hidden: head.hidden,
            activation_sparsity: mean(&sparsity.iter().map(SmallShare::read).collect::<Result<Vec<_>>>()?),
        })
    }

    fn backward(
        &self,
        dy: Tensor,
        kept: Vec<Kept>,
        pass: &Pass<'_>,
        selection: Option<&Selection>,
        batch: &Batch,
        gradients: &mut Gradients,
    ) -> Result<()> {
        let mut dy = dy;
        let embedding_offset = self.trained.embedding_offset();
        for (index, (layer, kept)) in self.layers.iter().zip(kept).enumerate().rev() {
            let last = index + 1 == self.layers.len();
            let saved = match kept {
                Kept::All(saved) => *saved,
                Kept::Input(x) => layer.forward(&x, pass, selection.filter(|_| last))?.1,
            };
            let need_dx = index > 0 || embedding_offset.is_some();
            match layer.backward(&dy, &saved, pass, need_dx, gradients)? {
                Some(dx) => dy = dx,
                None => return Ok(()),
            }
        }
        if let Some(offset) = embedding_offset {
            let tokens = Tensor::new(batch.tokens.as_slice(), &self.device)?;
            let zeros = Tensor::zeros(self.embedding.shape(), dy.dtype(), &self.device)?;
            gradients.add(offset, &zeros.index_add(&tokens, &dy, 0)?)?;
        }
        Ok(())
    }

    /// Final norm, head and loss at the targets only, a chunk of tokens at a time, so that logits over a
    /// large vocabulary never exist all at once.
    fn head_loss(
        &self,
        x: &Tensor,
        batch: &Batch,
        scale: Option<f64>,
        keep_hidden: bool,
        gradients: Option<&mut Gradients>,
    ) -> Result<HeadResult> {
        let normed = rms_norm(x, &self.final_norm, self.config.rms_eps)?;
        let weight = self.head_weight();
        let count = batch.targets.len();
        let chunk = self.head_chunk();
        let (mut losses, mut correct, mut d_normed) = (Vec::new(), Vec::new(), Vec::new());
        let mut d_weight: Option<Tensor> = None;
        for start in (0..count).step_by(chunk) {
            let rows = chunk.min(count - start);
            let input = normed.y.narrow(0, start, rows)?;
            let logits = input.matmul(&weight.t()?)?;
            let targets = &batch.targets[start..start + rows];
            let result = cross_entropy(logits, targets, scale.map(|scale| scale as f32))?;
            losses.push(result.loss);
            correct.push(result.correct);
            if let Some(d_logits) = result.d_logits {
                d_normed.push(d_logits.matmul(weight)?);
                if self.trained.head_offset().is_some() {
                    let piece = d_logits.t()?.matmul(&input)?;
                    d_weight = Some(match d_weight {
                        None => piece,
                        Some(sum) => crate::ops::add_assign(sum, &piece)?,
                    });
                }
            }
        }
        let dx = if d_normed.is_empty() {
            None
        } else {
            let d_normed = Tensor::cat(&d_normed, 0)?;
            let offsets = self.trained.final_norm_offset();
            let (dx, d_norm) =
                rms_norm_backward(&d_normed, x, &self.final_norm, &normed.inverse_rms, offsets.is_some())?;
            if let Some(gradients) = gradients {
                if let (Some(offset), Some(d_norm)) = (offsets, d_norm) {
                    gradients.add(offset, &d_norm)?;
                }
                if let (Some(offset), Some(d_weight)) = (self.trained.head_offset(), d_weight) {
                    gradients.add(offset, &d_weight)?;
                }
            }
            Some(dx)
        };
        let read = |parts: Vec<Tensor>| -> Result<Vec<f32>> {
            if parts.is_empty() {
                return Ok(Vec::new());
            }
            Ok(Tensor::cat(&parts, 0)?.to_vec1::<f32>()?)
        };
        let hidden =
            if keep_hidden { Some(normed.y.to_dtype(DType::F32)?.to_device(&Device::Cpu)?) } else { None };
        Ok(HeadResult {
            losses: read(losses)?,
            correct: read(correct)?.into_iter().map(|flag| flag > 0.5).collect(),
            dx,
            hidden,
        })
    }

    /// About four million logits on a CPU (they stay in cache-sized pieces), a quarter billion elsewhere.
    fn head_chunk(&self) -> usize {
        let logits = if self.device.is_cpu() { 1 << 20 } else { 1 << 28 };
        (logits / self.config.vocab_size).clamp(16, 8192)
    }

    pub(crate) fn head_weight(&self) -> &Tensor {
        self.head.as_ref().unwrap_or(&self.embedding)
    }

    fn prepare(&self, batch: &Batch) -> Result<Prepared> {
        let tokens = Tensor::new(batch.tokens.as_slice(), &self.device)?;
        let embedded = self.embedding.index_select(&tokens, 0)?;
        let by_ranges = knows_ranges(&embedded);
        let masks =
            batch.blocks.iter().map(|block| self.mask(block, by_ranges)).collect::<Result<Vec<_>>>()?;
        let selection = Some(Selection {
            indices: Tensor::new(batch.target_from.as_slice(), &self.device)?,
            total: batch.tokens.len(),
        });
        // A longer batch than the tables were made for gets its own.
        let rope = if batch.longest > self.rope.positions() {
            Some(RopeTables::new(&self.config, batch.longest, &self.device)?)
        } else {
            None
        };
        Ok(Prepared { embedded, masks, selection, rope })
    }

    fn mask(&self, block: &Block, by_ranges: bool) -> Result<Option<Tensor>> {
        if by_ranges { Ok(None) } else { additive_mask(block, &self.device).map(Some) }
    }

    fn pass<'a>(
        &'a self,
        batch: &'a Batch,
        prepared: &'a Prepared,
        dropout: Option<Dropout<'a>>,
    ) -> Pass<'a> {
        Pass {
            config: &self.config,
            rope: prepared.rope.as_ref().unwrap_or(&self.rope),
            blocks: &batch.blocks,
            masks: &prepared.masks,
            dropout,
        }
    }
}

struct Prepared {
    embedded: Tensor,
    masks: Vec<Option<Tensor>>,
    selection: Option<Selection>,
    rope: Option<RopeTables>,
}

enum Kept {
    All(Box<Saved>),
    Input(Tensor),
}

struct HeadResult {
    losses: Vec<f32>,
    correct: Vec<bool>,
    dx: Option<Tensor>,
    hidden: Option<Tensor>,
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { f64::NAN } else { values.iter().sum::<f64>() / values.len() as f64 }
}
