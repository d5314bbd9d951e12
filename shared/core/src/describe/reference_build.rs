//! Builds the reference model from plain text: absolute discounting of word pairs with back-off to single words
//! (Ney, Essen, Kneser 1994, without their lower-order counts), letter triples for the rest. Same text, same bytes.

use std::collections::BTreeMap;

use super::reference::{END_LETTER, LETTERS, MAGIC, MAX_NUMBER_DIGITS, STEPS, digits_of, letter};
use super::scan::words;

/// What every pair's count is lowered by; it becomes the back-off mass.
const DISCOUNT: f64 = 0.75;
/// Added to every letter triple.
const SPELLING_PRIOR: f64 = 0.05;
const MAX_WORD_BYTES: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildOptions {
    pub max_words: usize,
    pub max_pairs: usize,
    pub min_pair_count: u64,
}

#[derive(Debug, Clone, Default)]
pub struct ReferenceBuilder {
    words: BTreeMap<String, u64>,
    pairs: BTreeMap<(String, String), u64>,
}

impl ReferenceBuilder {
    pub fn observe(&mut self, text: &str) {
        let mut before: Option<String> = None;
        for word in words(text) {
            let spelled = &text[word.start..word.end];
            let word = digits_of(spelled)
                .map_or_else(|| spelled.to_lowercase(), |digits| "0".repeat(digits.min(MAX_NUMBER_DIGITS)));
            *self.words.entry(word.clone()).or_default() += 1;
            if let Some(first) = before.replace(word.clone()) {
                *self.pairs.entry((first, word)).or_default() += 1;
            }
        }
    }

    pub fn build(&self, options: &BuildOptions) -> Vec<u8> {
        let total: u64 = self.words.values().sum();
        let mut ranked: Vec<(&String, u64)> = self
            .words
            .iter()
            .filter(|(word, _)| word.len() <= MAX_WORD_BYTES)
            .map(|(word, count)| (word, *count))
            .collect();
        ranked.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
        // A word seen once says more about unknown words than about itself.
        ranked.retain(|(_, count)| *count >= 2);
        ranked.truncate(options.max_words);
        let known: u64 = ranked.iter().map(|(_, count)| count).sum();
        let unknown_share = ((total - known) as f64).max(1.0) / total.max(1) as f64;
        let probability = |count: u64| (1.0 - unknown_share) * count as f64 / known.max(1) as f64;
        let ids: BTreeMap<&str, u32> =
            ranked.iter().enumerate().map(|(id, (word, _))| (word.as_str(), id as u32)).collect();
        let (pairs, backoffs) = self.pairs_and_backoffs(options, &ranked, &ids, &probability);

        let mut bytes = MAGIC.to_vec();
        write_number(&mut bytes, ranked.len());
        bytes.push(quantised(unknown_share));
        for (word, _) in &ranked {
            bytes.push(word.len() as u8);
            bytes.extend_from_slice(word.as_bytes());
        }
        bytes.extend(ranked.iter().map(|(_, count)| quantised(probability(*count))));
        bytes.extend(backoffs);
        for after in &pairs {
            write_number(&mut bytes, after.len());
            let mut last = 0;
            for (second, cost) in after {
                write_number(&mut bytes, (*second - last) as usize);
                bytes.push(*cost);
                last = *second;
            }
        }
        bytes.extend(self.spelling());
        bytes
    }

    fn pairs_and_backoffs(
        &self,
        options: &BuildOptions,
        ranked: &[(&String, u64)],
        ids: &BTreeMap<&str, u32>,
        probability: &impl Fn(u64) -> f64,
    ) -> (Vec<BTreeMap<u32, u8>>, Vec<u8>) {
        let mut listed: Vec<(u32, u32, u64, f64)> = Vec::new();
        for ((first, second), count) in &self.pairs {
            let (Some(first), Some(second)) = (ids.get(first.as_str()), ids.get(second.as_str())) else {
                continue;
            };
            if *count < options.min_pair_count {
                continue;
            }
            let share = (*count as f64 - DISCOUNT) / ranked[*first as usize].1 as f64;
            // What listing this pair saves on its own occurrences.
            let gain = *count as f64 * libm::log2(share / probability(ranked[*second as usize].1));
            listed.push((*first, *second, *count, gain));
        }
        listed.sort_by(|one, other| other.3.total_cmp(&one.3).then((one.0, one.1).cmp(&(other.0, other.1))));
        listed.truncate(options.max_pairs);
        let mut pairs = vec![BTreeMap::new(); ranked.len()];
        let mut left = vec![(1.0, 1.0); ranked.len()];
        for (first, second, count, _) in listed {
            let share = (count as f64 - DISCOUNT) / ranked[first as usize].1 as f64;
            pairs[first as usize].insert(second, quantised(share));
            let (in_context, alone): &mut (f64, f64) = &mut left[first as usize];
            *in_context -= share;
            *alone -= probability(ranked[second as usize].1);
        }
        let backoffs = left
            .iter()
            .map(|(in_context, alone)| quantised((in_context.max(1e-4) / alone.max(1e-4)).min(1.0)));
        (pairs, backoffs.collect())
    }

    /// From different words rather than running text: unknown words are spelled like rare ones.
    fn spelling(&self) -> Vec<u8> {
        let mut counts = vec![SPELLING_PRIOR; LETTERS * LETTERS * LETTERS];
        for word in self.words.keys().filter(|word| digits_of(word).is_none()) {
            let (mut first, mut second) = (END_LETTER, END_LETTER);
            for next in word.bytes().map(letter).chain([END_LETTER]) {
                counts[(first * LETTERS + second) * LETTERS + next] += 1.0;
                (first, second) = (second, next);
            }
        }
        let shares = counts.chunks(LETTERS).flat_map(|after| {
            let total: f64 = after.iter().sum();
            after.iter().map(move |count| quantised(count / total))
        });
        shares.collect()
    }
}

/// -log2 in eighths of a bit, at most 31.9 bits.
fn quantised(probability: f64) -> u8 {
    (-libm::log2(probability) * STEPS).round().clamp(0.0, 255.0) as u8
}

fn write_number(bytes: &mut Vec<u8>, mut value: usize) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}
