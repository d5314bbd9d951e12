//! The table of answers: how many different ones, how often each. Exact while they fit; beyond that the rows of
//! the sample tell of the frequent ones and a hash sample of the rest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::description::{LabelCount, LabelTable};
use super::sketch::{HashSample, Mergeable};
use super::spot::Spot;
use crate::limits::{MAX_LABEL_BYTES, MAX_REPORTED_GROUPS};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Label {
    rows: u64,
    first: Spot,
    /// Beginning of the answer; empty before the first row.
    text: Box<str>,
}

impl Mergeable for Label {
    fn merge(&mut self, other: Self) {
        if self.rows == 0 {
            self.text = other.text;
        }
        self.rows += other.rows;
        self.first = self.first.min(other.first);
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnswerTable {
    answers: HashSample<Label>,
    rows: u64,
    /// Rows whose answer is short enough to be a label.
    short_rows: u64,
}

/// An answer with fewer rows than this is rare.
const RARE_BELOW_ROWS: u64 = 5;
/// Answers look like labels when at least this share is short, and each stands for this many rows on average.
const LABEL_LIKE_SHORT_SHARE: f64 = 0.95;
const LABEL_LIKE_ROWS_PER_ANSWER: f64 = 3.0;
/// An answer that stands this often among the sampled rows is counted there when the table is incomplete.
const FREQUENT_IN_SAMPLE: u64 = 8;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelFeatures {
    pub distinct: f64,
    /// Bits.
    pub entropy: f64,
    /// Entropy over that of equally frequent answers, 0 to 1; 0 where there is one answer only.
    pub balance: f64,
    pub top_share: f64,
    /// Share of rows whose answer has fewer than five rows.
    pub rare_share: f64,
    pub label_like: bool,
}

/// The longest beginning of at most `max_bytes` that does not cut a character.
pub fn beginning(text: &str, max_bytes: usize) -> &str {
    let mut end = text.len().min(max_bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

impl AnswerTable {
    pub fn new(capacity: usize) -> Self {
        Self { answers: HashSample::new(capacity), rows: 0, short_rows: 0 }
    }

    /// `answer` is the hash of the whole answer, `text` the answer or its beginning, `bytes` its full length.
    pub fn observe(&mut self, answer: u64, text: &str, bytes: u64, spot: Spot) {
        self.rows += 1;
        self.short_rows += u64::from(bytes <= MAX_LABEL_BYTES as u64);
        self.answers.update(answer, |label| {
            if label.rows == 0 {
                label.text = beginning(text, MAX_LABEL_BYTES).into();
            }
            label.rows += 1;
            label.first = label.first.min(spot);
        });
    }

    pub fn merge(&mut self, other: Self) {
        self.answers.merge(other.answers);
        self.rows += other.rows;
        self.short_rows += other.short_rows;
    }

    /// `sampled` are the answer hashes of the sampled rows.
    pub fn features(&self, sampled: &[u64]) -> LabelFeatures {
        if self.rows == 0 {
            return LabelFeatures {
                distinct: 0.0,
                entropy: f64::NAN,
                balance: f64::NAN,
                top_share: f64::NAN,
                rare_share: f64::NAN,
                label_like: false,
            };
        }
        let frequent = if self.answers.is_complete() { BTreeMap::new() } else { frequent(sampled) };
        let rows = self.rows as f64;
        let surprise = |share: f64| -share * libm::log2(share);
        let (mut entropy, mut top_share, mut rare_rows, mut distinct) = (0.0, 0.0f64, 0.0, 0.0);
        for count in frequent.values() {
            let share = *count as f64 / sampled.len() as f64;
            entropy += surprise(share);
            top_share = top_share.max(share);
            distinct += 1.0;
        }
        for (answer, label) in self.answers.sorted() {
            if frequent.contains_key(&answer) {
                continue;
            }
            let share = label.rows as f64 / rows;
            entropy += surprise(share) * self.answers.weight();
            top_share = top_share.max(share);
            distinct += self.answers.weight();
            if label.rows < RARE_BELOW_ROWS {
                rare_rows += label.rows as f64 * self.answers.weight();
            }
        }
        LabelFeatures {
            distinct,
            entropy,
            balance: if distinct > 1.0 { (entropy / libm::log2(distinct)).min(1.0) } else { 0.0 },
            top_share,
            rare_share: (rare_rows / rows).min(1.0),
            label_like: self.short_rows as f64 >= LABEL_LIKE_SHORT_SHARE * rows
                && rows >= LABEL_LIKE_ROWS_PER_ANSWER * distinct,
        }
    }

    pub fn report(&self, features: &LabelFeatures) -> LabelTable {
        let mut labels: Vec<&Label> = self.answers.sorted().into_iter().map(|(_, label)| label).collect();
        labels.sort_unstable_by_key(|label| (std::cmp::Reverse(label.rows), label.first));
        LabelTable {
            label_like: features.label_like,
            distinct: features.distinct,
            complete: self.answers.is_complete(),
            top: labels
                .into_iter()
                .take(MAX_REPORTED_GROUPS)
                .map(|label| LabelCount {
                    text: label.text.to_string(),
                    rows: label.rows,
                    share: label.rows as f64 / self.rows as f64,
                    first: label.first.into(),
                })
                .collect(),
        }
    }
}

fn frequent(sampled: &[u64]) -> BTreeMap<u64, u64> {
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for answer in sampled {
        *counts.entry(*answer).or_default() += 1;
    }
    counts.retain(|_, count| *count >= FREQUENT_IN_SAMPLE);
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::Place;
    use crate::hash::hash_bytes;

    fn table(answers: &[&str], capacity: usize) -> AnswerTable {
        let mut table = AnswerTable::new(capacity);
        for (index, answer) in answers.iter().enumerate() {
            let place = Place { row: index as u64 + 1, line: 0, byte_offset: 0 };
            table.observe(hash_bytes(answer.as_bytes(), 0), answer, answer.len() as u64, place.into());
        }
        table
    }

    #[test]
    fn hand_counted_labels() {
        let answers = ["a", "a", "b", "a", "c", "a", "b", "a"];
        let features = table(&answers, 100).features(&[]);
        // Shares 5/8, 2/8, 1/8.
        assert!((features.entropy - 1.298_794_940_695_398_5).abs() < 1e-12);
        assert!((features.top_share - 0.625).abs() < 1e-12);
        assert!((features.rare_share - 0.375).abs() < 1e-12);
        assert!((features.distinct - 3.0).abs() < 1e-12);
        let report = table(&answers, 100).report(&features);
        assert_eq!((report.top[0].text.as_str(), report.top[0].rows, report.top[1].first.row), ("a", 5, 3));
        assert!(table(&[], 10).features(&[]).entropy.is_nan());
    }

    #[test]
    fn a_sampled_table_still_sees_the_commonest_answer() {
        let own: Vec<String> = (0..4000).map(|row| format!("answer {row}")).collect();
        let answers: Vec<&str> =
            (0..8000).map(|row| if row % 2 == 0 { "yes" } else { own[row / 2].as_str() }).collect();
        let exact = table(&answers, 100_000).features(&[]);
        let sample: Vec<u64> = answers.iter().step_by(7).map(|text| hash_bytes(text.as_bytes(), 0)).collect();
        let sampled = table(&answers, 500).features(&sample);
        assert!((exact.top_share - 0.5).abs() < 1e-12 && (sampled.top_share - 0.5).abs() < 0.05);
        assert!(
            (sampled.entropy / exact.entropy - 1.0).abs() < 0.15,
            "{} {}",
            sampled.entropy,
            exact.entropy
        );
        assert!((sampled.distinct / exact.distinct - 1.0).abs() < 0.15);
    }

    #[test]
    fn a_beginning_never_cuts_a_character() {
        assert_eq!(beginning("añb", 2), "a");
        assert_eq!(beginning("añb", 3), "añ");
    }
}
