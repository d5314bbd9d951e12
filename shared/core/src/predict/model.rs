//! A regressor that is a sum: trees, functions of single features, a constant. This shape is what keeps
//! every forecast exactly explainable.

use super::expression::Expression;
use super::tree::Tree;

#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub feature_count: usize,
    pub constant: f64,
    pub forests: Vec<Forest>,
    pub columns: Vec<Column>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aggregate {
    Sum,
    Minimum,
    Maximum,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Forest {
    pub trees: Vec<Tree>,
    pub aggregate: Aggregate,
    /// What the aggregate is multiplied with: 1 / trees for an average.
    pub scale: f64,
    /// The graph reads float32: a value is rounded before it is compared.
    pub rounds_input: bool,
}

/// `weight` x a function of one feature. What it is on average over the training data is part of the
/// constant's side of an explanation; 0 where the file does not say.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    pub feature: u32,
    pub weight: f64,
    pub function: Expression,
}

impl Model {
    pub fn constant(feature_count: usize, constant: f64) -> Self {
        Self { feature_count, constant, forests: Vec::new(), columns: Vec::new() }
    }

    /// # Panics
    /// When the row has fewer values than the model has features; `FeatureVector` rows are made to fit.
    pub fn predict(&self, row: &[f64]) -> f64 {
        assert!(row.len() >= self.feature_count, "the row must hold every feature");
        let columns: f64 = self.columns.iter().map(|column| column.at(row)).sum();
        let forests: f64 = self.forests.iter().map(|forest| forest.predict(row)).sum();
        self.constant + columns + forests
    }

    /// `other` times `weight` added to this model.
    pub fn add(&mut self, mut other: Model, weight: f64) {
        self.feature_count = self.feature_count.max(other.feature_count);
        self.constant += weight * other.constant;
        for forest in &mut other.forests {
            forest.scale *= weight;
        }
        for column in &mut other.columns {
            column.weight *= weight;
        }
        self.forests.append(&mut other.forests);
        self.columns.append(&mut other.columns);
    }

    /// The same model followed by `scale * y + offset`.
    #[must_use]
    pub fn then_affine(&self, offset: f64, scale: f64) -> Self {
        let mut changed = Self::constant(self.feature_count, offset);
        changed.add(self.clone(), scale);
        changed
    }

    pub fn tree_count(&self) -> usize {
        self.forests.iter().map(|forest| forest.trees.len()).sum()
    }
}

impl Forest {
    pub fn sum(trees: Vec<Tree>) -> Self {
        Self { trees, aggregate: Aggregate::Sum, scale: 1.0, rounds_input: false }
    }

    pub fn predict(&self, row: &[f64]) -> f64 {
        if self.rounds_input {
            let rounded: Vec<f64> = row.iter().map(|x| f64::from(*x as f32)).collect();
            return self.aggregate_over(&rounded);
        }
        self.aggregate_over(row)
    }

    fn aggregate_over(&self, row: &[f64]) -> f64 {
        let leaves = self.trees.iter().map(|tree| tree.predict(row));
        let aggregate = match self.aggregate {
            Aggregate::Sum => leaves.sum(),
            Aggregate::Minimum => leaves.reduce(f64::min).unwrap_or(0.0),
            Aggregate::Maximum => leaves.reduce(f64::max).unwrap_or(0.0),
        };
        self.scale * aggregate
    }
}

impl Column {
    pub fn at(&self, row: &[f64]) -> f64 {
        self.value_at(row[self.feature as usize])
    }

    /// Of a value of its feature.
    pub fn value_at(&self, value: f64) -> f64 {
        self.weight * self.function.at(value)
    }
}
