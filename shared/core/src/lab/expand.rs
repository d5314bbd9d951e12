//! From a sweep file to its list of runs: pure, the same on every machine, and a longer list only continues
//! a shorter one. Tasks come in evenly mixed blocks, so that any beginning is a balanced sample.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::draws::{Draws, between};
use super::sweep::ChangedRecipe;
use super::{Condition, Sweep};
use crate::hash::{combine, hash_bytes};
use crate::numerics::Random;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedRun {
    /// Names the run in its folder.
    pub id: String,
    /// 0, or the number of the repetition with another training seed.
    pub repeat: u64,
    pub seed: u64,
    pub configuration: Configuration,
}

/// Everything that decides a run but its training seed and the base model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Configuration {
    pub index: u64,
    pub task: String,
    /// Rate above the usual ones: judged by whether it diverges.
    pub unstable: bool,
    /// At most what the task has.
    pub rows: usize,
    /// Of the choice of rows and what is done to them.
    pub data_seed: u64,
    pub conditions: BTreeMap<Condition, f64>,
    pub other_task: Option<String>,
    pub recipe: PlannedRecipe,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedRecipe {
    pub learning_rate: f64,
    pub batch: usize,
    pub steps: u64,
    pub rank: usize,
    pub alpha: f64,
    pub dropout: f64,
    pub targets: Vec<String>,
    pub schedule: String,
    pub warmup: f64,
    pub weight_decay: f64,
    pub sequence_length: usize,
}

pub fn expand(sweep: &Sweep) -> Vec<PlannedRun> {
    let block = Block::of(sweep);
    if !sweep.changed.is_empty() {
        return sweep.changed.iter().map(|changed| changed_run(sweep, &block, changed)).collect();
    }
    let mut list = Vec::new();
    let mut order = (u64::MAX, Vec::new());
    for index in 0..sweep.configurations {
        let number = index / block.len;
        if order.0 != number {
            order = (number, block.order(sweep.seed, number));
        }
        let configuration = configuration(sweep, index, order.1[(index % block.len) as usize]);
        for repeat in 0..repeats(sweep, index) {
            list.push(planned(sweep, configuration.clone(), repeat));
        }
    }
    list
}

fn planned(sweep: &Sweep, configuration: Configuration, repeat: u64) -> PlannedRun {
    let index = configuration.index;
    let seed = combine(combine(sweep.seed, index), repeat) >> 33;
    PlannedRun { id: format!("{}-{index:05}-{repeat}", sweep.name), repeat, seed, configuration }
}

/// The same rows and seed as in the unchanged sweep.
fn changed_run(sweep: &Sweep, block: &Block<'_>, changed: &ChangedRecipe) -> PlannedRun {
    let index = changed.configuration;
    let task = block.order(sweep.seed, index / block.len)[(index % block.len) as usize];
    let mut configuration = configuration(sweep, index, task);
    let recipe = &mut configuration.recipe;
    recipe.learning_rate = changed.learning_rate.unwrap_or(recipe.learning_rate);
    recipe.steps = changed.steps.unwrap_or(recipe.steps);
    if let Some(rank) = changed.rank {
        recipe.alpha *= rank as f64 / recipe.rank as f64;
        recipe.rank = rank;
    }
    planned(sweep, configuration, 0)
}

fn repeats(sweep: &Sweep, index: u64) -> u64 {
    let chosen = index.is_multiple_of(sweep.repeats.every)
        && index / sweep.repeats.every < sweep.repeats.configurations;
    if chosen { sweep.repeats.seeds } else { 1 }
}

/// A stretch of the list in which every task comes as often as its weight says.
struct Block<'a> {
    tasks: Vec<(&'a str, u32)>,
    len: u64,
}

impl<'a> Block<'a> {
    fn of(sweep: &'a Sweep) -> Self {
        let tasks: Vec<(&str, u32)> =
            sweep.tasks.iter().map(|(name, task)| (name.as_str(), task.weight)).collect();
        Self { len: tasks.iter().map(|(_, weight)| u64::from(*weight)).sum(), tasks }
    }

