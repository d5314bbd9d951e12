//! Gradient-boosted trees grown leaf by leaf on histograms, as LightGBM grows them (Ke et al. 2017): squared
//! error or logistic loss, missing values sent to the side that gains more, bagging of rows and columns,
//! monotone constraints. Dense input, no categories.

use super::matrix::Matrix;
use super::random::Random;
use super::stats::mean;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    Squared,
    /// Targets 0 or 1; scores are log-odds.
    Logistic,
}

/// The defaults are LightGBM's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoostOptions {
    pub loss: Loss,
    pub trees: usize,
    pub learning_rate: f64,
    pub leaves: usize,
    pub leaf_rows: usize,
    pub leaf_hessian: f64,
    pub l2: f64,
    pub bins: usize,
    /// Share of the rows that a tree is grown on, drawn anew for each; at least one.
    pub row_share: f64,
    /// Share of the columns that a tree may split on, drawn anew for each; at least one.
    pub column_share: f64,
    pub seed: u64,
}

impl Default for BoostOptions {
    fn default() -> Self {
        Self {
            loss: Loss::Squared,
            trees: 100,
            learning_rate: 0.1,
            leaves: 31,
            leaf_rows: 20,
            leaf_hessian: 1e-3,
            l2: 0.0,
            bins: 255,
            row_share: 1.0,
            column_share: 1.0,
            seed: 0,
        }
    }
}

#[derive(Debug, Clone)]
pub struct BoostedTrees {
    base_score: f64,
    trees: Vec<BoostedTree>,
}

impl BoostedTrees {
    pub fn fit(design: &Matrix, target: &[f64], options: BoostOptions) -> Self {
        Self::fit_monotone(design, target, options, &[])
    }

    /// `directions`: for each column +1 where the score may only rise with it, -1 where it may only fall, 0
    /// where it is free; empty means all free.
    pub fn fit_monotone(design: &Matrix, target: &[f64], options: BoostOptions, directions: &[i8]) -> Self {
        let mut random = Random::new(options.seed);
        let binned = Binned::of(design, options.bins);
        let base_score = start_score(target, options.loss);
        let mut scores = vec![base_score; design.rows()];
        let mut trees = Vec::with_capacity(options.trees);
        for _ in 0..options.trees {
            let slopes: Vec<Slope> =
                scores.iter().zip(target).map(|(score, y)| slope(*score, *y, options.loss)).collect();
            let rows = draw_share(binned.rows, options.row_share, &mut random);
            let columns = draw_share(design.columns(), options.column_share, &mut random);
            let starts = binned.starts(&columns);
            let growth =
                Growth { binned: &binned, slopes: &slopes, columns: &columns, starts, directions, options };
            let Some(tree) = growth.grow(rows.into_iter().map(|row| row as u32).collect()) else { break };
            for (row, score) in scores.iter_mut().enumerate() {
                *score += tree.predict(design.row(row));
            }
            trees.push(tree);
        }
        Self { base_score, trees }
    }

    pub fn base_score(&self) -> f64 {
        self.base_score
    }

    pub fn trees(&self) -> &[BoostedTree] {
        &self.trees
    }

    /// The raw score: the value for squared loss, log-odds for logistic.
    pub fn score(&self, row: &[f64]) -> f64 {
        self.base_score + self.trees.iter().map(|tree| tree.predict(row)).sum::<f64>()
    }

    /// Probability of class 1 under logistic loss.
    pub fn probability(&self, row: &[f64]) -> f64 {
        sigmoid(self.score(row))
    }
}

/// Ascending positions, drawn without replacement.
fn draw_share(count: usize, share: f64, random: &mut Random) -> Vec<usize> {
    let mut all: Vec<usize> = (0..count).collect();
    let wanted = ((share * count as f64).round() as usize).max(1);
    if wanted < count {
        random.shuffle(&mut all);
        all.truncate(wanted);
        all.sort_unstable();
    }
    all
}

fn sigmoid(score: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-score))
}

