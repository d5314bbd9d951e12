//! Cross-validation by groups: groups are dealt to folds by hash, largest first, so that folds are of
//! similar size and no group is on both sides.

use std::collections::BTreeMap;

use crate::hash;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fold {
    pub train: Vec<usize>,
    pub test: Vec<usize>,
}

/// At most `count` folds; fewer where there are fewer groups.
pub fn group_folds(groups: &[u64], count: usize, seed: u64) -> Vec<Fold> {
    let mut members: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (row, group) in groups.iter().enumerate() {
        members.entry(*group).or_default().push(row);
    }
    let count = count.min(members.len()).max(1);
    let mut order: Vec<(u64, Vec<usize>)> = members.into_iter().collect();
    order.sort_by_key(|(group, rows)| (usize::MAX - rows.len(), hash::combine(seed, *group)));
    let mut tests: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (_, rows) in order {
        let smallest = (0..count).min_by_key(|fold| tests[*fold].len()).expect("count is at least 1");
        tests[smallest].extend(rows);
    }
    tests
        .into_iter()
        .map(|mut test| {
            test.sort_unstable();
            let train = (0..groups.len()).filter(|row| test.binary_search(row).is_err()).collect();
            Fold { train, test }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_stay_together_and_every_row_is_tested_once() {
        let groups: Vec<u64> = (0..103).map(|row| row / 4).collect();
        let folds = group_folds(&groups, 5, 1);
        assert_eq!(folds.len(), 5);
        let mut tested: Vec<usize> = folds.iter().flat_map(|fold| fold.test.clone()).collect();
        tested.sort_unstable();
        assert_eq!(tested, (0..103).collect::<Vec<_>>());
        for fold in &folds {
            assert!(
                fold.test.iter().all(|test| fold.train.iter().all(|train| groups[*train] != groups[*test]))
            );
            assert!(fold.test.len() >= 18);
        }
    }
}
