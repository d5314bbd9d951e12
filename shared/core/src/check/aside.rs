//! Evaluation rows where there are none: clean rows of the file itself, chosen by a seed and by what stands in them,
//! without a copy among the rows that stay. The file is read three times: for candidates, for their copies, and
//! for the fate of each row.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::checker::text_problems;
use crate::describe::{AlikeIndex, EvalIndex, EvalIndexBuilder, RowScan, Signature};
use crate::findings::{Problem, Severity, registry};
use crate::formats::{Batch, Place, RecordParser};
use crate::hash::{combine, hash_bytes};
use crate::limits::MAX_SET_ASIDE_ROWS;
use crate::schema::{self, Example, Mapping};

/// Of the 300 to 500 clean rows that a probe reads, as many as cost the training little.
const USUAL_ROWS: u64 = 300;
/// At most this part of the rows, where nobody says how many.
const USUAL_PART: u64 = 5;
/// However many are wished for: the rest is what is trained on.
const LARGEST_PART: u64 = 2;
/// Fewer tell nothing: the score's own error is above 15 points.
const FEWEST_ROWS: u64 = 10;
/// Candidates looked at for each row that is wanted, since some turn out to have copies.
const CANDIDATES_A_ROW: usize = 4;
/// Rows are not in the order in which a probe samples them.
const SALT: u64 = 0x5e7a_51de;

/// The choice is a function of this and of the file's rows, whatever their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Wish {
    /// What is usual for the file where it is missing.
    pub rows: Option<u64>,
    pub seed: u64,
}

/// How many rows are set aside of so many, where nobody says.
pub fn usual_rows(usable: u64) -> u64 {
    USUAL_ROWS.min(usable / USUAL_PART)
}

impl Wish {
    fn most(self) -> usize {
        self.rows.unwrap_or(USUAL_ROWS).min(MAX_SET_ASIDE_ROWS as u64) as usize
    }

    fn of(self, usable: u64) -> usize {
        self.most().min(self.rows.map_or(usual_rows(usable), |_| usable / LARGEST_PART) as usize)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "only {found} of {usable} rows with an answer are free of findings and of copies; {FEWEST_ROWS} are needed to set \
     rows aside"
)]
pub struct TooFewClean {
    pub found: u64,
    pub usable: u64,
}

#[derive(Debug)]
struct Candidate {
    /// Counts the records of the file from 1.
    number: u64,
    hash: u64,
    prompt: u64,
    prompt_signature: Signature,
    content: u64,
    signature: Signature,
}

/// The first reading.
#[derive(Debug)]
pub struct Candidates {
    rows: Rows,
    wish: Wish,
    usable: u64,
    /// Those of the smallest keys.
    pool: BTreeMap<(u64, u64), Candidate>,
}

/// Records in file order.
#[derive(Debug)]
struct Rows {
    parser: RecordParser,
    mapping: Option<Mapping>,
    read: u64,
}

impl Candidates {
    pub fn new(parser: RecordParser, mapping: Option<&Mapping>, wish: Wish) -> Self {
        let rows = Rows { parser, mapping: mapping.cloned(), read: 0 };
        Self { rows, wish, usable: 0, pool: BTreeMap::new() }
    }

