//! MeanShift clustering with a flat kernel, and the form improved for difficulty vectors (arXiv 2502.17262,
//! section 3.2): far points and small clusters go back to the pool until nothing changes.

use super::stats::mean;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanShiftOptions {
    /// Share of nearest neighbours whose farthest member sets the estimated bandwidth.
    pub quantile: f64,
    /// Upper bound of the bandwidth.
    pub most_radius: f64,
    /// Clusters of fewer points dissolve.
    pub fewest_points: usize,
}

/// Cluster number of each point; None is an outlier.
#[derive(Debug, Clone, PartialEq)]
pub struct Clustering {
    pub labels: Vec<Option<usize>>,
    pub clusters: usize,
    pub radius: f64,
}

/// The iterative form. Points must have one length.
pub fn improved_mean_shift(points: &[Vec<f64>], options: MeanShiftOptions) -> Clustering {
    // Every pass that changes anything settles at least one cluster; the bound only guards against a cycle.
    const MOST_PASSES: usize = 1000;
    let mut labels: Vec<Option<usize>> = vec![None; points.len()];
    let mut clusters = 0;
    let radius = estimate_bandwidth(points, options.quantile).min(options.most_radius);
    for _ in 0..MOST_PASSES {
        let left: Vec<usize> = (0..points.len()).filter(|point| labels[*point].is_none()).collect();
        let pool: Vec<&[f64]> = left.iter().map(|point| points[*point].as_slice()).collect();
        let (assignment, centres) = mean_shift(&pool, radius);
        let mut settled = false;
        for (cluster, centre) in centres.iter().enumerate() {
            let members: Vec<usize> = left
                .iter()
                .zip(&assignment)
                .filter(|(point, label)| **label == cluster && distance(&points[**point], centre) <= radius)
                .map(|(point, _)| *point)
                .collect();
            if members.len() >= options.fewest_points.max(1) {
                for member in members {
                    labels[member] = Some(clusters);
                }
                clusters += 1;
                settled = true;
            }
        }
        if !settled {
            break;
        }
    }
    Clustering { labels, clusters, radius }
}

/// Mean over points of the distance to the farthest of their nearest `quantile` share (scikit-learn's rule).
pub fn estimate_bandwidth(points: &[Vec<f64>], quantile: f64) -> f64 {
    if points.is_empty() {
        return 0.0;
    }
    let neighbours = ((points.len() as f64 * quantile) as usize).clamp(1, points.len());
    let farthest: Vec<f64> = points
        .iter()
        .map(|point| {
            let mut distances: Vec<f64> = points.iter().map(|other| distance(point, other)).collect();
            distances.sort_by(f64::total_cmp);
            distances[neighbours - 1]
        })
        .collect();
    mean(&farthest)
}

/// Flat-kernel MeanShift from every point; labels by nearest centre, centres by falling support.
fn mean_shift(points: &[&[f64]], radius: f64) -> (Vec<usize>, Vec<Vec<f64>>) {
    const MOST_STEPS: usize = 300;
    let mut modes: Vec<(usize, Vec<f64>)> = points
        .iter()
        .map(|start| {
            let mut centre = start.to_vec();
            let mut support = 1;
            for _ in 0..MOST_STEPS {
                let near: Vec<&&[f64]> =
                    points.iter().filter(|point| distance(point, &centre) <= radius).collect();
                if near.is_empty() {
                    break;
                }
                support = near.len();
                let moved: Vec<f64> = (0..centre.len())
                    .map(|column| near.iter().map(|point| point[column]).sum::<f64>() / near.len() as f64)
                    .collect();
                let step = distance(&moved, &centre);
                centre = moved;
                if step <= 1e-3 * radius {
                    break;
                }
            }
            (support, centre)
        })
        .collect();
    modes.sort_by(|a, b| {
        b.0.cmp(&a.0).then_with(|| {
            a.1.iter().zip(&b.1).fold(std::cmp::Ordering::Equal, |order, (x, y)| order.then(x.total_cmp(y)))
        })
    });
    let mut centres: Vec<Vec<f64>> = Vec::new();
    for (_, mode) in modes {
        if centres.iter().all(|centre| distance(centre, &mode) > radius) {
            centres.push(mode);
        }
    }
    let labels = points
        .iter()
        .map(|point| {
            let gap = |centre: &usize| distance(point, &centres[*centre]);
            (0..centres.len()).min_by(|a, b| gap(a).total_cmp(&gap(b))).unwrap_or(0)
        })
        .collect();
    (labels, centres)
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::Random;

    #[test]
    fn two_clouds_and_an_outlier() {
        let mut random = Random::new(3);
        let mut points: Vec<Vec<f64>> = Vec::new();
        for centre in [0.2, 0.8] {
            points.extend(
                (0..30).map(|_| vec![centre + 0.02 * random.normal(), centre + 0.02 * random.normal()]),
            );
        }
        points.push(vec![0.2, 0.9]);
        let options = MeanShiftOptions { quantile: 0.4, most_radius: 0.14, fewest_points: 10 };
        let found = improved_mean_shift(&points, options);
        assert!(found.labels[60].is_none());
        assert_eq!(found.clusters, 2);
        let first = found.labels[0];
        let near = found.labels[..30].iter().filter(|label| **label == first).count();
        assert!(near >= 28 && found.labels[31] != first);
    }

    #[test]
    fn no_points_no_clusters() {
        let options = MeanShiftOptions { quantile: 0.1, most_radius: 0.3, fewest_points: 10 };
        assert_eq!(improved_mean_shift(&[], options).clusters, 0);
    }
}
