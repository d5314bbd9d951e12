//! Gradient-boosted trees grown leaf by leaf on histograms, as LightGBM grows them (Ke et al. 2017): squared
//! error or logistic loss, missing values sent to the side that gains more, bagging of rows and columns,
//! monotone constraints. Dense input, no categories.

mod bins;
mod growth;

use super::matrix::Matrix;
use super::random::Random;

pub use bins::Binned;
use growth::Growth;

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
        let binned = Binned::of(design, options.bins);
        let rows: Vec<u32> = (0..design.rows() as u32).collect();
        Self::fit_rows(&binned, &rows, target, None, options, directions)
    }

    /// On some rows of a table that is binned already, whatever `options.bins`. `target` and `weights` have an entry
    /// for each row of the table.
    pub fn fit_rows(
        binned: &Binned,
        rows: &[u32],
        target: &[f64],
        weights: Option<&[f64]>,
        options: BoostOptions,
        directions: &[i8],
    ) -> Self {
        let mut random = Random::new(options.seed);
        let weight_of = |row: u32| weights.map_or(1.0, |weights| weights[row as usize]);
        let base_score =
            start_score(rows.iter().map(|row| (target[*row as usize], weight_of(*row))), options.loss);
        let mut scores = vec![base_score; rows.len()];
        let mut slopes = vec![Slope::default(); binned.rows];
        let mut trees = Vec::with_capacity(options.trees);
        for _ in 0..options.trees {
            for (row, score) in rows.iter().zip(&scores) {
                slopes[*row as usize] =
                    slope(*score, target[*row as usize], options.loss).times(weight_of(*row));
            }
            let drawn = draw_share(rows.len(), options.row_share, &mut random);
            let columns = draw_share(binned.columns(), options.column_share, &mut random);
            let starts = binned.starts(&columns);
            let growth = Growth { binned, slopes: &slopes, columns: &columns, starts, directions, options };
            let Some(tree) = growth.grow(drawn.into_iter().map(|at| rows[at]).collect()) else { break };
            for (row, score) in rows.iter().zip(&mut scores) {
                *score += tree.predict_binned(binned, *row as usize);
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

/// Of targets with their weights.
fn start_score(target: impl Iterator<Item = (f64, f64)>, loss: Loss) -> f64 {
    let (sum, weight) = target.fold((0.0, 0.0), |(sum, all), (y, weight)| (sum + weight * y, all + weight));
    let mean = sum / weight;
    match loss {
        Loss::Squared => mean,
        Loss::Logistic => {
            let share = mean.clamp(1e-12, 1.0 - 1e-12);
            libm::log(share / (1.0 - share))
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Slope {
    gradient: f64,
    hessian: f64,
}

impl Slope {
    fn times(self, weight: f64) -> Self {
        Self { gradient: weight * self.gradient, hessian: weight * self.hessian }
    }
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

#[derive(Debug, Clone)]
pub enum BoostedNode {
    Leaf { value: f64 },
    Split { column: usize, threshold: f64, last_low_bin: u16, missing_low: bool, low: usize, high: usize },
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
                BoostedNode::Split { column, threshold, missing_low, low, high, .. } => {
                    let value = row[column];
                    let goes_low = if value.is_nan() { missing_low } else { value <= threshold };
                    node = if goes_low { low } else { high };
                }
            }
        }
    }

    /// As `predict`, of a row of the table that it was grown on.
    fn predict_binned(&self, binned: &Binned, row: usize) -> f64 {
        let mut node = 0;
        loop {
            match self.nodes[node] {
                BoostedNode::Leaf { value } => return value,
                BoostedNode::Split { column, last_low_bin, missing_low, low, high, .. } => {
                    let bin = binned.bins[column][row];
                    let goes_low = if bin == 0 { missing_low } else { bin <= last_low_bin };
                    node = if goes_low { low } else { high };
                }
            }
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
