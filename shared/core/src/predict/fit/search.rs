//! Which learner, which target, which mixture: decided by grouped cross-validation inside the training rows
//! alone, and written down line by line. What cannot be explained exactly is tried for comparison and never
//! chosen.

use std::collections::BTreeSet;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::additive::{self, AdditiveOptions};
use super::extra_trees::ExtraTreesOptions;
use super::folds::{Fold, group_folds};
use super::learner::{Learner, Recipe, Target, changes};
use super::metrics::metrics;
use super::mixture::Mixture;
use super::table::{Table, TableError};
use crate::features::{self, Better};
use crate::numerics::boosted_trees::BoostOptions;
use crate::numerics::parallel;
use crate::predict::model::Model;

#[derive(Debug, Clone, PartialEq)]
pub struct SearchOptions {
    pub folds: usize,
    pub seed: u64,
    /// Features whose value may serve as a starting point; the target is then the change from it.
    pub anchors: Vec<String>,
    /// Also try what cannot be chosen, to know what that costs.
    pub compare: bool,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { folds: 5, seed: 0, anchors: vec!["eval_score".into(), "base_score".into()], compare: false }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    pub recipe: String,
    /// Out-of-fold root mean square error.
    pub rmse: f64,
    pub chosen: bool,
    /// False: tried for comparison only.
    pub explainable: bool,
}

/// The model that won, fitted on all rows, and its out-of-fold predictions for intervals and risk.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub model: Model,
    pub description: String,
    pub out_of_fold: Vec<f64>,
    pub log: Vec<LogLine>,
}

/// One learner's result on one target.
#[derive(Debug, Clone)]
pub(super) struct Tried {
    pub name: String,
    /// Learners of one kind make much the same mistakes; mixtures take the best of each.
    pub kind: Kind,
    pub model: Model,
    pub out_of_fold: Vec<f64>,
    pub rmse: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Mean,
    Additive,
    Boosted,
    /// Boosted on the courses of the runs too.
    OnTheWay,
    ExtraTrees,
}

/// What is learned, with what must be added to it to give the score.
struct Aim {
    name: String,
    anchor: Option<Model>,
    values: Vec<f64>,
}

/// How many steps of progress a search of such a table reports.
pub fn search_steps(table: &Table, on_the_way: Option<&Table>, options: &SearchOptions) -> usize {
    let learners = BENDS.len() + tree_learners(table, options, &known_directions(table)).len();
    let aims = aims(table, options);
    let widened = on_the_way.map_or(0, |_| aims.iter().filter(|aim| aim.is_widened()).count());
    aims.len() * learners + widened
}

const BENDS: [(&str, usize); 2] = [("ridge", 0), ("bent ridge", 1)];

