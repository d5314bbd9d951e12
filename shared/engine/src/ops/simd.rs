//! Plain loops that the compiler turns into vector code, run with the widest instructions this machine
//! has. Sums keep a fixed order (sixteen lanes), so the instruction set does not change a result.

#![expect(clippy::inline_always, reason = "only what is inlined gets the caller's wide instructions")]

use pulp::Arch;

const LANES: usize = 16;

/// Runs a loop with the widest vector instructions found at run time.
#[inline]
pub fn vectorized<R>(body: impl FnOnce() -> R) -> R {
    Arch::new().dispatch(body)
}

/// e^x to about 1 ulp-and-a-half, NaN kept; Cephes' `expf` polynomial with the exponent built from bits.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const MAGIC: f32 = 12_582_912.0; // 1.5 * 2^23: adding it rounds to a whole number in the low bits
    let x = if x > 88.0 { 88.0 } else { x };
    let x = if x < -87.0 { -87.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + MAGIC;
    let whole = shifted - MAGIC;
    let rest = (x - whole * 0.693_359_4) - whole * -2.121_944_4e-4;
    let mut poly = 1.987_569_1e-4;
    poly = poly * rest + 1.398_199_9e-3;
    poly = poly * rest + 8.333_452e-3;
    poly = poly * rest + 4.166_579_6e-2;
    poly = poly * rest + 1.666_666_5e-1;
    poly = poly * rest + 0.5;
    let value = poly * rest * rest + rest + 1.0;
    let scale = f32::from_bits(shifted.to_bits().wrapping_sub(MAGIC.to_bits()).wrapping_add(127) << 23);
    value * scale
}

#[inline(always)]
fn fold_lanes(lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    let mut lanes = lanes;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

#[inline(always)]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for i in 0..LANES {
            lanes[i] += x[i] * y[i];
        }
    }
    fold_lanes(lanes) + tail
}

/// a . (b * c), element by element.
#[inline(always)]
pub fn dot3(a: &[f32], b: &[f32], c: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let whole = a.len() / LANES * LANES;
    for start in (0..whole).step_by(LANES) {
        let (x, y, z) = (&a[start..start + LANES], &b[start..start + LANES], &c[start..start + LANES]);
        for i in 0..LANES {
            lanes[i] += x[i] * y[i] * z[i];
        }
    }
    let tail: f32 = (whole..a.len()).map(|i| a[i] * b[i] * c[i]).sum();
    fold_lanes(lanes) + tail
}

/// Dot product with f64 sums, for norms and cosines over millions of entries.
pub fn dot_f64(a: &[f32], b: &[f32]) -> f64 {
    vectorized(
        #[inline(always)]
        || {
            let mut lanes = [0f64; LANES];
            let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
            let tail: f64 = a_chunks
                .remainder()
                .iter()
                .zip(b_chunks.remainder())
                .map(|(x, y)| f64::from(*x) * f64::from(*y))
                .sum();
            for (x, y) in a_chunks.zip(b_chunks) {
                for i in 0..LANES {
                    lanes[i] += f64::from(x[i]) * f64::from(y[i]);
                }
            }
            lanes.iter().sum::<f64>() + tail
        },
    )
}

#[inline(always)]
pub fn max(values: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = values.chunks_exact(LANES);
    let mut best = f32::NEG_INFINITY;
    for value in chunks.remainder() {
        best = if *value > best { *value } else { best };
    }
    for chunk in chunks {
        for i in 0..LANES {
            lanes[i] = if chunk[i] > lanes[i] { chunk[i] } else { lanes[i] };
        }
    }
    lanes.iter().fold(best, |best, lane| if *lane > best { *lane } else { best })
}

/// Replaces each value by e^(value - shift) and returns their sum.
#[inline(always)]
pub fn exp_shifted_sum(values: &mut [f32], shift: f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let mut chunks = values.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for i in 0..LANES {
            chunk[i] = exp(chunk[i] - shift);
            lanes[i] += chunk[i];
        }
    }
    let mut tail = 0.0;
    for value in chunks.into_remainder() {
        *value = exp(*value - shift);
        tail += *value;
    }
    fold_lanes(lanes) + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_stays_within_two_ulp_of_the_library() {
        let mut worst = 0f64;
        for i in -8700..8800 {
            let x = i as f32 * 0.01;
            let want = f64::from(x).exp();
            worst = worst.max(((f64::from(exp(x)) - want) / want).abs());
        }
        assert!(worst < 2.4e-7, "{worst}");
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(f32::NEG_INFINITY) < 2e-38);
    }

    #[test]
    fn sums_match_a_plain_loop() {
        for n in [0, 1, 15, 16, 17, 100] {
            let a: Vec<f32> = (0..n).map(|i| (i as f32 * 0.7).sin()).collect();
            let b: Vec<f32> = (0..n).map(|i| (i as f32 * 0.3).cos()).collect();
            let want: f64 = a.iter().zip(&b).map(|(x, y)| f64::from(x * y)).sum();
            assert!((f64::from(dot(&a, &b)) - want).abs() < 1e-5);
            assert!((dot_f64(&a, &b) - want).abs() < 1e-6);
            assert!((f64::from(dot3(&a, &b, &vec![1.0; n])) - want).abs() < 1e-5);
            let want_max = a.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            assert!((max(&a) - want_max).abs() < f32::EPSILON || n == 0);
        }
    }
}
