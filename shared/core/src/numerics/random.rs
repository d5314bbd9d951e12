//! A seeded generator: a counter pushed through the crate's fixed hash, the same on every platform.

use crate::hash;

/// Not for secrets. Equal seeds give equal sequences, for ever.
#[derive(Debug, Clone)]
pub struct Random {
    seed: u64,
    counter: u64,
}

impl Random {
    pub fn new(seed: u64) -> Self {
        Self { seed: hash::combine(0x5eed, seed), counter: 0 }
    }

    pub fn next_u64(&mut self) -> u64 {
        self.counter += 1;
        hash::combine(self.seed, self.counter)
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in 0..bound; `bound` must be above zero.
    pub fn below(&mut self, bound: usize) -> usize {
        // Multiply-shift: the bias is below bound / 2^64.
        ((u128::from(self.next_u64()) * bound as u128) >> 64) as usize
    }

    /// Standard normal by inversion, one uniform number each.
    pub fn normal(&mut self) -> f64 {
        let half_step = 0.5 / (1u64 << 53) as f64;
        super::stats::normal_quantile(self.uniform() + half_step)
    }

    /// Fisher-Yates.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_fixes_the_sequence() {
        let (mut first, mut second) = (Random::new(7), Random::new(7));
        let sequence: Vec<u64> = (0..8).map(|_| first.next_u64()).collect();
        assert_eq!(sequence, (0..8).map(|_| second.next_u64()).collect::<Vec<_>>());
        assert_ne!(Random::new(8).next_u64(), sequence[0]);
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut random = Random::new(1);
        let count = 20_000;
        let mean = (0..count).map(|_| random.uniform()).sum::<f64>() / f64::from(count);
        assert!((mean - 0.5).abs() < 0.01, "{mean}");
        let square = (0..count).map(|_| random.normal()).map(|z| z * z).sum::<f64>() / f64::from(count);
        assert!((square - 1.0).abs() < 0.04, "{square}");
    }

    #[test]
    fn a_shuffle_keeps_every_item() {
        let mut items: Vec<usize> = (0..50).collect();
        Random::new(3).shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
