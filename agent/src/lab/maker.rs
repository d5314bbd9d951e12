//! Makes one run of a plan: prepares its file, describes it, trains with readings, judges. What many runs
//! share (tokens, base evaluations) is kept between them; none of it changes a run's numbers.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use flate2::Compression;
use flate2::write::GzEncoder;
use foretune_core::check::{self, CheckOptions, FileIdentity, Report};
use foretune_core::describe::{DescribeContext, EvalIndex, ReferenceModel};
use foretune_core::formats;
use foretune_core::hash::hash_bytes;
use foretune_core::lab::{Configuration, Material, PlannedRecipe, PlannedRun, Spoiled, Sweep, TaskRow};
use foretune_core::lab::{has_diverged, spoil};
use foretune_core::runs::{DatasetRecord, EvaluationRecord, ModelRecord, Reading, RunRecord, SCHEMA_VERSION};
use foretune_engine::evaluate::{Evaluation, evaluate};
use foretune_engine::{
    BatchStyle, Control, DType, Device, LoadOptions, LoraConfig, Quantization, Recipe, Row, RunData,
    RunOptions, Schedule, StopReason, Target, Trainer,
};

use super::corpus::Corpus;
use super::suite::Suite;
use super::tokens::Tokens;
use crate::checking::{self, CheckInput};
use crate::devices;
use crate::training::{HARNESS, Sampling, general_rows, rows_of, split, trace};
use crate::weights::{ModelFolder, Weights};

#[derive(Debug)]
pub struct Maker<'a> {
    sweep: &'a Sweep,
    corpus: &'a Corpus,
    model: &'a ModelFolder,
    weights: Weights,
    model_record: ModelRecord,
    load: LoadOptions,
    tokens: Tokens<'a>,
    reference: ReferenceModel,
    languages: Vec<TaskRow>,
    /// By task and sequence length.
    clean: HashMap<(String, usize), Clean>,
    judges: HashMap<(String, usize), Judge>,
    suite: Suite,
}

/// The evaluation rows that a user would have.
#[derive(Debug)]
struct Clean {
    rows: Vec<TaskRow>,
    index: Option<EvalIndex>,
}

/// What a task's runs are judged on.
#[derive(Debug)]
struct Judge {
    clean: Vec<Row>,
    test: Vec<Row>,
    base: Evaluation,
}

/// A finished run.
#[derive(Debug)]
pub struct Made {
    pub record: RunRecord,
    /// Gzipped JSON lines.
    pub trace: Vec<u8>,
}

impl<'a> Maker<'a> {
    pub fn new(
        sweep: &'a Sweep,
        corpus: &'a Corpus,
        model: &'a ModelFolder,
        device: Device,
        dtype: DType,
    ) -> Result<Self> {
        let weights = model.weights()?;
        let model_record = ModelRecord {
            name: sweep.model.name.clone(),
            hash: format!("{:016x}", model.fingerprint(&weights)?),
            parameters: model.config.parameter_count(),
        };
        let load = LoadOptions { device, dtype, quantization: Quantization::None };
        let tokens = Tokens::new(model);
        let base = weights.load(&model.config, &load)?;
        let longest = sweep.recipe.sequence_length.iter().copied().max().unwrap_or(0);
        let suite = Suite::new(corpus, sweep.evaluation.suite_rows_per_task, longest, &tokens, &base)?;
        let languages = match &sweep.conditions.language_task {
            None => Vec::new(),
            Some(task) => {
                let rows = corpus.task(task).split.pool.iter();
                rows.filter(|row| row.output != "English").cloned().collect()
            }
        };
        let reference = checking::reference_model()?;
        let (clean, judges) = (HashMap::new(), HashMap::new());
        Ok(Self {
            sweep,
            corpus,
            model,
            weights,
            model_record,
            load,
            tokens,
            reference,
            languages,
            clean,
            judges,
            suite,
        })
    }

