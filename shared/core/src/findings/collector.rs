//! Counts every finding and lists the first of each code. Parts collected apart and merged in any order or
//! grouping give the identical result, so a file can be split over workers anywhere.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Code, Finding, Problem};
use crate::formats::Place;
use crate::limits::MAX_LISTED_FINDINGS;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingCollector {
    groups: BTreeMap<Code, FindingGroup>,
}

/// All findings of one code. `listed` holds the lowest places, in order; `count - listed.len()` more are only
/// counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingGroup {
    pub count: u64,
    /// Rows that have at least one; 0 for findings about the whole file.
    pub rows: u64,
    pub listed: Vec<Finding>,
}

impl FindingGroup {
    pub fn unlisted(&self) -> u64 {
        self.count - self.listed.len() as u64
    }

    /// Equal findings are kept as often as they came: counts and lists stay sums of the parts.
    fn list(&mut self, finding: Finding) {
        if self.listed.len() == MAX_LISTED_FINDINGS && self.listed.last().is_some_and(|last| *last <= finding)
        {
            return;
        }
        let at = self.listed.partition_point(|listed| *listed <= finding);
        self.listed.insert(at, finding);
        self.listed.truncate(MAX_LISTED_FINDINGS);
    }

    /// Whether a finding of this row could still be listed; saves building texts that would be thrown away.
    fn could_list(&self, row: u64) -> bool {
        self.listed.len() < MAX_LISTED_FINDINGS
            || self.listed.last().is_some_and(|last| Some(row) <= last.row)
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        self.rows += other.rows;
        for finding in other.listed {
            self.list(finding);
        }
    }
}

impl FindingCollector {
    /// All problems of one row. One call per row and code, or `rows` counts a row twice.
    pub fn add_row(&mut self, place: Place, problems: &[Problem]) {
        for (index, problem) in problems.iter().enumerate() {
            let group = self.groups.entry(problem.code).or_default();
            group.count += 1;
            if place.row > 0 && problems[..index].iter().all(|earlier| earlier.code != problem.code) {
                group.rows += 1;
            }
            if group.could_list(place.row) {
                group.list(Finding::new(Some(place), problem));
            }
        }
    }

    /// A finding about the whole file.
    pub fn add_file(&mut self, problem: &Problem) {
        let group = self.groups.entry(problem.code).or_default();
        group.count += 1;
        group.list(Finding::new(None, problem));
    }

    /// Findings that another pass counted and of which it kept only the first: `rows` rows in all, of which
    /// `listed` are known.
    pub fn add_counted(&mut self, code: Code, rows: u64, listed: impl IntoIterator<Item = (Place, Problem)>) {
        if rows == 0 {
            return;
        }
        let group = self.groups.entry(code).or_default();
        group.count += rows;
        group.rows += rows;
        for (place, problem) in listed.into_iter().take(rows as usize) {
            debug_assert_eq!(problem.code, code);
            group.list(Finding::new(Some(place), &problem));
        }
    }

    pub fn merge(&mut self, other: Self) {
        for (code, group) in other.groups {
            self.groups.entry(code).or_default().merge(group);
        }
    }

    pub fn group(&self, code: Code) -> Option<&FindingGroup> {
        self.groups.get(&code)
    }

    pub fn count(&self, code: Code) -> u64 {
        self.groups.get(&code).map_or(0, |group| group.count)
    }

    /// Worst severity first, then the order of the registry.
    pub fn groups(&self) -> impl Iterator<Item = (Code, &FindingGroup)> {
        let mut ordered: Vec<_> = self.groups.iter().map(|(code, group)| (*code, group)).collect();
        ordered.sort_by_key(|(code, _)| (super::registry::entry(*code).severity, *code));
        ordered.into_iter()
    }

    /// Every listed finding, worst severity first, then by code and place.
    pub fn listed(&self) -> impl Iterator<Item = &Finding> {
        self.groups().flat_map(|(_, group)| group.listed.iter())
    }

