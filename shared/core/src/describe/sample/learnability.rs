//! Learnability: how well the answer follows from the words of the input alone. Cross-validated naive Bayes and the
//! agreement of nearest neighbours, the strongest static features that the prototype's 400 runs showed.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::super::sketch::Spread;
use super::Prepared;
use crate::hash::{combine, mix};

const FOLDS: usize = 5;
/// Additive smoothing of feature counts.
const SMOOTHING: f64 = 0.2;
/// Bytes looked at from each end of a prompt.
const WINDOW_BYTES: usize = 256;
const NEIGHBOURS: usize = 5;
/// Rows whose neighbours are searched; all rows may be neighbours.
const MAX_QUERIES: usize = 768;
/// Features in more than this share of the rows tell neighbours apart too little for their cost.
const MAX_FEATURE_SHARE: f64 = 0.2;
const TRIPLE_SEED: u64 = 0x7819_1e50;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learnability {
    /// Share of rows whose answer naive Bayes over words and letter triples gets right, in five-fold
    /// cross-validation. NaN with fewer than ten rows.
    pub naive_bayes_accuracy: f64,
    /// The same, above always saying the commonest answer and scaled so that 1 is perfect. May be negative.
    pub naive_bayes_skill: f64,
    /// Mean share of a row's five nearest neighbours that have its answer.
    pub neighbour_agreement: f64,
}

const UNKNOWN: Learnability = Learnability {
    naive_bayes_accuracy: f64::NAN,
    naive_bayes_skill: f64::NAN,
    neighbour_agreement: f64::NAN,
};

/// `view`: of the training rows, `None` where there are too few.
pub fn learnability(view: Option<&PromptView<'_>>) -> Learnability {
    view.map_or(UNKNOWN, |view| Learnability {
        naive_bayes_accuracy: view.accuracy,
        naive_bayes_skill: if view.commonest < 1.0 {
            (view.accuracy - view.commonest) / (1.0 - view.commonest)
        } else {
            f64::NAN
        },
        neighbour_agreement: neighbour_agreement(&view.rows),
    })
}

/// What a part of the prompts tells of the answers.
pub struct PromptView<'a> {
    rows: LabelledRows,
    accuracy: f64,
    commonest: f64,
    common_first_line: Option<&'a str>,
    is_last_line: bool,
}

impl<'a> PromptView<'a> {
    /// Words around the question can drown it (a text, and in the last line the word that is asked about): the last
    /// lines are tried alone too, and the better view counts. `None` with too few rows.
    pub fn best(prepared: &Prepared<'a>) -> Option<Self> {
        let common_first_line = common_first_line(prepared);
        let view = |is_last_line: bool| {
            let start = |prompt: &str| start_of(prompt, common_first_line, is_last_line);
            let rows = labelled_rows(prepared, start);
            let (accuracy, commonest) = naive_bayes(&rows);
            Self { rows, accuracy, commonest, common_first_line, is_last_line }
        };
        let whole = view(false);
        if whole.rows.labels.len() < 2 * FOLDS {
            return None;
        }
        let splits = |prompt: &str| {
            start_of(prompt, common_first_line, true) > start_of(prompt, common_first_line, false)
        };
        let split_rows = prepared.rows.iter().filter(|row| splits(&row.row.prompt)).count();
        if split_rows * 2 <= prepared.rows.len() {
            return Some(whole);
        }
        let last = view(true);
        Some(if last.accuracy > whole.accuracy { last } else { whole })
    }
}

fn start_of(prompt: &str, common_first_line: Option<&str>, is_last_line: bool) -> usize {
    if is_last_line {
        prompt.rfind('\n').map_or(0, |at| at + 1)
    } else {
        after_common_line(prompt, common_first_line)
    }
}

/// What simple rules, learnt on the training file, get right of the evaluation rows. NaN where nothing was learnt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EvaluationOutlook {
    /// Always the training file's commonest answer, in points.
    pub constant_score: f64,
    /// Naive Bayes in the view that fits the training file best, in points.
    pub naive_bayes_score: f64,
    /// Of rows whose answer stands in the training file's sample.
    pub known_answer_share: f64,
    /// Of the evaluation rows' own commonest answer.
    pub top_label_share: f64,
    /// Bits, of the evaluation rows' answers taken as labels.
    pub label_entropy: f64,
}

