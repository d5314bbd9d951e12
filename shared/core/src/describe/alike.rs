//! Texts to look others up in: by the exact key first, then by MinHash bands. Built once, read-only.

use std::collections::HashMap;

use super::minhash::{Boilerplate, MinHasher, Signature};
use super::near::{MIN_FILLED_BINS, NEAR_SIMILARITY};
use super::sketch::Spread;

/// Texts looked at for one band key.
const MAX_TEXTS_OF_BAND: usize = 8;

#[derive(Debug, Clone, PartialEq)]
pub struct AlikeIndex {
    signatures: Vec<Signature>,
    boilerplate: Boilerplate,
    by_key: HashMap<u64, u32, Spread>,
    by_band: HashMap<u64, Vec<u32>, Spread>,
}

impl AlikeIndex {
    /// Texts are known by their position; of two with one key the later is found by it.
    pub fn of(texts: &[(u64, Signature)]) -> Self {
        let boilerplate = Boilerplate::of(texts.iter().map(|(_, signature)| signature));
        let signatures: Vec<Signature> =
            texts.iter().map(|(_, signature)| signature.without(&boilerplate)).collect();
        let by_key = texts.iter().enumerate().map(|(index, (key, _))| (*key, index as u32)).collect();
        let mut by_band: HashMap<u64, Vec<u32>, Spread> = HashMap::default();
        for (index, signature) in signatures.iter().enumerate() {
            if signature.filled() < MIN_FILLED_BINS {
                continue;
            }
            for key in signature.band_keys() {
                let bucket = by_band.entry(key).or_default();
                if bucket.len() < MAX_TEXTS_OF_BAND {
                    bucket.push(index as u32);
                }
            }
        }
        Self { signatures, boilerplate, by_key, by_band }
    }

    pub fn exact(&self, key: u64) -> Option<u32> {
        self.by_key.get(&key).copied()
    }

    /// Every near copy that the bands find, some of them more than once.
    pub fn each_near(&self, hasher: &MinHasher, hear: &mut dyn FnMut(u32, f64)) {
        let signature = hasher.signature().without(&self.boilerplate);
        if signature.filled() < MIN_FILLED_BINS {
            return;
        }
        for key in signature.band_keys() {
            for index in self.by_band.get(&key).into_iter().flatten() {
                let similarity = signature.similarity(&self.signatures[*index as usize]);
                if similarity >= NEAR_SIMILARITY {
                    hear(*index, similarity);
                }
            }
        }
    }

    /// The most similar one, the first of equals.
    pub fn nearest(&self, hasher: &MinHasher) -> Option<(u32, f64)> {
        let mut best: Option<(u32, f64)> = None;
        self.each_near(hasher, &mut |index, similarity| {
            if best.is_none_or(|(at, most)| similarity > most || (similarity >= most && index < at)) {
                best = Some((index, similarity));
            }
        });
        best
    }
}