    pub fn make(&mut self, planned: &PlannedRun) -> Result<Made> {
        let (started, cpu_started) = (Instant::now(), devices::cpu_seconds());
        let configuration = &planned.configuration;
        let recipe = recipe(&configuration.recipe, planned.seed)?;
        let length = recipe.sequence_length;
        self.prepare_judge(&configuration.task, length)?;
        let key = (configuration.task.clone(), length);
        let judge = &self.judges[&key];
        let spoiled = self.file(configuration)?;
        let bytes = json_lines(&spoiled.rows)?;
        let report = self.describe(&bytes, length, self.clean[&key].index.as_ref())?;

        let sampling = Sampling::new(usize::MAX, &recipe);
        let mut encode = |text: &str| self.tokens.encode(text);
        let opened = formats::open(bytes.as_slice())?;
        let dataset = rows_of(opened, self.model.template, &mut encode, None, sampling)?;
        if dataset.rows.is_empty() {
            return Err(anyhow!("the prepared file has no usable row"));
        }
        let usable = dataset.rows.len();
        let (held_out, train) = split(dataset.rows, usable);
        let mut features = report.features;
        for (name, value) in recipe.features(train.len()).iter() {
            features.set(name, value);
        }
        features.set("base_parameters", self.model_record.parameters as f64);

        let mut options = RunOptions::tune(recipe, train.len());
        if !self.load.device.is_cpu() {
            options.style = BatchStyle::Packed { len: length };
        }
        let total_steps = options.total_steps;
        let data = RunData {
            train,
            held_out,
            evaluation: judge.clean.clone(),
            general: general_rows(self.model, length)?,
        };
        let model = self.weights.load(&self.model.config, &self.load)?;
        let mut trainer = Trainer::new(model, data, options)?;
        features.set("trained_parameters", trainer.model.trained.parameters()?.len() as f64);
        let stopped = trainer.run(&mut |_, _| Control::Continue)?;
        let end = trainer.evaluate(&judge.test)?;
        let elsewhere = self.suite.compare(&configuration.task, &trainer.model)?;

        let losses: Vec<f64> = trainer.state().steps.iter().map(|step| step.loss).collect();
        let readings = trainer.state().readings.iter();
        let base_reading = trainer.state().readings.first().filter(|reading| reading.step == 0);
        let base_loss = base_reading.map_or(f64::NAN, |reading| reading.features.get("held_out_loss"));
        let record = RunRecord {
            schema: SCHEMA_VERSION,
            id: planned.id.clone(),
            sweep: format!("{} {:016x}", self.sweep.name, self.sweep.fingerprint()),
            configuration: self.configuration_hash(configuration)?,
            seed: planned.seed,
            dataset: DatasetRecord {
                source: configuration.task.clone(),
                family: self.sweep.tasks[&configuration.task].family.clone(),
                hash: report.file.fingerprint,
                condition: condition(&spoiled, configuration),
                other_source: configuration.other_task.clone(),
            },
            base_model: self.model_record.clone(),
            evaluation: EvaluationRecord {
                name: configuration.task.clone(),
                harness: HARNESS.to_owned(),
                prompt: prompt_name(self.model, length)?,
                rows: Some(judge.test.len() as u64),
            },
            features,
            proxy: None,
            readings: readings
                .map(|one| Reading { step: one.step, features: one.features.clone() })
                .collect(),
            base_score: finite(judge.base.score()),
            base_p_gold: finite(judge.base.p_gold()),
            base_test_loss: finite(judge.base.loss()),
            score: finite(end.score()),
            score_se: finite(end.score_se()),
            p_gold: finite(end.p_gold()),
            test_loss: finite(end.loss()),
            diverged: stopped == StopReason::Diverged || has_diverged(&losses, base_loss),
            items: Some(end.items.iter().map(|item| if item.exact { '1' } else { '0' }).collect()),
            elsewhere,
            smaller_model_score: None,
            split: self.sweep.frozen_parts(),
            total_steps,
            trained_tokens: Some(trainer.state().steps.iter().map(|step| step.tokens as u64).sum()),
            wall_seconds: Some(started.elapsed().as_secs_f64()),
            cpu_seconds: cpu_started.and_then(|start| Some(devices::cpu_seconds()? - start)),
            device: devices::kind(&self.load.device),
            versions: versions(),
        };
        let trace = self.trace(&trainer, planned)?;
        Ok(Made { record, trace })
    }

    /// What the check says today of the file that a run was trained on.
    pub fn describe_again(&mut self, planned: &PlannedRun) -> Result<Report> {
        let configuration = &planned.configuration;
        let key = (configuration.task.clone(), configuration.recipe.sequence_length);
        self.prepare_clean(&key)?;
        let bytes = json_lines(&self.file(configuration)?.rows)?;
        self.describe(&bytes, key.1, self.clean[&key].index.as_ref())
    }

    /// The rows as a user would have them, cut so that no answer is lost.
    fn file(&self, configuration: &Configuration) -> Result<Spoiled> {
        let task = self.corpus.task(&configuration.task);
        let mut evaluation = task.split.clean.clone();
        evaluation.extend(task.test.iter().cloned());
        let other =
            configuration.other_task.as_ref().map(|name| self.corpus.task(name).split.pool.as_slice());
        let material = Material {
            pool: &task.split.pool,
            other: other.unwrap_or_default(),
            languages: &self.languages,
            evaluation: &evaluation,
        };
        let mut spoiled =
            spoil(material, configuration.rows, &configuration.conditions, configuration.data_seed);
        for row in &mut spoiled.rows {
            self.tokens.fit(row, configuration.recipe.sequence_length)?;
        }
        Ok(spoiled)
    }

