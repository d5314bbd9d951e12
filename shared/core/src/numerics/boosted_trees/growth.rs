//! One tree, grown leaf by leaf: the split that gains most is made first.

use super::bins::Binned;
use super::{BoostOptions, BoostedNode, BoostedTree, Slope};

struct OpenLeaf {
    node: usize,
    rows: Vec<u32>,
    bounds: Bounds,
    split: Option<Split>,
    /// Empty where no further split is looked for.
    histograms: Histograms,
}

/// Sums of a leaf's rows by bin, the tree's columns one behind the other.
#[derive(Default)]
struct Histograms {
    cells: Vec<Cell>,
}

/// What a leaf's value may be, so that constrained columns keep their direction over the whole tree.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bounds {
    low: f64,
    high: f64,
}

const UNBOUNDED: Bounds = Bounds { low: f64::NEG_INFINITY, high: f64::INFINITY };

#[derive(Clone, Copy)]
struct Split {
    gain: f64,
    column: usize,
    last_low_bin: usize,
    missing_low: bool,
    low_value: f64,
    high_value: f64,
}

/// What one tree is grown from.
pub(super) struct Growth<'a> {
    pub(super) binned: &'a Binned,
    pub(super) slopes: &'a [Slope],
    pub(super) columns: &'a [usize],
    /// Where each column's bins begin in a histogram, and where the last one's end.
    pub(super) starts: Vec<usize>,
    pub(super) directions: &'a [i8],
    pub(super) options: BoostOptions,
}

