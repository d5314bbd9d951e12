//! The parts of attention that are not matrix products: splitting a token's row into heads with rope,
//! putting heads back, and softmax over the keys a token may see. Heads that share keys are stacked as
//! extra query rows, so keys and values are never repeated.

use candle_core::{D, DType, Device, Tensor};

use super::simd::{dot, exp_shifted_sum, max, vectorized};
use super::{cpu_tensor, is_fused, update, with_slice};
use crate::config::ModelConfig;
use crate::error::Result;

/// `rows` sequences of `len` tokens each, and how their heads are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttentionShape {
    pub rows: usize,
    pub len: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_size: usize,
}

impl AttentionShape {
    fn group(self) -> usize {
        self.heads / self.kv_heads
    }

    fn qkv_width(self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_size
    }
}

/// Cosines and sines of every position, in f32 whatever the model's type: in bf16 positions past 256 blur.
#[derive(Debug, Clone)]
pub struct RopeTables {
    cos: Tensor,
    sin: Tensor,
    half: usize,
}

impl RopeTables {
    pub fn new(config: &ModelConfig, positions: usize, device: &Device) -> Result<Self> {
        let half = config.head_size / 2;
        let frequencies: Vec<f32> = (0..half).map(|i| frequency(config, i)).collect();
        let angles = (0..positions).flat_map(|t| frequencies.iter().map(move |f| f64::from(t as f32 * f)));
        let (cos, sin): (Vec<f32>, Vec<f32>) =
            angles.map(|a| (libm::cos(a) as f32, libm::sin(a) as f32)).unzip();
        Ok(Self {
            cos: Tensor::from_vec(cos, (positions, half), device)?,
            sin: Tensor::from_vec(sin, (positions, half), device)?,
            half,
        })
    }

    pub fn positions(&self) -> usize {
        self.cos.dims()[0]
    }
}

/// theta^(-2i/d); with Llama 3's scaling, low frequencies are divided by a factor and middle ones blended.
fn frequency(config: &ModelConfig, i: usize) -> f32 {
    let exponent = (2 * i) as f32 / config.head_size as f32;
    let plain = (1.0 / libm::pow(config.rope_theta, f64::from(exponent))) as f32;
    let Some(rope) = config.rope_scaling else { return plain };
    let wave_length = 2.0 * std::f64::consts::PI / f64::from(plain);
    let (longest, shortest) = (
        rope.original_max_positions / rope.low_freq_factor,
        rope.original_max_positions / rope.high_freq_factor,
    );
    if wave_length < shortest {
        plain
    } else if wave_length > longest {
        (f64::from(plain) / rope.factor) as f32
    } else {
        let smooth = (rope.original_max_positions / wave_length - rope.low_freq_factor)
            / (rope.high_freq_factor - rope.low_freq_factor);
        ((1.0 - smooth) * f64::from(plain) / rope.factor + smooth * f64::from(plain)) as f32
    }
}

/// Rows of (q | k | v) heads -> q (rows*kv, group*len, d), k and v (rows*kv, len, d), rope on q and k.
/// `positions` holds one position for each token, or none when each sequence counts from 0.
pub fn split_heads(
    qkv: &Tensor,
    shape: AttentionShape,
    rope: &RopeTables,
    positions: Option<&[u32]>,
) -> Result<[Tensor; 3]> {
    #[cfg(feature = "cuda")]
    {
        if super::cuda::applies(qkv) {
            return super::cuda::split_heads(qkv, shape, [&rope.cos, &rope.sin], positions);
        }
    }
    if !is_fused(qkv) || !qkv.is_contiguous() {
        return composed_split(qkv, shape, rope, positions);
    }
    let AttentionShape { rows, len, heads, kv_heads, head_size } = shape;
    let kv_len = rows * kv_heads * len * head_size;
    let (mut q, mut k, mut v) =
        (vec![0f32; rows * heads * len * head_size], vec![0f32; kv_len], vec![0f32; kv_len]);
    with_slice(qkv, |qkv| {
        with_slice(&rope.cos, |cos| {
            with_slice(&rope.sin, |sin| {
                vectorized(
                    #[inline(always)]
                    || {
                        for (token, source) in qkv.chunks_exact(shape.qkv_width()).enumerate() {
                            let (row, t) = (token / len, token % len);
                            let position = positions.map_or(t, |list| list[token] as usize);
                            let angle = position * rope.half..(position + 1) * rope.half;
                            let (cos, sin) = (&cos[angle.clone()], &sin[angle]);
                            for (head, source) in source.chunks_exact(head_size).enumerate() {
                                let (target, count, head) = if head < heads {
                                    (&mut q, heads, head)
                                } else if head < heads + kv_heads {
                                    (&mut k, kv_heads, head - heads)
                                } else {
                                    (&mut v, kv_heads, head - heads - kv_heads)
                                };
                                let start = ((row * count + head) * len + t) * head_size;
                                let target = &mut target[start..start + head_size];
                                target.copy_from_slice(source);
                            }
                            for head in 0..heads {
                                let start = ((row * heads + head) * len + t) * head_size;
                                rotate(&mut q[start..start + head_size], cos, sin, 1.0);
                            }
                            for head in 0..kv_heads {
                                let start = ((row * kv_heads + head) * len + t) * head_size;
                                rotate(&mut k[start..start + head_size], cos, sin, 1.0);
                            }
                        }
                    },
                );
            })
        })
    })???;
    Ok([
        cpu_tensor(q, (rows * kv_heads, shape.group() * len, head_size))?,
        cpu_tensor(k, (rows * kv_heads, len, head_size))?,
        cpu_tensor(v, (rows * kv_heads, len, head_size))?,
    ])
}

