//! The `N` smallest of a set: examples by row number, answers by hash. Bounded and mergeable.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmallestList<T> {
    capacity: usize,
    items: Vec<T>,
}

impl<T: Ord> SmallestList<T> {
    pub fn new(capacity: usize) -> Self {
        Self { capacity, items: Vec::new() }
    }

    /// Equal items are kept once.
    pub fn insert(&mut self, item: T) {
        if self.items.len() == self.capacity && self.items.last().is_none_or(|last| *last <= item) {
            return;
        }
        if let Err(at) = self.items.binary_search(&item) {
            self.items.insert(at, item);
            self.items.truncate(self.capacity);
        }
    }

    pub fn merge(&mut self, other: Self) {
        for item in other.items {
            self.insert(item);
        }
    }

    pub fn items(&self) -> &[T] {
        &self.items
    }
}
