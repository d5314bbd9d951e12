//! Cross-entropy of a chunk of logit rows, with the gradient written over the logits.

use candle_core::{D, DType, Tensor};

use super::simd::{exp_shifted_sum, max, vectorized};
use super::{cpu_tensor, is_fused, update};
use crate::error::Result;

/// One value a row, kept on the device until the step is over.
#[derive(Debug, Clone)]
pub struct RowLoss {
    /// -ln p(target).
    pub loss: Tensor,
    /// 1 where the target is the first largest logit, else 0.
    pub correct: Tensor,
    /// (softmax - one-hot) * scale, where asked for.
    pub d_logits: Option<Tensor>,
}

pub fn cross_entropy(logits: Tensor, targets: &[u32], gradient_scale: Option<f32>) -> Result<RowLoss> {
    #[cfg(feature = "cuda")]
    {
        if super::cuda::applies(&logits) {
            return super::cuda::cross_entropy(logits, targets, gradient_scale);
        }
    }
    if is_fused(&logits) {
        fused(logits, targets, gradient_scale)
    } else {
        composed(&logits, targets, gradient_scale)
    }
}

fn fused(logits: Tensor, targets: &[u32], gradient_scale: Option<f32>) -> Result<RowLoss> {
    let vocab = logits.dim(D::Minus1)?;
    let mut losses = Vec::with_capacity(targets.len());
    let mut correct = Vec::with_capacity(targets.len());
    update(&logits, |values| {
        vectorized(
            #[inline(always)]
            || {
                for (row, target) in values.chunks_exact_mut(vocab).zip(targets) {
                    let target = *target as usize;
                    let top = max(row);
                    let at_target = row[target];
                    #[expect(clippy::float_cmp, reason = "both are the same stored value or they are not")]
                    let first = row.iter().position(|value| *value == top) == Some(target);
                    correct.push(if first { 1.0 } else { 0.0 });
                    let sum = exp_shifted_sum(row, top);
                    losses.push(libm::logf(sum) - (at_target - top));
                    if let Some(scale) = gradient_scale {
                        let factor = scale / sum;
                        for value in row.iter_mut() {
                            *value *= factor;
                        }
                        row[target] -= scale;
                    }
                }
            },
        );
    })?;
    let rows = targets.len();
    Ok(RowLoss {
        loss: cpu_tensor(losses, rows)?,
        correct: cpu_tensor(correct, rows)?,
        d_logits: gradient_scale.map(|_| logits),
    })
}

fn composed(logits: &Tensor, targets: &[u32], gradient_scale: Option<f32>) -> Result<RowLoss> {
    let rows = targets.len();
    let index = Tensor::new(targets, logits.device())?;
    let column = index.reshape((rows, 1))?;
    let wide = logits.to_dtype(DType::F32)?;
    let top = wide.max_keepdim(D::Minus1)?;
    let shifted = wide.broadcast_sub(&top)?.exp()?;
    let sum = shifted.sum_keepdim(D::Minus1)?;
    let at_target = wide.gather(&column, 1)?;
    let loss = (sum.log()? - (at_target - top)?)?.flatten_all()?;
    let correct = wide.argmax(D::Minus1)?.eq(&index)?.to_dtype(DType::F32)?;
    let d_logits = match gradient_scale {
        None => None,
        Some(scale) => {
            let scale = f64::from(scale);
            let probs = (shifted.broadcast_div(&sum)? * scale)?;
            let minus = (Tensor::ones((rows, 1), DType::F32, logits.device())? * -scale)?;
            Some(probs.scatter_add(&column, &minus, 1)?.to_dtype(logits.dtype())?)
        }
    };
    Ok(RowLoss { loss, correct, d_logits })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, wave};

    #[test]
    fn fused_and_composed_agree() {
        let targets = [3, 0, 22, 7];
        let a = fused(wave((4, 23), 4.0), &targets, Some(0.25)).unwrap();
        let b = composed(&wave((4, 23), 4.0), &targets, Some(0.25)).unwrap();
        assert_close(&a.loss, &b.loss, 1e-5);
        assert_close(&a.correct, &b.correct, 1e-9);
        assert_close(&a.d_logits.unwrap(), &b.d_logits.unwrap(), 1e-6);
    }
}
