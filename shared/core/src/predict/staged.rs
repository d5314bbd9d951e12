//! Several sums and a small tree that picks one of them: what is known of a candidate, and how deep its probe
//! went, decides which of them answers. Each answers alone, so each forecast stays a sum.

use super::expression::Expression;
use super::model::Model;
use crate::limits;

#[derive(Debug, Clone, PartialEq)]
pub struct Staged {
    pub feature_count: usize,
    pub gate: Gate,
    pub stages: Vec<Model>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Gate {
    /// Position in `stages`.
    Stage(usize),
    Choose(Box<Choice>),
}

/// `yes` where the function of one feature is not 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub feature: u32,
    pub condition: Expression,
    pub yes: Gate,
    pub no: Gate,
}

impl From<Model> for Staged {
    fn from(model: Model) -> Self {
        Self { feature_count: model.feature_count, gate: Gate::Stage(0), stages: vec![model] }
    }
}

impl Choice {
    pub(super) fn is_yes(&self, value: f64) -> bool {
        self.condition.at(value) != 0.0
    }
}

impl Gate {
    pub fn choose(feature: u32, condition: Expression, yes: Gate, no: Gate) -> Self {
        Self::Choose(Box::new(Choice { feature, condition, yes, no }))
    }

    pub fn stage_of(&self, row: &[f64]) -> usize {
        let mut gate = self;
        loop {
            match gate {
                Self::Stage(stage) => return *stage,
                Self::Choose(choice) => {
                    let is_yes = choice.is_yes(row[choice.feature as usize]);
                    gate = if is_yes { &choice.yes } else { &choice.no };
                }
            }
        }
    }

    /// What a row must fulfil to come to a stage: each choice on the way, and its answer.
    pub(super) fn way_to(&self, wanted: usize) -> Option<Vec<(&Choice, bool)>> {
        let Self::Choose(choice) = self else {
            return (*self == Self::Stage(wanted)).then(Vec::new);
        };
        [(&choice.yes, true), (&choice.no, false)].into_iter().find_map(|(next, answer)| {
            let mut way = next.way_to(wanted)?;
            way.push((choice, answer));
            Some(way)
        })
    }

    /// Adds `by` to every stage's position.
    fn shift(&mut self, by: usize) {
        match self {
            Self::Stage(stage) => *stage += by,
            Self::Choose(choice) => {
                choice.yes.shift(by);
                choice.no.shift(by);
            }
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Stage(_) => 0,
            Self::Choose(choice) => 1 + choice.yes.depth().max(choice.no.depth()),
        }
    }
}

impl Staged {
    /// # Panics
    /// When the row has fewer values than the model has features; `FeatureVector` rows are made to fit.
    pub fn predict(&self, row: &[f64]) -> f64 {
        self.stages[self.gate.stage_of(row)].predict(row)
    }

    pub fn constant(feature_count: usize, constant: f64) -> Self {
        Model::constant(feature_count, constant).into()
    }

    /// The only stage, where there is but one.
    pub fn single(&self) -> Option<&Model> {
        if let [only] = self.stages.as_slice() { Some(only) } else { None }
    }

    /// `yes` where the function of one feature is not 0, else `no`; `None` beyond the limits.
    pub fn choice(feature: u32, condition: Expression, yes: Self, mut no: Self) -> Option<Self> {
        no.gate.shift(yes.stages.len());
        let gate = Gate::choose(feature, condition, yes.gate, no.gate);
        let mut stages = yes.stages;
        stages.append(&mut no.stages);
        let fits = stages.len() <= limits::MAX_MODEL_STAGES && gate.depth() <= limits::MAX_MODEL_STAGES;
        let feature_count = yes.feature_count.max(no.feature_count);
        fits.then_some(Self { feature_count, gate, stages })
    }

    /// `other` times `weight` added; `None` where both choose, each in its own way.
    pub fn plus(mut self, other: Self, weight: f64) -> Option<Self> {
        if let Some(sum) = other.single() {
            for stage in &mut self.stages {
                stage.add(sum.clone(), weight);
            }
            return Some(self);
        }
        let own = self.single()?.clone();
        let mut scaled = other.then_affine(0.0, weight);
        for stage in &mut scaled.stages {
            stage.add(own.clone(), 1.0);
        }
        Some(scaled)
    }

    /// The same model followed by `scale * y + offset`.
    #[must_use]
    pub fn then_affine(&self, offset: f64, scale: f64) -> Self {
        let stages = self.stages.iter().map(|stage| stage.then_affine(offset, scale)).collect();
        Self { feature_count: self.feature_count, gate: self.gate.clone(), stages }
    }

    /// Nodes of all trees and columns: what it costs to copy.
    pub fn size(&self) -> usize {
        let nodes = |model: &Model| -> usize {
            let trees = model.forests.iter().flat_map(|forest| &forest.trees);
            trees.map(|tree| tree.nodes().len()).sum::<usize>() + model.columns.len()
        };
        self.stages.iter().map(nodes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predict::expression::{Binary, Unary};

    fn three() -> Staged {
        let constant = |value| Staged::constant(1, value);
        let missing = Expression::unary(Unary::IsMissing, Expression::Feature);
        let low = Expression::binary(Binary::LessOrEqual, Expression::Feature, Expression::Number(10.0));
        let read = Staged::choice(0, low, constant(2.0), constant(3.0)).unwrap();
        Staged::choice(0, missing, constant(1.0), read).unwrap()
    }

    fn answers(model: &Staged, expected: [f64; 3]) {
        for (x, expected) in [f64::NAN, 10.0, 11.0].into_iter().zip(expected) {
            assert!((model.predict(&[x]) - expected).abs() < 1e-12, "{x}");
        }
    }

    #[test]
    fn the_gate_picks_by_missing_and_by_size() {
        answers(&three(), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn sums_and_affine_maps_reach_every_stage() {
        let changed = three().plus(Staged::constant(1, 5.0), 2.0).unwrap().then_affine(1.0, 10.0);
        answers(&changed, [111.0, 121.0, 131.0]);
        let turned = Staged::constant(1, 5.0).plus(three(), -1.0).unwrap();
        answers(&turned, [4.0, 3.0, 2.0]);
        assert!(three().plus(three(), 1.0).is_none());
    }
}
