//! The items of lowest priority that fit a count and a byte budget: the longest prefix of the list sorted by
//! priority. With priorities from a hash this is a uniform sample, the same whatever the order of arrival.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub trait HasBytes {
    fn size_bytes(&self) -> usize;
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrioritySample<T> {
    max_items: u64,
    max_bytes: u64,
    bytes: u64,
    /// Nothing at or above this can be in the prefix any more: something at it did not fit.
    closed_from: (u64, u64),
    items: BTreeMap<(u64, u64), T>,
}

impl<T: HasBytes> PrioritySample<T> {
    pub fn new(max_items: usize, max_bytes: usize) -> Self {
        Self {
            max_items: max_items as u64,
            max_bytes: max_bytes as u64,
            bytes: 0,
            closed_from: (u64::MAX, u64::MAX),
            items: BTreeMap::new(),
        }
    }

    /// `tie` (the row number) makes priorities unique.
    #[inline]
    pub fn wants(&self, priority: u64, tie: u64) -> bool {
        (priority, tie) < self.closed_from
    }

    pub fn insert(&mut self, priority: u64, tie: u64, item: T) {
        if !self.wants(priority, tie) {
            return;
        }
        self.bytes += item.size_bytes() as u64;
        if let Some(replaced) = self.items.insert((priority, tie), item) {
            self.bytes -= replaced.size_bytes() as u64;
        }
        self.shrink();
    }

    pub fn merge(&mut self, other: Self) {
        self.closed_from = self.closed_from.min(other.closed_from);
        for removed in self.items.split_off(&self.closed_from).into_values() {
            self.bytes -= removed.size_bytes() as u64;
        }
        for ((priority, tie), item) in other.items {
            self.insert(priority, tie, item);
        }
    }

    fn shrink(&mut self) {
        while self.items.len() as u64 > self.max_items || self.bytes > self.max_bytes {
            let Some((key, removed)) = self.items.pop_last() else { return };
            self.bytes -= removed.size_bytes() as u64;
            self.closed_from = key;
        }
    }

    /// By priority: as good as a random order, and the same every time.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.values()
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    impl HasBytes for usize {
        fn size_bytes(&self) -> usize {
            *self
        }
    }

    fn sample(items: &[(u64, u64, usize)]) -> PrioritySample<usize> {
        let mut sample = PrioritySample::new(8, 100);
        for (priority, tie, size) in items {
            sample.insert(*priority, *tie, *size);
        }
        sample
    }

    proptest! {
        #[test]
        fn any_order_and_split_gives_the_same_sample(
            sizes in prop::collection::vec((0u64..50, 0usize..60), 0..40),
            cut in 0usize..40,
            shuffled in any::<prop::sample::Index>(),
        ) {
            let items: Vec<_> = sizes.iter().enumerate().map(|(row, (priority, size))| (*priority, row as u64, *size)).collect();
            let mut turned = items.clone();
            if !turned.is_empty() {
                turned.rotate_left(shuffled.index(items.len()));
                turned.reverse();
            }
            let cut = cut.min(turned.len());
            let mut merged = sample(&turned[cut..]);
            merged.merge(sample(&turned[..cut]));
            prop_assert_eq!(merged, sample(&items));
        }
    }
}
