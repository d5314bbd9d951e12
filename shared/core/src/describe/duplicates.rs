//! Exact copies and contradictions: two tables over hashes, of whole rows and of prompts. Up to the table's
//! capacity of different rows everything is exact; beyond it a uniform sample of the different rows stands for all.

use serde::{Deserialize, Serialize};

use super::description::{ConflictReport, DuplicateReport, RowGroup};
use super::sketch::{HashSample, Mergeable, SmallestList};
use super::spot::Spot;
use crate::limits::MAX_REPORTED_GROUPS;

/// Rows of one group that a report shows.
const SHOWN_ROWS: usize = 4;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Copies {
    rows: u64,
    first: Spot,
    /// The first few rows in all, once there are two.
    shown: Option<Box<SmallestList<Spot>>>,
}

impl Copies {
    fn observe(&mut self, spot: Spot) {
        self.merge(Self { rows: 1, first: spot, shown: None });
    }
}

impl Mergeable for Copies {
    fn merge(&mut self, other: Self) {
        if self.rows > 0 && other.rows > 0 {
            let first = self.first;
            let shown = self.shown.get_or_insert_with(|| Box::new(SmallestList::new(SHOWN_ROWS)));
            shown.insert(first);
            shown.insert(other.first);
            if let Some(theirs) = other.shown {
                shown.merge(*theirs);
            }
        } else if other.rows > 0 {
            self.shown = other.shown;
        }
        self.rows += other.rows;
        self.first = self.first.min(other.first);
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CopyTable(HashSample<Copies>);

impl CopyTable {
    pub fn new(capacity: usize) -> Self {
        Self(HashSample::new(capacity))
    }

    pub fn observe(&mut self, content: u64, spot: Spot) {
        self.0.update(content, |copies| copies.observe(spot));
    }

    pub fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    /// Estimated number of different rows.
    pub fn distinct(&self) -> f64 {
        self.0.distinct_estimate()
    }

    /// Share of rows that repeat an earlier one; NaN without rows.
    pub fn extra_share(&self) -> f64 {
        let all = self.0.sorted();
        let rows: u64 = all.iter().map(|(_, copies)| copies.rows).sum();
        (rows - all.len() as u64) as f64 / rows as f64
    }

    pub fn report(&self) -> DuplicateReport {
        let mut repeated: Vec<&Copies> =
            self.0.sorted().into_iter().map(|(_, copies)| copies).filter(|copies| copies.rows > 1).collect();
        let extra: u64 = repeated.iter().map(|copies| copies.rows - 1).sum();
        let groups_total = repeated.len() as f64 * self.0.weight();
        repeated.sort_unstable_by_key(|copies| (std::cmp::Reverse(copies.rows), copies.first));
        DuplicateReport {
            extra_rows: extra as f64 * self.0.weight(),
            groups_total,
            complete: self.0.is_complete(),
            groups: repeated
                .into_iter()
                .take(MAX_REPORTED_GROUPS)
                .map(|copies| RowGroup {
                    rows: copies.rows,
                    places: copies
                        .shown
                        .iter()
                        .flat_map(|shown| shown.items())
                        .map(|spot| (*spot).into())
                        .collect(),
                    similarity: 1.0,
                })
                .collect(),
        }
    }
}

/// Different answers kept for one prompt: enough to know that there are two, and to show three.
const KEPT_ANSWERS: usize = 3;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answers {
    rows: u64,
    /// The answer of smallest hash, and where it stands first.
    first: (u64, Spot),
    /// Further answers by hash.
    more: Vec<(u64, Spot)>,
}

impl Answers {
    fn observe(&mut self, answer: u64, spot: Spot) {
        self.note(answer, spot);
        self.rows += 1;
    }

    fn note(&mut self, mut answer: u64, mut spot: Spot) {
        if self.rows == 0 && self.more.is_empty() && self.first.1 == Spot::default() {
            self.first = (answer, spot);
            return;
        }
        if answer == self.first.0 {
            self.first.1 = self.first.1.min(spot);
            return;
        }
        if answer < self.first.0 {
            (answer, spot) = std::mem::replace(&mut self.first, (answer, spot));
        }
        match self.more.binary_search_by_key(&answer, |(hash, _)| *hash) {
            Ok(at) => self.more[at].1 = self.more[at].1.min(spot),
            Err(at) if at < KEPT_ANSWERS - 1 => {
                self.more.insert(at, (answer, spot));
                self.more.truncate(KEPT_ANSWERS - 1);
            }
            Err(_) => {}
        }
    }
}

impl Mergeable for Answers {
    fn merge(&mut self, other: Self) {
        if other.rows == 0 {
            return;
        }
        self.note(other.first.0, other.first.1);
        for (answer, spot) in other.more {
            self.note(answer, spot);
        }
        self.rows += other.rows;
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromptTable(HashSample<Answers>);

impl PromptTable {
    pub fn new(capacity: usize) -> Self {
        Self(HashSample::new(capacity))
    }

    pub fn observe(&mut self, prompt: u64, answer: u64, spot: Spot) {
        self.0.update(prompt, |answers| answers.observe(answer, spot));
    }

    pub fn merge(&mut self, other: Self) {
        self.0.merge(other.0);
    }

    /// Share of rows whose prompt stands elsewhere with another answer; NaN without prompts.
    pub fn conflict_share(&self) -> f64 {
        self.share_of_rows(|answers| if answers.more.is_empty() { 0 } else { answers.rows })
    }

    /// Share of rows whose prompt an earlier row has.
    pub fn repeated_share(&self) -> f64 {
        self.share_of_rows(|answers| answers.rows - 1)
    }

    fn share_of_rows(&self, counted: impl Fn(&Answers) -> u64) -> f64 {
        let (mut rows, mut hits) = (0, 0);
        for (_, answers) in self.0.sorted() {
            rows += answers.rows;
            hits += counted(answers);
        }
        hits as f64 / rows as f64
    }

    pub fn report(&self) -> ConflictReport {
        let mut conflicts: Vec<&Answers> = self
            .0
            .sorted()
            .into_iter()
            .map(|(_, answers)| answers)
            .filter(|answers| !answers.more.is_empty())
            .collect();
        let rows: u64 = conflicts.iter().map(|answers| answers.rows).sum();
        let prompts = conflicts.len() as f64 * self.0.weight();
        let first_row =
            |answers: &Answers| answers.more.iter().map(|(_, spot)| *spot).fold(answers.first.1, Ord::min);
        conflicts.sort_unstable_by_key(|answers| (std::cmp::Reverse(answers.rows), first_row(answers)));
        let group = |answers: &Answers| {
            let mut spots: Vec<Spot> = answers.more.iter().map(|(_, spot)| *spot).collect();
            spots.push(answers.first.1);
            spots.sort_unstable();
            RowGroup {
                rows: answers.rows,
                places: spots.into_iter().map(Into::into).collect(),
                similarity: 1.0,
            }
        };
        ConflictReport {
            rows: rows as f64 * self.0.weight(),
            prompts,
            complete: self.0.is_complete(),
            groups: conflicts.into_iter().take(MAX_REPORTED_GROUPS).map(group).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::Place;

    fn spot(row: u64) -> Spot {
        Place { row, line: row, byte_offset: row * 100 }.into()
    }

    #[test]
    fn two_of_five_rows_are_copies() {
        let mut table = CopyTable::new(100);
        for (row, content) in [7, 8, 7, 9, 7].into_iter().enumerate() {
            table.observe(content, spot(row as u64 + 1));
        }
        assert!((table.extra_share() - 0.4).abs() < 1e-12);
        let report = table.report();
        assert!((report.extra_rows - 2.0).abs() < 1e-12 && report.complete);
        let rows: Vec<u64> = report.groups[0].places.iter().map(|place| place.row).collect();
        assert_eq!((report.groups.len(), report.groups[0].rows, rows), (1, 3, vec![1, 3, 5]));
        assert!(CopyTable::new(4).extra_share().is_nan());
    }

    #[test]
    fn a_conflict_needs_two_different_answers() {
        let mut table = PromptTable::new(100);
        for (row, (prompt, answer)) in
            [(1, 5), (1, 5), (2, 6), (2, 7), (2, 6), (3, 0)].into_iter().enumerate()
        {
            table.observe(prompt, answer, spot(row as u64 + 1));
        }
        assert!((table.conflict_share() - 0.5).abs() < 1e-12);
        assert!((table.repeated_share() - 0.5).abs() < 1e-12);
        let report = table.report();
        let rows: Vec<u64> = report.groups[0].places.iter().map(|place| place.row).collect();
        assert_eq!((report.groups.len(), report.groups[0].rows, rows), (1, 3, vec![3, 4]));
    }

    #[test]
    fn a_sampled_table_keeps_its_shares() {
        let mut table = CopyTable::new(1000);
        for row in 0..40_000u64 {
            let content = crate::hash::combine(1, if row % 4 == 0 { row / 8 } else { 1_000_000 + row });
            table.observe(content, spot(row + 1));
        }
        // Of 40,000 rows 10,000 come in pairs: 5,000 could go.
        assert!((table.extra_share() - 0.125).abs() < 0.02, "{}", table.extra_share());
        assert!((table.report().extra_rows / 5000.0 - 1.0).abs() < 0.2);
    }
}
