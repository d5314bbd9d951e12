//! What every forecast must beat, each made as well as it can be on the same rows at the same depth.

use std::collections::BTreeMap;

use crate::features::{self, Group};
use crate::numerics::boosted_trees::BoostOptions;
use crate::numerics::stats;
use crate::predict::fit::{
    AdditiveOptions, ExtraTreesOptions, Learner, Metrics, Recipe, Table, Target, group_folds, metrics,
};
use crate::runs::{AnytimeTable, RunRecord};

/// The reading itself as the forecast; `None` where nothing was read.
pub fn score_now(test: &AnytimeTable) -> Option<Metrics> {
    let column = test.table.column_index("eval_score")?;
    let now = test.table.column(column);
    now.iter().any(|value| !value.is_nan()).then(|| metrics(&now, &test.table.target))
}

pub fn all(
    runs: &[RunRecord],
    train: &AnytimeTable,
    test: &AnytimeTable,
    seed: u64,
) -> BTreeMap<String, Metrics> {
    let mut table = BTreeMap::new();
    let mut add = |name: &str, found: Option<Metrics>| {
        if let Some(found) = found.filter(|found| found.n > 0) {
            table.insert(name.to_owned(), found);
        }
    };
    let fitted = |recipe: &Recipe, keep: &dyn Fn(&str) -> bool| {
        let model = recipe.fit(&train.table.without(keep), &[]);
        let rows = test.table.without(keep).rows;
        let predicted: Vec<f64> = rows.iter().map(|row| model.predict(row)).collect();
        metrics(&predicted, &test.table.target)
    };
    let everything = |_: &str| true;
    let in_group = |wanted: &'static [Group]| {
        move |name: &str| features::find(name).is_some_and(|feature| wanted.contains(&feature.group))
    };
    let ridge = recipe("ridge", Learner::Additive(AdditiveOptions::default()));
    add("predict the mean", Some(fitted(&recipe("mean", Learner::Mean), &everything)));
    add("evaluation score now", score_now(test));
    add("ridge on the same features", Some(fitted(&ridge, &everything)));
    let static_only = in_group(&[Group::Static, Group::Recipe]);
    add("static and recipe only", Some(fitted(&best_of(train, &static_only, seed), &static_only)));
    let dynamic_only = in_group(&[Group::Dynamic]);
    add("probe only", Some(fitted(&best_of(train, &dynamic_only, seed), &dynamic_only)));
    // The probe's power law gives the loss at the run's end; a bent line gives the score from it.
    let early =
        |name: &str| matches!(name, "extrapolated_loss" | "initial_loss" | "held_out_loss" | "total_steps");
    let bent = recipe("bent ridge", Learner::Additive(AdditiveOptions { bends: 3, ..Default::default() }));
    add("early-stop extrapolation", has_any(train, &early).then(|| fitted(&bent, &early)));
    add("TuneAhead recipe", Some(fitted(&tune_ahead(seed), &everything)));
    add("ProxyLM", proxy_lm(runs, train, test));
    if let Some((name, found)) = best_single(train, test) {
        add(&format!("best single feature ({name})"), Some(found));
    }
    table
}

fn recipe(name: &str, learner: Learner) -> Recipe {
    Recipe { name: name.to_owned(), learner, target: Target::Score }
}

/// Their LightGBM parameters (papers.md 1.4), on our features.
fn tune_ahead(seed: u64) -> Recipe {
    let options = BoostOptions {
        trees: 140,
        learning_rate: 0.05,
        leaves: 4,
        leaf_rows: 20,
        row_share: 0.6,
        column_share: 0.6,
        seed,
        ..BoostOptions::default()
    };
    recipe("TuneAhead recipe", Learner::Boosted { options, monotone: false })
}

fn best_of(train: &AnytimeTable, keep: &dyn Fn(&str) -> bool, seed: u64) -> Recipe {
    let table = train.table.without(keep);
    let folds = group_folds(&table.groups, 5, seed);
    let error = |recipe: &Recipe| {
        let mut squares = 0.0;
        for fold in &folds {
            let model = recipe.fit(&table.select(&fold.train), &[]);
            for row in &fold.test {
                squares += (model.predict(&table.rows[*row]) - table.target[*row]).powi(2);
            }
        }
        squares
    };
    let candidates = [
        recipe("ridge", Learner::Additive(AdditiveOptions::default())),
        recipe(
            "extra trees",
            Learner::ExtraTrees(ExtraTreesOptions { trees: 100, seed, ..Default::default() }),
        ),
        tune_ahead(seed),
    ];
    let errors: Vec<f64> = candidates.iter().map(error).collect();
    let best = (0..candidates.len()).min_by(|a, b| errors[*a].total_cmp(&errors[*b]));
    candidates[best.expect("there are three candidates")].clone()
}

fn has_any(table: &AnytimeTable, keep: &dyn Fn(&str) -> bool) -> bool {
    let columns = (0..table.table.names.len()).filter(|column| keep(&table.table.names[*column]));
    columns.flat_map(|column| table.table.column(column)).any(|value| !value.is_nan())
}

/// The smaller model's finished run, its level corrected by a bent line; only runs that have one.
fn proxy_lm(runs: &[RunRecord], train: &AnytimeTable, test: &AnytimeTable) -> Option<Metrics> {
    let reduce = |from: &AnytimeTable| -> Table {
        let rows: Vec<usize> =
            (0..from.run.len()).filter(|row| runs[from.run[*row]].smaller_model_score.is_some()).collect();
        let small = |row: &usize| vec![runs[from.run[*row]].smaller_model_score.unwrap_or(f64::NAN)];
        Table {
            names: vec!["smaller_model_score".into()],
            rows: rows.iter().map(small).collect(),
            target: rows.iter().map(|row| from.table.target[*row]).collect(),
            groups: rows.iter().map(|row| from.table.groups[*row]).collect(),
        }
    };
    let (train, test) = (reduce(train), reduce(test));
    if train.rows.len() < 10 || test.rows.is_empty() {
        return None;
    }
    let options = AdditiveOptions { bends: 3, ..AdditiveOptions::default() };
    let model = recipe("ProxyLM", Learner::Additive(options)).fit(&train, &[]);
    let predicted: Vec<f64> = test.rows.iter().map(|row| model.predict(row)).collect();
    Some(metrics(&predicted, &test.target))
}

/// The feature of largest rank correlation on the training rows, as a bent line.
fn best_single(train: &AnytimeTable, test: &AnytimeTable) -> Option<(String, Metrics)> {
    let strength = |column: usize| {
        let values = train.table.column(column);
        let present: Vec<usize> = (0..values.len()).filter(|row| !values[*row].is_nan()).collect();
        if 2 * present.len() < values.len() {
            return 0.0;
        }
        let picked: Vec<f64> = present.iter().map(|row| values[*row]).collect();
        let target: Vec<f64> = present.iter().map(|row| train.table.target[*row]).collect();
        let found = stats::spearman(&picked, &target).abs();
        if found.is_nan() { 0.0 } else { found }
    };
    let best = (0..train.table.names.len()).max_by(|a, b| strength(*a).total_cmp(&strength(*b)))?;
    let name = train.table.names[best].clone();
    let only = |candidate: &str| candidate == name;
    let options = AdditiveOptions { bends: 3, ..AdditiveOptions::default() };
    let model = recipe(&name, Learner::Additive(options)).fit(&train.table.without(only), &[]);
    let predicted: Vec<f64> = test.table.without(only).rows.iter().map(|row| model.predict(row)).collect();
    let found = metrics(&predicted, &test.table.target);
    Some((name, found))
}
