//! x W^T + b, and the small sums around it.

use candle_core::{DType, Tensor};

use super::simd::vectorized;
use super::{is_fused, update, with_slice};
use crate::error::Result;

/// (rows, in) x (out, in) -> (rows, out).
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    let y = x.matmul(&weight.t()?)?;
    let Some(bias) = bias else { return Ok(y) };
    #[cfg(feature = "cuda")]
    {
        if super::cuda::applies(&y) {
            super::cuda::add_bias(&y, bias)?;
            return Ok(y);
        }
    }
    if !is_fused(&y) {
        return Ok(y.broadcast_add(bias)?);
    }
    with_slice(bias, |bias| {
        update(&y, |y| {
            vectorized(
                #[inline(always)]
                || {
                    for row in y.chunks_exact_mut(bias.len()) {
                        for (y, bias) in row.iter_mut().zip(bias) {
                            *y += bias;
                        }
                    }
                },
            );
        })
    })??;
    Ok(y)
}

/// `target += other`, in place where it can be: the target is a fresh tensor of the caller's.
pub fn add_assign(target: Tensor, other: &Tensor) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    {
        if super::cuda::applies(&target) && other.is_contiguous() {
            super::cuda::add_assign(&target, other)?;
            return Ok(target);
        }
    }
    if !is_fused(&target) || !target.is_contiguous() || !other.is_contiguous() {
        return Ok((target + other)?);
    }
    with_slice(other, |other| {
        update(&target, |target| {
            vectorized(
                #[inline(always)]
                || {
                    for (target, other) in target.iter_mut().zip(other) {
                        *target += other;
                    }
                },
            );
        })
    })??;
    Ok(target)
}

/// `target += a x b`, over a fresh target of the caller's.
pub fn matmul_add(target: Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    {
        if super::cuda::applies(&target) {
            super::cuda::matmul_add(&target, a, b)?;
            return Ok(target);
        }
    }
    add_assign(target, &a.matmul(b)?)
}

/// Rows to their places among `total` rows of zeros; no place comes twice.
pub fn spread(rows: &Tensor, indices: &Tensor, total: usize) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    {
        if super::cuda::applies(rows) {
            return super::cuda::spread(rows, indices, total);
        }
    }
    let (_, width) = rows.dims2()?;
    let zeros = Tensor::zeros((total, width), rows.dtype(), rows.device())?;
    Ok(zeros.index_add(indices, rows, 0)?)
}

/// Sum over rows, in f32: (rows, width) -> (width).
pub fn sum_rows(x: &Tensor) -> Result<Tensor> {
    let (_, width) = x.dims2()?;
    if !is_fused(x) || !x.is_contiguous() {
        return Ok(x.to_dtype(DType::F32)?.sum(0)?);
    }
    let mut sums = vec![0f32; width];
    with_slice(x, |x| {
        vectorized(
            #[inline(always)]
            || {
                for row in x.chunks_exact(width) {
                    for (sum, value) in sums.iter_mut().zip(row) {
                        *sum += value;
                    }
                }
            },
        );
    })?;
    super::cpu_tensor(sums, width)
}
