//! What every forecast must beat, each made as well as it can be on the same runs at the same depth.

use std::collections::BTreeMap;

use super::early_stop::{Curve, extrapolate};
use crate::features::{self, Group};
use crate::numerics::boosted_trees::BoostOptions;
use crate::numerics::{parallel, stats};
use crate::predict::fit::{
    AdditiveOptions, ExtraTreesOptions, Learner, Recipe, Table, Target, group_folds, metrics,
};
use crate::runs::{AnytimeTable, Knowledge, Label, RunRecord, needs_clean_rows};

/// Names that the report and the targets refer to.
pub const SCORE_NOW: &str = "evaluation score now";
pub const RIDGE: &str = "ridge on the same features";
pub const PROXY_LM: &str = "ProxyLM";
pub const EARLY_STOP: &str = "early-stop extrapolation";

/// Training and test rows, one a run, of the same knowledge and depth.
#[derive(Debug, Clone)]
pub struct Ground<'a> {
    pub runs: &'a [RunRecord],
    pub label: Label,
    pub train: AnytimeTable,
    pub test: AnytimeTable,
    pub seed: u64,
}

/// For each test row; NaN where such a forecast cannot be made.
pub type Predictions = Vec<f64>;

type Keep<'a> = &'a (dyn Fn(&str) -> bool + Sync);

/// The reading itself as the forecast; `None` where nothing was read.
pub fn score_now(label: Label, test: &AnytimeTable) -> Option<Predictions> {
    let now = test.table.column_index(label.read_as()).map(|column| test.table.column(column));
    let base = test.table.column_index("base_score").map(|column| test.table.column(column));
    let probes = test.knowledge.iter().any(|knowledge| knowledge.has_clean_probe());
    let reading = if probes { now } else { base.filter(|_| label == Label::Score) };
    reading.filter(|reading| reading.iter().any(|value| !value.is_nan()))
}

