//! Which learner, which target, which mixture: decided by grouped cross-validation inside the training rows
//! alone, and written down line by line. What cannot be explained exactly is tried for comparison and never
//! chosen.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::folds::group_folds;
use super::mixture::Mixture;
use super::table::{Table, TableError};
use super::trials::{Aim, Ground, Kind, Trial, aims};
use crate::numerics::parallel;
use crate::predict::model::Model;

#[derive(Debug, Clone, PartialEq)]
pub struct SearchOptions {
    pub folds: usize,
    pub seed: u64,
    /// Features whose value may serve as a starting point, the reading now first; the target is then the change from
    /// it.
    pub anchors: Vec<String>,
    /// Also try what cannot be chosen, to know what that costs.
    pub compare: bool,
    /// Try only what is chosen most often.
    pub quick: bool,
}

impl Default for SearchOptions {
    fn default() -> Self {
        let anchors = vec!["eval_score".into(), "base_score".into()];
        Self { folds: 5, seed: 0, anchors, compare: false, quick: false }
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
    pub source: Source,
    pub out_of_fold: Vec<f64>,
    pub rmse: f64,
}

/// The model of all rows, or the trial that makes it where it is wanted.
#[derive(Debug, Clone)]
pub(super) enum Source {
    Model(Box<Model>),
    Trial(usize),
}

/// How many steps of progress a search of such a table reports.
pub fn search_steps(table: &Table, on_the_way: Option<&Table>, options: &SearchOptions) -> usize {
    let folds = group_folds(&table.groups, options.folds, options.seed).len();
    let aims = aims(table, options);
    let trials = Trial::all(table, &aims, on_the_way.is_some(), options);
    trials.iter().map(|trial| trial.pieces(folds)).sum()
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
    let aims: Vec<Aim> = aims(table, options);
    let ground = Ground::of(table, on_the_way, &aims, &folds);
    let trials = Trial::all(table, &aims, on_the_way.is_some(), options);
    let mut tried = judge(&ground, &trials, folds.len(), progress);
    tried.push(ground.mean());
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
    // Only now: of many that were tried few are wanted whole.
    let wanted: Vec<usize> = mixture.members().collect();
    let models = parallel::map(&wanted, |index| match &tried[*index].source {
        Source::Model(model) => model.as_ref().clone(),
        Source::Trial(number) => ground.whole(&trials[*number]),
    });
    let models: BTreeMap<usize, Model> = wanted.into_iter().zip(models).collect();
    Ok(Choice {
        model: mixture.model(&models, table.names.len()),
        description: mixture.describe(&tried),
        out_of_fold: mixture.out_of_fold,
        log,
    })
}

/// Side by side, one fold of one trial each.
fn judge(ground: &Ground<'_>, trials: &[Trial], folds: usize, progress: impl FnMut() + Send) -> Vec<Tried> {
    let progress = Mutex::new(progress);
    let pieces: Vec<(&Trial, usize)> =
        trials.iter().flat_map(|trial| (0..trial.pieces(folds)).map(move |piece| (trial, piece))).collect();
    let mut results = parallel::map(&pieces, |(trial, piece)| {
        let result = ground.piece(trial, *piece);
        // A listener that panicked has ended the search already.
        if let Ok(mut progress) = progress.lock() {
            progress();
        }
        result
    })
    .into_iter();
    let of_trial = |(number, trial): (usize, &Trial)| {
        let pieces = results.by_ref().take(trial.pieces(folds)).collect();
        ground.judged(number, trial, pieces)
    };
    trials.iter().enumerate().flat_map(of_trial).collect()
}

#[cfg(test)]
mod tests {
    use super::super::metrics::metrics;
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
        let aims = aims(&ends, &options);
        let error = |extra: &Table| {
            let ground = Ground::of(&ends, Some(extra), &aims, &folds);
            let trials = Trial::all(&ends, &aims, true, &options);
            let is_widened = |trial: &&Trial| matches!(trial, Trial::Widened { aim: 0, .. });
            let trial: Vec<Trial> = trials.into_iter().filter(|trial| is_widened(&trial)).collect();
            judge(&ground, &trial, folds.len(), || ())[0].rmse
        };
        let alone = error(&ways.select(&[]));
        assert!(error(&ways) < 0.9 * alone, "{} against {alone}", error(&ways));

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