    /// `is_whole`: whether the model reads the example to its end; asked for few of them.
    pub fn push<E>(
        &mut self,
        batch: &Batch,
        is_whole: &mut dyn FnMut(&Example<'_>) -> Result<bool, E>,
    ) -> Result<(), E> {
        let Self { rows, wish, usable, pool } = self;
        let most = (wish.most() + FEWEST_ROWS as usize) * CANDIDATES_A_ROW;
        for index in 0..batch.len() {
            rows.read += 1;
            let record = rows.parser.parse(batch, index);
            let Some(value) = &record.value else { continue };
            let mut problems = record.problems;
            let converted = schema::convert(value, rows.mapping.as_ref(), &mut problems);
            let Some(example) = converted.map(|converted| converted.example).filter(has_answer) else {
                continue;
            };
            *usable += 1;
            let hash = hash_bytes(batch.raw(index), 0);
            let key = (combine(combine(SALT, wish.seed), hash), rows.read);
            if pool.len() >= most && pool.last_key_value().is_some_and(|(last, _)| *last < key) {
                continue;
            }
            text_problems(value, &example, &mut problems);
            let framing = batch.problems.iter().filter(|placed| placed.place == record.place);
            if problems.iter().chain(framing.map(|placed| &placed.problem)).any(matters) {
                continue;
            }
            let scan = RowScan::of(&example);
            let Some(prompt) = scan.prompt_key().filter(|_| scan.prompt_hash.is_some()) else { continue };
            if !is_whole(&example)? {
                continue;
            }
            let candidate = Candidate {
                number: rows.read,
                hash,
                prompt,
                prompt_signature: scan.prompt_hasher().signature(),
                content: scan.content_hash,
                signature: scan.hasher.signature(),
            };
            pool.insert(key, candidate);
            if pool.len() > most {
                pool.pop_last();
            }
        }
        Ok(())
    }

    pub fn finish(self) -> Sieve {
        let Self { rows, wish, usable, pool } = self;
        let pool: Vec<Candidate> = pool.into_values().collect();
        let mut seen = BTreeMap::new();
        let mut has_copies = vec![false; pool.len()];
        for (index, candidate) in pool.iter().enumerate() {
            if let Some(earlier) = seen.insert(candidate.prompt, index) {
                has_copies[earlier] = true;
                has_copies[index] = true;
            }
        }
        let prompts =
            AlikeIndex::of(&pool.iter().map(|row| (row.prompt, row.prompt_signature)).collect::<Vec<_>>());
        let whole = contents(pool.iter());
        Sieve { rows: Rows { read: 0, ..rows }, wish, usable, pool, has_copies, prompts, whole }
    }
}

/// The second reading: which candidates have copies, near copies, or another answer to their prompt.
#[derive(Debug)]
pub struct Sieve {
    rows: Rows,
    wish: Wish,
    usable: u64,
    pool: Vec<Candidate>,
    has_copies: Vec<bool>,
    prompts: AlikeIndex,
    whole: AlikeIndex,
}

impl Sieve {
    pub fn push(&mut self, batch: &Batch) {
        let Self { rows, pool, has_copies, prompts, whole, .. } = self;
        let mut problems = Vec::new();
        for index in 0..batch.len() {
            rows.read += 1;
            problems.clear();
            let record = rows.parser.parse(batch, index);
            let converted = record
                .value
                .as_ref()
                .and_then(|value| schema::convert(value, rows.mapping.as_ref(), &mut problems));
            let Some(converted) = converted else { continue };
            let scan = RowScan::of(&converted.example);
            let mut hear = |at: u32, _: f64| has_copies[at as usize] |= pool[at as usize].number != rows.read;
            if let Some(prompt) = scan.prompt_key() {
                if let Some(at) = prompts.exact(prompt) {
                    hear(at, 1.0);
                }
                prompts.each_near(scan.prompt_hasher(), &mut hear);
            }
            whole.each_near(&scan.hasher, &mut hear);
        }
    }

    pub fn finish(self) -> Result<Aside, TooFewClean> {
        let Self { wish, usable, pool, has_copies, .. } = self;
        let without =
            pool.iter().zip(&has_copies).filter(|(_, has_copies)| !**has_copies).map(|(row, _)| row);
        let chosen: Vec<&Candidate> = without.take(wish.of(usable)).collect();
        let found = chosen.len() as u64;
        if found < FEWEST_ROWS {
            return Err(TooFewClean { found, usable });
        }
        let mut prompts = EvalIndexBuilder::default();
        for row in &chosen {
            let place = Place { row: row.number, line: row.number, byte_offset: 0 };
            prompts.observe_prompt(place, Some(row.prompt), row.prompt_signature);
        }
        let record = AsideRecord {
            rows: found,
            wanted: wish.rows,
            seed: wish.seed,
            fingerprint: format!("{:016x}", chosen.iter().fold(0_u64, |sum, row| sum.wrapping_add(row.hash))),
        };
        Ok(Aside {
            numbers: chosen.iter().map(|row| row.number).collect(),
            prompts: prompts.finish(),
            whole: contents(chosen.into_iter()),
            record,
        })
    }
}

fn contents<'a>(rows: impl Iterator<Item = &'a Candidate>) -> AlikeIndex {
    AlikeIndex::of(&rows.map(|row| (row.content, row.signature)).collect::<Vec<_>>())
}

fn has_answer(example: &Example<'_>) -> bool {
    example.answer_turns().any(|turn| !turn.text.trim().is_empty())
}

fn matters(problem: &Problem) -> bool {
    registry::entry(problem.code).severity != Severity::Note
}

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is trained on.
    Stays,
    /// It is an evaluation row.
    Aside,
    /// Left out of both: it says what an evaluation row says.
    CopyOfAside,
}

/// What a record of a probe says of it: enough to choose the same rows again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsideRecord {
    pub rows: u64,
    /// Missing where the usual number was taken.
    pub wanted: Option<u64>,
    pub seed: u64,
    /// Of the rows set aside, as files have one.
    pub fingerprint: String,
}

/// The choice.
#[derive(Debug)]
pub struct Aside {
    numbers: HashSet<u64>,
    prompts: EvalIndex,
    whole: AlikeIndex,
    pub record: AsideRecord,
}

impl Aside {
    /// `number` counts the records of the file from 1.
    pub fn holds(&self, number: u64) -> bool {
        self.numbers.contains(&number)
    }

