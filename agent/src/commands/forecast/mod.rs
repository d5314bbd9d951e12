//! `foretune forecast`: how the run would end, with what certainty, why, and what would change it.

mod words;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use foretune_core::check::Wish;
use foretune_core::features::FeatureVector;
use foretune_core::limits;
use foretune_core::links::{Link, predictor_hash};
use foretune_core::predict::card::Card;
use foretune_core::predict::changes::{Change, cheap_changes};
use foretune_core::predict::outcome::{self, Outcome};
use foretune_core::predict::predictor::{self, ForecastOptions, Predictor};
use foretune_core::predict::verdict::{MistakeCosts, Verdict};
use foretune_core::runs::{Known, Reading, proxy_features};
use foretune_core::schema::Mapping;
use foretune_core::words::grouped;
use foretune_engine::Recipe;
use foretune_tract::Comparison;
use serde_json::json;

use super::Answer;
use super::check::{eval_index, parse_mapping};
use crate::candidate::{self, Candidate, Plan, SetAside};
use crate::checking::Fix;
use crate::training::{self, RecipeFlags};
use crate::weights::{self, ModelFolder};
use crate::{files, numbers, terminal};

pub use words::text;

/// Made by `foretune fit` from the lab's runs of the bundled model.
static SHIPPED_PREDICTOR: &[u8] = include_bytes!("../../../../lab/predictors/tiny-exact-match.onnx");

/// Forecast how a fine-tune would end: score, interval, verdict, reasons, cheap changes
///
/// Exit code 0: go, or no verdict asked for; 1: the verdict is no-go; 2: no forecast could be made.
#[derive(Debug, Args)]
pub struct Forecast {
    /// The dataset
    file: PathBuf,
    /// Predictor made by foretune fit, or any ONNX regressor that names our features, networks included (default: the
    /// one of the bundled model, made from real runs)
    #[arg(long, value_name = "P.onnx")]
    predictor: Option<PathBuf>,
    /// Base model: a folder, its name in the Hugging Face cache, or `tiny` (default: the bundled one where the predictor
    /// has learnt from it; else none, and lengths are estimates)
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Trace of a probe or of a run under way: its deepest reading is used
    #[arg(long, value_name = "TRACE")]
    trace: Option<PathBuf>,
    /// Trace of a smaller model's probe of the same file and recipe, such as `probe --model tiny` writes: asked where
    /// nothing is known of the model itself, by a predictor that was fitted with `fit --beside`. A probe that went to
    /// the run's end (`--stop never --steps N` of all N) says more, and counts beside a --trace too
    #[arg(long, value_name = "TRACE", conflicts_with = "fix")]
    proxy: Option<PathBuf>,
    /// Clean rows of the task: reports rows that stand in both files
    #[arg(long, value_name = "FILE")]
    eval: Option<PathBuf>,
    /// What the columns mean, such as instruction=question,output=reply
    #[arg(long, value_name = "KEY=COLUMN,…", value_parser = parse_mapping)]
    map: Option<Mapping>,
    /// The score that the run must reach, in points: asks for a verdict
    #[arg(long, value_name = "POINTS", value_parser = numbers::finite)]
    threshold: Option<f64>,
    /// What starting a bad run costs, against what missing a good one costs
    #[arg(long, value_name = "COST", default_value_t = 1.0, value_parser = numbers::positive)]
    cost_wasted: f64,
    #[arg(long, value_name = "COST", default_value_t = 1.0, value_parser = numbers::positive)]
    cost_missed: f64,
    /// Forecast the data as they are once these fixes of `check --clean` were made: described anew, not guessed
    #[arg(long, value_name = "FIX,…", value_delimiter = ',', conflicts_with = "trace")]
    fix: Vec<Fix>,
    /// Let a second engine (tract) run the predictor on drawn rows, 10,000 where nothing is said, and tell how far the
    /// two are apart; the forecast is refused where that is above 1e-9
    #[arg(long, value_name = "ROWS", num_args = 0..=1, require_equals = true, default_missing_value = "10000",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    cross_check: Option<u32>,
    #[command(flatten)]
    recipe: RecipeFlags,
    /// Print the forecast as JSON
    #[arg(long)]
    json: bool,
}