fn start_score(target: &[f64], loss: Loss) -> f64 {
    match loss {
        Loss::Squared => mean(target),
        Loss::Logistic => {
            let share = mean(target).clamp(1e-12, 1.0 - 1e-12);
            libm::log(share / (1.0 - share))
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Slope {
    gradient: f64,
    hessian: f64,
}

fn slope(score: f64, target: f64, loss: Loss) -> Slope {
    match loss {
        Loss::Squared => Slope { gradient: score - target, hessian: 1.0 },
        Loss::Logistic => {
            let probability = sigmoid(score);
            Slope { gradient: probability - target, hessian: probability * (1.0 - probability) }
        }
    }
}

/// Bin 0 of every column holds the missing values; bin b > 0 the values at or below `edges[b - 1]`.
struct Binned {
    rows: usize,
    edges: Vec<Vec<f64>>,
    bins: Vec<Vec<u16>>,
}

impl Binned {
    fn of(design: &Matrix, most: usize) -> Self {
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

    /// A bin for missing values, one below each edge, and one above the last.
    fn starts(&self, columns: &[usize]) -> Vec<usize> {
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

#[derive(Debug, Clone)]
pub enum BoostedNode {
    Leaf { value: f64 },
    Split { column: usize, threshold: f64, missing_low: bool, low: usize, high: usize },
}

/// Node 0 is the root.
#[derive(Debug, Clone)]
pub struct BoostedTree {
    nodes: Vec<BoostedNode>,
    /// Training rows that reached each node.
    covers: Vec<usize>,
}

impl BoostedTree {
    pub fn nodes(&self) -> &[BoostedNode] {
        &self.nodes
    }

    pub fn covers(&self) -> &[usize] {
        &self.covers
    }

    fn predict(&self, row: &[f64]) -> f64 {
        let mut node = 0;
        loop {
            match self.nodes[node] {
                BoostedNode::Leaf { value } => return value,
                BoostedNode::Split { column, threshold, missing_low, low, high } => {
                    let value = row[column];
                    let goes_low = if value.is_nan() { missing_low } else { value <= threshold };
                    node = if goes_low { low } else { high };
                }
            }
        }
    }
}

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
struct Growth<'a> {
    binned: &'a Binned,
    slopes: &'a [Slope],
    columns: &'a [usize],
    /// Where each column's bins begin in a histogram, and where the last one's end.
    starts: Vec<usize>,
    directions: &'a [i8],
    options: BoostOptions,
}

impl Growth<'_> {
    /// None when not even the root can be split: further rounds would add nothing.
    fn grow(&self, rows: Vec<u32>) -> Option<BoostedTree> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::Random;

    #[test]
    fn regression_fits_a_curve() {
        let mut random = Random::new(4);
        let rows: Vec<Vec<f64>> = (0..600).map(|_| vec![random.uniform(), random.uniform()]).collect();
        let target: Vec<f64> = rows.iter().map(|row| (row[0] * 6.0).sin() + row[1]).collect();
        let model = BoostedTrees::fit(&Matrix::from_rows(&rows), &target, BoostOptions::default());
        let error =
            rows.iter().zip(&target).map(|(row, y)| (model.score(row) - y).abs()).sum::<f64>() / 600.0;
        assert!(error < 0.05, "{error}");
    }

    #[test]
    fn logistic_learns_and_missing_values_take_the_better_side() {
        // Missing means class 1 here, as do large values.
        let rows: Vec<Vec<f64>> =
            (0..300).map(|i| vec![if i % 3 == 0 { f64::NAN } else { f64::from(i % 10) }]).collect();
        let target: Vec<f64> =
            rows.iter().map(|row| f64::from(u8::from(row[0].is_nan() || row[0] > 5.0))).collect();
        let options = BoostOptions { loss: Loss::Logistic, ..BoostOptions::default() };
        let model = BoostedTrees::fit(&Matrix::from_rows(&rows), &target, options);
        assert!(model.probability(&[f64::NAN]) > 0.95);
        assert!(model.probability(&[1.0]) < 0.05 && model.probability(&[8.0]) > 0.95);
    }

    #[test]
    fn a_constrained_column_never_turns_back() {
        let mut random = Random::new(9);
        let rows: Vec<Vec<f64>> = (0..400).map(|_| vec![random.uniform(), random.uniform()]).collect();
        // Falls in the middle of the column that must rise.
        let target: Vec<f64> = rows
            .iter()
            .map(|row| row[0] + (9.0 * row[0]).sin() + row[1] * row[0] + 0.1 * random.normal())
            .collect();
        let options = BoostOptions { leaf_rows: 5, leaves: 8, ..BoostOptions::default() };
        let design = Matrix::from_rows(&rows);
        let turns_back = |model: &BoostedTrees| {
            (0..20).any(|other| {
                let at = |step: u32| model.score(&[f64::from(step) / 100.0, f64::from(other) / 20.0]);
                (0..100).any(|step| at(step + 1) < at(step) - 1e-12)
            })
        };
        assert!(turns_back(&BoostedTrees::fit(&design, &target, options)));
        assert!(!turns_back(&BoostedTrees::fit_monotone(&design, &target, options, &[1, 0])));
    }

    #[test]
    fn bagging_is_seeded_and_covers_count_the_rows() {
        let rows: Vec<Vec<f64>> = (0..100).map(|i| vec![f64::from(i), f64::from(i % 7)]).collect();
        let target: Vec<f64> = rows.iter().map(|row| row[0] * 0.1 + row[1]).collect();
        let options =
            BoostOptions { row_share: 0.6, column_share: 0.5, leaf_rows: 5, ..BoostOptions::default() };
        let design = Matrix::from_rows(&rows);
        let fit =
            |seed| BoostedTrees::fit(&design, &target, BoostOptions { seed, ..options }).score(&[3.0, 3.0]);
        assert!((fit(1) - fit(1)).abs() < 1e-15 && (fit(1) - fit(2)).abs() > 1e-12);
        let model = BoostedTrees::fit(&design, &target, options);
        assert!(model.trees().iter().all(|tree| tree.covers()[0] == 60));
    }

    #[test]
    fn nothing_to_split_gives_the_mean() {
        let model = BoostedTrees::fit(
            &Matrix::from_fn(5, 1, |row, _| row as f64),
            &[1.0, 2.0, 3.0, 4.0, 5.0],
            BoostOptions::default(),
        );
        assert!((model.score(&[9.0]) - 3.0).abs() < 1e-12);
    }
}
