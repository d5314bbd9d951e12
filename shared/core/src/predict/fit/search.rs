//! Which learner, which target, which stack: decided by grouped cross-validation inside the training rows
//! alone, and written down line by line.

use serde::{Deserialize, Serialize};

use super::additive::AdditiveOptions;
use super::extra_trees::ExtraTreesOptions;
use super::folds::group_folds;
use super::learner::{Learner, Recipe, Target};
use super::metrics::metrics;
use super::table::{Table, TableError};
use crate::features::{self, Better};
use crate::numerics::boosted_trees::BoostOptions;
use crate::numerics::linear::non_negative_least_squares;
use crate::numerics::{Matrix, stats};
use crate::predict::model::Model;

#[derive(Debug, Clone, PartialEq)]
pub struct SearchOptions {
    pub folds: usize,
    pub seed: u64,
    /// Features whose value may serve as a starting point; the target is then the change from it.
    pub anchors: Vec<String>,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { folds: 5, seed: 0, anchors: vec!["eval_score".into(), "base_score".into()] }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    pub recipe: String,
    pub target: Target,
    /// Out-of-fold root mean square error.
    pub rmse: f64,
    pub chosen: bool,
}

/// The model that won, fitted on all rows, and its out-of-fold predictions for intervals and risk.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub model: Model,
    pub description: String,
    pub out_of_fold: Vec<f64>,
    pub log: Vec<LogLine>,
}

struct Tried {
    recipe: Recipe,
    out_of_fold: Vec<f64>,
    rmse: f64,
}

/// `progress` is told how many of how many fits are done.
pub fn search(
    table: &Table,
    options: &SearchOptions,
    mut progress: impl FnMut(usize, usize),
) -> Result<Choice, TableError> {
    table.check()?;
    let directions = known_directions(table);
    let folds = group_folds(&table.groups, options.folds, options.seed);
    let recipes = candidates(table, options, directions.iter().any(|direction| *direction != 0));
    let total = recipes.len() * (folds.len() + 1);
    let mut done = 0;
    let mut tried = Vec::with_capacity(recipes.len());
    for recipe in recipes {
        let mut out_of_fold = vec![f64::NAN; table.rows.len()];
        for fold in &folds {
            let model = recipe.fit(&table.select(&fold.train), &directions);
            for row in &fold.test {
                out_of_fold[*row] = model.predict(&table.rows[*row]);
            }
            done += 1;
            progress(done, total);
        }
        let rmse = metrics(&out_of_fold, &table.target).rmse;
        tried.push(Tried { recipe, out_of_fold, rmse });
    }

    let best = (0..tried.len())
        .min_by(|a, b| tried[*a].rmse.total_cmp(&tried[*b].rmse))
        .expect("there are always candidates");
    let stack = Stack::of(&tried, &table.target, &folds);
    let mut log: Vec<LogLine> = tried
        .iter()
        .map(|tried| LogLine {
            recipe: tried.recipe.name.clone(),
            target: tried.recipe.target.clone(),
            rmse: tried.rmse,
            chosen: false,
        })
        .collect();
    let stack_wins = stack.rmse < tried[best].rmse;
    log.push(LogLine {
        recipe: stack.describe(&tried),
        target: Target::Score,
        rmse: stack.rmse,
        chosen: stack_wins,
    });
    log[best].chosen = !stack_wins;
    let parts = if stack_wins { stack.parts.clone() } else { vec![(best, 1.0)] };
    let mut model = Model::constant(table.names.len(), if stack_wins { stack.intercept } else { 0.0 });
    for (index, weight) in &parts {
        model.add(tried[*index].recipe.fit(table, &directions), *weight);
    }
    progress(total, total);
    Ok(Choice {
        description: if stack_wins { stack.describe(&tried) } else { tried[best].recipe.name.clone() },
        out_of_fold: if stack_wins { stack.out_of_fold } else { tried[best].out_of_fold.clone() },
        model,
        log,
    })
}

/// +1 or -1 where the registry says which way a feature is better.
fn known_directions(table: &Table) -> Vec<i8> {
    table
        .names
        .iter()
        .map(|name| match features::find(name).map(|feature| feature.better) {
            Some(Better::Higher) => 1,
            Some(Better::Lower) => -1,
            _ => 0,
        })
        .collect()
}