/// Rotation by `direction` times the angle: +1 forward, -1 for the backward.
#[expect(clippy::inline_always, reason = "only what is inlined gets the caller's wide instructions")]
#[inline(always)]
fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32], direction: f32) {
    let (low, high) = head.split_at_mut(cos.len());
    for i in 0..cos.len() {
        let (a, b) = (low[i], high[i]);
        let sin = sin[i] * direction;
        low[i] = a * cos[i] - b * sin;
        high[i] = b * cos[i] + a * sin;
    }
}

fn composed_split(
    qkv: &Tensor,
    shape: AttentionShape,
    rope: &RopeTables,
    positions: Option<&[u32]>,
) -> Result<[Tensor; 3]> {
    let AttentionShape { rows, len, heads, kv_heads, head_size } = shape;
    let by_head = qkv.contiguous()?.reshape((rows, len, heads + 2 * kv_heads, head_size))?;
    let part = |start: usize, count: usize| by_head.narrow(2, start, count)?.transpose(1, 2)?.contiguous();
    let q = composed_rotate(&part(0, heads)?, shape, rope, positions, 1.0)?;
    let k = composed_rotate(&part(heads, kv_heads)?, shape, rope, positions, 1.0)?;
    Ok([
        q.reshape((rows * kv_heads, shape.group() * len, head_size))?,
        k.reshape((rows * kv_heads, len, head_size))?,
        part(heads + kv_heads, kv_heads)?.reshape((rows * kv_heads, len, head_size))?,
    ])
}

/// (rows, heads, len, d) rotated by position.
fn composed_rotate(
    x: &Tensor,
    shape: AttentionShape,
    rope: &RopeTables,
    positions: Option<&[u32]>,
    direction: f64,
) -> Result<Tensor> {
    let table = |table: &Tensor| -> Result<Tensor> {
        Ok(match positions {
            None => table.narrow(0, 0, shape.len)?.reshape((1, 1, shape.len, rope.half))?,
            Some(list) => {
                let list = Tensor::new(list, x.device())?;
                table.index_select(&list, 0)?.reshape((shape.rows, 1, shape.len, rope.half))?
            }
        })
    };
    let (cos, sin) = (table(&rope.cos)?, (table(&rope.sin)? * direction)?);
    let wide = x.to_dtype(DType::F32)?;
    let low = wide.narrow(D::Minus1, 0, rope.half)?;
    let high = wide.narrow(D::Minus1, rope.half, rope.half)?;
    let new_low = (low.broadcast_mul(&cos)? - high.broadcast_mul(&sin)?)?;
    let new_high = (high.broadcast_mul(&cos)? + low.broadcast_mul(&sin)?)?;
    Ok(Tensor::cat(&[new_low, new_high], D::Minus1)?.to_dtype(x.dtype())?)
}

