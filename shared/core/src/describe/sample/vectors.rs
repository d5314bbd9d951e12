//! Features of word vectors weighted by rarity (TF-IDF): how alike question and answer are, how much of the answer
//! stands in the question, how varied the rows are and how many lie apart.

use std::collections::HashSet;

use super::super::sketch::Spread;
use super::{Prepared, mean, quantile, sd};

/// Dimensions of a row's hashed embedding (feature hashing with signs, Weinberger et al. 2009).
const DIMENSIONS: usize = 128;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VectorFeatures {
    /// Mean cosine of prompt and answer.
    pub io_similarity: f64,
    /// Its standard deviation over rows.
    pub semantic_consistency: f64,
    /// Mean over rows of the share of the answer's words and word pairs that stand in the prompt.
    pub answer_groundedness: f64,
    /// One minus the mean cosine of two rows.
    pub semantic_diversity: f64,
    /// Share of rows whose cosine to the centre lies below the lower quartile by 1.5 times the quartile range.
    pub embedding_outlier_ratio: f64,
}

pub fn vector_features(prepared: &Prepared<'_>) -> VectorFeatures {
    let weights = prepared.inverse_row_frequency();
    let mut similarities = Vec::new();
    let mut grounded = Vec::new();
    for row in prepared.rows.iter().filter(|row| !row.prompt.is_empty() && !row.answer.is_empty()) {
        similarities.push(cosine(&row.prompt, &row.answer, &weights));
        grounded.push(groundedness(&row.prompt, &row.answer));
    }
    let embeddings: Vec<[f64; DIMENSIONS]> = prepared
        .rows
        .iter()
        .filter_map(|row| embedding(&row.prompt, &row.answer, &prepared.hashes, &weights))
        .collect();
    let (semantic_diversity, embedding_outlier_ratio) = spread(&embeddings);
    VectorFeatures {
        io_similarity: mean(&similarities),
        semantic_consistency: sd(&similarities),
        answer_groundedness: mean(&grounded),
        semantic_diversity,
        embedding_outlier_ratio,
    }
}

/// Words with their weights times counts, sorted by word.
fn weighted(words: &[u32], weights: &[f64]) -> Vec<(u32, f64)> {
    let mut sorted = words.to_vec();
    sorted.sort_unstable();
    sorted
        .chunk_by(|one, other| one == other)
        .map(|same| (same[0], same.len() as f64 * weights[same[0] as usize]))
        .collect()
}

fn cosine(one: &[u32], other: &[u32], weights: &[f64]) -> f64 {
    let (one, other) = (weighted(one, weights), weighted(other, weights));
    let norm = |vector: &[(u32, f64)]| vector.iter().map(|(_, value)| value * value).sum::<f64>().sqrt();
    let (mut dot, mut at) = (0.0, 0);
    for (word, value) in &one {
        while at < other.len() && other[at].0 < *word {
            at += 1;
        }
        if at < other.len() && other[at].0 == *word {
            dot += value * other[at].1;
        }
    }
    dot / (norm(&one) * norm(&other))
}

/// Mean of the share of words and, where the answer has two, the share of word pairs.
fn groundedness(prompt: &[u32], answer: &[u32]) -> f64 {
    let known: HashSet<u64, Spread> = prompt.iter().map(|word| u64::from(*word)).collect();
    let words =
        answer.iter().filter(|word| known.contains(&u64::from(**word))).count() as f64 / answer.len() as f64;
    if answer.len() < 2 {
        return words;
    }
    let pair = |pair: &[u32]| u64::from(pair[0]) << 32 | u64::from(pair[1]);
    let pairs: HashSet<u64, Spread> = prompt.windows(2).map(pair).collect();
    let found = answer.windows(2).filter(|window| pairs.contains(&pair(window))).count();
    f64::midpoint(words, found as f64 / (answer.len() - 1) as f64)
}

/// None for a row without words.
fn embedding(prompt: &[u32], answer: &[u32], hashes: &[u64], weights: &[f64]) -> Option<[f64; DIMENSIONS]> {
    let mut vector = [0.0; DIMENSIONS];
    for word in prompt.iter().chain(answer) {
        let hash = hashes[*word as usize];
        let sign = if hash >> 63 == 0 { 1.0 } else { -1.0 };
        vector[(hash >> 32) as usize % DIMENSIONS] += sign * weights[*word as usize];
    }
    let norm = vector.iter().map(|value| value * value).sum::<f64>().sqrt();
    (norm > 0.0).then(|| vector.map(|value| value / norm))
}

/// Diversity and outlier share; NaN for fewer than two rows (outliers: four).
fn spread(embeddings: &[[f64; DIMENSIONS]]) -> (f64, f64) {
    let rows = embeddings.len() as f64;
    if embeddings.len() < 2 {
        return (f64::NAN, f64::NAN);
    }
    let mut sum = [0.0; DIMENSIONS];
    for embedding in embeddings {
        for (total, value) in sum.iter_mut().zip(embedding) {
            *total += value;
        }
    }
    let length_squared: f64 = sum.iter().map(|value| value * value).sum();
    // The squared length of the sum counts every pair twice and every row with itself once.
    let diversity = 1.0 - (length_squared - rows) / (rows * (rows - 1.0));
    if embeddings.len() < 4 {
        return (diversity, f64::NAN);
    }
    let length = length_squared.sqrt();
    let to_centre: Vec<f64> = embeddings
        .iter()
        .map(|embedding| embedding.iter().zip(&sum).map(|(one, other)| one * other).sum::<f64>() / length)
        .collect();
    let (low, high) = (quantile(&to_centre, 0.25), quantile(&to_centre, 0.75));
    let fence = low - 1.5 * (high - low);
    let outliers = to_centre.iter().filter(|cosine| **cosine < fence).count();
    (diversity, outliers as f64 / rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_counted_similarity_and_groundedness() {
        let weights = [1.0; 8];
        assert!((cosine(&[1, 2], &[2, 3], &weights) - 0.5).abs() < 1e-12);
        assert!((cosine(&[1, 2, 2], &[2, 1, 2], &weights) - 1.0).abs() < 1e-12);
        // Words 1, 2 of 1, 2, 5, 6; pair 12 of 12, 25, 56.
        assert!((groundedness(&[1, 2, 3], &[1, 2, 5, 6]) - f64::midpoint(0.5, 1.0 / 3.0)).abs() < 1e-12);
        assert!((groundedness(&[1, 2], &[2]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn equal_rows_have_no_diversity_and_a_stranger_is_an_outlier() {
        let axis = |at: usize| {
            let mut vector = [0.0; DIMENSIONS];
            vector[at] = 1.0;
            vector
        };
        let (diversity, outliers) = spread(&[axis(0); 10]);
        assert!(diversity.abs() < 1e-12 && outliers.abs() < 1e-12);
        let mut rows = vec![axis(0); 19];
        rows.push(axis(1));
        assert!((spread(&rows).1 - 0.05).abs() < 1e-12);
        assert!((spread(&[axis(0), axis(1)]).0 - 1.0).abs() < 1e-12);
    }
}
