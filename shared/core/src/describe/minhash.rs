//! One-permutation MinHash (Li, Owen, Zhang 2012): every word triple is hashed once into one of 64 bins, each bin
//! keeps its smallest value. Two texts' Jaccard similarity is the share of equal bins among those that either fills.

use serde::{Deserialize, Serialize};

use crate::hash::mix;

pub const BINS: usize = 64;
/// Eight bits of each bin's minimum (b-bit MinHash, Li and König 2010); chance agreement is 1 in 255.
const EMPTY: u8 = 255;
const UNFILLED: u32 = u32::MAX;
const SHINGLE_KEY: u64 = 0xe703_7ed1_a0b4_28db;
/// Bins that one band key is made of.
const BAND_BINS: usize = 4;
/// Chance that a pair of similarity J shares one of 8 bands: 1 - (1 - J^4)^8, 98.5 % at J = 0.8.
pub const BANDS: usize = 8;

/// The sketch while texts are being read.
#[derive(Debug, Clone)]
pub struct MinHasher {
    bins: [u32; BINS],
    smallest: u32,
    smallest_of_first_line: u32,
    before: [u64; 2],
    words_in_run: u32,
    first_line_done: bool,
}

impl Default for MinHasher {
    fn default() -> Self {
        Self {
            bins: [UNFILLED; BINS],
            smallest: UNFILLED,
            smallest_of_first_line: UNFILLED,
            before: [0; 2],
            words_in_run: 0,
            first_line_done: false,
        }
    }
}

impl MinHasher {
    #[inline]
    pub fn word(&mut self, hash: u64) {
        if self.words_in_run >= 2 {
            self.shingle(hash ^ self.before[1].rotate_left(23) ^ self.before[0].rotate_left(47));
        }
        self.before = [self.before[1], hash];
        self.words_in_run += 1;
    }

    #[inline]
    fn shingle(&mut self, words: u64) {
        let hash = mix(words, SHINGLE_KEY);
        let bin = &mut self.bins[(hash % BINS as u64) as usize];
        let value = (hash >> 32) as u32;
        *bin = (*bin).min(value);
        self.smallest = self.smallest.min(value);
    }

    /// Between texts: triples do not cross it. One or two words alone count as one triple.
    pub fn end_text(&mut self) {
        if self.words_in_run == 1 || self.words_in_run == 2 {
            self.shingle(self.before[1] ^ self.before[0].rotate_left(23));
        }
        self.before = [0; 2];
        self.words_in_run = 0;
    }

    /// The first line of a prompt is often one instruction for all rows: what follows it makes the better key.
    #[inline]
    pub fn newline(&mut self) {
        if !self.first_line_done {
            self.first_line_done = true;
            self.smallest_of_first_line = self.smallest;
            self.smallest = UNFILLED;
        }
    }

    /// The smallest value of all: shared by two texts with a probability of their similarity, so a sample by
    /// this key keeps near copies together.
    pub fn sample_key(&self) -> u64 {
        let smallest = if self.smallest == UNFILLED { self.smallest_of_first_line } else { self.smallest };
        mix(u64::from(smallest) ^ 0x5a5a_0000_0000_0000, SHINGLE_KEY)
    }

    pub fn signature(&self) -> Signature {
        let mut bins = [EMPTY; BINS];
        for (bin, value) in bins.iter_mut().zip(&self.bins) {
            if *value != UNFILLED {
                *bin = (*value % u32::from(EMPTY)) as u8;
            }
        }
        Signature(bins)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; BINS]);

impl Default for Signature {
    fn default() -> Self {
        Self([EMPTY; BINS])
    }
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Signature({} bins filled)", self.filled())
    }
}

impl Serialize for Signature {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Signature {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = <&[u8]>::deserialize(deserializer)?;
        let bins =
            bytes.try_into().map_err(|_| serde::de::Error::invalid_length(bytes.len(), &"64 bytes"))?;
        Ok(Self(bins))
    }
}

impl Signature {
    pub fn filled(&self) -> usize {
        self.0.iter().filter(|bin| **bin != EMPTY).count()
    }

    /// Estimated share of common word triples; NaN when both are empty.
    pub fn similarity(&self, other: &Self) -> f64 {
        let (mut equal, mut either) = (0u32, 0u32);
        for (mine, theirs) in self.0.iter().zip(&other.0) {
            let filled = u32::from(*mine != EMPTY || *theirs != EMPTY);
            either += filled;
            equal += filled & u32::from(mine == theirs);
        }
        f64::from(equal) / f64::from(either)
    }