impl Ground<'_> {
    /// Those that the targets are set against.
    pub fn main(&self) -> BTreeMap<String, Predictions> {
        let mut table = BTreeMap::new();
        let mut add = |name: &str, found: Option<Predictions>| {
            if let Some(found) = found.filter(|found| found.iter().any(|value| value.is_finite())) {
                table.insert(name.to_owned(), found);
            }
        };
        add("predict the mean", Some(self.fitted(&recipe("mean", Learner::Mean), &|_| true)));
        add(SCORE_NOW, score_now(self.label, &self.test));
        add(RIDGE, Some(self.fitted(&ridge(), &|_| true)));
        if self.test.knowledge.contains(&Knowledge::Blind) {
            add(EARLY_STOP, self.early_stop(&[Curve::OwnLoss]));
        } else {
            add(EARLY_STOP, self.early_stop(&[Curve::OwnLoss, Curve::CleanLoss]));
            add("clean error extrapolated", self.early_stop(&[Curve::CleanError]));
        }
        add(PROXY_LM, self.proxy_lm());
        table
    }

    /// And the rest.
    pub fn all(&self) -> BTreeMap<String, Predictions> {
        let mut table = self.main();
        table.insert(
            "TuneAhead recipe".into(),
            self.fitted(&tune_ahead(self.seed), &|name| TUNE_AHEAD.contains(&name)),
        );
        if let Some((name, found)) = self.best_single() {
            table.insert(format!("best single feature ({name})"), found);
        }
        table
    }

    /// The same simple learners on all features, and on all but one group of them.
    pub fn ablations(&self) -> Vec<(&'static str, Predictions)> {
        let is_of = |name: &str, wanted: &[Group]| {
            !needs_clean_rows(name) && features::find(name).is_some_and(|found| wanted.contains(&found.group))
        };
        // The registry has these among the recipe's: the first is the file's alone, the other of both.
        const PER_ANSWER: [&str; 2] = ["rows_for_each_answer", "rows_seen_for_each_answer"];
        let data = |name: &str| is_of(name, &[Group::Static]) || PER_ANSWER.contains(&name);
        let recipe = |name: &str| is_of(name, &[Group::Recipe]) && name != PER_ANSWER[0];
        let probe = |name: &str| is_of(name, &[Group::Dynamic]);
        let groups: [(&str, Keep<'_>); 7] = [
            ("all features", &|_| true),
            ("without the file's descriptors", &|name| !data(name)),
            ("without the recipe", &|name| !recipe(name)),
            ("without evaluation rows, before and during the probe", &|name| !needs_clean_rows(name)),
            ("without what else the probe reads", &|name| !probe(name)),
            ("file and recipe only", &|name| data(name) || recipe(name)),
            ("evaluation rows only", &needs_clean_rows),
        ];
        parallel::map(&groups, |(name, keep)| (*name, self.best_of(keep)))
    }

    fn fitted(&self, recipe: &Recipe, keep: &dyn Fn(&str) -> bool) -> Predictions {
        let model = recipe.fit(&self.train.table.without(keep));
        let rows = self.test.table.without(keep).rows;
        rows.iter().map(|row| model.predict(row)).collect()
    }

    fn early_stop(&self, curves: &[Curve]) -> Option<Predictions> {
        extrapolate(self.runs, curves, &self.train, &self.test).map(|(_, predicted)| predicted)
    }

    /// The learner that does best held out inside the training rows.
    fn best_of(&self, keep: &dyn Fn(&str) -> bool) -> Predictions {
        let extra = ExtraTreesOptions { trees: 100, seed: self.seed, ..Default::default() };
        let candidates = [
            ridge(),
            recipe("extra trees", Learner::ExtraTrees(extra)),
            boosted("boosted", 200, 0.4, self.seed),
        ];
        let table = self.train.table.without(keep);
        self.fitted(best(&candidates, &table, self.seed), keep)
    }

    /// The smaller model's finished run, alone or beside what is known of file and recipe, whichever does better
    /// held out; only runs that have one.
    fn proxy_lm(&self) -> Option<Predictions> {
        const SMALL: &str = "smaller_model_score";
        let reduce = |from: &AnytimeTable| -> (Vec<usize>, Table) {
            let small = |row: usize| self.runs[from.run[row]].smaller_model_score;
            let rows: Vec<usize> = (0..from.run.len()).filter(|row| small(*row).is_some()).collect();
            let is_plan = |name: &str| {
                features::find(name).is_some_and(|found| matches!(found.group, Group::Static | Group::Recipe))
            };
            let mut table = from.table.without(is_plan).select(&rows);
            table.names.push(SMALL.into());
            for (values, row) in table.rows.iter_mut().zip(&rows) {
                values.push(small(*row).unwrap_or(f64::NAN));
            }
            (rows, table)
        };
        let ((_, train), (test_rows, test)) = (reduce(&self.train), reduce(&self.test));
        if train.rows.len() < 10 || test.rows.is_empty() {
            return None;
        }
        let only = |table: &Table| table.without(|name| name == SMALL);
        let change = Target::ChangeFrom(SMALL.into());
        let candidates = [
            (bent(), only(&train), only(&test)),
            (Recipe { target: change.clone(), ..ridge() }, train.clone(), test.clone()),
            (
                Recipe { target: change, ..boosted("boosted", 200, 0.4, self.seed) },
                train.clone(),
                test.clone(),
            ),
        ];
        let error = |index: &usize| held_out_error(&candidates[*index].0, &candidates[*index].1, self.seed);
        let (recipe, train, test) =
            &candidates[(0..candidates.len()).min_by(|a, b| error(a).total_cmp(&error(b)))?];
        let model = recipe.fit(train);
        let mut predicted = vec![f64::NAN; self.test.run.len()];
        for (row, values) in test_rows.into_iter().zip(&test.rows) {
            predicted[row] = model.predict(values);
        }
        Some(predicted)
    }

    /// The feature of largest rank correlation on the training rows, as a bent line.
    fn best_single(&self) -> Option<(String, Predictions)> {
        let table = &self.train.table;
        let strength = |column: usize| {
            let values = table.column(column);
            let present: Vec<usize> = (0..values.len()).filter(|row| !values[*row].is_nan()).collect();
            if 2 * present.len() < values.len() {
                return 0.0;
            }
            let picked: Vec<f64> = present.iter().map(|row| values[*row]).collect();
            let target: Vec<f64> = present.iter().map(|row| table.target[*row]).collect();
            let found = stats::spearman(&picked, &target).abs();
            if found.is_nan() { 0.0 } else { found }
        };
        let strengths: Vec<f64> = (0..table.names.len()).map(strength).collect();
        let best = (0..strengths.len()).max_by(|a, b| strengths[*a].total_cmp(&strengths[*b]))?;
        let name = table.names[best].clone();
        let found = self.fitted(&bent(), &|candidate| candidate == name);
        Some((name, found))
    }
}

