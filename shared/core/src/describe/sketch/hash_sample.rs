//! A table over hashed keys that keeps every key while they fit, and else those whose hash ends in enough zero
//! bits (adaptive sampling, Wegman; Flajolet 1990). The level is the smallest that fits: a function of the set.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::hash::mix;

/// What two parts know of the same key, put together. Must be commutative and associative.
pub trait Mergeable: Default {
    fn merge(&mut self, other: Self);
}

impl Mergeable for () {
    fn merge(&mut self, (): Self) {}
}

impl Mergeable for u64 {
    fn merge(&mut self, other: Self) {
        *self += other;
    }
}

/// Keys are hashes already, but sampled ones share their low bits: one multiplication spreads them again.
#[derive(Debug, Clone, Copy, Default)]
pub struct SpreadHasher(u64);

impl Hasher for SpreadHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = crate::hash::hash_bytes(bytes, self.0);
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = mix(key, 0x9e37_79b9_7f4a_7c15);
    }
}

pub type Spread = BuildHasherDefault<SpreadHasher>;

#[derive(Debug, Clone, PartialEq)]
pub struct HashSample<V> {
    capacity: usize,
    level: u32,
    entries: HashMap<u64, V, Spread>,
}

impl<V: Mergeable> HashSample<V> {
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), level: 0, entries: HashMap::default() }
    }

    /// Whether keys with this hash are still looked at.
    #[inline]
    pub fn wants(&self, key: u64) -> bool {
        key.trailing_zeros() >= self.level
    }

    #[inline]
    pub fn update(&mut self, key: u64, change: impl FnOnce(&mut V)) {
        if !self.wants(key) {
            return;
        }
        change(self.entries.entry(key).or_default());
        if self.entries.len() > self.capacity {
            self.raise_level();
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.capacity = self.capacity.min(other.capacity);
        self.level = self.level.max(other.level);
        let level = self.level;
        self.entries.retain(|key, _| key.trailing_zeros() >= level);
        for (key, value) in other.entries {
            self.update(key, |mine| mine.merge(value));
        }
        self.raise_level();
    }

    fn raise_level(&mut self) {
        while self.entries.len() > self.capacity {
            self.level += 1;
            let level = self.level;
            self.entries.retain(|key, _| key.trailing_zeros() >= level);
        }
    }

    /// Each kept key stands for this many.
    pub fn weight(&self) -> f64 {
        libm::ldexp(1.0, self.level as i32)
    }

    pub fn is_complete(&self) -> bool {
        self.level == 0
    }

    pub fn distinct_estimate(&self) -> f64 {
        self.entries.len() as f64 * self.weight()
    }

    /// In order of key, so that nothing computed from it depends on the table's layout.
    pub fn sorted(&self) -> Vec<(u64, &V)> {
        let mut all: Vec<_> = self.entries.iter().map(|(key, value)| (*key, value)).collect();
        all.sort_unstable_by_key(|(key, _)| *key);
        all
    }
}

impl<V: Mergeable + Serialize> Serialize for HashSample<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.capacity as u64, self.level, self.sorted()).serialize(serializer)
    }
}

impl<'de, V: Mergeable + Deserialize<'de>> Deserialize<'de> for HashSample<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (capacity, level, entries) = <(u64, u32, Vec<(u64, V)>)>::deserialize(deserializer)?;
        Ok(Self {
            capacity: usize::try_from(capacity).unwrap_or(usize::MAX),
            level,
            entries: entries.into_iter().collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hash::combine;

    fn table(keys: &[u64], capacity: usize) -> HashSample<u64> {
        let mut table = HashSample::new(capacity);
        for key in keys {
            table.update(combine(3, *key), |count| *count += 1);
        }
        table
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_split_gives_the_same_table(keys in prop::collection::vec(0u64..200, 0..300), cut in 0usize..300, capacity in 1usize..64) {
            let cut = cut.min(keys.len());
            let mut merged = table(&keys[cut..], capacity);
            merged.merge(table(&keys[..cut], capacity));
            prop_assert_eq!(&merged, &table(&keys, capacity));
            prop_assert!(merged.entries.len() <= capacity);
        }
    }

    #[test]
    fn distinct_keys_are_exact_while_they_fit_and_close_beyond() {
        let few: Vec<u64> = (0..1000).map(|index| index % 500).collect();
        assert!((table(&few, 500).distinct_estimate() - 500.0).abs() < 1e-12);
        let many: Vec<u64> = (0..100_000).collect();
        let estimate = table(&many, 4096).distinct_estimate();
        assert!((estimate / 100_000.0 - 1.0).abs() < 0.06, "{estimate}");
    }

    #[test]
    fn survives_transfer() {
        let before = table(&(0..1000).collect::<Vec<_>>(), 64);
        let bytes = postcard::to_allocvec(&before).unwrap();
        assert_eq!(postcard::from_bytes::<HashSample<u64>>(&bytes).unwrap(), before);
    }
}
