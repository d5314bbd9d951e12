//! A table of numbers cut into bins, once for all fits on it.

use super::super::matrix::Matrix;

/// Bin 0 of every column holds the missing values; bin b > 0 the values at or below `edges[b - 1]`.
#[derive(Debug, Clone)]
pub struct Binned {
    pub(super) rows: usize,
    pub(super) edges: Vec<Vec<f64>>,
    pub(super) bins: Vec<Vec<u16>>,
}

impl Binned {
    pub fn of(design: &Matrix, most: usize) -> Self {
        let edges: Vec<Vec<f64>> =
            (0..design.columns()).map(|column| column_edges(&design.column(column), most)).collect();
        let bins = (0..design.columns())
            .map(|column| {
                let place = |value: f64| {
                    if value.is_nan() {
                        return 0;
                    }
                    edges[column].partition_point(|edge| *edge < value) as u16 + 1
                };
                design.column(column).into_iter().map(place).collect()
            })
            .collect();
        Self { rows: design.rows(), edges, bins }
    }

    pub(super) fn columns(&self) -> usize {
        self.bins.len()
    }

    /// A bin for missing values, one below each edge, and one above the last.
    pub(super) fn starts(&self, columns: &[usize]) -> Vec<usize> {
        let sizes = columns.iter().map(|column| self.edges[*column].len() + 2);
        std::iter::once(0)
            .chain(sizes.scan(0, |end, size| {
                *end += size;
                Some(*end)
            }))
            .collect()
    }
}

/// Upper edges between neighbouring distinct values; where there are more than `most`, equal counts.
/// A bin keeps at least three rows, LightGBM's `min_data_in_bin`.
fn column_edges(values: &[f64], most: usize) -> Vec<f64> {
    const FEWEST_IN_BIN: usize = 3;
    let mut present: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    present.sort_by(f64::total_cmp);
    let wanted = present.len().div_ceil(most).max(FEWEST_IN_BIN);
    let mut edges = Vec::new();
    let mut count = 0;
    for pair in present.windows(2) {
        count += 1;
        if pair[0] < pair[1] && count >= wanted {
            edges.push(f64::midpoint(pair[0], pair[1]));
            count = 0;
        }
    }
    edges
}
