//! Regression trees grown on squared error, and bagged forests of them.

use super::matrix::Matrix;
use super::random::Random;
use super::stats::mean;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ForestOptions {
    pub trees: usize,
    /// Fewest training rows in a leaf.
    pub leaf_rows: usize,
    /// Share of the columns tried at each split; at least one is tried.
    pub column_share: f64,
    pub seed: u64,
}

impl Default for ForestOptions {
    fn default() -> Self {
        Self { trees: 200, leaf_rows: 2, column_share: 0.5, seed: 0 }
    }
}

#[derive(Debug, Clone)]
pub struct Forest {
    trees: Vec<Tree>,
}

impl Forest {
    pub fn fit(design: &Matrix, target: &[f64], options: ForestOptions) -> Self {
        let trees = (0..options.trees)
            .map(|index| {
                let mut random = Random::new(crate::hash::combine(options.seed, index as u64));
                let rows = (0..design.rows()).map(|_| random.below(design.rows())).collect();
                Tree::grow(design, target, rows, options, &mut random)
            })
            .collect();
        Self { trees }
    }

    pub fn predict(&self, row: &[f64]) -> f64 {
        self.trees.iter().map(|tree| tree.predict(row)).sum::<f64>() / self.trees.len() as f64
    }
}

#[derive(Debug, Clone)]
enum Node {
    Leaf { value: f64 },
    Split { column: usize, threshold: f64, low: usize, high: usize },
}

/// One tree; a row goes low where its value is at or below the threshold.
#[derive(Debug, Clone)]
struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    fn grow(
        design: &Matrix,
        target: &[f64],
        rows: Vec<usize>,
        options: ForestOptions,
        random: &mut Random,
    ) -> Self {
        let mut nodes = vec![Node::Leaf { value: 0.0 }];
        let mut open = vec![(0, rows)];
        while let Some((node, rows)) = open.pop() {
            let Some((column, threshold)) = best_split(design, target, &rows, options, random) else {
                let values: Vec<f64> = rows.iter().map(|row| target[*row]).collect();
                nodes[node] = Node::Leaf { value: mean(&values) };
                continue;
            };
            let (low, high): (Vec<usize>, Vec<usize>) =
                rows.into_iter().partition(|row| design.at(*row, column) <= threshold);
            let first = nodes.len();
            nodes.extend([Node::Leaf { value: 0.0 }, Node::Leaf { value: 0.0 }]);
            nodes[node] = Node::Split { column, threshold, low: first, high: first + 1 };
            open.push((first, low));
            open.push((first + 1, high));
        }
        Self { nodes }
    }

    fn predict(&self, row: &[f64]) -> f64 {
        let mut node = 0;
        loop {
            match self.nodes[node] {
                Node::Leaf { value } => return value,
                Node::Split { column, threshold, low, high } => {
                    node = if row[column] <= threshold { low } else { high };
                }
            }
        }
    }
}

fn best_split(
    design: &Matrix,
    target: &[f64],
    rows: &[usize],
    options: ForestOptions,
    random: &mut Random,
) -> Option<(usize, f64)> {
    if rows.len() < 2 * options.leaf_rows {
        return None;
    }
    let total: f64 = rows.iter().map(|row| target[*row]).sum();
    let none = total * total / rows.len() as f64;
    let mut columns: Vec<usize> = (0..design.columns()).collect();
    random.shuffle(&mut columns);
    let tried = ((design.columns() as f64 * options.column_share) as usize).max(1);
    let mut best: Option<(f64, usize, f64)> = None;
    for (position, &column) in columns.iter().enumerate() {
        // Further columns are looked at only while none so far could be split at all.
        if position >= tried && best.is_some() {
            break;
        }
        let mut order = rows.to_vec();
        order.sort_by(|a, b| design.at(*a, column).total_cmp(&design.at(*b, column)));
        let mut below = 0.0;
        for split in 1..order.len() {
            below += target[order[split - 1]];
            let (left, right) = (design.at(order[split - 1], column), design.at(order[split], column));
            if left >= right || split < options.leaf_rows || order.len() - split < options.leaf_rows {
                continue;
            }
            let above = total - below;
            let gain = below * below / split as f64 + above * above / (order.len() - split) as f64 - none;
            if gain > 1e-12 && best.is_none_or(|(most, _, _)| gain > most) {
                best = Some((gain, column, f64::midpoint(left, right)));
            }
        }
    }
    best.map(|(_, column, threshold)| (column, threshold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn learns_a_step_and_is_reproducible() {
        let rows: Vec<Vec<f64>> = (0..60).map(|i| vec![f64::from(i) / 60.0, f64::from(i * 7 % 13)]).collect();
        let target: Vec<f64> = rows.iter().map(|row| f64::from(u8::from(row[0] > 0.5))).collect();
        let design = Matrix::from_rows(&rows);
        let forest = Forest::fit(&design, &target, ForestOptions::default());
        assert!(forest.predict(&[0.1, 3.0]) < 0.1 && forest.predict(&[0.9, 3.0]) > 0.9);
        let again = Forest::fit(&design, &target, ForestOptions::default());
        assert_eq!(forest.predict(&[0.47, 5.0]).to_bits(), again.predict(&[0.47, 5.0]).to_bits());
    }

    #[test]
    fn a_constant_target_gives_one_leaf() {
        let design = Matrix::from_fn(10, 2, |row, _| row as f64);
        let forest = Forest::fit(&design, &[3.0; 10], ForestOptions { trees: 3, ..Default::default() });
        assert!((forest.predict(&[100.0, 0.0]) - 3.0).abs() < 1e-12);
        assert!(forest.trees.iter().all(|tree| tree.nodes.len() == 1));
    }
}