    /// The third reading. A copy is what `check` calls one: the prompt of both, or the row as a whole, is nearly
    /// the same.
    pub fn fate(&self, number: u64, example: &Example<'_>) -> Fate {
        if self.holds(number) {
            return Fate::Aside;
        }
        let scan = RowScan::of(example);
        if self.prompts.holds(&scan) || self.whole.nearest(&scan.hasher).is_some() {
            Fate::CopyOfAside
        } else {
            Fate::Stays
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::check::{CheckOptions, Checker, EvalRows, Parts, evaluation_features};
    use crate::describe::{DescribeContext, Description, RowCounts};
    use crate::features::{self, FeatureVector, Group};
    use crate::formats::{open, open_reading};
    use crate::json::{parse, to_json_text};

    fn batches(text: &str) -> (RecordParser, Vec<Batch>) {
        let mut opened = open(text.as_bytes()).unwrap();
        let mut batches = Vec::new();
        while let Some(batch) = opened.framer.next_batch().unwrap() {
            batches.push(batch);
        }
        (opened.parser, batches)
    }

    fn choose(text: &str, wish: Wish) -> Result<Aside, TooFewClean> {
        let (parser, batches) = batches(text);
        let mut candidates = Candidates::new(parser, None, wish);
        for batch in &batches {
            candidates.push::<()>(batch, &mut |example| Ok(example.turns.len() < 9)).unwrap();
        }
        let mut sieve = candidates.finish();
        for batch in &batches {
            sieve.push(batch);
        }
        sieve.finish()
    }

    /// Rows that stay and rows set aside, as two files.
    fn divided(text: &str, aside: &Aside) -> (String, String) {
        let (parser, batches) = batches(text);
        let mut parts = Parts::new(aside, parser, None);
        for batch in &batches {
            parts.push(batch);
        }
        (parts.training, parts.evaluation)
    }

    /// What `check` finds of both files.
    fn described(train: &str, evaluation: &str) -> Description {
        let (parser, of_evaluation) = batches(evaluation);
        let mut rows = EvalRows::new(parser, None);
        for batch in &of_evaluation {
            rows.push(batch);
        }
        let index = rows.finish().unwrap();
        let context = DescribeContext { eval: Some(&index), ..DescribeContext::default() };
        let options = CheckOptions::default();
        let (parser, of_train) = batches(train);
        let mut checker = Checker::new(parser, &options, context);
        for batch in &of_train {
            checker.push(batch);
        }
        checker.into_partial().descriptors.finish(&context, &RowCounts::default())
    }

    /// Names and bits, since a missing value is no value's equal.
    fn bits(features: &FeatureVector) -> Vec<(&str, u64)> {
        features.iter().map(|(name, value)| (name, value.to_bits())).collect()
    }

    /// Those of a description that need evaluation rows, by the registry.
    fn of_evaluation(description: &Description) -> FeatureVector {
        let needs = |name: &str| {
            name.starts_with("eval_") && features::find(name).is_some_and(|one| one.group == Group::Static)
        };
        description.features.clone().without(|name| !needs(name))
    }

    fn words(row: u64, count: u64) -> String {
        let word = |at| format!("w{}", combine(row, at) % 5000);
        (0..count).map(word).collect::<Vec<_>>().join(" ") + " "
    }

    fn line(prompt: &str, answer: &str) -> String {
        serde_json::json!({ "prompt": prompt, "completion": answer }).to_string()
    }

    /// Row `n`, spoiled in a way that a dataset is.
    fn spoiled(n: u64, kind: u8) -> Vec<String> {
        let prompt = words(n, 24);
        match kind {
            0..=5 => vec![line(&prompt, "yes")],
            6 => vec![line(&prompt, "yes"), line(&prompt, "yes")],
            7 => vec![line(&prompt, "yes"), line(&prompt, "no")],
            8 => vec![line(&prompt, "yes"), line(&format!("{prompt} indeed"), "yes")],
            9 => vec![line(&prompt, "")],
            10 => vec![line(&prompt.to_uppercase(), "yes"), line(&prompt, "maybe")],
            11 => vec![line(&prompt, "yes<|im_end|>")],
            _ => vec![format!("{{\"prompt\": \"{prompt}\", ")],
        }
    }

    fn clean_file(rows: u64) -> String {
        (0..rows).map(|n| line(&words(n, 24), "yes") + "\n").collect()
    }

    #[test]
    fn the_usual_number_is_a_fifth_and_at_most_three_hundred() {
        let rows = |usable, wanted| {
            choose(&clean_file(usable), Wish { rows: wanted, seed: 0 }).map(|aside| aside.record.rows)
        };
        assert_eq!(rows(100, None), Ok(20));
        assert_eq!(rows(100, Some(30)), Ok(30));
        assert_eq!(rows(100, Some(4000)), Ok(50));
        assert_eq!(rows(2000, None), Ok(300));
        assert_eq!(rows(40, None), Err(TooFewClean { found: 8, usable: 40 }));
    }

    #[test]
    fn the_same_rows_are_chosen_in_any_order_and_others_by_another_seed() {
        let file = clean_file(400);
        let mut lines: Vec<&str> = file.lines().collect();
        lines.reverse();
        let turned = lines.join("\n") + "\n";
        let fingerprint =
            |text: &str, seed| choose(text, Wish { rows: Some(50), seed }).unwrap().record.fingerprint;
        assert_eq!(fingerprint(&file, 7), fingerprint(&turned, 7));
        assert_ne!(fingerprint(&file, 7), fingerprint(&file, 8));
    }

    #[test]
    fn rows_with_findings_or_copies_are_never_chosen() {
        let file: String =
            (0..600).flat_map(|n| spoiled(n, (n % 13) as u8)).map(|line| line + "\n").collect();
        let aside = choose(&file, Wish { rows: Some(100), seed: 1 }).unwrap();
        let (_, set_aside) = divided(&file, &aside);
        let written = |line: String| to_json_text(&parse(&line, &mut Vec::new()).unwrap());
        let expected: HashSet<String> =
            (0..600).filter(|n| n % 13 < 6).flat_map(|n| spoiled(n, 0)).map(written).collect();
        assert_eq!(set_aside.lines().count(), 100);
        assert!(set_aside.lines().all(|line| expected.contains(line)));
    }

    #[test]
    fn rows_that_a_model_would_not_read_whole_are_not_chosen() {
        let (parser, batches) = batches(&clean_file(100));
        let mut candidates = Candidates::new(parser, None, Wish::default());
        for batch in &batches {
            candidates.push::<()>(batch, &mut |_| Ok(false)).unwrap();
        }
        assert_eq!(candidates.finish().finish().unwrap_err(), TooFewClean { found: 0, usable: 100 });
    }

    /// More rows than a sample holds, in several batches.
    #[test]
    fn what_the_rows_aside_tell_is_what_check_tells_of_both_parts() {
        let answer = |n: u64| ["yes", "no", "maybe"][(n % 7 % 3) as usize];
        let clean = (0..6000).map(|n| line(&format!("is {} {}", answer(n), words(n, 40)), answer(n)) + "\n");
        let file: String =
            clean.chain((0..39).flat_map(|n| spoiled(n, n as u8)).map(|line| line + "\n")).collect();
        let (_, cut) = batches(&file);
        assert!(cut.len() > 1);
        let aside = choose(&file, Wish { rows: Some(400), seed: 3 }).unwrap();
        let found = evaluation_features(open(file.as_bytes()).unwrap(), None, &aside).unwrap();
        let (stays, set_aside) = divided(&file, &aside);
        let description = described(&stays, &set_aside);
        assert!(description.sampled_rows < stays.lines().count() as u64);
        assert_eq!(bits(&found), bits(&of_evaluation(&description)));
        assert!(found.iter().count() == 7 && found.iter().all(|(_, value)| value.is_finite()), "{found:?}");
        assert!(found.get("eval_naive_bayes_score") > found.get("eval_constant_score"), "{found:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn no_row_set_aside_nor_a_copy_of_it_stays(
            kinds in prop::collection::vec(0u8..13, 60..260), seed in 0u64..5, wanted in 10u64..60, shared in 0u64..20,
        ) {
            // An instruction before each prompt makes rows alike.
            let instruction = words(u64::MAX, shared);
            let rows = kinds.iter().enumerate().flat_map(|(n, kind)| spoiled(n as u64, *kind));
            let file: String = rows.map(|line| line.replace(":\"w", &format!(":\"{instruction}w")) + "\n").collect();
            let Ok(aside) = choose(&file, Wish { rows: Some(wanted), seed }) else { return Ok(()) };
            let (stays, set_aside) = divided(&file, &aside);
            prop_assert_eq!(set_aside.lines().count() as u64, aside.record.rows);
            prop_assert!(aside.record.rows <= wanted);
            let description = described(&stays, &set_aside);
            let overlap = description.eval_overlap.as_ref().unwrap();
            prop_assert_eq!((overlap.train_rows_exact, overlap.train_rows_near), (0, 0));
            let expected = of_evaluation(&description);
            for read_bytes in [7, 1 << 16] {
                let opened = open_reading(file.as_bytes(), read_bytes).unwrap();
                let found = evaluation_features(opened, None, &aside).unwrap();
                prop_assert_eq!(bits(&found), bits(&expected));
            }
            let evaluation: HashSet<&str> = set_aside.lines().collect();
            prop_assert!(stays.lines().all(|line| !evaluation.contains(line)));
        }
    }
}
