//! What goes wrong with data in real life, done to clean rows on purpose and by measure.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use super::TaskRow;
use crate::hash::combine;
use crate::numerics::Random;

/// What is asked for is a share of the file's rows, but for the imbalance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Answers replaced by other rows' answers.
    LabelNoise,
    /// Exact copies.
    Duplicates,
    /// Copies with a word or a mark changed.
    NearDuplicates,
    /// Copies of prompts with another answer.
    Conflicts,
    /// Answers cut to their first half.
    TruncatedAnswers,
    EmptyAnswers,
    /// Another task's texts and answers under this task's instruction.
    UnrelatedRows,
    /// Sentences in other languages with some answer of this task.
    WrongLanguage,
    /// Answers come as often as 1 / rank^x: the number is x.
    Imbalance,
    /// Instruction and input swapped.
    SwappedFields,
    /// Rows that the model is judged on.
    Leakage,
    /// Whole rows of another task.
    Mixture,
}

impl Condition {
    pub fn name(self) -> &'static str {
        match self {
            Self::LabelNoise => "label_noise",
            Self::Duplicates => "duplicates",
            Self::NearDuplicates => "near_duplicates",
            Self::Conflicts => "conflicts",
            Self::TruncatedAnswers => "truncated_answers",
            Self::EmptyAnswers => "empty_answers",
            Self::UnrelatedRows => "unrelated_rows",
            Self::WrongLanguage => "wrong_language",
            Self::Imbalance => "imbalance",
            Self::SwappedFields => "swapped_fields",
            Self::Leakage => "leakage",
            Self::Mixture => "mixture",
        }
    }

    pub fn needs_another_task(self) -> bool {
        matches!(self, Self::UnrelatedRows | Self::Mixture)
    }

    /// Adds rows rather than changing them.
    fn adds_rows(self) -> bool {
        matches!(
            self,
            Self::Duplicates
                | Self::NearDuplicates
                | Self::Conflicts
                | Self::UnrelatedRows
                | Self::WrongLanguage
                | Self::Leakage
                | Self::Mixture
        )
    }
}

/// Where rows come from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Material<'a> {
    /// Of the task, to be tuned on.
    pub pool: &'a [TaskRow],
    /// Of another task.
    pub other: &'a [TaskRow],
    /// Sentences in other languages.
    pub languages: &'a [TaskRow],
    /// Rows that the model is judged on.
    pub evaluation: &'a [TaskRow],
}

#[derive(Debug, Clone, PartialEq)]
pub struct Spoiled {
    pub rows: Vec<TaskRow>,
    /// What was really done: shares of the rows, and the imbalance as asked for.
    pub done: BTreeMap<Condition, f64>,
}

/// Added rows may make up this share of a file at most.
const MOST_ADDED: f64 = 0.8;

/// A file of `wanted` rows (fewer where the task has no more) under the conditions. The same seed gives the
/// same file; a condition draws from a stream of its own.
pub fn spoil(
    material: Material<'_>,
    wanted: usize,
    conditions: &BTreeMap<Condition, f64>,
    seed: u64,
) -> Spoiled {
    let asked: f64 = conditions.iter().filter(|(kind, _)| kind.adds_rows()).map(|(_, share)| share).sum();
    let shrink = if asked > MOST_ADDED { MOST_ADDED / asked } else { 1.0 };
    let kept = 1.0 - asked * shrink;
    let own = ((wanted as f64 * kept).round() as usize).clamp(1, material.pool.len().max(1));
    let total = own as f64 / kept;

    let mut rows = choose(material.pool, own, conditions.get(&Condition::Imbalance).copied(), seed);
    let mut counts: BTreeMap<Condition, usize> = BTreeMap::new();
    let answers: Vec<&str> = material.pool.iter().map(|row| row.output.as_str()).collect();
    for (kind, share) in conditions.iter().filter(|(kind, _)| !kind.adds_rows()) {
        let mut random = stream(seed, *kind);
        // Of the file's rows, but only own rows are changed.
        let chance = share / kept;
        let changed = rows.iter_mut().filter(|_| random.uniform() < chance);
        let mut draw = stream(combine(seed, 1), *kind);
        let count = changed.filter_map(|row| change(row, *kind, &answers, &mut draw)).count();
        counts.insert(*kind, count);
    }
    let judged: HashSet<&str> = material.evaluation.iter().map(|row| row.input.as_str()).collect();
    let own_rows = rows.clone();
    let instruction = material.pool.first().map_or("", |row| row.instruction.as_str());
    for (kind, share) in conditions.iter().filter(|(kind, _)| kind.adds_rows()) {
        let mut random = stream(seed, *kind);
        let count = (total * share * shrink).round() as usize;
        let before = rows.len();
        let source = Source { material, own: &own_rows, answers: &answers, judged: &judged, instruction };
        rows.extend((0..count).filter_map(|_| source.another(*kind, &mut random)));
        counts.insert(*kind, rows.len() - before);
    }
    Random::new(combine(seed, 2)).shuffle(&mut rows);
    let done = conditions
        .iter()
        .map(|(kind, asked)| {
            let share = counts.get(kind).copied().unwrap_or(0) as f64 / rows.len().max(1) as f64;
            (*kind, if *kind == Condition::Imbalance { *asked } else { share })
        })
        .collect();
    Spoiled { rows, done }
}

