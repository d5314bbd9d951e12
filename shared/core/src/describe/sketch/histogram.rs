//! Counts of whole numbers in fixed buckets: exact below 256, then 64 buckets an octave (1.6 % wide). Mean and
//! spread come from exact integer sums.

use serde::{Deserialize, Serialize};

const EXACT_BELOW: u64 = 256;
const BUCKETS_PER_OCTAVE_BITS: u32 = 6;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    counts: Vec<u64>,
    count: u64,
    sum: u128,
    sum_of_squares: u128,
    max: u64,
}

/// One bar of a drawn histogram: values from `from` up to, not including, `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bar {
    pub from: u64,
    pub to: u64,
    pub count: u64,
}

/// Lengths and counts fit 32 bits, and WebAssembly has no wide multiplication.
fn square(value: u64) -> u128 {
    match u32::try_from(value) {
        Ok(_) => u128::from(value * value),
        Err(_) => u128::from(value) * u128::from(value),
    }
}

fn bucket_of(value: u64) -> usize {
    if value < EXACT_BELOW {
        return value as usize;
    }
    let octave = value.ilog2();
    let within = (value >> (octave - BUCKETS_PER_OCTAVE_BITS)) & ((1 << BUCKETS_PER_OCTAVE_BITS) - 1);
    EXACT_BELOW as usize + (((octave - 8) << BUCKETS_PER_OCTAVE_BITS) as usize) + within as usize
}

fn lower_edge(bucket: usize) -> u64 {
    if bucket < EXACT_BELOW as usize {
        return bucket as u64;
    }
    let above = (bucket - EXACT_BELOW as usize) as u64;
    let octave = (above >> BUCKETS_PER_OCTAVE_BITS) as u32 + 8;
    let within = above & ((1 << BUCKETS_PER_OCTAVE_BITS) - 1);
    // The edge after the last octave would be 2^64.
    if octave > 63 { u64::MAX } else { (1 << octave) + (within << (octave - BUCKETS_PER_OCTAVE_BITS)) }
}

impl Histogram {
    #[inline]
    pub fn add(&mut self, value: u64) {
        let bucket = bucket_of(value);
        if bucket >= self.counts.len() {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.count += 1;
        self.sum += u128::from(value);
        self.sum_of_squares += square(value);
        self.max = self.max.max(value);
    }

    pub fn merge(&mut self, other: &Self) {
        if other.counts.len() > self.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.count += other.count;
        self.sum += other.sum;
        self.sum_of_squares += other.sum_of_squares;
        self.max = self.max.max(other.max);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn sum(&self) -> u128 {
        self.sum
    }

    pub fn mean(&self) -> f64 {
        self.sum as f64 / self.count as f64
    }

    /// Population standard deviation; NaN when empty.
    pub fn sd(&self) -> f64 {
        let count = u128::from(self.count);
        let scaled =
            count.saturating_mul(self.sum_of_squares).saturating_sub(self.sum.saturating_mul(self.sum));
        (scaled as f64).sqrt() / self.count as f64
    }

    pub fn max(&self) -> f64 {
        if self.count == 0 { f64::NAN } else { self.max as f64 }
    }

    /// The value with at least `share` of all values at or below it (nearest rank): exact below 256, else the
    /// lower edge of its bucket, at most 1.6 % low.
    pub fn quantile(&self, share: f64) -> f64 {
        if self.count == 0 {
            return f64::NAN;
        }
        let rank = ((share * self.count as f64).ceil() as u64).clamp(1, self.count);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return lower_edge(bucket) as f64;
            }
        }
        self.max()
    }

    /// At most `bars` bars of equal width from zero to the 99.5 % quantile, the last one open to the maximum.
    pub fn bars(&self, bars: usize) -> Vec<Bar> {
        if self.count == 0 || bars == 0 {
            return Vec::new();
        }
        let top = self.quantile(0.995) as u64 + 1;
        let width = top.div_ceil(bars as u64).max(1);
        let mut drawn: Vec<Bar> = (0..top.div_ceil(width))
            .map(|index| Bar { from: index * width, to: (index + 1) * width, count: 0 })
            .collect();
        let last = drawn.len() - 1;
        for (bucket, count) in self.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let at = (lower_edge(bucket) / width).min(last as u64) as usize;
            drawn[at].count += count;
        }
        drawn[last].to = drawn[last].to.max(self.max.saturating_add(1));
        drawn
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hand_counted_moments_and_quantiles() {
        let mut histogram = Histogram::default();
        for value in [2, 4, 4, 4, 5, 5, 7, 9] {
            histogram.add(value);
        }
        assert!((histogram.mean() - 5.0).abs() < 1e-12);
        assert!((histogram.sd() - 2.0).abs() < 1e-12);
        assert!((histogram.quantile(0.5) - 4.0).abs() < 1e-12);
        assert!((histogram.quantile(0.95) - 9.0).abs() < 1e-12);
        assert!(Histogram::default().mean().is_nan() && Histogram::default().quantile(0.5).is_nan());
    }

    proptest! {
        #[test]
        fn a_value_lies_in_its_bucket(value in any::<u64>()) {
            let bucket = bucket_of(value);
            prop_assert!(lower_edge(bucket) <= value);
            prop_assert!(value < lower_edge(bucket + 1) || lower_edge(bucket + 1) == u64::MAX);
            prop_assert!((value - lower_edge(bucket)) as f64 <= value as f64 / 64.0);
        }

        #[test]
        fn bars_count_everything(values in prop::collection::vec(0u64..100_000, 1..100)) {
            let mut histogram = Histogram::default();
            for value in &values {
                histogram.add(*value);
            }
            let total: u64 = histogram.bars(20).iter().map(|bar| bar.count).sum();
            prop_assert_eq!(total, values.len() as u64);
            prop_assert!(histogram.bars(20).len() <= 20);
        }
    }
}