    /// What `foretune check` says of the file.
    fn describe(&self, bytes: &[u8], length: usize, eval: Option<&EvalIndex>) -> Result<Report> {
        let context = DescribeContext { tokens: Some(&self.tokens), eval, reference: Some(&self.reference) };
        let options = CheckOptions { max_tokens: Some(length as u32), mapping: None, seed: 0 };
        let opened = formats::open(bytes)?;
        let info = opened.info.clone();
        let input = CheckInput { options: &options, context, threads: 1 };
        let partial = checking::run(opened, &input, &mut |_, _| {})?;
        let identity = FileIdentity { name: None, stored_bytes: bytes.len() as u64 };
        Ok(check::finish(partial, &info, identity, &options, &context))
    }

    /// Cut to this length.
    fn fitted(&self, rows: &[TaskRow], length: usize) -> Result<Vec<TaskRow>> {
        let mut rows = rows.to_vec();
        for row in &mut rows {
            self.tokens.fit(row, length)?;
        }
        Ok(rows)
    }

    fn prepare_clean(&mut self, key: &(String, usize)) -> Result<()> {
        if !self.clean.contains_key(key) {
            let rows = self.fitted(&self.corpus.task(&key.0).split.clean, key.1)?;
            let index = checking::eval_index(formats::open(json_lines(&rows)?.as_slice())?, None)?;
            self.clean.insert(key.clone(), Clean { rows, index });
        }
        Ok(())
    }

    fn prepare_judge(&mut self, task: &str, length: usize) -> Result<()> {
        let key = (task.to_owned(), length);
        self.prepare_clean(&key)?;
        if self.judges.contains_key(&key) {
            return Ok(());
        }
        let tokens =
            |rows: &[TaskRow]| rows.iter().map(|row| self.tokens.row(row)).collect::<Result<Vec<Row>>>();
        let clean = tokens(&self.clean[&key].rows)?;
        let test = tokens(&self.fitted(&self.corpus.task(task).test, length)?)?;
        let base = evaluate(&self.weights.load(&self.model.config, &self.load)?, &test)?;
        self.judges.insert(key, Judge { clean, test, base });
        Ok(())
    }

    /// Of everything but the training seed.
    fn configuration_hash(&self, configuration: &Configuration) -> Result<String> {
        let text = serde_json::to_string(&(&self.model_record.hash, configuration))?;
        Ok(format!("{:016x}", hash_bytes(text.as_bytes(), 0)))
    }

    fn trace(&self, trainer: &Trainer, planned: &PlannedRun) -> Result<Vec<u8>> {
        let mut header = serde_json::to_value(planned)?;
        header["type"] = "start".into();
        header["trace_version"] = 1.into();
        header["model"] = serde_json::to_value(&self.model_record)?;
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        let write = packed.write_all(trace(trainer, &header)?.as_bytes());
        write.and_then(|()| packed.finish()).context("the trace cannot be packed")
    }
}

pub fn recipe(planned: &PlannedRecipe, seed: u64) -> Result<Recipe> {
    let mut targets = Vec::with_capacity(planned.targets.len());
    for name in &planned.targets {
        let target = Target::parse(name);
        targets.push(target.ok_or_else(|| {
            anyhow!("recipe.targets: expected q, k, v, o, gate, up or down, found {name:?}")
        })?);
    }
    targets.sort_unstable();
    targets.dedup();
    let schedule = Schedule::parse(&planned.schedule).ok_or_else(|| {
        anyhow!("recipe.schedule: expected constant, linear or cosine, found {:?}", planned.schedule)
    })?;
    let recipe = Recipe {
        learning_rate: planned.learning_rate,
        batch_size: planned.batch,
        max_steps: Some(planned.steps),
        schedule,
        warmup_share: planned.warmup,
        weight_decay: planned.weight_decay,
        sequence_length: planned.sequence_length,
        lora: LoraConfig { rank: planned.rank, alpha: planned.alpha, dropout: planned.dropout, targets },
        seed,
        ..Recipe::default()
    };
    recipe.check()?;
    Ok(recipe)
}

fn json_lines(rows: &[TaskRow]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut bytes, row)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

fn condition(spoiled: &Spoiled, configuration: &Configuration) -> BTreeMap<String, f64> {
    let mut condition: BTreeMap<String, f64> =
        spoiled.done.iter().map(|(kind, share)| (kind.name().to_owned(), *share)).collect();
    condition.insert("rows".into(), spoiled.rows.len() as f64);
    condition.insert("unstable".into(), f64::from(u8::from(configuration.unstable)));
    condition
}

fn prompt_name(model: &ModelFolder, length: usize) -> Result<String> {
    let template = serde_json::to_string(&model.template)?;
    Ok(format!("template {template}, input cut at its front to {length} tokens in all"))
}

fn versions() -> BTreeMap<String, String> {
    [
        ("foretune", env!("CARGO_PKG_VERSION")),
        ("candle-core", env!("FORETUNE_CANDLE")),
        ("gemm", env!("FORETUNE_GEMM")),
    ]
    .into_iter()
    .map(|(name, version)| (name.to_owned(), version.to_owned()))
    .collect()
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}