fn stream(seed: u64, kind: Condition) -> Random {
    Random::new(combine(seed, 16 + kind as u64))
}

/// Without replacement; with weights by Efraimidis and Spirakis (2006): the largest u^(1/w).
fn choose(pool: &[TaskRow], count: usize, imbalance: Option<f64>, seed: u64) -> Vec<TaskRow> {
    let mut random = Random::new(combine(seed, 3));
    let rank = imbalance.map(|_| answer_ranks(pool, seed));
    let mut keyed: Vec<(f64, usize)> = pool
        .iter()
        .enumerate()
        .map(|(index, row)| {
            let weight = match (&rank, imbalance) {
                (Some(rank), Some(exponent)) => libm::pow(rank[row.output.as_str()] as f64, -exponent),
                _ => 1.0,
            };
            (libm::log(random.uniform().max(1e-300)) / weight, index)
        })
        .collect();
    keyed.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    keyed.truncate(count);
    keyed.into_iter().map(|(_, index)| pool[index].clone()).collect()
}

/// Places from 1 in a random order of all answers.
fn answer_ranks(pool: &[TaskRow], seed: u64) -> BTreeMap<&str, usize> {
    let mut answers: Vec<&str> = pool.iter().map(|row| row.output.as_str()).collect();
    answers.sort_unstable();
    answers.dedup();
    stream(seed, Condition::Imbalance).shuffle(&mut answers);
    answers.into_iter().enumerate().map(|(index, answer)| (answer, index + 1)).collect()
}

/// `None` where nothing could be changed.
fn change(row: &mut TaskRow, kind: Condition, answers: &[&str], random: &mut Random) -> Option<()> {
    match kind {
        Condition::LabelNoise => row.output = other_answer(&row.output, answers, random)?,
        Condition::TruncatedAnswers => {
            let length = row.output.chars().count();
            let half: String = row.output.chars().take(length.div_ceil(2)).collect();
            let half = half.trim_end().to_owned();
            if half == row.output {
                return None;
            }
            row.output = half;
        }
        Condition::EmptyAnswers => row.output.clear(),
        Condition::SwappedFields => std::mem::swap(&mut row.instruction, &mut row.input),
        _ => return None,
    }
    Some(())
}

/// As often as it comes in the pool; `None` where all rows have the same.
fn other_answer(answer: &str, answers: &[&str], random: &mut Random) -> Option<String> {
    (0..32).map(|_| answers[random.below(answers.len())]).find(|other| *other != answer).map(str::to_owned)
}

struct Source<'a> {
    material: Material<'a>,
    own: &'a [TaskRow],
    answers: &'a [&'a str],
    judged: &'a HashSet<&'a str>,
    instruction: &'a str,
}

impl Source<'_> {
    fn another(&self, kind: Condition, random: &mut Random) -> Option<TaskRow> {
        let pick = |rows: &[TaskRow], random: &mut Random| {
            (!rows.is_empty()).then(|| rows[random.below(rows.len())].clone())
        };
        match kind {
            Condition::Duplicates => pick(self.own, random),
            Condition::NearDuplicates => {
                let row = pick(self.own, random)?;
                Some(TaskRow { input: edited(&row.input, random), ..row })
            }
            Condition::Conflicts => {
                let row = pick(self.own, random)?;
                Some(TaskRow { output: other_answer(&row.output, self.answers, random)?, ..row })
            }
            Condition::Leakage => pick(self.material.evaluation, random),
            Condition::WrongLanguage => {
                let input = pick(self.material.languages, random)?.input;
                let row = pick(self.own, random)?;
                Some(TaskRow { instruction: self.instruction.to_owned(), input, output: row.output })
            }
            // A text that stands in both tasks must not bring an evaluation row with it.
            Condition::UnrelatedRows | Condition::Mixture => {
                let row = (0..32)
                    .filter_map(|_| pick(self.material.other, random))
                    .find(|row| !self.judged.contains(row.input.as_str()))?;
                let keeps = kind == Condition::Mixture;
                let instruction = if keeps { row.instruction } else { self.instruction.to_owned() };
                Some(TaskRow { instruction, ..row })
            }
            _ => None,
        }
    }
}

