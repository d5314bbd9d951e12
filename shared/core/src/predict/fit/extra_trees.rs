//! Extremely randomised trees (Geurts et al. 2006): thresholds are drawn, not searched, and the average of
//! many smooths well on small tables. Missing values join the side that fits them better.

use crate::hash;
use crate::numerics::Random;
use crate::predict::model::{Forest, Model};
use crate::predict::tree::{Branch, Node, Split, Tree};

use super::table::Table;

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExtraTreesOptions {
    pub trees: usize,
    pub leaf_rows: usize,
    /// Leaves of one tree; the split that gains most is made first.
    pub leaves: usize,
    /// Share of the features of which one random threshold each is tried at a split.
    pub column_share: f64,
    pub seed: u64,
}

impl Default for ExtraTreesOptions {
    fn default() -> Self {
        Self { trees: 120, leaf_rows: 4, leaves: 32, column_share: 0.5, seed: 0 }
    }
}

pub fn fit(table: &Table, target: &[f64], options: ExtraTreesOptions) -> Model {
    let width = table.names.len();
    let centre = crate::numerics::stats::mean(target);
    let residual: Vec<f64> = target.iter().map(|y| y - centre).collect();
    // One column after another: a draw goes down one of them, and rows lie far apart.
    let columns: Vec<Vec<f64>> = (0..width).map(|column| table.column(column)).collect();
    let grow = Grow { columns: &columns, target: &residual, options };
    let trees: Vec<Tree> =
        (0..options.trees).map(|index| grow.tree(hash::combine(options.seed, index as u64))).collect();
    let mut model = Model::constant(width, centre);
    let scale = 1.0 / options.trees.max(1) as f64;
    model.forests.push(Forest { scale, ..Forest::sum(trees) });
    model
}

struct Grow<'a> {
    columns: &'a [Vec<f64>],
    target: &'a [f64],
    options: ExtraTreesOptions,
}

#[derive(Clone, Copy)]
struct Candidate {
    gain: f64,
    column: usize,
    threshold: f64,
    missing_low: bool,
}

#[derive(Clone, Copy, Default)]
struct Side {
    count: f64,
    sum: f64,
}

impl Side {
    fn plus(self, other: Self) -> Self {
        Self { count: self.count + other.count, sum: self.sum + other.sum }
    }

    fn minus(self, other: Self) -> Self {
        Self { count: self.count - other.count, sum: self.sum - other.sum }
    }

    fn worth(self) -> f64 {
        if self.count > 0.0 { self.sum * self.sum / self.count } else { 0.0 }
    }
}

