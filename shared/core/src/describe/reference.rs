//! A compact model of plain English: words and word pairs, and letter triples for words it does not know. It tells
//! how expected a text is; every log-probability is a whole number of eighths of a bit, so sums are exact.

use std::collections::HashMap;

use thiserror::Error;

use super::scan::{Word, word_hashes, words};
use super::sketch::Spread;

pub(super) const MAGIC: &[u8; 8] = b"FTREFv1\n";
/// Letters that the spelling model tells apart: a to z, digit, anything else, and the end of a word.
pub(super) const LETTERS: usize = 29;
pub(super) const END_LETTER: usize = 28;
/// Steps in a bit.
pub(super) const STEPS: f64 = 8.0;
/// Bounds on a model's header, so that a damaged file cannot ask for memory.
const MAX_WORDS: usize = 1 << 17;
const MAX_WORD_BYTES: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReferenceError {
    #[error("not a reference model: it does not begin with FTREFv1")]
    Magic,
    #[error("the reference model ends early or is damaged at byte {offset}")]
    Damaged { offset: usize },
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    id: u32,
    /// Of the word without context.
    cost: u8,
    /// Added when a pair that begins with this word is not listed.
    backoff: u8,
}

#[derive(Debug, Clone)]
pub struct ReferenceModel {
    entries: HashMap<u64, Entry, Spread>,
    /// Pair of word ids to cost of the second after the first.
    pairs: HashMap<u64, u8, Spread>,
    unknown: Entry,
    /// `[before the last][last][next]`.
    spelling: Vec<u8>,
    /// Hashes of `0`, `00`, …: numbers are known by their number of digits.
    numbers: Vec<u64>,
}

/// Costs in eighths of a bit, over a number of words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TextCost {
    pub words: u64,
    /// Each word after the one before it.
    pub in_context: u64,
    /// Each word on its own.
    pub alone: u64,
}

impl TextCost {
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            words: self.words + other.words,
            in_context: self.in_context + other.in_context,
            alone: self.alone + other.alone,
        }
    }

    /// NaN without words.
    pub fn bits_per_word(&self) -> f64 {
        self.in_context as f64 / STEPS / self.words as f64
    }

    pub fn bits_per_word_alone(&self) -> f64 {
        self.alone as f64 / STEPS / self.words as f64
    }
}

pub(super) fn pair_key(first: u32, second: u32) -> u64 {
    u64::from(first) << 32 | u64::from(second)
}

pub(super) fn letter(byte: u8) -> usize {
    match byte {
        b'a'..=b'z' => usize::from(byte - b'a'),
        b'A'..=b'Z' => usize::from(byte - b'A'),
        b'0'..=b'9' => 26,
        _ => 27,
    }
}

/// Longest run of digits that is known by its length.
pub(super) const MAX_NUMBER_DIGITS: usize = 8;

pub(super) fn digits_of(word: &str) -> Option<usize> {
    word.bytes().all(|byte| byte.is_ascii_digit()).then(|| word.len().min(MAX_NUMBER_DIGITS))
}

