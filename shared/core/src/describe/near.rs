//! Near copies: MinHash signatures of the different rows, compared at the end. Up to the table's capacity every
//! different row is held; beyond it those whose smallest word-triple hash passes the sampling level, which near
//! copies share with the probability of their similarity, so pairs found count by its inverse.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::description::{DuplicateReport, RowGroup};
use super::minhash::{Boilerplate, MinHasher, Signature};
use super::sketch::Spread;
use super::spot::Spot;
use crate::limits::MAX_REPORTED_GROUPS;

/// Pairs at or above this are near copies.
pub const NEAR_SIMILARITY: f64 = 0.8;
/// Signatures with fewer filled bins agree by chance too often; exact hashes cover such short texts.
pub const MIN_FILLED_BINS: usize = 3;
/// Different rows kept for one sampling key; more of them are counted, not kept.
const MAX_ROWS_OF_KEY: usize = 64;
/// Members of one band bucket that each member is compared with.
const COMPARED_NEIGHBOURS: usize = 12;
const SHOWN_ROWS: usize = 4;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Row {
    key: u64,
    rows: u64,
    first: Spot,
    signature: Signature,
}

/// Equality and serialisation hold only for tables brought to their canonical form by `settle`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NearTable {
    capacity: u64,
    level: u32,
    /// By content hash.
    rows: HashMap<u64, Row, Spread>,
    /// Rows of keys that have more different rows than are kept.
    uncounted: HashMap<u64, u64, Spread>,
}

impl NearTable {
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1) as u64,
            level: 0,
            rows: HashMap::default(),
            uncounted: HashMap::default(),
        }
    }

    pub fn observe(&mut self, content: u64, hasher: &MinHasher, spot: Spot) {
        let key = hasher.sample_key();
        if key.trailing_zeros() < self.level {
            return;
        }
        self.rows
            .entry(content)
            .and_modify(|row| {
                row.rows += 1;
                row.first = row.first.min(spot);
            })
            .or_insert_with(|| Row { key, rows: 1, first: spot, signature: hasher.signature() });
        // Settling costs a sort: let a quarter more gather first.
        if self.rows.len() as u64 > self.capacity + self.capacity / 4 {
            self.settle();
        }
    }

    pub fn merge(&mut self, other: Self) {
        self.capacity = self.capacity.min(other.capacity);
        self.level = self.level.max(other.level);
        for (content, theirs) in other.rows {
            self.rows
                .entry(content)
                .and_modify(|row| {
                    row.rows += theirs.rows;
                    row.first = row.first.min(theirs.first);
                })
                .or_insert(theirs);
        }
        for (key, rows) in other.uncounted {
            *self.uncounted.entry(key).or_default() += rows;
        }
        let level = self.level;
        self.rows.retain(|_, row| row.key.trailing_zeros() >= level);
        self.uncounted.retain(|key, _| key.trailing_zeros() >= level);
        self.settle();
    }

    /// Each key down to its rows of smallest content hash, then the level up until all fit.
    pub fn settle(&mut self) {
        if self.rows.len() as u64 <= self.capacity && self.uncounted.is_empty() && self.level == 0 {
            let mut sizes: HashMap<u64, u32, Spread> = HashMap::default();
            let crowded = self.rows.values().any(|row| {
                let size = sizes.entry(row.key).or_default();
                *size += 1;
                *size as usize > MAX_ROWS_OF_KEY
            });
            if !crowded {
                return;
            }
        }
        let mut order: Vec<(u64, u64)> = self.rows.iter().map(|(content, row)| (row.key, *content)).collect();
        order.sort_unstable();
        let mut place_in_key = 0;
        for (index, (key, content)) in order.iter().enumerate() {
            place_in_key = if index > 0 && order[index - 1].0 == *key { place_in_key + 1 } else { 0 };
            if place_in_key >= MAX_ROWS_OF_KEY
                && let Some(row) = self.rows.remove(content)
            {
                *self.uncounted.entry(*key).or_default() += row.rows;
            }
        }
        while self.rows.len() as u64 > self.capacity {
            self.level += 1;
            let level = self.level;
            self.rows.retain(|_, row| row.key.trailing_zeros() >= level);
            self.uncounted.retain(|key, _| key.trailing_zeros() >= level);
        }
    }
}