/// The inverse of `split_heads`: rotates q and k gradients back and lays them out as token rows.
pub fn merge_heads(
    [q, k, v]: [&Tensor; 3],
    shape: AttentionShape,
    rope: &RopeTables,
    positions: Option<&[u32]>,
) -> Result<Tensor> {
    let AttentionShape { rows, len, heads, kv_heads, head_size } = shape;
    #[cfg(feature = "cuda")]
    {
        if [q, k, v].into_iter().all(super::cuda::applies) {
            return super::cuda::merge_heads([q, k, v], shape, [&rope.cos, &rope.sin], positions);
        }
    }
    if !is_fused(q) {
        let q = composed_rotate(&q.reshape((rows, heads, len, head_size))?, shape, rope, positions, -1.0)?;
        let k = composed_rotate(&k.reshape((rows, kv_heads, len, head_size))?, shape, rope, positions, -1.0)?;
        let v = v.reshape((rows, kv_heads, len, head_size))?;
        let by_head = Tensor::cat(&[q, k, v], 1)?.transpose(1, 2)?.contiguous()?;
        return Ok(by_head.reshape((rows * len, shape.qkv_width()))?);
    }
    let width = shape.qkv_width();
    let mut merged = vec![0f32; rows * len * width];
    for (source, count, column, rotated) in
        [(q, heads, 0, true), (k, kv_heads, heads, true), (v, kv_heads, heads + kv_heads, false)]
    {
        with_slice(source, |source| {
            with_slice(&rope.cos, |cos| {
                with_slice(&rope.sin, |sin| {
                    vectorized(
                        #[inline(always)]
                        || {
                            for (index, source) in source.chunks_exact(head_size).enumerate() {
                                let (t, head, row) = (index % len, index / len % count, index / len / count);
                                let token = row * len + t;
                                let start = token * width + (column + head) * head_size;
                                let target = &mut merged[start..start + head_size];
                                target.copy_from_slice(source);
                                if rotated {
                                    let position = positions.map_or(t, |list| list[token] as usize);
                                    let angle = position * rope.half..(position + 1) * rope.half;
                                    rotate(target, &cos[angle.clone()], &sin[angle], -1.0);
                                }
                            }
                        },
                    );
                })
            })
        })???;
    }
    cpu_tensor(merged, (rows * len, width))
}

/// Softmax of `scores * scale` over the keys `first_key..=i` of query i, zero elsewhere; changes a fresh
/// CPU tensor in place. `mask` says the same as an additive (rows, 1, len, len) tensor on other devices.
pub fn softmax(
    scores: Tensor,
    shape: AttentionShape,
    scale: f32,
    first_key: Option<&[u32]>,
    mask: Option<&Tensor>,
) -> Result<Tensor> {
    let AttentionShape { rows, len, heads, kv_heads, .. } = shape;
    if let Some(mask) = mask {
        let stacked = scores.dims().to_vec();
        let wide = scores.to_dtype(DType::F32)?.reshape((rows, heads, len, len))?;
        let wide = (wide * f64::from(scale))?.broadcast_add(mask)?;
        let shifted = wide.broadcast_sub(&wide.max_keepdim(D::Minus1)?)?.exp()?;
        let probs = shifted.broadcast_div(&shifted.sum_keepdim(D::Minus1)?)?;
        return Ok(probs.reshape(stacked)?.to_dtype(scores.dtype())?);
    }
    #[cfg(feature = "cuda")]
    {
        if super::cuda::applies(&scores) {
            return super::cuda::softmax(scores, shape, scale, first_key);
        }
    }
    let per_row = shape.group() * kv_heads * len;
    update(&scores, |values| {
        vectorized(
            #[inline(always)]
            || {
                for (index, keys) in values.chunks_exact_mut(len).enumerate() {
                    let (row, t) = (index / per_row, index % len);
                    let from = first_key.map_or(0, |list| list[row * len + t] as usize);
                    keys[..from].fill(0.0);
                    keys[t + 1..].fill(0.0);
                    let seen = &mut keys[from..=t];
                    for value in seen.iter_mut() {
                        *value *= scale;
                    }
                    let top = max(seen);
                    let inverse = 1.0 / exp_shifted_sum(seen, top);
                    for value in seen.iter_mut() {
                        *value *= inverse;
                    }
                }
            },
        );
    })?;
    Ok(scores)
}