impl Grow<'_> {
    fn tree(&self, seed: u64) -> Tree {
        let mut random = Random::new(seed);
        let all: Vec<usize> = (0..self.target.len()).collect();
        let mut nodes = vec![Node::Leaf(self.mean(&all))];
        let mut covers = vec![all.len() as f64];
        let first = self.best(&all, &mut random);
        let mut open: Vec<(usize, Vec<usize>, Candidate)> =
            first.into_iter().map(|best| (0, all.clone(), best)).collect();
        while nodes.len() + 1 < 2 * self.options.leaves {
            let Some(next) = (0..open.len()).max_by(|a, b| open[*a].2.gain.total_cmp(&open[*b].2.gain))
            else {
                break;
            };
            let (at, rows, best) = open.swap_remove(next);
            let child = nodes.len();
            let split = Split {
                feature: best.column as u32,
                branch: Branch::LessOrEqual,
                missing_goes_true: best.missing_low,
                threshold: best.threshold,
                on_true: child as u32,
                on_false: child as u32 + 1,
            };
            let (low, high): (Vec<usize>, Vec<usize>) =
                rows.into_iter().partition(|row| split.goes_true(self.columns[best.column][*row]));
            nodes[at] = Node::Split(split);
            for (node, rows) in [(child, low), (child + 1, high)] {
                nodes.push(Node::Leaf(self.mean(&rows)));
                covers.push(rows.len() as f64);
                if let Some(best) = self.best(&rows, &mut random) {
                    open.push((node, rows, best));
                }
            }
        }
        Tree::new(nodes, Some(covers), self.columns.len())
            .expect("children are numbered after their parents and means of finite targets are finite")
    }

    fn mean(&self, rows: &[usize]) -> f64 {
        rows.iter().map(|row| self.target[*row]).sum::<f64>() / rows.len() as f64
    }

    fn best(&self, rows: &[usize], random: &mut Random) -> Option<Candidate> {
        if rows.len() < 2 * self.options.leaf_rows {
            return None;
        }
        let width = self.columns.len();
        let wanted = ((self.options.column_share * width as f64).ceil() as usize).clamp(1, width);
        let mut columns: Vec<usize> = (0..width).collect();
        let targets: Vec<f64> = rows.iter().map(|row| self.target[*row]).collect();
        let all = Side { count: targets.len() as f64, sum: targets.iter().sum() };
        let mut values = Vec::with_capacity(rows.len());
        let mut best: Option<Candidate> = None;
        let mut tried = 0;
        // Constant columns do not count as tried, as in scikit-learn.
        for drawn in 0..width {
            if tried == wanted {
                break;
            }
            let other = drawn + random.below(width - drawn);
            columns.swap(drawn, other);
            let column = columns[drawn];
            values.clear();
            values.extend(rows.iter().map(|row| self.columns[column][*row]));
            let Some(candidate) = self.draw(&values, &targets, all, column, random) else { continue };
            tried += 1;
            if candidate.gain > 1e-12 && best.is_none_or(|best| candidate.gain > best.gain) {
                best = Some(candidate);
            }
        }
        best
    }

    /// `values` of the column, `targets` of the same rows and what these come to.
    fn draw(
        &self,
        values: &[f64],
        targets: &[f64],
        all: Side,
        column: usize,
        random: &mut Random,
    ) -> Option<Candidate> {
        let (smallest, largest, any_missing) = range(values);
        let threshold = smallest + random.uniform() * (largest - smallest);
        if !(smallest <= threshold && threshold < largest) {
            return None;
        }
        let (low, missing) = sides(values, targets, threshold, any_missing);
        let high = all.minus(low).minus(missing);
        let whole = all.worth();
        let smallest_leaf = self.options.leaf_rows as f64;
        let mut best: Option<Candidate> = None;
        for missing_low in [false, true] {
            let (low, high) = if missing_low { (low.plus(missing), high) } else { (low, high.plus(missing)) };
            if low.count < smallest_leaf || high.count < smallest_leaf {
                continue;
            }
            let gain = low.worth() + high.worth() - whole;
            if best.is_none_or(|best| gain > best.gain) {
                best = Some(Candidate { gain, column, threshold, missing_low });
            }
        }
        best
    }
}

/// Sums in several places at once: one after the other each would wait for the last.
const LANES: usize = 4;

/// What joins the low side and what is missing. No branch that half the rows would mispredict: this loop is what
/// fitting costs.
fn sides(values: &[f64], targets: &[f64], threshold: f64, any_missing: bool) -> (Side, Side) {
    let low = side(values, targets, |value| value <= threshold);
    let missing = if any_missing { side(values, targets, f64::is_nan) } else { Side::default() };
    (low, missing)
}

fn side(values: &[f64], targets: &[f64], belongs: impl Fn(f64) -> bool) -> Side {
    let (mut counts, mut sums) = ([0.0; LANES], [0.0; LANES]);
    let (value_chunks, target_chunks) = (values.chunks_exact(LANES), targets.chunks_exact(LANES));
    let rest = value_chunks.remainder().iter().zip(target_chunks.remainder());
    for (value, target) in rest {
        counts[0] += if belongs(*value) { 1.0 } else { 0.0 };
        sums[0] += if belongs(*value) { *target } else { 0.0 };
    }
    for (values, targets) in value_chunks.zip(target_chunks) {
        for lane in 0..LANES {
            let is_inside = belongs(values[lane]);
            counts[lane] += if is_inside { 1.0 } else { 0.0 };
            sums[lane] += if is_inside { targets[lane] } else { 0.0 };
        }
    }
    Side { count: counts.iter().sum(), sum: sums.iter().sum() }
}

/// Smallest and largest of what is there, and whether something is missing.
fn range(values: &[f64]) -> (f64, f64, bool) {
    let (mut low, mut high, mut missing) =
        ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES], [false; LANES]);
    for values in values.chunks(LANES) {
        for (lane, value) in values.iter().enumerate() {
            // A comparison with what is missing is false.
            low[lane] = if *value < low[lane] { *value } else { low[lane] };
            high[lane] = if *value > high[lane] { *value } else { high[lane] };
            missing[lane] |= value.is_nan();
        }
    }
    let smallest = low.into_iter().fold(f64::INFINITY, f64::min);
    (smallest, high.into_iter().fold(f64::NEG_INFINITY, f64::max), missing.contains(&true))
}