/// `view`: of the training rows, as for `learnability`.
pub fn evaluation_outlook(view: Option<&PromptView<'_>>, evaluation: &Prepared<'_>) -> EvaluationOutlook {
    let answers: Vec<u64> = evaluation.rows.iter().filter_map(|row| row.row.answer_hash).collect();
    let count = answers.len() as f64;
    let mut counts: BTreeMap<u64, u32> = BTreeMap::new();
    for answer in &answers {
        *counts.entry(*answer).or_default() += 1;
    }
    let share_of = |is_counted: &dyn Fn(&u64) -> bool| {
        answers.iter().filter(|answer| is_counted(answer)).count() as f64 / count
    };
    let shares = counts.values().map(|rows| f64::from(*rows) / count);
    let mut outlook = EvaluationOutlook {
        constant_score: f64::NAN,
        naive_bayes_score: f64::NAN,
        known_answer_share: f64::NAN,
        top_label_share: shares.clone().fold(f64::NAN, f64::max),
        label_entropy: if answers.is_empty() {
            f64::NAN
        } else {
            shares.map(|share| -share * libm::log2(share)).sum()
        },
    };
    let Some(view) = view.filter(|_| !answers.is_empty()) else { return outlook };
    let rows_of_class = view.rows.rows_of_class();
    let most = rows_of_class.iter().max().copied();
    // The smaller hash among equals: the sample's order must not show.
    let commonest =
        view.rows.label_ids.iter().filter(|(_, label)| Some(rows_of_class[**label as usize]) == most);
    let commonest = commonest.map(|(answer, _)| *answer).min();
    outlook.constant_score = 100.0 * share_of(&|answer| Some(*answer) == commonest);
    outlook.known_answer_share = share_of(&|answer| view.rows.label_ids.contains_key(answer));
    let classes = Classes::of(&rows_of_class, 1);
    let learnt = NaiveBayes::fit(&view.rows, &classes, |_| true);
    let mut found = Vec::new();
    let is_right = |row: &&super::PreparedRow<'_>| {
        let start = start_of(&row.row.prompt, view.common_first_line, view.is_last_line);
        collect_features(row, start, &evaluation.hashes, &mut found);
        let numbers: Vec<u32> =
            found.iter().filter_map(|feature| view.rows.feature_ids.get(feature).copied()).collect();
        let truth = row.row.answer_hash.and_then(|answer| view.rows.label_ids.get(&answer));
        let truth = truth.and_then(|label| classes.ids[*label as usize]);
        truth.is_some() && learnt.best(&numbers) == truth
    };
    outlook.naive_bayes_score = 100.0 * evaluation.rows.iter().filter(is_right).count() as f64 / count;
    outlook
}

/// Rows that have prompt and answer, each different pair once: copies would stand on both sides of a split.
#[derive(Default)]
struct LabelledRows {
    labels: Vec<u32>,
    label_ids: HashMap<u64, u32, Spread>,
    /// Numbers of the features present, sorted.
    features: Vec<Vec<u32>>,
    feature_ids: HashMap<u64, u32, Spread>,
    /// Rows with the feature, by number.
    row_counts: Vec<u32>,
}

/// `start` says where in a prompt to begin.
fn labelled_rows(prepared: &Prepared<'_>, start: impl Fn(&str) -> usize) -> LabelledRows {
    let mut seen: HashSet<u64, Spread> = HashSet::default();
    let mut rows = LabelledRows::default();
    let mut found = Vec::new();
    for row in &prepared.rows {
        let Some(answer) = row.row.answer_hash else { continue };
        if row.prompt.is_empty() || !seen.insert(row.row.content_hash) {
            continue;
        }
        collect_features(row, start(&row.row.prompt), &prepared.hashes, &mut found);
        let mut numbers: Vec<u32> = found
            .iter()
            .map(|feature| {
                let next = rows.feature_ids.len() as u32;
                *rows.feature_ids.entry(*feature).or_insert(next)
            })
            .collect();
        numbers.sort_unstable();
        rows.row_counts.resize(rows.feature_ids.len(), 0);
        for number in &numbers {
            rows.row_counts[*number as usize] += 1;
        }
        rows.features.push(numbers);
        let next = rows.label_ids.len() as u32;
        rows.labels.push(*rows.label_ids.entry(answer).or_insert(next));
    }
    rows
}

fn first_line(prompt: &str) -> &str {
    prompt.split('\n').next().unwrap_or_default()
}

/// The instruction that at least half of the prompts begin with, if something follows it.
fn common_first_line<'a>(prepared: &Prepared<'a>) -> Option<&'a str> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for row in &prepared.rows {
        let line = first_line(&row.row.prompt);
        if line.len() < row.row.prompt.len() {
            *counts.entry(line).or_default() += 1;
        }
    }
    // No order of the table shows: at most one line can have more than half.
    counts.into_iter().find(|(_, count)| count * 2 > prepared.rows.len()).map(|(line, _)| line)
}

