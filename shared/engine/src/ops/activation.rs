//! SwiGLU: silu(gate) * up, with gate and up side by side in one row, and its backward.

use candle_core::{D, DType, Tensor};

use super::simd::{dot_f64, exp, vectorized};
use super::{cpu_tensor, is_fused, with_slice};
use crate::error::Result;

/// (rows, 2f) with gate first -> (rows, f).
pub fn silu_mul(gate_up: &Tensor) -> Result<Tensor> {
    let (rows, double) = gate_up.dims2()?;
    let width = double / 2;
    #[cfg(feature = "cuda")]
    {
        if super::cuda::applies(gate_up) {
            return super::cuda::silu_mul(gate_up);
        }
    }
    if !is_fused(gate_up) || !gate_up.is_contiguous() {
        let gate = gate_up.narrow(D::Minus1, 0, width)?.contiguous()?;
        let up = gate_up.narrow(D::Minus1, width, width)?.contiguous()?;
        return Ok((gate.silu()? * up)?);
    }
    let mut y = vec![0f32; rows * width];
    with_slice(gate_up, |values| {
        vectorized(
            #[inline(always)]
            || {
                // Into a slice: extending a vector would keep the loop scalar.
                for (row, y) in values.chunks_exact(double).zip(y.chunks_exact_mut(width)) {
                    let (gate, up) = row.split_at(width);
                    for i in 0..width {
                        y[i] = gate[i] / (1.0 + exp(-gate[i])) * up[i];
                    }
                }
            },
        );
    })?;
    cpu_tensor(y, (rows, width))
}

/// A share of a tensor's entries, read when it is asked for: reading waits for the device.
#[derive(Debug)]
pub enum SmallShare {
    Known(f64),
    OnDevice(Tensor),
}

impl SmallShare {
    pub fn read(&self) -> Result<f64> {
        match self {
            Self::Known(share) => Ok(*share),
            Self::OnDevice(tensor) => Ok(f64::from(tensor.flatten_all()?.to_vec1::<f32>()?[0])),
        }
    }
}

/// Share of entries smaller than 1 % of the root mean square.
pub fn small_share(activation: &Tensor) -> Result<SmallShare> {
    const SMALL: f64 = 0.01;
    #[cfg(feature = "cuda")]
    {
        if super::cuda::applies(activation) {
            return super::cuda::small_share(activation, SMALL).map(SmallShare::OnDevice);
        }
    }
    if !is_fused(activation) || !activation.is_contiguous() {
        let wide = activation.to_dtype(DType::F32)?;
        let limit = f64::from(wide.sqr()?.mean_all()?.to_scalar::<f32>()?).sqrt() * SMALL;
        let small = wide.abs()?.lt(limit)?.to_dtype(DType::F32)?.mean_all()?;
        return Ok(SmallShare::OnDevice(small));
    }
    with_slice(activation, |values| {
        let count = values.len() as f64;
        let limit = ((dot_f64(values, values) / count).sqrt() * SMALL) as f32;
        let small = vectorized(
            #[inline(always)]
            || values.iter().map(|value| u32::from(value.abs() < limit)).sum::<u32>(),
        );
        SmallShare::Known(f64::from(small) / count)
    })
}

/// With s = sigmoid(g): d_up = dy * g*s, d_gate = dy * up * s * (1 + g*(1 - s)).
pub fn silu_mul_backward(dy: &Tensor, gate_up: &Tensor) -> Result<Tensor> {
    let (rows, double) = gate_up.dims2()?;
    let width = double / 2;
    #[cfg(feature = "cuda")]
    {
        if super::cuda::applies(gate_up) && dy.is_contiguous() {
            return super::cuda::silu_mul_backward(dy, gate_up);
        }
    }
    if !is_fused(gate_up) || !gate_up.is_contiguous() || !dy.is_contiguous() {
        let gate = gate_up.narrow(D::Minus1, 0, width)?.to_dtype(DType::F32)?;
        let up = gate_up.narrow(D::Minus1, width, width)?.to_dtype(DType::F32)?;
        let dy = dy.to_dtype(DType::F32)?;
        let sigmoid = (gate.neg()?.exp()? + 1.0)?.recip()?;
        let d_up = ((&dy * &gate)? * &sigmoid)?;
        let slope = (((sigmoid.affine(-1.0, 1.0)? * &gate)? + 1.0)? * &sigmoid)?;
        let d_gate = ((dy * up)? * slope)?;
        return Ok(Tensor::cat(&[d_gate, d_up], 1)?.to_dtype(gate_up.dtype())?);
    }
    let mut grad = vec![0f32; rows * double];
    with_slice(gate_up, |values| {
        with_slice(dy, |dy| {
            vectorized(
                #[inline(always)]
                || {
                    let rows = values.chunks_exact(double).zip(dy.chunks_exact(width));
                    for ((row, dy), grad) in rows.zip(grad.chunks_exact_mut(double)) {
                        let (gate, up) = row.split_at(width);
                        let (d_gate, d_up) = grad.split_at_mut(width);
                        for i in 0..width {
                            let sigmoid = 1.0 / (1.0 + exp(-gate[i]));
                            d_up[i] = dy[i] * gate[i] * sigmoid;
                            d_gate[i] = dy[i] * up[i] * sigmoid * (1.0 + gate[i] * (1.0 - sigmoid));
                        }
                    }
                },
            );
        })
    })??;
    cpu_tensor(grad, (rows, double))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, wave};

    #[test]
    fn fused_and_composed_agree() {
        let gate_up = wave((5, 38), 3.0);
        let dy = wave((5, 19), 0.5);
        // A transposed copy is not contiguous, so it takes the composed path.
        let strided = gate_up.t().unwrap().contiguous().unwrap().t().unwrap();
        assert_close(&silu_mul(&gate_up).unwrap(), &silu_mul(&strided).unwrap(), 1e-5);
        let (a, b) = (silu_mul_backward(&dy, &gate_up).unwrap(), silu_mul_backward(&dy, &strided).unwrap());
        assert_close(&a, &b, 1e-5);
        let share = |of: &Tensor| small_share(of).unwrap().read().unwrap();
        let (a, b) = (share(&gate_up), share(&strided));
        assert!((a - b).abs() < 1e-7 && a < 1.0, "{a} {b}");
    }
}
