//! How well the base model's hidden states already tell the answers apart, before any training: label
//! agreement of nearest neighbours, and LogME (You et al. 2021, "LogME: Practical Assessment of
//! Pre-trained Models for Transfer Learning", algorithm 1).

use foretune_core::hash::combine;

const NEIGHBOURS: usize = 5;
/// Hidden states are projected to this many dimensions first: enough to tell rows apart, and an
/// eigen-decomposition of that size takes milliseconds.
const DIMENSIONS: usize = 48;
/// Answers beyond the most frequent ones are one class.
const MAX_CLASSES: usize = 32;
const SEED: u64 = 0x1006;

/// Mean share of the five nearest other rows (cosine, after centring) whose label is the same.
pub fn agreement(states: &[Vec<f64>], labels: &[u64]) -> f64 {
    if states.len() <= NEIGHBOURS {
        return f64::NAN;
    }
    let centred = normalised(&centre(states));
    let mut total = 0.0;
    for (i, state) in centred.iter().enumerate() {
        let mut others: Vec<(f64, usize)> = centred
            .iter()
            .enumerate()
            .filter(|(j, _)| *j != i)
            .map(|(j, other)| (state.iter().zip(other).map(|(a, b)| a * b).sum::<f64>(), j))
            .collect();
        others.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let same = others[..NEIGHBOURS].iter().filter(|(_, j)| labels[*j] == labels[i]).count();
        total += same as f64 / NEIGHBOURS as f64;
    }
    total / states.len() as f64
}

/// Mean over classes of the log evidence a row of one-hot labels under a Bayesian linear model.
pub fn logme(states: &[Vec<f64>], labels: &[u64]) -> f64 {
    let classes = classes(labels);
    let rows = states.len();
    if rows <= DIMENSIONS || classes.len() < 2 {
        return f64::NAN;
    }
    let features = project(&centre(states));
    let dims = features[0].len();
    let mut gram = vec![vec![0.0; dims]; dims];
    for row in &features {
        for i in 0..dims {
            for j in 0..dims {
                gram[i][j] += row[i] * row[j];
            }
        }
    }
    let (values, vectors) = eigen(gram);
    let evidence = classes.iter().map(|class| {
        let y: Vec<f64> = labels.iter().map(|label| f64::from(u8::from(label == class))).collect();
        class_evidence(&features, &y, &values, &vectors)
    });
    crate::curves::mean(&evidence.collect::<Vec<_>>())
}

/// Fixed-point iteration for the precisions of weights (alpha) and noise (beta).
fn class_evidence(features: &[Vec<f64>], y: &[f64], values: &[f64], vectors: &[Vec<f64>]) -> f64 {
    let rows = y.len() as f64;
    let dims = values.len();
    let projected: Vec<f64> =
        (0..dims).map(|d| features.iter().zip(y).map(|(row, y)| row[d] * y).sum::<f64>()).collect();
    // F'y in the eigenbasis.
    let z: Vec<f64> =
        vectors.iter().map(|vector| vector.iter().zip(&projected).map(|(v, p)| v * p).sum::<f64>()).collect();
    let y_squares: f64 = y.iter().map(|y| y * y).sum();
    let (mut alpha, mut beta) = (1.0f64, 1.0f64);
    let mut evidence = f64::NAN;
    for _ in 0..50 {
        let gamma: f64 = values.iter().map(|s| beta * s / (alpha + beta * s)).sum();
        let m: Vec<f64> = z.iter().zip(values).map(|(z, s)| beta * z / (alpha + beta * s)).collect();
        let m_squares: f64 = m.iter().map(|m| m * m).sum();
        let fit: f64 = m.iter().zip(&z).map(|(m, z)| m * z).sum();
        let fitted: f64 = m.iter().zip(values).map(|(m, s)| m * m * s).sum();
        let residual = (y_squares - 2.0 * fit + fitted).max(1e-12);
        alpha = gamma / m_squares.max(1e-12);
        beta = (rows - gamma) / residual;
        let log_determinant: f64 = values.iter().map(|s| libm::log(alpha + beta * s)).sum();
        let new = 0.5
            * (rows * libm::log(beta) + dims as f64 * libm::log(alpha)
                - rows * libm::log(2.0 * std::f64::consts::PI)
                - beta * residual
                - alpha * m_squares
                - log_determinant)
            / rows;
        if (new - evidence).abs() < 1e-6 {
            return new;
        }
        evidence = new;
    }
    evidence
}

fn classes(labels: &[u64]) -> Vec<u64> {
    let mut counts = std::collections::BTreeMap::<u64, usize>::new();
    for label in labels {
        *counts.entry(*label).or_default() += 1;
    }
    let mut classes: Vec<(usize, u64)> = counts.into_iter().map(|(label, count)| (count, label)).collect();
    classes.sort_by(|a, b| b.cmp(a));
    classes.into_iter().take(MAX_CLASSES).map(|(_, label)| label).collect()
}