/// Where the prompt goes on after the common instruction and its line break; 0 where it does not begin with it.
fn after_common_line(prompt: &str, common: Option<&str>) -> usize {
    common
        .filter(|line| first_line(prompt) == *line && prompt.len() > line.len())
        .map_or(0, |line| line.len() + 1)
}

/// Each different one once, sorted.
fn collect_features(row: &super::PreparedRow<'_>, start: usize, hashes: &[u64], found: &mut Vec<u64>) {
    found.clear();
    let prompt = &row.row.prompt;
    let (head_end, tail_start) = (start + WINDOW_BYTES, prompt.len().saturating_sub(WINDOW_BYTES));
    let numbered = row.prompt_words.iter().zip(&row.prompt);
    let mut before: Option<u64> = None;
    for (word, number) in numbered.filter(|(word, _)| word.start >= start) {
        if word.start >= head_end && word.end <= tail_start {
            before = None;
            continue;
        }
        let hash = hashes[*number as usize];
        let spelled = &prompt.as_bytes()[word.start..word.end];
        push_word(hash, spelled, found);
        if let Some(before) = before.replace(hash) {
            found.push(combine(before, hash));
        }
    }
    found.sort_unstable();
    found.dedup();
}

/// The word and its letter triples, edges included, lower-cased byte by byte.
fn push_word(hash: u64, spelled: &[u8], found: &mut Vec<u64>) {
    found.push(hash);
    let (mut first, mut second) = (b' ', b' ');
    for byte in spelled.iter().map(u8::to_ascii_lowercase).chain([b' ']) {
        if first != b' ' || second != b' ' {
            let triple = u64::from(first) << 16 | u64::from(second) << 8 | u64::from(byte);
            found.push(mix(triple ^ TRIPLE_SEED, 0x9e37_79b9_7f4a_7c15));
        }
        (first, second) = (second, byte);
    }
}

/// Accuracy in cross-validation, and the share of the commonest answer.
fn naive_bayes(rows: &LabelledRows) -> (f64, f64) {
    let count = rows.labels.len();
    let counts = rows.rows_of_class();
    let commonest = counts.iter().max().map_or(f64::NAN, |most| f64::from(*most) / count as f64);
    // An answer that stands once cannot be both learnt and tested; leaving it out only saves time.
    let classes = Classes::of(&counts, 2);
    let hits = |fold: usize| {
        let learnt = NaiveBayes::fit(rows, &classes, |index| index % FOLDS != fold);
        let is_right = |index: &usize| {
            let truth = classes.ids[rows.labels[*index] as usize];
            truth.is_some() && learnt.best(&rows.features[*index]) == truth
        };
        (fold..count).step_by(FOLDS).filter(is_right).count()
    };
    let right: usize = (0..FOLDS).map(hits).sum();
    (right as f64 / count as f64, commonest)
}

impl LabelledRows {
    fn rows_of_class(&self) -> Vec<u32> {
        let mut counts = vec![0; self.label_ids.len()];
        for label in &self.labels {
            counts[*label as usize] += 1;
        }
        counts
    }
}

/// The answers that are told apart, numbered anew; by label.
struct Classes {
    ids: Vec<Option<u32>>,
    count: usize,
}

impl Classes {
    fn of(rows_of_class: &[u32], fewest_rows: u32) -> Self {
        let mut count = 0;
        let mut number = |rows: &u32| {
            (*rows >= fewest_rows).then(|| {
                count += 1;
                count as u32 - 1
            })
        };
        let ids = rows_of_class.iter().map(&mut number).collect();
        Self { ids, count }
    }
}

struct NaiveBayes {
    /// For each feature, (class, training rows).
    postings: Vec<Vec<(u32, u32)>>,
    prior: Vec<f64>,
    absent: Vec<f64>,
    /// ln((rows + smoothing) / smoothing), by rows.
    logs: Vec<f64>,
}