/// dS = P * (dP - sum(P * dP)) * scale, in place over a fresh dP.
pub fn softmax_backward(d_probs: Tensor, probs: &Tensor, scale: f32) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    {
        if super::cuda::applies(&d_probs) && probs.is_contiguous() {
            return super::cuda::softmax_backward(d_probs, probs, scale);
        }
    }
    if !is_fused(&d_probs) {
        let (d_wide, p) = (d_probs.to_dtype(DType::F32)?, probs.to_dtype(DType::F32)?);
        let inner = (&d_wide * &p)?.sum_keepdim(D::Minus1)?;
        let d_scores = ((d_wide.broadcast_sub(&inner)? * p)? * f64::from(scale))?;
        return Ok(d_scores.to_dtype(probs.dtype())?);
    }
    let len = probs.dim(D::Minus1)?;
    with_slice(probs, |probs| {
        update(&d_probs, |d_probs| {
            vectorized(
                #[inline(always)]
                || {
                    for (index, (d, p)) in
                        d_probs.chunks_exact_mut(len).zip(probs.chunks_exact(len)).enumerate()
                    {
                        let seen = index % len + 1;
                        let inner = dot(&d[..seen], &p[..seen]);
                        for (d, p) in d[..seen].iter_mut().zip(p) {
                            *d = p * (*d - inner) * scale;
                        }
                        d[seen..].fill(0.0);
                    }
                },
            );
        })
    })??;
    Ok(d_probs)
}

/// (rows*kv, group*len, d) -> (rows*len, heads*d).
pub fn heads_to_rows(x: &Tensor, shape: AttentionShape) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    {
        if super::cuda::applies(x) {
            return super::cuda::heads_to_rows(x, shape);
        }
    }
    let AttentionShape { rows, len, heads, head_size, .. } = shape;
    let by_head = x.reshape((rows, heads, len, head_size))?.transpose(1, 2)?.contiguous()?;
    Ok(by_head.reshape((rows * len, heads * head_size))?)
}

/// (rows*len, heads*d) -> (rows*kv, group*len, d).
pub fn rows_to_heads(x: &Tensor, shape: AttentionShape) -> Result<Tensor> {
    #[cfg(feature = "cuda")]
    {
        if super::cuda::applies(x) {
            return super::cuda::rows_to_heads(x, shape);
        }
    }
    let AttentionShape { rows, len, heads, kv_heads, head_size } = shape;
    let by_head = x.reshape((rows, len, heads, head_size))?.transpose(1, 2)?.contiguous()?;
    Ok(by_head.reshape((rows * kv_heads, shape.group() * len, head_size))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, small_config, wave};

    const SHAPE: AttentionShape = AttentionShape { rows: 2, len: 5, heads: 4, kv_heads: 2, head_size: 6 };

    #[test]
    fn fused_and_composed_heads_agree_and_merge_inverts() {
        let mut config = small_config();
        config.head_size = 6;
        let rope = RopeTables::new(&config, 16, &Device::Cpu).unwrap();
        let qkv = wave((10, 48), 1.0);
        let positions: Vec<u32> = vec![0, 1, 0, 1, 2, 3, 4, 5, 6, 7];
        for positions in [None, Some(positions.as_slice())] {
            let fused = split_heads(&qkv, SHAPE, &rope, positions).unwrap();
            let composed = composed_split(&qkv, SHAPE, &rope, positions).unwrap();
            for (a, b) in fused.iter().zip(&composed) {
                assert_close(a, b, 1e-6);
            }
            let [q, k, v] = &fused;
            assert_close(&merge_heads([q, k, v], SHAPE, &rope, positions).unwrap(), &qkv, 1e-6);
        }
    }

    #[test]
    fn fused_and_masked_softmax_agree() {
        let first_key: Vec<u32> = vec![0, 0, 2, 2, 2, 0, 0, 0, 0, 4];
        let scores = || wave((4, 10, 5), 1.7);
        let mut mask = vec![f32::NEG_INFINITY; 50];
        for (row_t, first) in first_key.iter().enumerate() {
            let t = row_t % 5;
            for key in *first as usize..=t {
                mask[row_t * 5 + key] = 0.0;
            }
        }
        let mask = Tensor::from_vec(mask, (2, 1, 5, 5), &Device::Cpu).unwrap();
        let fused = softmax(scores(), SHAPE, 0.4, Some(&first_key), None).unwrap();
        let masked = softmax(scores(), SHAPE, 0.4, None, Some(&mask)).unwrap();
        assert_close(&fused, &masked, 1e-6);
    }
}