/// What comparing the kept rows gave.
#[derive(Debug, Clone, PartialEq)]
pub struct NearFindings {
    /// Share of the different rows that are near copies of another kept one; NaN without rows.
    pub extra_share_of_distinct: f64,
    pub report: DuplicateReport,
}

impl NearTable {
    /// `distinct` is the number of different rows in the file. The table must be settled.
    pub fn compare(&self, distinct: f64) -> NearFindings {
        let mut rows: Vec<(u64, &Row)> = self.rows.iter().map(|(content, row)| (*content, row)).collect();
        rows.sort_unstable_by_key(|(content, _)| *content);
        let boilerplate = Boilerplate::of(rows.iter().map(|(_, row)| &row.signature));
        let signatures: Vec<Signature> =
            rows.iter().map(|(_, row)| row.signature.without(&boilerplate)).collect();
        let weights = self.weights(&rows);
        let mut forest = Forest::new(rows.len());
        let mut extra = 0.0;
        for (one, other, similarity) in similar_pairs(&signatures) {
            if forest.join(one, other, similarity) {
                let found = if self.level == 0 { 1.0 } else { 1.0 / similarity };
                extra += found * f64::midpoint(weights[one], weights[other]);
            }
        }
        let total: f64 = weights.iter().sum();
        let share = if rows.is_empty() { f64::NAN } else { (extra / total).min(1.0) };
        let groups = Self::groups(&rows, &mut forest);
        NearFindings {
            extra_share_of_distinct: share,
            report: DuplicateReport {
                extra_rows: if rows.is_empty() { 0.0 } else { share * distinct },
                groups_total: groups.len() as f64 * libm::ldexp(1.0, self.level as i32),
                complete: self.level == 0 && self.uncounted.is_empty(),
                groups: groups.into_iter().take(MAX_REPORTED_GROUPS).collect(),
            },
        }
    }

    /// How many rows each kept one stands for: more than one where its key had too many to keep.
    fn weights(&self, rows: &[(u64, &Row)]) -> Vec<f64> {
        let mut kept_of_key: HashMap<u64, u64, Spread> = HashMap::default();
        for (_, row) in rows {
            *kept_of_key.entry(row.key).or_default() += row.rows;
        }
        let weight = |row: &Row| {
            self.uncounted.get(&row.key).map_or(1.0, |more| 1.0 + *more as f64 / kept_of_key[&row.key] as f64)
        };
        rows.iter().map(|(_, row)| weight(row)).collect()
    }

    fn groups(rows: &[(u64, &Row)], forest: &mut Forest) -> Vec<RowGroup> {
        let mut members: Vec<(usize, Spot, usize)> =
            (0..rows.len()).map(|index| (forest.root(index), rows[index].1.first, index)).collect();
        members.sort_unstable();
        let mut groups: Vec<(RowGroup, Spot)> = members
            .chunk_by(|one, other| one.0 == other.0)
            .filter(|group| group.len() > 1)
            .map(|group| {
                let count = group.iter().map(|(_, _, index)| rows[*index].1.rows).sum();
                let places = group.iter().take(SHOWN_ROWS).map(|(_, spot, _)| (*spot).into()).collect();
                (RowGroup { rows: count, places, similarity: forest.weakest[group[0].0] }, group[0].1)
            })
            .collect();
        groups.sort_unstable_by_key(|(group, first)| (std::cmp::Reverse(group.rows), *first));
        groups.into_iter().map(|(group, _)| group).collect()
    }
}

