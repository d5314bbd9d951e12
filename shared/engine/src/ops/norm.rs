//! RMS norm over the last dimension, and its backward.

use candle_core::{D, DType, Tensor};

use super::simd::{dot, dot3, vectorized};
use super::{cpu_tensor, is_fused, with_slice};
use crate::error::Result;

/// What forward gives: the normed rows and 1/rms of each row, which backward needs.
#[derive(Debug, Clone)]
pub struct Normed {
    pub y: Tensor,
    pub inverse_rms: Tensor,
}

/// y = x / sqrt(mean(x^2) + eps) * weight, in f32 inside whatever the type of x.
pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Normed> {
    #[cfg(feature = "cuda")]
    {
        if super::cuda::applies(x) {
            return super::cuda::rms_norm(x, weight, eps);
        }
    }
    if is_fused(x) && x.is_contiguous() { fused(x, weight, eps as f32) } else { composed(x, weight, eps) }
}

fn fused(x: &Tensor, weight: &Tensor, eps: f32) -> Result<Normed> {
    let width = x.dim(D::Minus1)?;
    let rows = x.elem_count() / width;
    let mut y = Vec::with_capacity(rows * width);
    let mut inverse_rms = Vec::with_capacity(rows);
    with_slice(x, |x| {
        with_slice(weight, |weight| {
            vectorized(
                #[inline(always)]
                || {
                    for row in x.chunks_exact(width) {
                        let inverse = 1.0 / (dot(row, row) / width as f32 + eps).sqrt();
                        inverse_rms.push(inverse);
                        y.extend(row.iter().zip(weight).map(|(value, weight)| weight * (value * inverse)));
                    }
                },
            );
        })
    })??;
    Ok(Normed { y: cpu_tensor(y, x.shape())?, inverse_rms: cpu_tensor(inverse_rms, rows)? })
}

fn composed(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Normed> {
    let wide = x.to_dtype(DType::F32)?;
    let inverse = (wide.sqr()?.mean_keepdim(D::Minus1)? + eps)?.sqrt()?.recip()?;
    let y = wide.broadcast_mul(&inverse)?.broadcast_mul(&weight.to_dtype(DType::F32)?)?;
    Ok(Normed { y: y.to_dtype(x.dtype())?, inverse_rms: inverse.flatten_all()? })
}

/// Gradient with respect to x, and to the weight where it is trained.
/// With n = x * r: dx = r * (w*dy - n * mean(w*dy*n)), dw = sum over rows of dy * n.
pub fn rms_norm_backward(
    dy: &Tensor,
    x: &Tensor,
    weight: &Tensor,
    inverse_rms: &Tensor,
    train_weight: bool,
) -> Result<(Tensor, Option<Tensor>)> {
    #[cfg(feature = "cuda")]
    {
        if !train_weight && super::cuda::applies(x) && dy.is_contiguous() {
            return Ok((super::cuda::rms_norm_backward(dy, x, weight, inverse_rms)?, None));
        }
    }
    if is_fused(x) && x.is_contiguous() && dy.is_contiguous() {
        fused_backward(dy, x, weight, inverse_rms, train_weight)
    } else {
        composed_backward(dy, x, weight, inverse_rms, train_weight)
    }
}

fn fused_backward(
    dy: &Tensor,
    x: &Tensor,
    weight: &Tensor,
    inverse_rms: &Tensor,
    train_weight: bool,
) -> Result<(Tensor, Option<Tensor>)> {
    let width = x.dim(D::Minus1)?;
    let mut dx = Vec::with_capacity(x.elem_count());
    let mut dw = vec![0f32; if train_weight { width } else { 0 }];
    with_slice(dy, |dy| {
        with_slice(x, |x| {
            with_slice(weight, |weight| {
                with_slice(inverse_rms, |inverse_rms| {
                    vectorized(
                        #[inline(always)]
                        || {
                            let rows = x.chunks_exact(width).zip(dy.chunks_exact(width)).zip(inverse_rms);
                            for ((row, dy), inverse) in rows {
                                let mean = dot3(dy, weight, row) * inverse / width as f32;
                                let pull = mean * inverse;
                                dx.extend(
                                    row.iter()
                                        .zip(dy)
                                        .zip(weight)
                                        .map(|((x, dy), w)| inverse * (w * dy - x * pull)),
                                );
                                for ((dw, dy), x) in dw.iter_mut().zip(dy).zip(row) {
                                    *dw += dy * (x * inverse);
                                }
                            }
                        },
                    );
                })
            })
        })
    })????;
    let dw = if train_weight { Some(cpu_tensor(dw, width)?) } else { None };
    Ok((cpu_tensor(dx, x.shape())?, dw))
}

fn composed_backward(
    dy: &Tensor,
    x: &Tensor,
    weight: &Tensor,
    inverse_rms: &Tensor,
    train_weight: bool,
) -> Result<(Tensor, Option<Tensor>)> {
    let mut keep = x.dims().to_vec();
    *keep.last_mut().expect("a norm's input has at least one dimension") = 1;
    let inverse = inverse_rms.reshape(keep)?;
    let normed = x.to_dtype(DType::F32)?.broadcast_mul(&inverse)?;
    let dy = dy.to_dtype(DType::F32)?;
    let weighted = dy.broadcast_mul(&weight.to_dtype(DType::F32)?)?;
    let mean = (&weighted * &normed)?.mean_keepdim(D::Minus1)?;
    let dx = (weighted - normed.broadcast_mul(&mean)?)?.broadcast_mul(&inverse)?.to_dtype(x.dtype())?;
    let width = x.dim(D::Minus1)?;
    let dw = if train_weight { Some((dy * normed)?.reshape(((), width))?.sum(0)?) } else { None };
    Ok((dx, dw))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, wave};

    #[test]
    fn fused_and_composed_agree() {
        let (x, dy) = (wave((7, 37), 0.3), wave((7, 37), 1.1));
        let weight = wave(37, 2.0);
        let (a, b) = (fused(&x, &weight, 1e-6).unwrap(), composed(&x, &weight, 1e-6).unwrap());
        assert_close(&a.y, &b.y, 1e-5);
        let (dx_a, dw_a) = fused_backward(&dy, &x, &weight, &a.inverse_rms, true).unwrap();
        let (dx_b, dw_b) = composed_backward(&dy, &x, &weight, &a.inverse_rms, true).unwrap();
        assert_close(&dx_a, &dx_b, 1e-5);
        assert_close(&dw_a.unwrap(), &dw_b.unwrap(), 1e-5);
    }
}
