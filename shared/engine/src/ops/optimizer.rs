//! AdamW (Loshchilov and Hutter 2019, as PyTorch computes it) over flat f32 parameters.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::simd::vectorized;
use super::{is_fused, update, with_slice};
use crate::error::Result;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdamW {
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
    pub weight_decay: f64,
}

impl Default for AdamW {
    fn default() -> Self {
        Self { beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 }
    }
}

/// One step, in place. `step` counts from 1; `gradient_scale` is the clipping factor.
pub fn adamw_step(
    settings: &AdamW,
    [parameters, first, second]: [&Tensor; 3],
    gradient: &Tensor,
    learning_rate: f64,
    gradient_scale: f64,
    step: u64,
) -> Result<()> {
    let correction1 = 1.0 - libm::pow(settings.beta1, step as f64);
    let correction2 = 1.0 - libm::pow(settings.beta2, step as f64);
    let keep = 1.0 - learning_rate * settings.weight_decay;
    let rate = learning_rate / correction1;
    let root = correction2.sqrt();
    #[cfg(feature = "cuda")]
    {
        if super::cuda::applies(parameters) {
            let factors = super::cuda::AdamWFactors {
                keep: keep as f32,
                rate: rate as f32,
                inverse_root: (1.0 / root) as f32,
                gradient_scale: gradient_scale as f32,
            };
            return super::cuda::adamw(settings, [parameters, first, second], gradient, factors);
        }
    }
    if !is_fused(parameters) {
        let gradient = (gradient * gradient_scale)?;
        let new_first = ((first * settings.beta1)? + (&gradient * (1.0 - settings.beta1))?)?;
        let new_second = ((second * settings.beta2)? + (gradient.sqr()? * (1.0 - settings.beta2))?)?;
        let denominator = ((new_second.sqrt()? / root)? + settings.eps)?;
        let new = ((parameters * keep)? - ((&new_first / denominator)? * rate)?)?;
        parameters.slice_set(&new, 0, 0)?;
        first.slice_set(&new_first, 0, 0)?;
        second.slice_set(&new_second, 0, 0)?;
        return Ok(());
    }
    let (beta1, beta2) = (settings.beta1 as f32, settings.beta2 as f32);
    let (fresh1, fresh2) = ((1.0 - settings.beta1) as f32, (1.0 - settings.beta2) as f32);
    let (keep, rate, eps) = (keep as f32, rate as f32, settings.eps as f32);
    let (inverse_root, scale) = ((1.0 / root) as f32, gradient_scale as f32);
    let mut outcome = Ok(());
    let mut second_outcome = Ok(());
    with_slice(gradient, |g| {
        update(parameters, |p| {
            outcome = update(first, |m| {
                second_outcome = update(second, |v| {
                    vectorized(
                        #[inline(always)]
                        || {
                            let entries = p.iter_mut().zip(m.iter_mut()).zip(v.iter_mut()).zip(g);
                            for (((p, m), v), g) in entries {
                                let g = g * scale;
                                *m = *m * beta1 + g * fresh1;
                                *v = *v * beta2 + g * g * fresh2;
                                *p = *p * keep - rate * *m / (v.sqrt() * inverse_root + eps);
                            }
                        },
                    );
                });
            });
        })
    })??;
    outcome?;
    second_outcome
}
