//! The evaluation rows: an index of their prompts, built once, what the training rows hit of it, and a sample of them
//! on which simple rules are tried.

use serde::{Deserialize, Serialize};

use super::alike::AlikeIndex;
use super::description::{OverlapPair, OverlapReport};
use super::descriptors::SampleRow;
use super::minhash::{MinHasher, Signature};
use super::row_scan::RowScan;
use super::sketch::{HashSample, Mergeable, PrioritySample, SmallestList};
use super::spot::Spot;
use crate::formats::Place;
use crate::hash::combine;
use crate::limits::{MAX_REPORTED_GROUPS, MAX_SAMPLE_BYTES, MAX_SAMPLE_EVAL_ROWS, MAX_TRACKED_EVAL_ROWS};
use crate::schema::Example;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct EvalRow {
    first: Spot,
    signature: Signature,
}

impl Mergeable for EvalRow {
    fn merge(&mut self, other: Self) {
        if other.first < self.first {
            *self = other;
        }
    }
}

/// Collects the evaluation file row by row, in any order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvalIndexBuilder {
    /// By normalised prompt.
    prompts: HashSample<EvalRow>,
    rows: u64,
    sample: PrioritySample<SampleRow>,
}

impl Default for EvalIndexBuilder {
    fn default() -> Self {
        Self {
            prompts: HashSample::new(MAX_TRACKED_EVAL_ROWS),
            rows: 0,
            sample: PrioritySample::new(MAX_SAMPLE_EVAL_ROWS, MAX_SAMPLE_BYTES),
        }
    }
}

impl EvalIndexBuilder {
    pub fn observe(&mut self, place: Place, example: &Example<'_>) {
        let scan = RowScan::of(example);
        let priority = combine(scan.content_hash, place.row);
        if self.sample.wants(priority, place.row) {
            let tokens = [scan.input_tokens, scan.output_tokens];
            self.sample.insert(priority, place.row, SampleRow::of(example, &scan, place.into(), tokens));
        }
        self.observe_prompt(place, scan.prompt_key(), scan.prompt_hasher().signature());
    }

    /// The same of a row that was read before, for who only looks for its copies.
    pub(crate) fn observe_prompt(&mut self, place: Place, prompt: Option<u64>, signature: Signature) {
        self.rows += 1;
        if let Some(prompt) = prompt {
            self.prompts.update(prompt, |row| row.merge(EvalRow { first: place.into(), signature }));
        }
    }

    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.prompts.merge(other.prompts);
        self.rows += other.rows;
        self.sample.merge(other.sample);
        self
    }

    pub fn finish(self) -> EvalIndex {
        EvalIndex::from(self)
    }
}

/// Read-only; every part of a run must use an equal one. Serialises as its builder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "EvalIndexBuilder", into = "EvalIndexBuilder")]
pub struct EvalIndex {
    source: EvalIndexBuilder,
    /// Where each prompt of the index stands first.
    spots: Vec<Spot>,
    prompts: AlikeIndex,
}

impl From<EvalIndex> for EvalIndexBuilder {
    fn from(index: EvalIndex) -> Self {
        index.source
    }
}

impl From<EvalIndexBuilder> for EvalIndex {
    fn from(source: EvalIndexBuilder) -> Self {
        let sorted = source.prompts.sorted();
        let texts: Vec<(u64, Signature)> =
            sorted.iter().map(|(prompt, row)| (*prompt, row.signature)).collect();
        let spots = sorted.iter().map(|(_, row)| row.first).collect();
        Self { spots, prompts: AlikeIndex::of(&texts), source }
    }
}

enum Hit {
    Exact(u32),
    Near(u32, f64),
}

impl EvalIndex {
    pub(super) fn sample(&self) -> &PrioritySample<SampleRow> {
        &self.source.sample
    }

    fn find(&self, prompt: u64, hasher: &MinHasher) -> Option<Hit> {
        let near = || self.prompts.nearest(hasher).map(|(index, similarity)| Hit::Near(index, similarity));
        self.prompts.exact(prompt).map(Hit::Exact).or_else(near)
    }

