//! Numbers drawn for place `index` of a list: each name its own stream, spread evenly over every block of
//! the list, and independent of how long the list is.

use crate::hash::{combine, hash_bytes};
use crate::numerics::random::Random;

/// Places of a block; each gets a number from another sixteenth of [0, 1).
const STRATA: u64 = 16;

#[derive(Debug, Clone, Copy)]
pub struct Draws {
    pub seed: u64,
    pub index: u64,
}

impl Draws {
    /// Uniform in [0, 1).
    pub fn unit(&self, name: &str) -> f64 {
        let stream = self.stream(name);
        let mut strata: Vec<u64> = (0..STRATA).collect();
        Random::new(combine(stream, self.index / STRATA)).shuffle(&mut strata);
        let stratum = strata[(self.index % STRATA) as usize];
        let within = Random::new(combine(combine(stream, self.index), 1)).uniform();
        (stratum as f64 + within) / STRATA as f64
    }

    /// On a logarithmic scale.
    pub fn log(&self, name: &str, low: f64, high: f64) -> f64 {
        between(low, high, self.unit(name))
    }

    pub fn one_of<'a, T>(&self, name: &str, list: &'a [T]) -> Option<&'a T> {
        list.get((self.unit(name) * list.len() as f64) as usize)
    }

    /// A seed of this place's own.
    pub fn own_seed(&self, name: &str) -> u64 {
        combine(self.stream(name), self.index)
    }

    fn stream(&self, name: &str) -> u64 {
        hash_bytes(name.as_bytes(), self.seed)
    }
}

/// The point at `share` of the way from `low` to `high` on a logarithmic scale.
pub fn between(low: f64, high: f64, share: f64) -> f64 {
    low * libm::exp(libm::log(high / low) * share)
}