fn centre(states: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let dims = states.first().map_or(0, Vec::len);
    let means: Vec<f64> =
        (0..dims).map(|d| states.iter().map(|state| state[d]).sum::<f64>() / states.len() as f64).collect();
    states.iter().map(|state| state.iter().zip(&means).map(|(value, mean)| value - mean).collect()).collect()
}

fn normalised(states: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let length = |state: &[f64]| state.iter().map(|value| value * value).sum::<f64>().sqrt().max(1e-12);
    states.iter().map(|state| state.iter().map(|value| value / length(state)).collect()).collect()
}

/// Random signs, the same everywhere, when there are more dimensions than wanted.
fn project(states: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let dims = states[0].len();
    if dims <= DIMENSIONS {
        return states.to_vec();
    }
    let sign = |row: usize, column: usize| {
        let bit = combine(combine(SEED, row as u64), column as u64) & 1;
        (if bit == 0 { 1.0 } else { -1.0 }) / (dims as f64).sqrt()
    };
    let signs: Vec<Vec<f64>> =
        (0..DIMENSIONS).map(|row| (0..dims).map(|column| sign(row, column)).collect()).collect();
    states
        .iter()
        .map(|state| signs.iter().map(|signs| signs.iter().zip(state).map(|(a, b)| a * b).sum()).collect())
        .collect()
}

/// Eigenvalues and eigenvectors (as rows) of a symmetric matrix, by Jacobi rotations.
fn eigen(mut matrix: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let size = matrix.len();
    let mut vectors: Vec<Vec<f64>> =
        (0..size).map(|i| (0..size).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    let total: f64 = matrix.iter().flatten().map(|value| value * value).sum();
    for _ in 0..30 {
        let off: f64 =
            (0..size).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| matrix[i][j].powi(2)).sum();
        if off <= 1e-20 * total.max(1e-300) {
            break;
        }
        for p in 0..size {
            for q in p + 1..size {
                rotate(&mut matrix, &mut vectors, p, q);
            }
        }
    }
    ((0..size).map(|i| matrix[i][i].max(0.0)).collect(), vectors)
}

fn rotate(matrix: &mut [Vec<f64>], vectors: &mut [Vec<f64>], p: usize, q: usize) {
    if matrix[p][q].abs() < 1e-300 {
        return;
    }
    let theta = (matrix[q][q] - matrix[p][p]) / (2.0 * matrix[p][q]);
    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
    let t = if theta.abs() < 1e-300 { 1.0 } else { t };
    let c = 1.0 / (t * t + 1.0).sqrt();
    let s = t * c;
    for row in matrix.iter_mut() {
        let (a, b) = (row[p], row[q]);
        row[p] = c * a - s * b;
        row[q] = s * a + c * b;
    }
    for k in 0..matrix.len() {
        let (a, b) = (matrix[p][k], matrix[q][k]);
        matrix[p][k] = c * a - s * b;
        matrix[q][k] = s * a + c * b;
        let (a, b) = (vectors[p][k], vectors[q][k]);
        vectors[p][k] = c * a - s * b;
        vectors[q][k] = s * a + c * b;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows around `classes` centres, with noise that can drown them.
    fn clusters(noise: f64) -> (Vec<Vec<f64>>, Vec<u64>) {
        let draw = |a: u64, b: u64| crate::lora::normal(combine(a, b), combine(b + 1, a));
        let labels: Vec<u64> = (0..150).map(|i| i % 3).collect();
        let states = labels
            .iter()
            .enumerate()
            .map(|(i, label)| {
                (0..60).map(|d| draw(*label + 1000, d) + noise * draw(i as u64 + 5000, d)).collect()
            })
            .collect();
        (states, labels)
    }

    #[test]
    fn clear_clusters_score_higher_than_noise() {
        let ((clear, labels), (noisy, _)) = (clusters(0.3), clusters(30.0));
        assert!(agreement(&clear, &labels) > 0.99);
        assert!((agreement(&noisy, &labels) - 1.0 / 3.0).abs() < 0.15);
        assert!(logme(&clear, &labels) > logme(&noisy, &labels) + 0.2);
    }

    #[test]
    fn too_little_to_judge_is_missing() {
        let (states, labels) = clusters(1.0);
        assert!(agreement(&states[..4], &labels[..4]).is_nan());
        assert!(logme(&states, &vec![7; labels.len()]).is_nan());
    }

    #[test]
    fn eigenvectors_reproduce_the_matrix() {
        let matrix = vec![vec![4.0, 1.0, 0.5], vec![1.0, 3.0, -0.2], vec![0.5, -0.2, 1.0]];
        let (values, vectors) = eigen(matrix.clone());
        for (i, row) in matrix.iter().enumerate() {
            for (j, wanted) in row.iter().enumerate() {
                let sum: f64 = (0..3).map(|k| values[k] * vectors[k][i] * vectors[k][j]).sum();
                assert!((sum - wanted).abs() < 1e-9);
            }
        }
    }
}