/// A candidate beside the predictor that is asked about it.
#[derive(Debug)]
pub struct Prepared {
    pub predictor: Predictor,
    pub predictor_hash: String,
    pub plan: Plan,
    /// Before the end of the run.
    pub readings: Vec<Reading>,
    /// How the run of the trace ended, where it was read to its end.
    pub ended: Option<Outcome>,
    /// What a smaller model's probe says.
    pub proxy: Option<FeatureVector>,
    pub options: ForecastOptions,
    /// Said with the forecast.
    pub notes: Vec<String>,
}

impl Prepared {
    pub fn known(&self) -> Known<'_> {
        Known {
            proxy: self.proxy.as_ref(),
            readings: &self.readings,
            ..Link::known(&self.plan.features, None)
        }
    }

    pub fn vector(&self) -> FeatureVector {
        let (known, seen) = (self.known(), self.readings.len());
        known.at(known.most(seen), seen)
    }
}

impl Forecast {
    pub fn file(&self) -> &Path {
        &self.file
    }

    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// What a link calls the data whose fingerprint it holds: with fixes that is not the file's.
    pub fn name_of_data(&self, file: String) -> String {
        if self.fix.is_empty() { file } else { format!("{file}, mended") }
    }

    pub fn is_json(&self) -> bool {
        self.json
    }

    pub fn prepare(&self) -> Result<Prepared> {
        if self.predictor.is_none() {
            terminal::note(
                "by the predictor of the bundled model of 0.6 million parameters: it says nothing of a larger one \
                 (--predictor P.onnx takes another)",
            );
        }
        let prepared = self.prepare_with(&self.fix)?;
        if prepared.plan.features.get("base_parameters").is_nan() {
            terminal::note(
                "lengths are estimates: --model MODEL counts them in the tokens that the predictor has learnt from",
            );
        }
        Ok(prepared)
    }

    fn prepare_with(&self, fixes: &[Fix]) -> Result<Prepared> {
        let (predictor, predictor_hash) = match &self.predictor {
            Some(path) => load_predictor(path)?,
            None => self.shipped_predictor()?,
        };
        let model = self.model.as_deref().or_else(|| bundled_model_of(&predictor));
        let model = model.map(ModelFolder::open).transpose()?;
        let mapping = self.map.as_ref();
        let usual = match (&model, &predictor.card) {
            (Some(model), _) => Recipe::usual_for(&model.config),
            (None, Some(card)) => card.usual_recipe().into(),
            (None, None) => Recipe::default(),
        };
        let recipe = self.recipe.recipe(&usual)?;
        self.recipe.quantization()?;
        let parts = self.parts(model.as_ref())?;
        let (file, eval) = match &parts {
            Some((_, [training, evaluation])) => (training.as_path(), Some(evaluation.as_path())),
            None => (self.file.as_path(), self.eval.as_deref()),
        };
        let eval = eval.map(|path| eval_index(path, mapping)).transpose()?;
        let candidate =
            Candidate { file, mapping, eval: eval.as_ref(), model: model.as_ref(), recipe: &recipe, fixes };
        let readings = self.trace.as_deref().map(candidate::readings).transpose()?.unwrap_or_default();
        let options = ForecastOptions {
            threshold: self.threshold,
            costs: MistakeCosts { wasted_run: self.cost_wasted, missed_run: self.cost_missed },
            ..ForecastOptions::default()
        };
        let mut plan = candidate.plan()?;
        if parts.is_some() {
            plan.fingerprint = candidate::fingerprint(&self.file, mapping)?;
        }
        let proxy = self.proxy.as_deref().map(|path| proxy_of(&predictor, path, &plan)).transpose()?;
        let total_steps = Link::known(&plan.features, None).total_steps;
        let (before, ended) = outcome::divide(predictor.card.as_ref(), &readings, total_steps);
        let readings = before.to_vec();
        let mut notes = Vec::new();
        for trace in [&self.trace, &self.proxy].into_iter().flatten() {
            let differences = candidate::trace_differs(trace, &plan.fingerprint, &recipe)?;
            if !differences.is_empty() {
                notes.push(format!(
                    "the trace {} is of another run: {}",
                    trace.display(),
                    differences.join("; ")
                ));
            }
        }
        if plan.has_errors {
            notes.push(format!("the data have faults: foretune check {}", self.file.display()));
        }
        Ok(Prepared { predictor, predictor_hash, plan, readings, ended, proxy, options, notes })
    }