    /// Whether the prompt of a row, or a near copy of it, stands here.
    pub(crate) fn holds(&self, scan: &RowScan) -> bool {
        scan.prompt_key().is_some_and(|prompt| self.find(prompt, scan.prompt_hasher()).is_some())
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OverlapCounts {
    train_rows_exact: u64,
    train_rows_near: u64,
    /// One bit for each row of the index.
    hit_exactly: Vec<u64>,
    hit_nearly: Vec<u64>,
    exact: SmallestList<(Spot, Spot)>,
    /// The similarity as 2^-32ths, so that pairs have an order.
    near: SmallestList<(Spot, Spot, u64)>,
}

impl Default for OverlapCounts {
    fn default() -> Self {
        Self {
            train_rows_exact: 0,
            train_rows_near: 0,
            hit_exactly: Vec::new(),
            hit_nearly: Vec::new(),
            exact: SmallestList::new(MAX_REPORTED_GROUPS),
            near: SmallestList::new(MAX_REPORTED_GROUPS),
        }
    }
}

const SIMILARITY_UNIT: f64 = 4_294_967_296.0;

impl OverlapCounts {
    pub fn observe(&mut self, index: &EvalIndex, scan: &RowScan, spot: Spot) {
        let Some(prompt) = scan.prompt_key() else { return };
        match index.find(prompt, scan.prompt_hasher()) {
            Some(Hit::Exact(at)) => {
                self.train_rows_exact += 1;
                set_bit(&mut self.hit_exactly, at);
                self.exact.insert((spot, index.spots[at as usize]));
            }
            Some(Hit::Near(at, similarity)) => {
                self.train_rows_near += 1;
                set_bit(&mut self.hit_nearly, at);
                self.near.insert((spot, index.spots[at as usize], (similarity * SIMILARITY_UNIT) as u64));
            }
            None => {}
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.train_rows_exact += other.train_rows_exact;
        self.train_rows_near += other.train_rows_near;
        merge_bits(&mut self.hit_exactly, &other.hit_exactly);
        merge_bits(&mut self.hit_nearly, &other.hit_nearly);
        self.exact.merge(other.exact);
        self.near.merge(other.near);
    }

    pub fn report(&self, index: &EvalIndex) -> OverlapReport {
        let weight = index.source.prompts.weight();
        let exact: u32 = self.hit_exactly.iter().map(|bits| bits.count_ones()).sum();
        let only_near: u32 = self
            .hit_nearly
            .iter()
            .enumerate()
            .map(|(at, bits)| (bits & !self.hit_exactly.get(at).copied().unwrap_or(0)).count_ones())
            .sum();
        let pair = |train: Spot, eval: Spot, similarity: f64| OverlapPair {
            train: train.into(),
            eval: eval.into(),
            similarity,
        };
        OverlapReport {
            eval_rows: index.source.rows,
            eval_prompts: index.source.prompts.distinct_estimate(),
            eval_rows_exact: f64::from(exact) * weight,
            eval_rows_near: f64::from(only_near) * weight,
            train_rows_exact: self.train_rows_exact,
            train_rows_near: self.train_rows_near,
            exact: self.exact.items().iter().map(|(train, eval)| pair(*train, *eval, 1.0)).collect(),
            near: self
                .near
                .items()
                .iter()
                .map(|(train, eval, similarity)| pair(*train, *eval, *similarity as f64 / SIMILARITY_UNIT))
                .collect(),
        }
    }
}

fn set_bit(bits: &mut Vec<u64>, at: u32) {
    let word = at as usize / 64;
    if word >= bits.len() {
        bits.resize(word + 1, 0);
    }
    bits[word] |= 1 << (at % 64);
}

fn merge_bits(mine: &mut Vec<u64>, theirs: &[u64]) {
    if theirs.len() > mine.len() {
        mine.resize(theirs.len(), 0);
    }
    for (one, other) in mine.iter_mut().zip(theirs) {
        *one |= other;
    }
}