    /// Copies of one task are spread over the block.
    fn order(&self, seed: u64, number: u64) -> Vec<&'a str> {
        let mut places: Vec<(f64, &str)> = Vec::new();
        for (name, weight) in &self.tasks {
            let mut random = Random::new(combine(hash_bytes(name.as_bytes(), seed), number));
            for copy in 0..*weight {
                places.push(((f64::from(copy) + random.uniform()) / f64::from(*weight), name));
            }
        }
        places.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(b.1)));
        places.into_iter().map(|(_, name)| name).collect()
    }
}

fn configuration(sweep: &Sweep, index: u64, task: &str) -> Configuration {
    let draws = Draws { seed: sweep.seed, index };
    let unstable = sweep.recipe.unstable.filter(|unstable| draws.unit("unstable") < unstable.share);
    let rates = unstable.map_or(sweep.recipe.learning_rate, |unstable| unstable.learning_rate);
    let conditions = conditions(sweep, draws, task);
    let others: Vec<&String> = sweep.tasks.keys().filter(|name| *name != task).collect();
    let other_task = if conditions.keys().any(|kind| kind.needs_another_task()) {
        draws.one_of("other task", &others).map(|name| (*name).clone())
    } else {
        None
    };
    Configuration {
        index,
        task: task.to_owned(),
        unstable: unstable.is_some(),
        rows: draws.log("rows", sweep.rows.low, sweep.rows.high).round() as usize,
        data_seed: draws.own_seed("data"),
        conditions,
        other_task,
        recipe: recipe(sweep, draws, task, draws.log("learning rate", rates.low, rates.high)),
    }
}

/// How many, which (without replacement, by weight), and how strong.
fn conditions(sweep: &Sweep, draws: Draws, task: &str) -> BTreeMap<Condition, f64> {
    let many = draws.one_of("how many conditions", &sweep.conditions.how_many).copied().unwrap_or(0);
    let is_language_task = sweep.conditions.language_task.as_deref() == Some(task);
    let possible = sweep
        .conditions
        .kinds
        .iter()
        .filter(|(kind, _)| !(is_language_task && **kind == Condition::WrongLanguage));
    let mut keyed: Vec<(f64, Condition)> = possible
        .map(|(kind, range)| {
            let draw = draws.unit(&format!("choose {}", kind.name()));
            (libm::log(draw.max(1e-300)) / range.weight, *kind)
        })
        .collect();
    keyed.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    keyed.truncate(many);
    let strength = |kind: Condition| {
        let range = sweep.conditions.kinds[&kind];
        range.low + (range.high - range.low) * draws.unit(&format!("strength of {}", kind.name()))
    };
    keyed.into_iter().map(|(_, kind)| (kind, strength(kind))).collect()
}

fn recipe(sweep: &Sweep, draws: Draws, task: &str, learning_rate: f64) -> PlannedRecipe {
    let ranges = &sweep.recipe;
    let entry = &sweep.tasks[task];
    let checked = "the sweep file was checked: no list is empty";
    let batches: Vec<usize> =
        ranges.batch.iter().copied().filter(|batch| *batch >= entry.min_batch).collect();
    let rank = *draws.one_of("rank", &ranges.rank).expect(checked);
    let targets = draws.one_of("targets", &ranges.targets).expect(checked);
    PlannedRecipe {
        learning_rate,
        batch: *draws.one_of("batch", &batches).expect(checked),
        steps: steps(ranges.steps, entry.min_steps, draws.unit("steps")),
        rank,
        alpha: rank as f64 * draws.one_of("alpha", &ranges.alpha_over_rank).expect(checked),
        dropout: *draws.one_of("dropout", &ranges.dropout).expect(checked),
        targets: targets.split(',').map(|name| name.trim().to_owned()).collect(),
        schedule: draws.one_of("schedule", &ranges.schedule).expect(checked).clone(),
        warmup: *draws.one_of("warmup", &ranges.warmup).expect(checked),
        weight_decay: *draws.one_of("weight decay", &ranges.weight_decay).expect(checked),
        sequence_length: *draws.one_of("sequence length", &ranges.sequence_length).expect(checked),
    }
}