impl Growth<'_> {
    /// None when not even the root can be split: further rounds would add nothing.
    pub(super) fn grow(&self, rows: Vec<u32>) -> Option<BoostedTree> {
        let histograms = self.histograms(&rows);
        let root_split = self.best_split(&histograms, rows.len(), UNBOUNDED);
        root_split?;
        let mut nodes = vec![BoostedNode::Leaf { value: 0.0 }];
        let mut covers = vec![rows.len()];
        let mut leaves = vec![OpenLeaf { node: 0, rows, bounds: UNBOUNDED, split: root_split, histograms }];
        while leaves.len() < self.options.leaves {
            let Some(best) = (0..leaves.len()).filter(|leaf| leaves[*leaf].split.is_some()).max_by(|a, b| {
                let gain = |leaf: &usize| leaves[*leaf].split.map_or(0.0, |split| split.gain);
                // The earlier leaf wins a tie.
                gain(a).total_cmp(&gain(b)).then(b.cmp(a))
            }) else {
                break;
            };
            let leaf = leaves.swap_remove(best);
            let split = leaf.split.expect("only leaves with a split are chosen");
            let bins = &self.binned.bins[split.column];
            let goes_low = |row: &u32| {
                let bin = usize::from(bins[*row as usize]);
                if bin == 0 { split.missing_low } else { bin <= split.last_low_bin }
            };
            let (low, high): (Vec<u32>, Vec<u32>) = leaf.rows.into_iter().partition(goes_low);
            let first = nodes.len();
            nodes.extend([BoostedNode::Leaf { value: 0.0 }, BoostedNode::Leaf { value: 0.0 }]);
            covers.extend([low.len(), high.len()]);
            let edges = &self.binned.edges[split.column];
            nodes[leaf.node] = BoostedNode::Split {
                column: split.column,
                last_low_bin: split.last_low_bin as u16,
                threshold: edges.get(split.last_low_bin - 1).copied().unwrap_or(f64::MAX),
                missing_low: split.missing_low,
                low: first,
                high: first + 1,
            };
            let (low_bounds, high_bounds) = self.child_bounds(leaf.bounds, split);
            // A full tree asks no leaf for a further split; searching one is what fitting costs.
            let is_full = leaves.len() + 2 >= self.options.leaves;
            let [low_sums, high_sums] =
                if is_full { Default::default() } else { self.divided(leaf.histograms, [&low, &high]) };
            for (node, rows, bounds, histograms) in
                [(first, low, low_bounds, low_sums), (first + 1, high, high_bounds, high_sums)]
            {
                let split = if is_full { None } else { self.best_split(&histograms, rows.len(), bounds) };
                leaves.push(OpenLeaf { node, rows, bounds, split, histograms });
            }
        }
        for leaf in &leaves {
            let value =
                self.options.learning_rate * self.leaf_value(sum(self.slopes, &leaf.rows), leaf.bounds);
            nodes[leaf.node] = BoostedNode::Leaf { value };
        }
        Some(BoostedTree { nodes, covers })
    }

    fn histograms(&self, rows: &[u32]) -> Histograms {
        let mut cells = vec![Cell::default(); self.starts[self.columns.len()]];
        // Once for all columns: from their own places each column would fetch them anew.
        let slopes: Vec<Slope> = rows.iter().map(|row| self.slopes[*row as usize]).collect();
        for (index, column) in self.columns.iter().enumerate() {
            let bins = &self.binned.bins[*column];
            let cells = &mut cells[self.starts[index]..self.starts[index + 1]];
            for (row, slope) in rows.iter().zip(&slopes) {
                let cell = &mut cells[usize::from(bins[*row as usize])];
                cell.rows += 1;
                cell.gradient += slope.gradient;
                cell.hessian += slope.hessian;
            }
        }
        Histograms { cells }
    }

    /// Of both sides of a split: the smaller one is counted, the larger one is what is left (as LightGBM does it).
    fn divided(&self, mut whole: Histograms, [low, high]: [&[u32]; 2]) -> [Histograms; 2] {
        if low.len().max(high.len()) < 2 * self.options.leaf_rows {
            return Default::default();
        }
        let low_is_smaller = low.len() <= high.len();
        let smaller = self.histograms(if low_is_smaller { low } else { high });
        for (cell, part) in whole.cells.iter_mut().zip(&smaller.cells) {
            *cell = cell.minus(*part);
        }
        if low_is_smaller { [smaller, whole] } else { [whole, smaller] }
    }

    fn leaf_value(&self, total: Slope, bounds: Bounds) -> f64 {
        (-total.gradient / (total.hessian + self.options.l2)).clamp(bounds.low, bounds.high)
    }

    fn direction(&self, column: usize) -> i8 {
        self.directions.get(column).copied().unwrap_or(0)
    }

    /// LightGBM's basic method: below a constrained split the two sides may not cross its middle.
    fn child_bounds(&self, bounds: Bounds, split: Split) -> (Bounds, Bounds) {
        let middle = f64::midpoint(split.low_value, split.high_value);
        let (below, above) = (Bounds { high: middle, ..bounds }, Bounds { low: middle, ..bounds });
        match self.direction(split.column) {
            0 => (bounds, bounds),
            direction if direction > 0 => (below, above),
            _ => (above, below),
        }
    }

    fn best_split(&self, histograms: &Histograms, row_count: usize, bounds: Bounds) -> Option<Split> {
        let options = self.options;
        if row_count < 2 * options.leaf_rows {
            return None;
        }
        let value = |cell: Cell| self.leaf_value(cell.slope(), bounds);
        // Twice the loss that a leaf of this value removes.
        let is_free = bounds == UNBOUNDED;
        let worth = |cell: Cell| {
            if is_free {
                return cell.gradient * cell.gradient / (cell.hessian + options.l2);
            }
            let value = value(cell);
            -(2.0 * cell.gradient + (cell.hessian + options.l2) * value) * value
        };
        let allowed = |cell: Cell| cell.rows >= options.leaf_rows && cell.hessian >= options.leaf_hessian;
        let mut best: Option<Split> = None;
        for (index, &column) in self.columns.iter().enumerate() {
            let direction = f64::from(self.direction(column));
            let histogram = &histograms.cells[self.starts[index]..self.starts[index + 1]];
            let bin_count = histogram.len();
            let total = histogram.iter().fold(Cell::default(), |sum, cell| sum.plus(*cell));
            let total_worth = worth(total);
            let mut below = Cell::default();
            for last_low_bin in 1..bin_count {
                // The split before an empty bin is the split behind it; the first with its gain is kept.
                if histogram[last_low_bin].rows == 0 {
                    continue;
                }
                below = below.plus(histogram[last_low_bin]);
                for missing_low in [false, true] {
                    if missing_low && histogram[0].rows == 0 {
                        continue;
                    }
                    let low = if missing_low { below.plus(histogram[0]) } else { below };
                    let high = total.minus(low);
                    if !allowed(low) || !allowed(high) {
                        continue;
                    }
                    let gain = worth(low) + worth(high) - total_worth;
                    if gain > 1e-9 && best.is_none_or(|best| gain > best.gain) {
                        let (low_value, high_value) = (value(low), value(high));
                        if direction * (high_value - low_value) < 0.0 {
                            continue;
                        }
                        best = Some(Split { gain, column, last_low_bin, missing_low, low_value, high_value });
                    }
                }
            }
        }
        best
    }
}

fn sum(slopes: &[Slope], rows: &[u32]) -> Slope {
    rows.iter().map(|row| slopes[*row as usize]).fold(Slope::default(), |total, slope| Slope {
        gradient: total.gradient + slope.gradient,
        hessian: total.hessian + slope.hessian,
    })
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    rows: usize,
    gradient: f64,
    hessian: f64,
}

impl Cell {
    fn slope(self) -> Slope {
        Slope { gradient: self.gradient, hessian: self.hessian }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            rows: self.rows + other.rows,
            gradient: self.gradient + other.gradient,
            hessian: self.hessian + other.hessian,
        }
    }

    fn minus(self, other: Self) -> Self {
        Self {
            rows: self.rows - other.rows,
            gradient: self.gradient - other.gradient,
            hessian: self.hessian - other.hessian,
        }
    }
}