fn recipe(name: &str, learner: Learner) -> Recipe {
    Recipe { name: name.to_owned(), learner, target: Target::Score }
}

fn ridge() -> Recipe {
    recipe("ridge", Learner::Additive(AdditiveOptions::default()))
}

fn bent() -> Recipe {
    recipe("bent ridge", Learner::Additive(AdditiveOptions { bends: 3, ..AdditiveOptions::default() }))
}

fn boosted(name: &str, trees: usize, column_share: f64, seed: u64) -> Recipe {
    let options = BoostOptions {
        trees,
        learning_rate: 0.05,
        leaves: 4,
        leaf_rows: 20,
        bins: 63,
        row_share: 0.6,
        column_share,
        l2: 1.0,
        seed,
        ..BoostOptions::default()
    };
    recipe(name, Learner::Boosted(options))
}

/// The parameters of their shipped booster (papers.md 1.4).
fn tune_ahead(seed: u64) -> Recipe {
    boosted("TuneAhead recipe", 140, 0.6, seed)
}

/// Their features (papers.md 1.2 and 1.7) as far as ours contain them, with learning rate and batch size.
const TUNE_AHEAD: &[&str] = &[
    "dataset_num_items",
    "dataset_total_chars",
    "static_valid_count",
    "static_skipped_count",
    "static_coverage",
    "avg_input_length",
    "input_length_std",
    "avg_output_length",
    "output_length_std",
    "io_length_ratio",
    "special_char_ratio",
    "input_ttr",
    "output_ttr",
    "output_ngram_repetition",
    "vocab_complexity",
    "instruction_complexity",
    "approximate_duplicates",
    "embedding_outlier_ratio",
    "io_similarity",
    "semantic_consistency",
    "semantic_diversity",
    "answer_groundedness",
    "reference_perplexity",
    "reference_bits_sd",
    "unigram_kl_to_reference",
    "initial_loss",
    "loss_decay_rate",
    "loss_stability",
    "avg_grad_norm",
    "grad_norm_sd",
    "gradient_consistency",
    "avg_grad_sparsity",
    "avg_activation_sparsity",
    "avg_param_change",
    "landscape_flatness",
    "catastrophic_forgetting",
    "learning_rate",
    "batch_size",
];

fn best<'a>(candidates: &'a [Recipe], table: &Table, seed: u64) -> &'a Recipe {
    let errors: Vec<f64> = candidates.iter().map(|recipe| held_out_error(recipe, table, seed)).collect();
    let best = (0..candidates.len()).min_by(|a, b| errors[*a].total_cmp(&errors[*b]));
    &candidates[best.expect("there are candidates")]
}

fn held_out_error(recipe: &Recipe, table: &Table, seed: u64) -> f64 {
    let folds = group_folds(&table.groups, 5, seed);
    let of_folds = parallel::map(&folds, |fold| {
        let model = recipe.fit(&table.select(&fold.train));
        fold.test.iter().map(|row| (*row, model.predict(&table.rows[*row]))).collect::<Vec<_>>()
    });
    let mut held_out = vec![f64::NAN; table.rows.len()];
    for (row, forecast) in of_folds.into_iter().flatten() {
        held_out[row] = forecast;
    }
    metrics(&held_out, &table.target).rmse
}
