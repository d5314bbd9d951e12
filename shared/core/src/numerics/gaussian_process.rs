//! Gaussian-process regression on a few dozen rows: linear plus smooth kernel plus noise, averaged over a
//! grid of settings by their marginal likelihood instead of trusting one optimum (flat prior on the grid).

use super::matrix::{Cholesky, Matrix, dot};

/// Predictions with their uncertainty; the target is taken as centred near zero and of unit scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    pub mean: f64,
    /// Of a new noisy observation.
    pub variance: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Smooth {
    /// One RBF over all columns.
    Joint,
    /// The mean of one RBF a column: smooth, but without interactions.
    Additive,
}

const LENGTHS: [f64; 3] = [0.5, 1.0, 2.0];
const LINEAR_WEIGHTS: [f64; 3] = [0.1, 0.3, 1.0];
const SMOOTH_WEIGHTS: [f64; 3] = [0.1, 0.3, 1.0];
const NOISES: [f64; 4] = [0.1, 0.2, 0.4, 0.7];

/// Predicts `queries` from rows of `design`, averaged over the grid.
pub fn predict_averaged(design: &Matrix, target: &[f64], queries: &Matrix) -> Vec<Prediction> {
    let mut settings: Vec<(f64, Vec<Prediction>)> = Vec::new();
    let columns = design.columns() as f64;
    let linear = |a: &[f64], b: &[f64]| dot(a, b) / columns;
    let (gram, cross) = (gram(design, linear), cross(queries, design, linear));
    let own: Vec<f64> = queries.iter_rows().map(|row| linear(row, row)).collect();
    for length in LENGTHS {
        for shape in [Smooth::Joint, Smooth::Additive] {
            let kernel = |a: &[f64], b: &[f64]| smooth(a, b, length, shape);
            let (smooth_gram, smooth_cross) =
                (self::gram(design, kernel), self::cross(queries, design, kernel));
            for linear_weight in LINEAR_WEIGHTS {
                for smooth_weight in SMOOTH_WEIGHTS {
                    for noise in NOISES {
                        let covariance = Matrix::from_fn(design.rows(), design.rows(), |a, b| {
                            linear_weight * gram.at(a, b)
                                + smooth_weight * smooth_gram.at(a, b)
                                + if a == b { noise } else { 0.0 }
                        });
                        let Some(factor) = Cholesky::of(&covariance) else { continue };
                        let weights = factor.solve(target);
                        let evidence = -0.5 * (dot(target, &weights) + factor.log_determinant());
                        let predictions = (0..queries.rows())
                            .map(|query| {
                                let covariances: Vec<f64> = (0..design.rows())
                                    .map(|row| {
                                        linear_weight * cross.at(query, row)
                                            + smooth_weight * smooth_cross.at(query, row)
                                    })
                                    .collect();
                                let prior = linear_weight * own[query] + smooth_weight + noise;
                                let explained = dot(&covariances, &factor.solve(&covariances));
                                Prediction {
                                    mean: dot(&covariances, &weights),
                                    variance: (prior - explained).max(noise),
                                }
                            })
                            .collect();
                        settings.push((evidence, predictions));
                    }
                }
            }
        }
    }
    average(&settings, queries.rows())
}

fn average(settings: &[(f64, Vec<Prediction>)], count: usize) -> Vec<Prediction> {
    let highest = settings.iter().map(|(evidence, _)| *evidence).fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = settings.iter().map(|(evidence, _)| libm::exp(evidence - highest)).collect();
    let total: f64 = weights.iter().sum();
    (0..count)
        .map(|query| {
            let expect = |value: &dyn Fn(&Prediction) -> f64| {
                settings
                    .iter()
                    .zip(&weights)
                    .map(|((_, all), weight)| weight * value(&all[query]))
                    .sum::<f64>()
                    / total
            };
            let mean = expect(&|prediction| prediction.mean);
            let second = expect(&|prediction| prediction.variance + prediction.mean * prediction.mean);
            Prediction { mean, variance: second - mean * mean }
        })
        .collect()
}

fn smooth(a: &[f64], b: &[f64], length: f64, shape: Smooth) -> f64 {
    let columns = a.len() as f64;
    let squares = a.iter().zip(b).map(|(x, y)| (x - y) * (x - y));
    match shape {
        Smooth::Joint => libm::exp(-squares.sum::<f64>() / (2.0 * length * length * columns)),
        Smooth::Additive => {
            squares.map(|square| libm::exp(-square / (2.0 * length * length))).sum::<f64>() / columns
        }
    }
}

fn gram(design: &Matrix, kernel: impl Fn(&[f64], &[f64]) -> f64) -> Matrix {
    cross(design, design, kernel)
}

fn cross(left: &Matrix, right: &Matrix, kernel: impl Fn(&[f64], &[f64]) -> f64) -> Matrix {
    Matrix::from_fn(left.rows(), right.rows(), |a, b| kernel(left.row(a), right.row(b)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::Random;

    #[test]
    fn follows_a_noisy_line_and_knows_where_it_does_not_know() {
        let mut random = Random::new(9);
        let rows: Vec<Vec<f64>> = (0..30).map(|_| vec![random.normal()]).collect();
        let target: Vec<f64> = rows.iter().map(|row| 0.8 * row[0] + 0.3 * random.normal()).collect();
        let queries = Matrix::from_rows(&[vec![0.5], vec![1.5], vec![30.0]]);
        let predictions = predict_averaged(&Matrix::from_rows(&rows), &target, &queries);
        assert!((predictions[0].mean - 0.4).abs() < 0.3 && (predictions[1].mean - 1.2).abs() < 0.4);
        assert!(predictions[2].variance > 2.0 * predictions[0].variance);
        let repeated = predict_averaged(&Matrix::from_rows(&rows), &target, &queries);
        assert_eq!(predictions, repeated);
    }
}