/// A power of the uniform draw puts the median where it is wanted; a task's own minimum lifts the low end.
fn steps(range: super::StepRange, least: f64, draw: f64) -> u64 {
    let super::StepRange { low, median, high } = range;
    let bend = if low < high {
        libm::log(libm::log(median / low) / libm::log(high / low)) / libm::log(0.5)
    } else {
        1.0
    };
    between(low.max(least), high, libm::pow(draw, bend)).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runs::{Part, SPLITS};
    use proptest::prelude::*;

    fn main_sweep() -> Sweep {
        Sweep::parse(include_str!("../../../../lab/sweeps/main.toml")).unwrap()
    }

    fn of_length(configurations: u64) -> Vec<PlannedRun> {
        expand(&Sweep { configurations, ..main_sweep() })
    }

    #[test]
    fn a_sweep_can_say_on_which_side_of_every_split_its_runs_stand() {
        assert!(main_sweep().frozen_parts().is_empty());
        let text = include_str!("../../../../lab/sweeps/more.toml");
        let more = Sweep::parse(text).unwrap();
        assert_eq!(more.frozen_parts(), SPLITS.map(|split| (split.to_owned(), Part::Train)).into());
        let judged = Sweep { part: Some(Part::Test), ..more.clone() };
        assert_ne!(judged.fingerprint(), more.fingerprint());
        let wrong = Sweep::parse(&text.replace("part = \"train\"", "part = \"both\"")).unwrap_err();
        assert!(wrong.to_string().contains("both"), "{wrong}");
    }

    #[test]
    fn changed_configurations_keep_their_rows_and_seed() {
        let plain = of_length(50);
        let changed =
            ChangedRecipe { configuration: 41, learning_rate: Some(0.002), steps: None, rank: Some(64) };
        let sweep = Sweep { changed: vec![changed], configurations: 50, ..main_sweep() };
        let [run] = expand(&sweep).try_into().unwrap();
        let before = plain.iter().find(|run| run.configuration.index == 41 && run.repeat == 0).unwrap();
        let recipe = PlannedRecipe {
            learning_rate: 0.002,
            rank: 64,
            alpha: before.configuration.recipe.alpha * 64.0 / before.configuration.recipe.rank as f64,
            ..before.configuration.recipe.clone()
        };
        let configuration = Configuration { recipe, ..before.configuration.clone() };
        assert_eq!(run, PlannedRun { configuration, ..before.clone() });
        assert_ne!(sweep.fingerprint(), main_sweep().fingerprint());
        assert_eq!(Sweep::parse(&sweep.text()).unwrap(), sweep);
    }

    /// Drawn numbers are part of every recorded run: these may never change.
    #[test]
    fn the_list_of_the_main_sweep_never_changes() {
        let list = of_length(200);
        let text = serde_json::to_vec(&list).unwrap();
        assert_eq!(format!("{:016x}", hash_bytes(&text, 0)), "eb0f28c4da757020");
    }

    #[test]
    fn any_beginning_is_balanced_over_tasks_and_ranges() {
        let sweep = main_sweep();
        let weights: u32 = sweep.tasks.values().map(|task| task.weight).sum();
        for length in [200, 400, 1500] {
            let first: Vec<Configuration> = of_length(length)
                .into_iter()
                .filter(|run| run.repeat == 0)
                .map(|run| run.configuration)
                .collect();
            assert_eq!(first.len() as u64, length);
            for (name, task) in &sweep.tasks {
                let count = first.iter().filter(|one| one.task == *name).count() as f64;
                let wanted = length as f64 * f64::from(task.weight) / f64::from(weights);
                assert!((count - wanted).abs() <= 3.0, "{name}: {count} of {length}, {wanted} wanted");
            }
            let share = |what: &dyn Fn(&Configuration) -> bool| {
                first.iter().filter(|one| what(one)).count() as f64 / length as f64
            };
            let near =
                |found: f64, wanted: f64| assert!((found - wanted).abs() < 0.04, "{found} for {wanted}");
            near(share(&|one| one.unstable), 0.1);
            near(share(&|one| one.conditions.is_empty()), 0.3);
            near(share(&|one| one.recipe.learning_rate < 1e-3), 0.45);
            near(share(&|one| one.rows < 632), 0.5);
            assert!((0.4..0.56).contains(&share(&|one| one.recipe.steps <= 300)));
        }
    }

    #[test]
    fn limits_of_tasks_and_conditions_hold() {
        let sweep = main_sweep();
        for PlannedRun { configuration, .. } in expand(&sweep) {
            let entry = &sweep.tasks[&configuration.task];
            let recipe = &configuration.recipe;
            assert!(recipe.steps as f64 >= entry.min_steps && recipe.batch >= entry.min_batch);
            assert_eq!(configuration.unstable, recipe.learning_rate >= 1e-2);
            let needs_other = configuration.conditions.keys().any(|kind| kind.needs_another_task());
            assert_eq!(needs_other, configuration.other_task.is_some());
            assert!(configuration.other_task.as_ref() != Some(&configuration.task));
            let foreign = configuration.conditions.contains_key(&Condition::WrongLanguage);
            assert!(!(foreign && configuration.task == "language_id"));
        }
    }

    #[test]
    fn repeats_differ_in_the_training_seed_alone() {
        let list = of_length(600);
        assert_eq!(list.len(), 600 + 60 * 2);
        let repeated: Vec<&PlannedRun> = list.iter().filter(|run| run.configuration.index == 8).collect();
        assert_eq!(repeated.len(), 3);
        assert!(repeated.iter().all(|run| run.configuration == repeated[0].configuration));
        assert!(repeated[0].seed != repeated[1].seed && repeated[1].seed != repeated[2].seed);
        let ids: std::collections::BTreeSet<&str> = list.iter().map(|run| run.id.as_str()).collect();
        assert_eq!(ids.len(), list.len());
    }

    #[test]
    fn a_wrong_value_is_named_with_its_key() {
        let text = include_str!("../../../../lab/sweeps/main.toml");
        let error = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            Sweep::parse(&text.replacen(from, to, 1)).unwrap_err().to_string()
        };
        for (from, to, wanted) in [
            ("configurations = 1500", "configurations = 0", "configurations: expected 1 or more"),
            ("seed = 2026", "seed = \"x\"", "seed"),
            ("median = 300", "median = 900", "recipe.steps.median: expected between"),
            ("rank = [2, 4, 8, 8, 16, 16, 32]", "rank = []", "recipe.rank: expected a list"),
            ("low = 0.05, high = 0.6", "low = 0.7, high = 0.6", "conditions.kinds.label_noise"),
            ("duplicates = {", "copies = {", "copies"),
            ("family = \"news\", weight = 3", "family = \"news\", weight = 0", "tasks.ag_news_topic.weight"),
        ] {
            let message = error(from, to);
            assert!(message.contains(wanted), "{message}");
        }
    }

    proptest! {
        #[test]
        fn a_longer_list_continues_a_shorter_one(short in 1u64..60, more in 0u64..60, seed: u64) {
            let sweep = Sweep { seed: seed >> 12, ..main_sweep() };
            let list = |configurations| expand(&Sweep { configurations, ..sweep.clone() });
            let (first, second) = (list(short), list(short + more));
            prop_assert_eq!(&second[..first.len()], &first[..]);
            prop_assert_eq!(&second, &list(short + more));
        }
    }
}