/// One small edit: a word dropped, doubled or swapped with the next, letters in another case, a mark added.
fn edited(text: &str, random: &mut Random) -> String {
    let mut words: Vec<&str> = text.split(' ').collect();
    let place = random.below(words.len());
    match random.below(5) {
        0 if words.len() > 2 => {
            words.remove(place);
        }
        1 if words.len() > 1 => {
            let next = (place + 1) % words.len();
            words.swap(place, next);
        }
        2 => {
            let word = words[place];
            words.insert(place, word);
        }
        3 => {
            let upper = text.to_uppercase();
            return if upper == text { text.to_lowercase() } else { upper };
        }
        _ => return format!("{text}{}", ["!", ".", "?", "..."][random.below(4)]),
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(task: &str, count: usize) -> Vec<TaskRow> {
        (0..count)
            .map(|i| TaskRow {
                instruction: format!("Name the kind of {task}."),
                input: format!("{task} number {i} is here"),
                output: format!("answer {}", i % 5),
            })
            .collect()
    }

    fn spoiled(wanted: usize, conditions: &[(Condition, f64)], seed: u64) -> Spoiled {
        let (pool, other) = (rows("own", 400), rows("other", 300));
        let (languages, evaluation) = (rows("langue", 100), rows("judged", 50));
        let material =
            Material { pool: &pool, other: &other, languages: &languages, evaluation: &evaluation };
        spoil(material, wanted, &conditions.iter().copied().collect(), seed)
    }

    const ALL: [Condition; 12] = [
        Condition::LabelNoise,
        Condition::Duplicates,
        Condition::NearDuplicates,
        Condition::Conflicts,
        Condition::TruncatedAnswers,
        Condition::EmptyAnswers,
        Condition::UnrelatedRows,
        Condition::WrongLanguage,
        Condition::Imbalance,
        Condition::SwappedFields,
        Condition::Leakage,
        Condition::Mixture,
    ];

    #[test]
    fn without_conditions_rows_are_the_pools_own_each_once() {
        let clean = spoiled(150, &[], 1);
        let different: HashSet<&TaskRow> = clean.rows.iter().collect();
        let pool = rows("own", 400);
        assert!(clean.rows.len() == 150 && different.len() == 150 && clean.done.is_empty());
        assert!(clean.rows.iter().all(|row| pool.contains(row)));
        assert_eq!(spoiled(9999, &[], 1).rows.len(), 400);
    }

    #[test]
    fn each_condition_does_what_it_says() {
        let count = |kind: Condition, wanted: &dyn Fn(&TaskRow) -> bool| {
            let file = spoiled(300, &[(kind, 0.3)], 7);
            (
                file.rows.iter().filter(|row| wanted(row)).count() as f64 / file.rows.len() as f64,
                file.done[&kind],
            )
        };
        let close = |pair: (f64, f64)| {
            assert!((pair.0 - pair.1).abs() < 1e-9 && (pair.1 - 0.3).abs() < 0.08, "{pair:?}");
        };
        close(count(Condition::EmptyAnswers, &|row| row.output.is_empty()));
        close(count(Condition::TruncatedAnswers, &|row| row.output == "answ"));
        close(count(Condition::SwappedFields, &|row| row.input.starts_with("Name")));
        close(count(Condition::Leakage, &|row| row.input.starts_with("judged")));
        close(count(Condition::WrongLanguage, &|row| row.input.starts_with("langue")));
        close(count(Condition::Mixture, &|row| row.instruction.contains("other")));
        close(count(Condition::UnrelatedRows, &|row| {
            row.input.starts_with("other") && row.instruction.contains("own")
        }));
        let right = |row: &TaskRow| {
            let number: usize = row.input.split(' ').nth(2).unwrap().parse().unwrap();
            row.output == format!("answer {}", number % 5)
        };
        close(count(Condition::LabelNoise, &|row| !right(row)));
        close(count(Condition::Conflicts, &|row| !right(row)));
    }

    #[test]
    fn copies_and_near_copies_come_on_top_of_different_rows() {
        let copies = spoiled(300, &[(Condition::Duplicates, 0.4)], 3);
        let different: HashSet<&TaskRow> = copies.rows.iter().collect();
        assert_eq!((copies.rows.len(), different.len()), (300, 180));
        let near = spoiled(300, &[(Condition::NearDuplicates, 0.4)], 3);
        let pool = rows("own", 400);
        let edited = near.rows.iter().filter(|row| !pool.contains(row)).count();
        assert!(edited > 110 && edited <= 120, "{edited}");
    }

    #[test]
    fn imbalance_makes_one_answer_common() {
        let top = |exponent: f64| {
            let file = spoiled(80, &[(Condition::Imbalance, exponent)], 5);
            (0..5)
                .map(|i| file.rows.iter().filter(|row| row.output == format!("answer {i}")).count())
                .max()
                .unwrap()
        };
        assert!(top(0.01) < 30 && top(3.0) > 55, "{} {}", top(0.01), top(3.0));
    }

    #[test]
    fn names_are_those_of_the_files() {
        for kind in ALL {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.name()));
        }
    }

    proptest! {
        #[test]
        fn any_mixture_of_conditions_keeps_to_size_and_seed(
            shares in prop::collection::vec(0.0f64..0.9, 12), wanted in 8usize..500, seed: u64
        ) {
            let conditions: Vec<(Condition, f64)> =
                ALL.into_iter().zip(shares).filter(|(_, share)| *share > 0.4).collect();
            let file = spoiled(wanted, &conditions, seed);
            prop_assert!(!file.rows.is_empty() && file.rows.len() <= wanted + 12);
            prop_assert_eq!(&file, &spoiled(wanted, &conditions, seed));
            prop_assert!(file.done.values().all(|share| (0.0..=1.0).contains(share)));
        }
    }
}
