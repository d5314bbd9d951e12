//! Learnability: how well the answer follows from the words of the input alone. Cross-validated naive Bayes and the
//! agreement of nearest neighbours, the strongest static features that the prototype's 400 runs showed.

use std::collections::{HashMap, HashSet};

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

/// Words around the question can drown it (a text, and in the last line the word that is asked about): the last
/// lines are tried alone too, and the better view counts.
pub fn learnability(prepared: &Prepared<'_>) -> Learnability {
    let common_first_line = common_first_line(prepared);
    let whole = labelled_rows(prepared, |prompt| after_common_line(prompt, common_first_line));
    if whole.labels.len() < 2 * FOLDS {
        return UNKNOWN;
    }
    let mut rows = whole;
    let (mut accuracy, commonest) = naive_bayes(&rows);
    let last_line = |prompt: &str| prompt.rfind('\n').map_or(0, |at| at + 1);
    let splits = |prompt: &str| last_line(prompt) > after_common_line(prompt, common_first_line);
    let split_rows = prepared.rows.iter().filter(|row| splits(&row.row.prompt)).count();
    if split_rows * 2 > prepared.rows.len() {
        let last = labelled_rows(prepared, last_line);
        let (last_accuracy, _) = naive_bayes(&last);
        if last_accuracy > accuracy {
            (rows, accuracy) = (last, last_accuracy);
        }
    }
    Learnability {
        naive_bayes_accuracy: accuracy,
        naive_bayes_skill: if commonest < 1.0 {
            (accuracy - commonest) / (1.0 - commonest)
        } else {
            f64::NAN
        },
        neighbour_agreement: neighbour_agreement(&rows),
    }
}

/// Rows that have prompt and answer, each different pair once: copies would stand on both sides of a split.
struct LabelledRows {
    labels: Vec<u32>,
    classes: usize,
    /// Numbers of the features present, sorted.
    features: Vec<Vec<u32>>,
    /// Rows with the feature, by number.
    row_counts: Vec<u32>,
}

/// `start` says where in a prompt to begin.
fn labelled_rows(prepared: &Prepared<'_>, start: impl Fn(&str) -> usize) -> LabelledRows {
    let mut seen: HashSet<u64, Spread> = HashSet::default();
    let mut label_ids: HashMap<u64, u32, Spread> = HashMap::default();
    let mut feature_ids: HashMap<u64, u32, Spread> = HashMap::default();
    let mut rows =
        LabelledRows { labels: Vec::new(), classes: 0, features: Vec::new(), row_counts: Vec::new() };
    let mut found = Vec::new();
    for row in &prepared.rows {
        let Some(answer) = row.row.answer_hash else { continue };
        if row.prompt.is_empty() || !seen.insert(row.row.content_hash) {
            continue;
        }
        found.clear();
        collect_features(row, start(&row.row.prompt), &prepared.hashes, &mut found);
        found.sort_unstable();
        found.dedup();
        let mut numbers: Vec<u32> = found
            .iter()
            .map(|feature| {
                let next = feature_ids.len() as u32;
                *feature_ids.entry(*feature).or_insert(next)
            })
            .collect();
        numbers.sort_unstable();
        rows.row_counts.resize(feature_ids.len(), 0);
        for number in &numbers {
            rows.row_counts[*number as usize] += 1;
        }
        rows.features.push(numbers);
        let next = label_ids.len() as u32;
        rows.labels.push(*label_ids.entry(answer).or_insert(next));
    }
    rows.classes = label_ids.len();
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

fn collect_features(row: &super::PreparedRow<'_>, start: usize, hashes: &[u64], found: &mut Vec<u64>) {
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

/// Accuracy, and the share of the commonest answer.
fn naive_bayes(rows: &LabelledRows) -> (f64, f64) {
    let count = rows.labels.len();
    let mut rows_of_class = vec![0u32; rows.classes];
    for label in &rows.labels {
        rows_of_class[*label as usize] += 1;
    }
    let commonest = rows_of_class.iter().max().map_or(f64::NAN, |most| f64::from(*most) / count as f64);
    // An answer that stands once cannot be both learnt and tested; leaving it out only saves time.
    let mut class_ids = vec![u32::MAX; rows.classes];
    let mut candidates = 0;
    for (class, id) in class_ids.iter_mut().enumerate() {
        if rows_of_class[class] >= 2 {
            *id = candidates;
            candidates += 1;
        }
    }
    let logs: Vec<f64> = (0..=count).map(|rows| libm::log((rows as f64 + SMOOTHING) / SMOOTHING)).collect();
    let right: usize =
        (0..FOLDS).map(|fold| fold_hits(rows, &class_ids, candidates as usize, fold, &logs)).sum();
    (right as f64 / count as f64, commonest)
}

fn fold_hits(rows: &LabelledRows, class_ids: &[u32], classes: usize, fold: usize, logs: &[f64]) -> usize {
    let mut class_rows = vec![0u32; classes];
    let mut class_features = vec![0u64; classes];
    // For each feature, (class, rows) of the training folds.
    let mut postings: Vec<Vec<(u32, u32)>> = vec![Vec::new(); rows.row_counts.len()];
    let mut by_class: Vec<Vec<usize>> = vec![Vec::new(); classes];
    for (index, label) in rows.labels.iter().enumerate() {
        let class = class_ids[*label as usize];
        if index % FOLDS != fold && class != u32::MAX {
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
    let prior: Vec<f64> = class_rows.iter().map(|rows| libm::log(f64::from(*rows))).collect();
    let absent: Vec<f64> = class_features
        .iter()
        .map(|features| libm::log(SMOOTHING / (*features as f64 + SMOOTHING * vocabulary)))
        .collect();
    let mut hits = 0;
    let mut scores = vec![0.0; classes];
    for index in (fold..rows.labels.len()).step_by(FOLDS) {
        let truth = class_ids[rows.labels[index] as usize];
        if truth == u32::MAX {
            continue;
        }
        let known =
            rows.features[index].iter().filter(|feature| !postings[**feature as usize].is_empty()).count()
                as f64;
        for (score, (prior, absent)) in scores.iter_mut().zip(prior.iter().zip(&absent)) {
            *score = prior + known * absent;
        }
        for feature in &rows.features[index] {
            for (class, count) in &postings[*feature as usize] {
                scores[*class as usize] += logs[*count as usize];
            }
        }
        let mut best = 0;
        for class in 1..classes {
            if scores[class] > scores[best] {
                best = class;
            }
        }
        hits += usize::from(best as u32 == truth);
    }
    hits
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