    /// Without the values that boilerplate puts into it.
    pub fn without(&self, boilerplate: &Boilerplate) -> Self {
        let mut rest = *self;
        for (bin, common) in rest.0.iter_mut().zip(&boilerplate.0) {
            if *common == *bin {
                *bin = EMPTY;
            }
        }
        rest
    }

    /// Band keys: for each start, the first four filled bins with their values. Texts with fewer than four take
    /// all they have. None for an empty signature.
    pub fn band_keys(&self) -> impl Iterator<Item = u64> + '_ {
        let filled = self.filled();
        (0..BANDS).take_while(move |_| filled > 0).map(move |band| {
            let mut key = band as u64;
            let mut taken = 0;
            for step in 0..BINS {
                let index = (band * (BINS / BANDS) + step) % BINS;
                if self.0[index] != EMPTY {
                    key = mix(key ^ ((index as u64) << 8 | u64::from(self.0[index])), SHINGLE_KEY);
                    taken += 1;
                    if taken == BAND_BINS {
                        break;
                    }
                }
            }
            key
        })
    }
}

/// For each bin the value that at least half of many texts have there: a common instruction, not a duplicate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boilerplate(Vec<u8>);

/// With fewer texts a common value may well be a duplicate.
const MIN_TEXTS_FOR_BOILERPLATE: usize = 32;

impl Boilerplate {
    pub fn of<'a>(signatures: impl Iterator<Item = &'a Signature>) -> Self {
        let mut counts = vec![[0u32; 256]; BINS];
        let mut texts = 0;
        for signature in signatures {
            texts += 1;
            for (count, value) in counts.iter_mut().zip(&signature.0) {
                count[*value as usize] += 1;
            }
        }
        let common = |count: &[u32; 256]| {
            (0..EMPTY).find(|value| count[*value as usize] as usize * 2 >= texts).unwrap_or(EMPTY)
        };
        if texts < MIN_TEXTS_FOR_BOILERPLATE {
            return Self(vec![EMPTY; BINS]);
        }
        Self(counts.iter().map(common).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::scan::word_hashes;

    pub fn signature(text: &str) -> Signature {
        let mut hasher = MinHasher::default();
        for word in word_hashes(text) {
            hasher.word(word);
        }
        hasher.end_text();
        hasher.signature()
    }

    fn words(range: std::ops::Range<u32>) -> String {
        range.map(|index| index.to_string() + " ").collect()
    }

    #[test]
    fn equal_texts_are_equal_and_unrelated_ones_are_not() {
        assert_eq!(signature("The cat sat on the mat."), signature("the CAT sat, on the mat"));
        assert!(signature(&words(0..100)).similarity(&signature(&words(200..300))) < 0.1);
        assert!(signature("").similarity(&signature("")).is_nan());
        assert!((signature("yes").similarity(&signature("no"))).abs() < 1e-12);
    }

    #[test]
    fn similarity_estimates_jaccard() {
        // 298 triples each, 238 shared: 238 / 358 = 0.665; the error over many pairs averages out.
        let mut sum = 0.0;
        for pair in 0..40 {
            let start = pair * 1000;
            sum +=
                signature(&words(start..start + 300)).similarity(&signature(&words(start + 60..start + 360)));
        }
        assert!((sum / 40.0 - 0.665).abs() < 0.03, "{}", sum / 40.0);
    }

    #[test]
    fn similar_texts_share_a_band() {
        let shared = (0..200)
            .filter(|pair| {
                let start = pair * 1000;
                // 40 words, the last one changed: 37 of 39 triples shared.
                let one = signature(&words(start..start + 40));
                let other = signature(&(words(start..start + 39) + "changed"));
                one.band_keys().any(|key| other.band_keys().any(|theirs| theirs == key))
            })
            .count();
        assert!(shared >= 198, "{shared} of 200");
    }

    #[test]
    fn a_common_instruction_is_set_aside() {
        let text = |index: u32| {
            format!("Name the language that this family name comes from: n{index}a n{index}b n{index}c")
        };
        let signatures: Vec<Signature> = (0..100).map(|index| signature(&text(index))).collect();
        let boilerplate = Boilerplate::of(signatures.iter());
        assert!(signatures[0].similarity(&signatures[1]) > 0.3);
        let (one, other) = (signatures[0].without(&boilerplate), signatures[1].without(&boilerplate));
        assert!(one.filled() >= 2 && one.similarity(&other) < 0.2, "{one:?}");
    }
}