fn candidates(table: &Table, options: &SearchOptions, has_directions: bool) -> Vec<Recipe> {
    let small = BoostOptions {
        trees: 200,
        learning_rate: 0.05,
        leaves: 4,
        leaf_rows: (table.rows.len() / 20).clamp(3, 20),
        l2: 1.0,
        row_share: 0.6,
        column_share: 0.6,
        seed: options.seed,
        ..BoostOptions::default()
    };
    let large = BoostOptions { trees: 300, leaves: 12, leaf_rows: small.leaf_rows, ..small };
    let straight = AdditiveOptions::default();
    let mut learners = vec![
        ("mean", Learner::Mean),
        ("ridge", Learner::Additive(straight)),
        ("bent ridge", Learner::Additive(AdditiveOptions { bends: 3, ..straight })),
        ("boosted trees, 4 leaves", Learner::Boosted { options: small, monotone: false }),
        ("boosted trees, 12 leaves", Learner::Boosted { options: large, monotone: false }),
        ("extra trees", Learner::ExtraTrees(ExtraTreesOptions { seed: options.seed, ..Default::default() })),
    ];
    if has_directions {
        let monotone = Learner::Boosted { options: large, monotone: true };
        learners.push(("boosted trees with known directions", monotone));
    }
    let anchors = options.anchors.iter().filter(|name| {
        // An anchor that is mostly missing anchors nothing.
        table.column_index(name).is_some_and(|column| {
            let present = table.column(column).iter().filter(|value| !value.is_nan()).count();
            2 * present >= table.rows.len()
        })
    });
    let targets: Vec<Target> =
        std::iter::once(Target::Score).chain(anchors.cloned().map(Target::ChangeFrom)).collect();
    targets
        .iter()
        .flat_map(|target| {
            learners.iter().map(|(name, learner)| Recipe {
                name: (*name).to_owned(),
                learner: learner.clone(),
                target: target.clone(),
            })
        })
        .filter(|recipe| {
            let monotone = matches!(recipe.learner, Learner::Boosted { monotone: true, .. });
            !monotone || recipe.target == Target::Score
        })
        .collect()
}

/// Non-negative weights on the out-of-fold predictions of the best few, judged by fitting the weights
/// without each fold in turn.
struct Stack {
    parts: Vec<(usize, f64)>,
    intercept: f64,
    out_of_fold: Vec<f64>,
    rmse: f64,
}

const STACK_SIZE: usize = 5;

impl Stack {
    fn of(tried: &[Tried], target: &[f64], folds: &[super::folds::Fold]) -> Self {
        let mut order: Vec<usize> = (0..tried.len()).collect();
        order.sort_by(|a, b| tried[*a].rmse.total_cmp(&tried[*b].rmse));
        order.truncate(STACK_SIZE);
        let all: Vec<usize> = (0..target.len()).collect();
        let mut out_of_fold = vec![f64::NAN; target.len()];
        for fold in folds {
            let (weights, intercept) = blend(tried, &order, target, &fold.train);
            for row in &fold.test {
                out_of_fold[*row] = intercept
                    + order.iter().zip(&weights).map(|(m, w)| w * tried[*m].out_of_fold[*row]).sum::<f64>();
            }
        }
        let (weights, intercept) = blend(tried, &order, target, &all);
        let parts = order.into_iter().zip(weights).filter(|(_, weight)| *weight > 1e-6).collect();
        let rmse = metrics(&out_of_fold, target).rmse;
        Self { parts, intercept, out_of_fold, rmse }
    }

    fn describe(&self, tried: &[Tried]) -> String {
        let parts: Vec<String> = self
            .parts
            .iter()
            .map(|(index, weight)| {
                let recipe = &tried[*index].recipe;
                match &recipe.target {
                    Target::Score => format!("{weight:.2} {}", recipe.name),
                    Target::ChangeFrom(name) => format!("{weight:.2} {} (change from {name})", recipe.name),
                }
            })
            .collect();
        format!("stack of {}", parts.join(" + "))
    }
}

fn blend(tried: &[Tried], members: &[usize], target: &[f64], rows: &[usize]) -> (Vec<f64>, f64) {
    let truth: Vec<f64> = rows.iter().map(|row| target[*row]).collect();
    let centre = stats::mean(&truth);
    let predictions: Vec<Vec<f64>> = members
        .iter()
        .map(|member| rows.iter().map(|row| tried[*member].out_of_fold[*row]).collect())
        .collect();
    let means: Vec<f64> = predictions.iter().map(|column| stats::mean(column)).collect();
    let design =
        Matrix::from_fn(rows.len(), members.len(), |row, column| predictions[column][row] - means[column]);
    let centred: Vec<f64> = truth.iter().map(|value| value - centre).collect();
    let weights = non_negative_least_squares(&design, &centred).coefficients;
    let intercept = centre - weights.iter().zip(&means).map(|(w, m)| w * m).sum::<f64>();
    (weights, intercept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::Random;
    use crate::predict::shap::Explainer;

    #[test]
    fn the_choice_beats_the_mean_and_stays_exactly_explainable() {
        let mut random = Random::new(12);
        let rows: Vec<Vec<f64>> = (0..120)
            .map(|row| {
                let score = if row % 5 == 0 { f64::NAN } else { 60.0 * random.uniform() };
                vec![random.normal(), score, random.uniform()]
            })
            .collect();
        let target: Vec<f64> = rows
            .iter()
            .map(|row| if row[1].is_nan() { 30.0 } else { row[1] } + 6.0 * (row[0] > 0.3) as u8 as f64 + random.normal())
            .collect();
        let names = vec!["a".into(), "eval_score".into(), "b".into()];
        let table =
            Table { names, rows, target: target.clone(), groups: (0..120).map(|row| row / 3).collect() };
        let choice = search(&table, &SearchOptions { folds: 3, ..Default::default() }, |_, _| {}).unwrap();
        assert!(metrics(&choice.out_of_fold, &target).rmse < 4.0, "{:?}", choice.log);
        assert_eq!(choice.log.iter().filter(|line| line.chosen).count(), 1);
        let explainer = Explainer::new(&choice.model, None).unwrap();
        for row in &table.rows {
            let found = explainer.explain(row);
            let total = found.base + found.contributions.iter().sum::<f64>();
            assert!((total - choice.model.predict(row)).abs() < 1e-9);
        }
    }
}