/// One piece of the search: a learner and what it learns. The additive fits of all aims share their sums.
enum Trial<'a> {
    Additive { name: &'static str, bends: usize },
    Trees { name: &'static str, kind: Kind, learner: &'a Learner, aim: &'a Aim },
    Widened { aim: &'a Aim, extra: &'a Table },
}

/// `on_the_way`: rows whose target is not the end of a run, to learn from and not to be judged by. `progress` is told of
/// each step done.
pub fn search(
    table: &Table,
    on_the_way: Option<&Table>,
    options: &SearchOptions,
    progress: impl FnMut() + Send,
) -> Result<Choice, TableError> {
    table.check()?;
    let folds = group_folds(&table.groups, options.folds, options.seed);
    let aims = aims(table, options);
    let directions = known_directions(table);
    let learners = tree_learners(table, options, &directions);
    let trials = trials(&aims, &learners, on_the_way);
    let progress = Mutex::new(progress);
    let tell = |steps: usize| {
        // A listener that panicked has ended the search already.
        if let Ok(mut progress) = progress.lock() {
            (0..steps).for_each(|_| progress());
        }
    };
    let results = parallel::map(&trials, |trial| {
        let (tried, steps) = match trial {
            Trial::Additive { name, bends } => {
                (additive_fits(table, name, *bends, &aims, &folds), aims.len())
            }
            Trial::Trees { name, kind, learner, aim } => {
                (tree_fit(table, name, *kind, learner, aim, &directions, &folds).into_iter().collect(), 1)
            }
            Trial::Widened { aim, extra } => {
                let (model, out_of_fold) = widened_fit(table, extra, aim, options, &folds);
                let name = "boosted trees, scores on the way too";
                (vec![aim.tried(table, name, Kind::OnTheWay, model, out_of_fold)], 1)
            }
        };
        tell(steps);
        tried
    });
    let mut tried: Vec<Tried> = results.into_iter().flatten().collect();
    tried.push(mean(table, &folds));
    let mut log: Vec<LogLine> = tried
        .iter()
        .map(|tried| LogLine {
            recipe: tried.name.clone(),
            rmse: tried.rmse,
            chosen: false,
            explainable: true,
        })
        .collect();
    let mixture = Mixture::best(&tried, &table.target, &folds, &mut log);
    if options.compare {
        log.extend(super::comparison::lines(table, &folds, options.seed));
    }
    Ok(Choice {
        model: mixture.model(&tried, table.names.len()),
        description: mixture.describe(&tried),
        out_of_fold: mixture.out_of_fold,
        log,
    })
}

fn trials<'a>(
    aims: &'a [Aim],
    learners: &'a [(&'static str, Kind, Learner)],
    on_the_way: Option<&'a Table>,
) -> Vec<Trial<'a>> {
    let mut trials: Vec<Trial<'a>> =
        BENDS.iter().map(|(name, bends)| Trial::Additive { name, bends: *bends }).collect();
    for (name, kind, learner) in learners {
        trials.extend(aims.iter().map(|aim| Trial::Trees { name, kind: *kind, learner, aim }));
    }
    let widened = aims.iter().filter(|aim| aim.is_widened());
    trials.extend(widened.filter_map(|aim| Some(Trial::Widened { aim, extra: on_the_way? })));
    trials
}

fn additive_fits(table: &Table, name: &str, bends: usize, aims: &[Aim], folds: &[Fold]) -> Vec<Tried> {
    let options = AdditiveOptions { bends, ..AdditiveOptions::default() };
    let targets: Vec<Vec<f64>> = aims.iter().map(|aim| aim.values.clone()).collect();
    let fits = additive::fit_all(table, &targets, options, folds).into_iter().zip(aims);
    fits.map(|(fit, aim)| {
        let name = format!("{name}, penalty {}", fit.penalty);
        aim.tried(table, &name, Kind::Additive, fit.model, fit.out_of_fold)
    })
    .collect()
}

/// None where known directions are asked for and the aim has none.
fn tree_fit(
    table: &Table,
    name: &str,
    kind: Kind,
    learner: &Learner,
    aim: &Aim,
    directions: &[i8],
    folds: &[Fold],
) -> Option<Tried> {
    // The direction is known for the score; its change from another value has none.
    let directions = if aim.anchor.is_none() { directions } else { &[] };
    let monotone = matches!(learner, Learner::Boosted { monotone: true, .. });
    if monotone && directions.is_empty() {
        return None;
    }
    let recipe = Recipe { name: name.to_owned(), learner: learner.clone(), target: Target::Score };
    let (model, out_of_fold) = held_out_fit(table, &recipe, &aim.values, directions, folds);
    Some(aim.tried(table, name, kind, model, out_of_fold))
}

impl Aim {
    /// The score itself, or its change from the value now: an anchor at the run's end says nothing of the way there.
    fn is_widened(&self) -> bool {
        self.anchor.is_none() || self.name.ends_with("_score") || self.name.ends_with("_p_gold")
    }

    fn tried(
        &self,
        table: &Table,
        learner: &str,
        kind: Kind,
        mut model: Model,
        mut out_of_fold: Vec<f64>,
    ) -> Tried {
        if let Some(anchor) = &self.anchor {
            for (value, row) in out_of_fold.iter_mut().zip(&table.rows) {
                *value += anchor.predict(row);
            }
            model.add(anchor.clone(), 1.0);
        }
        let rmse = metrics(&out_of_fold, &table.target).rmse;
        Tried { name: format!("{learner}{}", self.name), kind, model, out_of_fold, rmse }
    }
}