    /// What could be tried: other recipes, and the data once what they need was mended.
    fn changes(&self, prepared: &Prepared) -> Result<Vec<Change>> {
        let mut changes = cheap_changes(&prepared.plan.features);
        let fixes = &prepared.plan.mendable;
        // A trace is of the data as they are.
        if self.fix.is_empty()
            && self.trace.is_none()
            && self.proxy.is_none()
            && !fixes.is_empty()
            && files::length(&self.file)? <= limits::MAX_UNASKED_COPY_BYTES
        {
            match self.mended(fixes) {
                Ok(change) => changes.extend(change),
                Err(error) => {
                    terminal::note(&format!("what mending the data would bring is not told: {error:#}"));
                }
            }
        }
        Ok(changes)
    }

    /// The data as they are once these fixes were made, described anew.
    fn mended(&self, fixes: &[Fix]) -> Result<Option<Change>> {
        let mended = self.prepare_with(fixes)?.plan;
        let made = mended.changes.filter(|made| !made.is_nothing());
        let values = mended.features.iter().map(|(name, value)| (name.to_owned(), value));
        Ok(made.map(|made| (words::data_change(fixes, &made), values.collect())))
    }

    /// The file divided as the trace's probe divided it: what it trained on, and what it was judged by.
    fn parts(&self, model: Option<&ModelFolder>) -> Result<Option<(files::Scratch, [PathBuf; 2])>> {
        let (Some(trace), None) = (self.trace.as_deref().or(self.proxy.as_deref()), &self.eval) else {
            return Ok(None);
        };
        let Some(SetAside { record, model: probed, longest }) = candidate::set_aside_by(trace)? else {
            return Ok(None);
        };
        // Which rows are too long to be set aside is said by the tokenizer of the model that was probed.
        let opened;
        let model = if let Some(own) = model.filter(|_| self.trace.is_some()) {
            own
        } else {
            opened = probed_model(trace, &probed)?;
            &opened
        };
        let wish = Wish { rows: record.wanted, seed: record.seed };
        let mapping = self.map.as_ref();
        let aside = training::set_aside(&self.file, model, mapping, longest, wish)?;
        if aside.record != record {
            bail!(
                "{} set other rows of {} aside than would be now: the file or the tokenizer has changed since; probe \
                 again",
                trace.display(),
                self.file.display()
            );
        }
        let scratch = files::Scratch::create()?;
        let parts = training::write_parts(&self.file, mapping, &aside, &scratch.file("parts"))?;
        terminal::note(&format!(
            "{} rows of the file are evaluation rows, as in the probe of {}",
            record.rows,
            trace.display()
        ));
        Ok(Some((scratch, parts)))
    }

    fn shipped_predictor(&self) -> Result<(Predictor, String)> {
        if let Some(other) = self.model.as_deref().filter(|model| *model != weights::TINY) {
            bail!(
                "the predictor that comes with this program is of the bundled model ({}) and knows nothing of {other}; \
                 give one made by `foretune fit` from runs of that model with --predictor P.onnx",
                weights::TINY
            );
        }
        let predictor =
            Predictor::load(SHIPPED_PREDICTOR, |_| false).context("the predictor of this program")?;
        Ok((predictor, predictor_hash(SHIPPED_PREDICTOR)))
    }
}

/// The model inside this program, for a predictor that has learnt from it.
fn bundled_model_of(predictor: &Predictor) -> Option<&'static str> {
    predictor.card.as_ref().is_some_and(Card::knows_bundled_model).then_some(weights::TINY)
}

fn probed_model(trace: &Path, name: &str) -> Result<ModelFolder> {
    ModelFolder::open(name).with_context(|| {
        format!(
            "{} set rows of the file aside by the tokenizer of {name}, which is not at hand; put it there, or give the \
             rows that the probe wrote with --set-aside-to: its training part as the file, its evaluation part with \
             --eval",
            trace.display()
        )
    })
}