/// Pairs of near copies among the signatures, most similar first.
fn similar_pairs(signatures: &[Signature]) -> Vec<(usize, usize, f64)> {
    let mut keys: Vec<(u64, u32)> = Vec::with_capacity(signatures.len() * super::minhash::BANDS);
    for (index, signature) in signatures.iter().enumerate() {
        if signature.filled() >= MIN_FILLED_BINS {
            keys.extend(signature.band_keys().map(|key| (key, index as u32)));
        }
    }
    keys.sort_unstable();
    let mut pairs = Vec::new();
    for bucket in keys.chunk_by(|one, other| one.0 == other.0).filter(|bucket| bucket.len() > 1) {
        for (at, (_, one)) in bucket.iter().enumerate() {
            for (_, other) in bucket[at + 1..].iter().take(COMPARED_NEIGHBOURS) {
                pairs.push((*one, *other));
            }
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    let mut edges: Vec<(usize, usize, f64)> = pairs
        .into_iter()
        .map(|(one, other)| (one as usize, other as usize))
        .map(|(one, other)| (one, other, signatures[one].similarity(&signatures[other])))
        .filter(|(_, _, similarity)| *similarity >= NEAR_SIMILARITY)
        .collect();
    edges.sort_by(|one, other| other.2.total_cmp(&one.2).then((one.0, one.1).cmp(&(other.0, other.1))));
    edges
}

/// Union-find; each root knows the weakest link that holds its group together.
struct Forest {
    parent: Vec<usize>,
    weakest: Vec<f64>,
}

impl Forest {
    fn new(size: usize) -> Self {
        Self { parent: (0..size).collect(), weakest: vec![1.0; size] }
    }

    fn root(&mut self, mut index: usize) -> usize {
        while self.parent[index] != index {
            self.parent[index] = self.parent[self.parent[index]];
            index = self.parent[index];
        }
        index
    }

    /// True if the two were apart.
    fn join(&mut self, one: usize, other: usize, similarity: f64) -> bool {
        let (one, other) = (self.root(one), self.root(other));
        if one == other {
            return false;
        }
        let (root, child) = (one.min(other), one.max(other));
        self.parent[child] = root;
        self.weakest[root] = self.weakest[root].min(self.weakest[child]).min(similarity);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan::word_hashes;
    use super::*;
    use crate::formats::Place;
    use crate::hash::hash_bytes;

    fn observe(table: &mut NearTable, row: u64, text: &str) {
        let mut hasher = MinHasher::default();
        for word in word_hashes(text) {
            hasher.word(word);
        }
        hasher.end_text();
        table.observe(
            hash_bytes(text.as_bytes(), 0),
            &hasher,
            Place { row, line: row, byte_offset: 0 }.into(),
        );
    }

    fn text(row: u64, words: u64) -> String {
        (0..words).map(|index| crate::hash::combine(row, index).to_string() + " ").collect()
    }

    fn near_share(rows: u64, capacity: usize) -> f64 {
        let mut table = NearTable::new(capacity);
        for row in 0..rows {
            // Every fifth row is the one before with its last word changed.
            let base = text(row - u64::from(row % 5 == 4), 40);
            observe(&mut table, row + 1, &if row % 5 == 4 { base + "changed" } else { base });
        }
        table.settle();
        assert!(table.rows.len() <= capacity);
        table.compare(rows as f64).extra_share_of_distinct
    }

    #[test]
    fn one_of_five_rows_is_a_near_copy() {
        let mut table = NearTable::new(100);
        let first = text(1, 40);
        for (row, text) in [first.clone(), text(2, 40), first.clone() + "and more", text(3, 40), text(4, 40)]
            .into_iter()
            .enumerate()
        {
            observe(&mut table, row as u64 + 1, &text);
        }
        let findings = table.compare(5.0);
        assert!((findings.extra_share_of_distinct - 0.2).abs() < 1e-12);
        let rows: Vec<u64> = findings.report.groups[0].places.iter().map(|place| place.row).collect();
        assert_eq!(rows, [1, 3]);
        assert!(findings.report.complete && findings.report.groups[0].similarity >= NEAR_SIMILARITY);
    }

    #[test]
    fn a_sampled_table_estimates_the_same_share() {
        let all = near_share(5000, 100_000);
        assert!((all - 0.2).abs() < 0.005, "{all}");
        let sampled = near_share(5000, 1500);
        assert!((sampled - 0.2).abs() < 0.03, "{sampled}");
    }

    #[test]
    fn a_flood_of_one_key_stays_bounded() {
        let mut table = NearTable::new(500);
        let base = text(7, 200);
        for row in 0..3000 {
            observe(&mut table, row + 1, &format!("{base} n{row}"));
        }
        table.settle();
        assert!(table.rows.len() <= 500);
    }
}