impl NaiveBayes {
    fn fit(rows: &LabelledRows, classes: &Classes, is_taught: impl Fn(usize) -> bool) -> Self {
        let mut class_rows = vec![0u32; classes.count];
        let mut class_features = vec![0u64; classes.count];
        let mut postings: Vec<Vec<(u32, u32)>> = vec![Vec::new(); rows.row_counts.len()];
        let mut by_class: Vec<Vec<usize>> = vec![Vec::new(); classes.count];
        for (index, label) in rows.labels.iter().enumerate() {
            if let Some(class) = classes.ids[*label as usize].filter(|_| is_taught(index)) {
                by_class[class as usize].push(index);
            }
        }
        for (class, members) in by_class.iter().enumerate() {
            for index in members {
                class_rows[class] += 1;
                class_features[class] += rows.features[*index].len() as u64;
                for feature in &rows.features[*index] {
                    let posting = &mut postings[*feature as usize];
                    match posting.last_mut() {
                        Some((last, count)) if *last == class as u32 => *count += 1,
                        _ => posting.push((class as u32, 1)),
                    }
                }
            }
        }
        let vocabulary = postings.iter().filter(|posting| !posting.is_empty()).count() as f64;
        let absent = |features: &u64| libm::log(SMOOTHING / (*features as f64 + SMOOTHING * vocabulary));
        let most = rows.labels.len();
        Self {
            postings,
            prior: class_rows.iter().map(|rows| libm::log(f64::from(*rows))).collect(),
            absent: class_features.iter().map(absent).collect(),
            logs: (0..=most).map(|rows| libm::log((rows as f64 + SMOOTHING) / SMOOTHING)).collect(),
        }
    }

    /// The likeliest class, the first among equals.
    fn best(&self, features: &[u32]) -> Option<u32> {
        let postings = |feature: &u32| &self.postings[*feature as usize];
        let known = features.iter().filter(|feature| !postings(feature).is_empty()).count() as f64;
        let mut scores: Vec<f64> =
            self.prior.iter().zip(&self.absent).map(|(prior, absent)| prior + known * absent).collect();
        for feature in features {
            for (class, count) in postings(feature) {
                scores[*class as usize] += self.logs[*count as usize];
            }
        }
        let better = |best: Option<usize>, class: usize| match best {
            Some(best) if scores[class] > scores[best] => Some(class),
            None => Some(class),
            best => best,
        };
        (0..scores.len()).fold(None, better).map(|class| class as u32)
    }
}

fn neighbour_agreement(rows: &LabelledRows) -> f64 {
    let count = rows.labels.len();
    let most = (MAX_FEATURE_SHARE * count as f64).max(2.0) as u32;
    let weights: Vec<f64> = rows
        .row_counts
        .iter()
        .map(
            |with| {
                if *with > most { 0.0 } else { libm::log((1.0 + count as f64) / (1.0 + f64::from(*with))) }
            },
        )
        .collect();
    let norms: Vec<f64> = rows
        .features
        .iter()
        .map(|features| {
            features
                .iter()
                .map(|number| weights[*number as usize] * weights[*number as usize])
                .sum::<f64>()
                .sqrt()
        })
        .collect();
    let mut postings: Vec<Vec<u32>> = vec![Vec::new(); weights.len()];
    for (index, features) in rows.features.iter().enumerate() {
        for feature in features.iter().filter(|feature| weights[**feature as usize] > 0.0) {
            postings[*feature as usize].push(index as u32);
        }
    }
    let queries = count.min(MAX_QUERIES);
    let mut dots = vec![0.0; count];
    let mut agreement = 0.0;
    for query in 0..queries {
        dots.fill(0.0);
        for feature in &rows.features[query] {
            let square = weights[*feature as usize] * weights[*feature as usize];
            for other in &postings[*feature as usize] {
                dots[*other as usize] += square;
            }
        }
        agreement += agreeing_share(query, &dots, &norms, &rows.labels);
    }
    agreement / queries as f64
}

/// Of the five rows of highest cosine (the lower number among equals), the share with the query's answer.
fn agreeing_share(query: usize, dots: &[f64], norms: &[f64], labels: &[u32]) -> f64 {
    let mut nearest: Vec<(f64, usize)> = Vec::with_capacity(NEIGHBOURS + 1);
    for (other, dot) in dots.iter().enumerate() {
        if other == query {
            continue;
        }
        let cosine = if norms[other] > 0.0 { dot / norms[other] } else { 0.0 };
        if nearest.len() < NEIGHBOURS || cosine > nearest[NEIGHBOURS - 1].0 {
            let at = nearest.partition_point(|(better, _)| *better >= cosine);
            nearest.insert(at, (cosine, other));
            nearest.truncate(NEIGHBOURS);
        }
    }
    let agreeing = nearest.iter().filter(|(_, other)| labels[*other] == labels[query]).count();
    agreeing as f64 / nearest.len() as f64
}