/// What the trace of a smaller model's probe says, for a predictor that can be told.
fn proxy_of(predictor: &Predictor, trace: &Path, plan: &Plan) -> Result<FeatureVector> {
    if !predictor.reads_proxies() {
        bail!(
            "--proxy {}: this predictor has learnt from no smaller model's probes; one that has is made by \
             `foretune fit RUNS --beside SMALLER_RUNS`",
            trace.display()
        );
    }
    let readings = candidate::readings(trace)?;
    Ok(proxy_features(&Known { readings: &readings, ..Link::known(&plan.features, None) }))
}

/// By which links know the one that comes with the program.
pub fn shipped_predictor_hash() -> String {
    predictor_hash(SHIPPED_PREDICTOR)
}

/// The predictor and the hash that links know it by.
pub fn load_predictor(path: &Path) -> Result<(Predictor, String)> {
    let told = || format!("the predictor {}", path.display());
    let bytes = files::read_whole(path, limits::MAX_ONNX_BYTES as u64)?;
    Ok((foretune_tract::load(&bytes, |_| false).with_context(told)?, predictor_hash(&bytes)))
}

/// How far apart the two engines may be, in points.
const CROSS_CHECK_TOLERANCE: f64 = 1e-9;

fn cross_check(path: Option<&Path>, rows: u32) -> Result<Comparison> {
    let read;
    let bytes = match path {
        Some(path) => {
            read = files::read_whole(path, limits::MAX_ONNX_BYTES as u64)?;
            &read
        }
        None => SHIPPED_PREDICTOR,
    };
    let told = "the second engine has nothing to compare with";
    let found = foretune_tract::compare(bytes, rows as usize, 1).context(told)?;
    if found.largest_difference > CROSS_CHECK_TOLERANCE {
        bail!(
            "the two engines are {:e} points apart on one of {} rows: no forecast by this predictor is to be trusted; \
             please report it with the file",
            found.largest_difference,
            grouped(found.rows as u64)
        );
    }
    Ok(found)
}

pub fn run(arguments: &Forecast) -> Result<Answer> {
    let prepared = arguments.prepare()?;
    let checked = match arguments.cross_check {
        Some(rows) => Some(cross_check(arguments.predictor.as_deref(), rows)?),
        None => None,
    };
    let vector = prepared.vector();
    let mut forecast = prepared.predictor.forecast(&vector, &prepared.options)?;
    forecast.notes.extend(prepared.notes.iter().cloned());
    let changes = prepared.predictor.what_if(&prepared.known(), &arguments.changes(&prepared)?)?;
    let fixed = match &prepared.plan.changes {
        Some(changes) => {
            let before = arguments.prepare_with(&[])?;
            let unfixed = before.predictor.forecast(&before.vector(), &before.options)?;
            Some((changes, unfixed, forecast.score))
        }
        None => None,
    };
    if arguments.json {
        let mut value = serde_json::to_value(&forecast)?;
        value["what_if"] = serde_json::to_value(&changes)?;
        value["ended"] = serde_json::to_value(prepared.ended)?;
        if let Some(found) = checked {
            value["cross_check"] = json!({
                "engine": "tract", "rows": found.rows, "models": found.models,
                "largest_difference": found.largest_difference,
            });
        }
        if let Some((changes, unfixed, score)) = fixed {
            value["fixed"] =
                json!({"changes": changes, "score_before": unfixed.score, "gain": score - unfixed.score});
        }
        terminal::data(&serde_json::to_string_pretty(&value)?)?;
    } else {
        if let Some((changes, unfixed, score)) = fixed {
            terminal::data(&format!(
                "with the fixes: {} of {} rows, {} changed; {:+.1} points against {:.1} without them",
                grouped(changes.rows_written),
                grouped(changes.rows_read),
                grouped(changes.rows_changed),
                score - unfixed.score,
                unfixed.score
            ))?;
        }
        terminal::data(&text(&forecast, &vector, &changes))?;
        if let Some(ended) = prepared.ended {
            terminal::data(&words::ended_words(ended, &forecast))?;
        }
        if let Some(found) = checked {
            terminal::data(&format!(
                "checked: a second engine (tract) gives the same on {} drawn rows, at most {:.1e} points apart",
                grouped(found.rows as u64),
                found.largest_difference
            ))?;
        }
    }
    Ok(answer(&forecast))
}

pub fn answer(forecast: &predictor::Forecast) -> Answer {
    if forecast.verdict == Verdict::NoGo { Answer::No } else { Answer::Yes }
}