    /// `counts` of the JSON contract.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.groups.iter().map(|(code, group)| (code.name(), group.count)).collect()
    }

    pub fn count_of_severity(&self, severity: super::Severity) -> u64 {
        let of_severity = |code: Code| super::registry::entry(code).severity == severity;
        self.groups.iter().filter(|(code, _)| of_severity(**code)).map(|(_, group)| group.count).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::findings::Severity;

    fn place(row: u64) -> Place {
        Place { row, line: row * 2, byte_offset: row * 100 }
    }

    fn collect(rows: &[(u64, Vec<Problem>)]) -> FindingCollector {
        let mut collector = FindingCollector::default();
        for (row, problems) in rows {
            collector.add_row(place(*row), problems);
        }
        collector
    }

    fn problems() -> impl Strategy<Value = Vec<Problem>> {
        prop::collection::vec((0usize..4, 0u8..3), 0..4).prop_map(|picks| {
            picks
                .into_iter()
                .map(|(code, found)| Problem::new(Code::ALL[code], "output", found.to_string(), "text"))
                .collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn any_split_merged_in_any_order_is_the_whole(
            rows in prop::collection::vec(problems(), 0..400),
            parts in 1usize..6,
            salt in any::<u64>(),
        ) {
            let rows: Vec<_> = rows.into_iter().enumerate().map(|(row, found)| (row as u64 + 1, found)).collect();
            let whole = collect(&rows);
            let mut split = vec![Vec::new(); parts];
            for row in rows {
                let part = crate::hash::hash_bytes(&row.0.to_le_bytes(), salt) as usize % parts;
                split[part].push(row);
            }
            let mut parts: Vec<_> = split.iter().map(|rows| collect(rows)).collect();
            let forwards = parts.iter().cloned().fold(FindingCollector::default(), |mut sum, part| {
                sum.merge(part);
                sum
            });
            parts.reverse();
            // Grouped the other way round: the last two first, then each onto the next.
            let backwards = parts.into_iter().reduce(|sum, mut part| {
                part.merge(sum);
                part
            }).unwrap_or_default();
            prop_assert_eq!(&forwards, &whole);
            prop_assert_eq!(&backwards, &whole);
            let moved: FindingCollector = postcard::from_bytes(&postcard::to_stdvec(&whole).unwrap()).unwrap();
            prop_assert_eq!(&moved, &whole);
        }
    }

    #[test]
    fn lists_the_lowest_places_and_counts_the_rest() {
        let mut collector = FindingCollector::default();
        for row in (1..=1000).rev() {
            let problem = Problem::new(Code::EmptyAnswer, "output", "\"\"", "text");
            collector.add_row(place(row), &[problem.clone(), problem]);
        }
        let group = collector.group(Code::EmptyAnswer).unwrap();
        assert_eq!((group.count, group.rows, group.unlisted()), (2000, 1000, 1900));
        assert_eq!(group.listed.last().unwrap().row, Some(50));
        assert_eq!(collector.counts()["empty_answer"], 2000);
    }

    #[test]
    fn worst_severity_comes_first() {
        let mut collector = FindingCollector::default();
        for code in Code::ALL {
            collector.add_file(&Problem::new(*code, "", "", ""));
        }
        let severities: Vec<Severity> = collector.listed().map(|finding| finding.severity).collect();
        assert_eq!(severities.len(), Code::ALL.len());
        assert!(severities.is_sorted());
    }

    #[test]
    fn counted_findings_list_what_is_known() {
        let mut collector = FindingCollector::default();
        let known = (place(7), Problem::new(Code::ExactDuplicate, "", "same as row 2", "rows that differ"));
        collector.add_counted(Code::ExactDuplicate, 9, [known]);
        collector.add_counted(Code::NearDuplicate, 0, []);
        assert_eq!(collector.count(Code::ExactDuplicate), 9);
        assert!(collector.group(Code::NearDuplicate).is_none());
    }
}
