//! One optimizer step: gradients of the two halves of the batch apart, so that their agreement and the
//! noise scale come for free; norm before clipping; retry in smaller pieces when memory runs out.

use candle_core::Tensor;
use foretune_core::hash::combine;
use foretune_core::runs::StepRecord;

use super::{Control, Event, Trainer};
use crate::batch::{Batch, Row};
use crate::error::{EngineError, Result};
use crate::evaluate::batches_by_length;
use crate::model::PassOptions;
use crate::ops::with_slice;
use crate::parameters::{Gradients, inner};

/// Gradient and statistics of one half, scaled as part of the whole batch.
struct Half {
    gradient: Tensor,
    loss_sum: f64,
    correct: usize,
    targets: usize,
    activation_sparsity: Vec<f64>,
}

impl Trainer {
    /// Computes a step and applies it; out of memory is answered with smaller pieces.
    pub(super) fn step(
        &mut self,
        listener: &mut dyn FnMut(&Self, Event<'_>) -> Control,
    ) -> Result<StepRecord> {
        let indices = self.next_rows();
        loop {
            let longest = indices.iter().map(|i| self.data.train[*i].tokens.len()).max().unwrap_or(1);
            match self.try_step(&indices) {
                Err(error) if error.is_out_of_memory() && self.options.micro_tokens > longest => {
                    let tokens: usize = indices.iter().map(|i| self.data.train[*i].tokens.len()).sum();
                    let micro_tokens = (self.options.micro_tokens.min(tokens) / 2).max(longest);
                    self.options.micro_tokens = micro_tokens;
                    if listener(self, Event::MicroBatchHalved { micro_tokens }) == Control::Stop {
                        return Err(EngineError::Stopped);
                    }
                }
                result => return result,
            }
        }
    }

    fn try_step(&mut self, indices: &[usize]) -> Result<StepRecord> {
        let step = self.steps_done();
        let rows: Vec<&Row> = indices.iter().map(|index| &self.data.train[*index]).collect();
        let targets: usize = rows.iter().map(|row| row.target_count()).sum();
        let scale = 1.0 / targets as f64;
        let (first, second) = rows.split_at(rows.len().div_ceil(2));
        let first = self.half(first, scale, step)?;
        let second = if second.is_empty() { None } else { Some(self.half(second, scale, step)?) };

        let (mut gradient_cosine, mut half_norm_squared) = (f64::NAN, f64::NAN);
        let gradient = match &second {
            None => first.gradient.clone(),
            Some(second) => {
                let (a, b) = (&first.gradient, &second.gradient);
                let (aa, bb, ab) = (inner(a, a)?, inner(b, b)?, inner(a, b)?);
                gradient_cosine = ab / (aa * bb).sqrt();
                let mean_squared =
                    |squared: f64, half: &Half| squared * (targets as f64 / half.targets as f64).powi(2);
                half_norm_squared = 0.5 * (mean_squared(aa, &first) + mean_squared(bb, second));
                (a + b)?
            }
        };
        let gradient_norm = inner(&gradient, &gradient)?.sqrt();
        let halves = [Some(&first), second.as_ref()].into_iter().flatten();
        let (mut loss, mut correct, mut sparsity) = (0.0, 0, Vec::new());
        for half in halves {
            loss += half.loss_sum * scale;
            correct += half.correct;
            sparsity.extend(&half.activation_sparsity);
        }
        let mut record = StepRecord {
            step: step + 1,
            loss,
            learning_rate: self.options.recipe.rate(step, self.options.total_steps),
            gradient_norm,
            gradient_cosine,
            half_norm_squared,
            gradient_sparsity: gradient_sparsity(&gradient, gradient_norm)?,
            activation_sparsity: crate::curves::mean(&sparsity),
            update_ratio: f64::NAN,
            token_accuracy: correct as f64 / targets as f64,
            rows: rows.len(),
            tokens: rows.iter().map(|row| row.tokens.len()).sum(),
            trained_tokens: targets,
        };
        if record.is_finite() {
            record.update_ratio = self.apply(&gradient, gradient_norm, record.learning_rate)?;
        }
        Ok(record)
    }

    /// Clips, steps, and measures how far it went.
    fn apply(&mut self, gradient: &Tensor, norm: f64, learning_rate: f64) -> Result<f64> {
        let before = self.model.trained.parameters()?.values.copy()?;
        let recipe = &self.options.recipe;
        // The same 1e-6 as torch.nn.utils.clip_grad_norm_.
        let clip = (recipe.clip_norm / (norm + 1e-6)).min(1.0);
        let adamw = recipe.adamw();
        self.model.step(&adamw, gradient, learning_rate, clip)?;
        let moved = (&self.model.trained.parameters()?.values - &before)?;
        Ok((inner(&moved, &moved)? / inner(&before, &before)?).sqrt())
    }

    fn half(&self, rows: &[&Row], scale: f64, step: u64) -> Result<Half> {
        let dropout = self.options.recipe.lora.dropout > 0.0;
        let options = PassOptions {
            recompute: self.options.recompute,
            dropout_seed: dropout.then(|| combine(self.options.recipe.seed, step)),
            measure_activations: true,
            keep_hidden: false,
        };
        let mut gradients = Gradients::default();
        let mut half = Half {
            gradient: Tensor::zeros(0, candle_core::DType::F32, &self.model.device)?,
            loss_sum: 0.0,
            correct: 0,
            targets: 0,
            activation_sparsity: Vec::new(),
        };
        for piece in batches_by_length(rows, self.options.micro_tokens) {
            let members: Vec<&Row> = piece.iter().map(|index| rows[*index]).collect();
            let batch = Batch::new(&members, self.options.style, self.model.config.vocab_size)?;
            #[cfg(test)]
            self.pretend_memory(&batch)?;
            let results = self.model.forward_backward(&batch, scale, options, &mut gradients)?;
            half.loss_sum += results.loss_sum();
            half.correct += results.correct.iter().filter(|correct| **correct).count();
            half.targets += results.losses.len();
            half.activation_sparsity.push(results.activation_sparsity);
        }
        half.gradient = gradients.flatten(self.model.trained.parameters()?)?;
        Ok(half)
    }
}

/// Share of entries below 1 % of the root mean square.
fn gradient_sparsity(gradient: &Tensor, norm: f64) -> Result<f64> {
    let count = gradient.elem_count() as f64;
    let limit = (norm / count.sqrt() * 0.01) as f32;
    let small = if gradient.device().is_cpu() {
        with_slice(gradient, |values| values.iter().filter(|value| value.abs() < limit).count())? as f64
    } else {
        crate::ops::small_share(gradient)?.read()? * count
    };
    Ok(if norm.is_finite() { small / count } else { f64::NAN })
}