fn aims(table: &Table, options: &SearchOptions) -> Vec<Aim> {
    let mut aims = vec![Aim { name: String::new(), anchor: None, values: table.target.clone() }];
    for name in &options.anchors {
        let Some(column) = table.column_index(name) else { continue };
        // An anchor that is mostly missing anchors nothing.
        let present = table.column(column).iter().filter(|value| !value.is_nan()).count();
        if 2 * present >= table.rows.len()
            && let Some((anchor, values)) = changes(table, name)
        {
            aims.push(Aim { name: format!(" of the change from {name}"), anchor: Some(anchor), values });
        }
    }
    aims
}

fn tree_learners(
    table: &Table,
    options: &SearchOptions,
    directions: &[i8],
) -> Vec<(&'static str, Kind, Learner)> {
    let small = BoostOptions {
        trees: 200,
        learning_rate: 0.05,
        leaves: 4,
        leaf_rows: (table.rows.len() / 40).clamp(3, 20),
        l2: 2.0,
        bins: 63,
        row_share: 0.6,
        column_share: 0.4,
        seed: options.seed,
        ..BoostOptions::default()
    };
    let large = BoostOptions { trees: 150, leaves: 10, ..small };
    let boosted = |options, monotone| Learner::Boosted { options, monotone };
    let mut learners = vec![
        ("boosted trees, 4 leaves", Kind::Boosted, boosted(small, false)),
        ("boosted trees, 10 leaves", Kind::Boosted, boosted(large, false)),
        (
            "extra trees",
            Kind::ExtraTrees,
            Learner::ExtraTrees(ExtraTreesOptions { seed: options.seed, ..Default::default() }),
        ),
    ];
    if directions.iter().any(|direction| *direction != 0) {
        learners.push(("boosted trees with known directions", Kind::Boosted, boosted(small, true)));
    }
    learners
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

fn held_out_fit(
    table: &Table,
    recipe: &Recipe,
    target: &[f64],
    directions: &[i8],
    folds: &[Fold],
) -> (Model, Vec<f64>) {
    let mut out_of_fold = vec![f64::NAN; table.rows.len()];
    for fold in folds {
        let part = table.select(&fold.train);
        let values: Vec<f64> = fold.train.iter().map(|row| target[*row]).collect();
        let model = recipe.fit_to(&part, &values, directions);
        for row in &fold.test {
            out_of_fold[*row] = model.predict(&table.rows[*row]);
        }
    }
    (recipe.fit_to(table, target, directions), out_of_fold)
}

/// The table's own rows count for more than the many of the way.
const OWN_ROWS_REPEATED: usize = 3;

/// As `held_out_fit`, with the rows of the way whose groups are not held out.
fn widened_fit(
    table: &Table,
    extra: &Table,
    aim: &Aim,
    options: &SearchOptions,
    folds: &[Fold],
) -> (Model, Vec<f64>) {
    let boost = BoostOptions {
        trees: 300,
        learning_rate: 0.05,
        leaves: 20,
        leaf_rows: 12,
        l2: 1.0,
        bins: 63,
        row_share: 0.6,
        column_share: 0.3,
        seed: options.seed,
        ..BoostOptions::default()
    };
    let fit = |own: &Table, beside: &Table| {
        let both = own.repeated_beside(OWN_ROWS_REPEATED, beside);
        let known = |row: &Vec<f64>| aim.anchor.as_ref().map_or(0.0, |anchor| anchor.predict(row));
        let values: Vec<f64> = both.rows.iter().zip(&both.target).map(|(row, y)| y - known(row)).collect();
        let learner = Learner::Boosted { options: boost, monotone: false };
        Recipe { name: String::new(), learner, target: Target::Score }.fit_to(&both, &values, &[])
    };
    let mut out_of_fold = vec![f64::NAN; table.rows.len()];
    for fold in folds {
        let held: BTreeSet<u64> = fold.test.iter().map(|row| table.groups[*row]).collect();
        let kept: Vec<usize> =
            (0..extra.rows.len()).filter(|row| !held.contains(&extra.groups[*row])).collect();
        let model = fit(&table.select(&fold.train), &extra.select(&kept));
        for row in &fold.test {
            out_of_fold[*row] = model.predict(&table.rows[*row]);
        }
    }
    (fit(table, extra), out_of_fold)
}

fn mean(table: &Table, folds: &[Fold]) -> Tried {
    let recipe = Recipe { name: "mean".into(), learner: Learner::Mean, target: Target::Score };
    let (model, out_of_fold) = held_out_fit(table, &recipe, &table.target, &[], folds);
    let rmse = metrics(&out_of_fold, &table.target).rmse;
    Tried { name: recipe.name, kind: Kind::Mean, model, out_of_fold, rmse }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::Random;
    use crate::predict::shap::Explainer;

    /// Runs whose score climbs at a rate of their own: few ends, and a course that tells the same of each.
    #[test]
    fn rows_on_the_way_help_where_ends_are_few_and_are_held_out_with_their_group() {
        let mut random = Random::new(5);
        let (mut ends, mut ways) = (Vec::new(), Vec::new());
        for group in 0..40u64 {
            let rate = random.uniform();
            let noise = random.normal();
            let score = |step: f64| 100.0 * (1.0 - libm::exp(-rate * step)) + noise;
            for end in [1.0, 2.0, 3.0, 4.0, 5.0] {
                let row = (vec![rate, end, score(0.5)], score(end), group);
                if (end - (1.0 + (group % 5) as f64)).abs() < 0.1 { ends.push(row) } else { ways.push(row) }
            }
        }
        let table = |rows: Vec<(Vec<f64>, f64, u64)>| Table {
            names: vec!["rate".into(), "total_steps".into(), "eval_score".into()],
            rows: rows.iter().map(|row| row.0.clone()).collect(),
            target: rows.iter().map(|row| row.1).collect(),
            groups: rows.iter().map(|row| row.2).collect(),
        };
        let (ends, ways) = (table(ends), table(ways));
        let options = SearchOptions { folds: 4, ..Default::default() };
        let folds = group_folds(&ends.groups, options.folds, options.seed);
        let aim = &aims(&ends, &options)[0];
        let error =
            |extra: &Table| metrics(&widened_fit(&ends, extra, aim, &options, &folds).1, &ends.target).rmse;
        let alone = error(&ways.select(&[]));
        assert!(error(&ways) < 0.8 * alone, "{} against {alone}", error(&ways));

        // Rows that give the ends away do so only under another group's name.
        let own = ends.clone();
        let foreign =
            Table { groups: ends.groups.iter().map(|group| group + 1000).collect(), ..ends.clone() };
        assert!(error(&own) > 1.3 * error(&foreign), "{} against {}", error(&own), error(&foreign));
    }

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
            .map(|row| if row[1].is_nan() { 30.0 } else { row[1] } + 6.0 * f64::from(u8::from(row[0] > 0.3)) + random.normal())
            .collect();
        let names = vec!["a".into(), "eval_score".into(), "b".into()];
        let table =
            Table { names, rows, target: target.clone(), groups: (0..120).map(|row| row / 3).collect() };
        let options = SearchOptions { folds: 3, compare: true, ..Default::default() };
        let mut steps = 0;
        let choice = search(&table, None, &options, || steps += 1).unwrap();
        assert_eq!(steps, search_steps(&table, None, &options));
        assert!(metrics(&choice.out_of_fold, &target).rmse < 4.0, "{:?}", choice.log);
        assert_eq!(choice.log.iter().filter(|line| line.chosen).count(), 1);
        assert!(choice.log.iter().any(|line| !line.explainable));
        let explainer = Explainer::new(&choice.model.clone().into()).unwrap();
        for row in &table.rows {
            let found = explainer.explain(row);
            let total = found.base + found.contributions.iter().sum::<f64>();
            assert!((total - choice.model.predict(row)).abs() < 1e-9);
        }
    }
}