impl ReferenceModel {
    /// Reads what `ReferenceBuilder::build` wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReferenceError> {
        let mut reader = Reader { bytes, at: 0 };
        if reader.take(MAGIC.len()) != Ok(MAGIC.as_slice()) {
            return Err(ReferenceError::Magic);
        }
        let count = reader.number()?;
        if count > MAX_WORDS {
            return Err(reader.damaged());
        }
        let unknown = Entry { id: u32::MAX, cost: reader.byte()?, backoff: 0 };
        let mut hashes = Vec::with_capacity(count);
        for _ in 0..count {
            let length = usize::from(reader.byte()?);
            let word = reader.take(length.min(MAX_WORD_BYTES))?;
            let word = std::str::from_utf8(word).map_err(|_| reader.damaged())?;
            hashes.push(word_hashes(word).first().copied().ok_or_else(|| reader.damaged())?);
        }
        let costs = reader.take(count)?;
        let backoffs = reader.take(count)?;
        let mut entries = HashMap::default();
        for (id, hash) in hashes.iter().enumerate() {
            entries.insert(*hash, Entry { id: id as u32, cost: costs[id], backoff: backoffs[id] });
        }
        let mut pairs = HashMap::default();
        for first in 0..count as u32 {
            let mut second = 0;
            for _ in 0..reader.number()? {
                second += reader.number()?;
                pairs.insert(pair_key(first, second as u32), reader.byte()?);
            }
        }
        let spelling = reader.take(LETTERS * LETTERS * LETTERS)?.to_vec();
        let numbers = (1..=MAX_NUMBER_DIGITS).map(|digits| word_hashes(&"0".repeat(digits))[0]).collect();
        Ok(Self { entries, pairs, unknown, spelling, numbers })
    }

    pub fn cost(&self, text: &str) -> TextCost {
        let mut cost = TextCost::default();
        let mut before: Option<Entry> = None;
        for word in words(text) {
            let spelled = &text[word.start..word.end];
            let entry = self.entry(word, spelled);
            let alone = match entry {
                Some(entry) => u64::from(entry.cost),
                None => u64::from(self.unknown.cost) + self.spelling_cost(spelled),
            };
            let after =
                before.zip(entry).and_then(|(first, second)| self.pairs.get(&pair_key(first.id, second.id)));
            let in_context = match (after, before) {
                (Some(pair), _) => u64::from(*pair),
                (None, Some(first)) => alone + u64::from(first.backoff),
                (None, None) => alone,
            };
            cost.words += 1;
            cost.alone += alone;
            cost.in_context += in_context;
            before = entry;
        }
        cost
    }

    fn entry(&self, word: Word, spelled: &str) -> Option<Entry> {
        let hash = digits_of(spelled).map_or(word.hash, |digits| self.numbers[digits - 1]);
        self.entries.get(&hash).copied()
    }

    fn spelling_cost(&self, word: &str) -> u64 {
        let (mut first, mut second, mut cost) = (END_LETTER, END_LETTER, 0);
        for next in word.bytes().map(letter).chain([END_LETTER]) {
            cost += u64::from(self.spelling[(first * LETTERS + second) * LETTERS + next]);
            (first, second) = (second, next);
        }
        cost
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn damaged(&self) -> ReferenceError {
        ReferenceError::Damaged { offset: self.at }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], ReferenceError> {
        let end = self.at.checked_add(count).ok_or_else(|| self.damaged())?;
        let taken = self.bytes.get(self.at..end).ok_or_else(|| self.damaged())?;
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, ReferenceError> {
        self.take(1).map(|taken| taken[0])
    }

    /// Little-endian base 128, at most 28 bits.
    fn number(&mut self) -> Result<usize, ReferenceError> {
        let mut value = 0;
        for shift in [0, 7, 14, 21] {
            let byte = self.byte()?;
            value |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.damaged())
    }
}

#[cfg(test)]
mod tests {
    use super::super::reference_build::{BuildOptions, ReferenceBuilder};
    use super::*;

    fn model() -> (Vec<u8>, ReferenceModel) {
        let mut builder = ReferenceBuilder::default();
        for _ in 0..20 {
            builder.observe("The cat sat on the mat. The dog sat on the rug. In 1984 the cat ate 12 fish.");
        }
        let bytes = builder.build(&BuildOptions { max_words: 100, max_pairs: 100, min_pair_count: 2 });
        let model = ReferenceModel::from_bytes(&bytes).unwrap();
        (bytes, model)
    }

    #[test]
    fn known_order_costs_less_than_shuffled_and_unknown_words_cost_most() {
        let (_, model) = model();
        let bits = |text: &str| model.cost(text).bits_per_word();
        assert!(bits("the cat sat on the rug") < 2.5, "{}", bits("the cat sat on the rug"));
        assert!(bits("on the the sat rug cat") > bits("the cat sat on the rug") + 1.0);
        assert!(bits("xylophone quizzes") > 20.0);
        assert!((bits("in 1984 the") - bits("In 2031 the")).abs() < 1e-12);
        assert!(bits("?!").is_nan());
    }

    #[test]
    fn a_damaged_model_is_refused_wherever_it_is_cut() {
        let (bytes, _) = model();
        for end in 0..bytes.len() {
            assert!(ReferenceModel::from_bytes(&bytes[..end]).is_err());
        }
        assert_eq!(ReferenceModel::from_bytes(b"something else").unwrap_err(), ReferenceError::Magic);
    }
}
