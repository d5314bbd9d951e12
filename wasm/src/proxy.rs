//! A probe of the bundled tiny model, a step at a time, so that the worker can pass on each as it comes.
//! The same rows, the same steps and the same lines as `foretune probe --model tiny` gives.

use foretune_core::check::{Aside, Fate, TooFewClean, Wish, evaluation_features};
use foretune_core::formats;
use foretune_core::runs::{HELD_OUT_ROWS, trained_rows};
use foretune_core::schema::Mapping;
use foretune_core::tokenizer::ModelTokenizer;
use foretune_engine::rows::{self, Dataset, Sampling};
use foretune_engine::safetensors::SafetensorsBytes;
use foretune_engine::template::Template;
use foretune_engine::trainer::end_line;
use foretune_engine::{
    Control, EngineError, LoadOptions, Model, ModelConfig, Recipe, RunData, RunOptions, StopReason, Trainer,
};
use serde::Deserialize;
use serde_json::{Value, json};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::failure::{Failure, sentence};
use crate::source::{JsSource, SliceReader};

/// What the command line takes as flags, with its defaults.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Options {
    recipe: Recipe,
    steps: u64,
    /// Beyond `steps`, until the run that the recipe describes is over.
    to_the_end: bool,
    eval_rows: usize,
    mapping: Option<String>,
    /// Where there is no evaluation file.
    set_aside: Option<Wish>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            recipe: Recipe::default(),
            steps: 100,
            to_the_end: false,
            eval_rows: 500,
            mapping: None,
            set_aside: None,
        }
    }
}

/// The model's files, as bytes.
struct Base {
    model: Model,
    parameters: u64,
    tokenizer: ModelTokenizer,
    template: Template,
}

impl Base {
    fn read(config: &str, weights: &[u8], tokenizer: &[u8]) -> Result<Self, Failure> {
        let config = ModelConfig::from_json(config)?;
        let tokenizer = ModelTokenizer::read(tokenizer).map_err(Failure::mixed_builds)?;
        let template = Template::detect(|marker| tokenizer.id_of(marker).is_some(), None)
            .ok_or_else(|| Failure::mixed_builds("the tokenizer knows no chat markers"))?;
        let model = Model::load(&config, &SafetensorsBytes::new(weights)?, &LoadOptions::cpu())?;
        Ok(Self { model, parameters: config.parameter_count(), tokenizer, template })
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>, Failure> {
        self.tokenizer.encode(text).map_err(Failure::mixed_builds)
    }

    fn rows(
        &self,
        file: &SliceReader,
        mapping: Option<&Mapping>,
        sampling: Sampling<'_>,
    ) -> Result<Dataset, Failure> {
        let opened = formats::open(JsSource::from(file.clone()))?;
        let mut encode = |text: &str| self.encode(text);
        let dataset = rows::rows_of(opened, self.template, &mut encode, mapping, sampling)?;
        if dataset.rows.is_empty() {
            return Err(Failure::new(
                format!("The file has no usable row ({} skipped)", dataset.skipped),
                "Look at its findings first",
            ));
        }
        Ok(dataset)
    }

    fn set_aside(
        &self,
        file: &SliceReader,
        mapping: Option<&Mapping>,
        sequence_length: usize,
        wish: Wish,
    ) -> Result<Aside, Failure> {
        let mut open = || Ok(formats::open(JsSource::from(file.clone()))?);
        let mut encode = |text: &str| self.encode(text);
        rows::choose_aside(&mut open, self.template, &mut encode, mapping, sequence_length, wish)
    }
}

#[wasm_bindgen]
#[derive(Debug)]
pub struct ProxyProbe {
    trainer: Trainer,
    start: Value,
    told_end: bool,
}

#[wasm_bindgen]
impl ProxyProbe {
    /// `options` is JSON with the names of `Options`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        config: &str,
        weights: &[u8],
        tokenizer: &[u8],
        file: SliceReader,
        evaluation: Option<SliceReader>,
        options: &str,
    ) -> Result<ProxyProbe, JsValue> {
        Ok(Self::start(config, weights, tokenizer, file, evaluation, options)?)
    }

    /// What a forecast and a chart need before the first step, as JSON.
    pub fn start_line(&self) -> String {
        self.start.to_string()
    }

    /// Runs up to the next step or reading and gives its line of the trace; nothing once all are given.
    pub fn next_line(&mut self) -> Result<Option<String>, JsValue> {
        Ok(self.advance()?)
    }

    /// Tokens of the steps so far, for the speed the page shows.
    pub fn tokens(&self) -> f64 {
        self.trainer.state().steps.iter().map(|step| step.tokens as f64).sum()
    }
}

impl ProxyProbe {
    fn start(
        config: &str,
        weights: &[u8],
        tokenizer: &[u8],
        file: SliceReader,
        evaluation: Option<SliceReader>,
        options: &str,
    ) -> Result<Self, Failure> {
        let options: Options = serde_json::from_str(options).map_err(Failure::mixed_builds)?;
        let recipe = options.recipe;
        recipe.check()?;
        let mapping = options.mapping.map(|text| Mapping::parse(&text)).transpose();
        let mapping = mapping.map_err(|error| Failure::new(error.to_string(), "Choose the columns again"))?;
        let base = Base::read(config, weights, tokenizer)?;
        let steps = if options.to_the_end { usize::MAX } else { options.steps as usize };
        let wanted = steps.saturating_mul(recipe.batch_size).saturating_add(HELD_OUT_ROWS);
        let sampling = Sampling::new(wanted, &recipe);
        let mapping = mapping.as_ref();
        let wish = options.set_aside.filter(|_| evaluation.is_none());
        let aside =
            wish.map(|wish| base.set_aside(&file, mapping, recipe.sequence_length, wish)).transpose()?;
        let part = |fate| aside.as_ref().map(|aside| (aside, fate));
        let dataset = base.rows(&file, mapping, Sampling { part: part(Fate::Stays), ..sampling })?;
        let clean = match (evaluation, part(Fate::Aside)) {
            (Some(evaluation), _) => {
                let sampling = Sampling { rows: options.eval_rows, ..sampling };
                base.rows(&evaluation, mapping, sampling)?.rows
            }
            (None, Some(part)) => {
                let sampling = Sampling { rows: usize::MAX, part: Some(part), ..sampling };
                base.rows(&file, mapping, sampling)?.rows
            }
            (None, None) => Vec::new(),
        };
        let usable = dataset.usable as usize;
        let (held_out, train) = rows::split(dataset.rows, usable);
        let mut encode = |text: &str| base.encode(text);
        let general = rows::general_rows(&mut encode, recipe.sequence_length)?;
        let mut features = recipe.features(trained_rows(usable));
        features.set("base_parameters", base.parameters as f64);
        if let Some(aside) = &aside {
            let opened = formats::open(JsSource::from(file.clone()))?;
            features.extend(evaluation_features(opened, mapping, aside)?);
        }
        let to_the_end = options.to_the_end;
        let mut options = RunOptions::probe(recipe, trained_rows(usable), options.steps);
        if to_the_end {
            options.stop_after = options.total_steps;
        }
        let mut start = json!({
            "type": "start", "trace_version": 1, "rows": usable, "skipped": dataset.skipped, "truncated": dataset.truncated,
            "sampled": train.len(), "held_out": held_out.len(), "evaluation": clean.len(),
            "set_aside": aside.as_ref().map(|aside| &aside.record), "copies_left_out": dataset.copies,
            "total_steps": options.total_steps, "stop_after": options.stop_after, "depths": options.depths,
        });
        let data = RunData { train, held_out, evaluation: clean, general };
        let trainer = Trainer::new(base.model, data, options)?;
        features.set("trained_parameters", trainer.model.trained.parameters()?.len() as f64);
        start["features"] = serde_json::to_value(features).map_err(Failure::mixed_builds)?;
        Ok(Self { trainer, start, told_end: false })
    }

    fn advance(&mut self) -> Result<Option<String>, Failure> {
        if self.told_end {
            return Ok(None);
        }
        let mut line = None;
        let reason = self.trainer.run(&mut |_, event| {
            line = Some(event.line());
            Control::Stop
        })?;
        if line.is_none() && reason != StopReason::Interrupted {
            self.told_end = true;
            line = Some(end_line(self.trainer.steps_done(), reason));
        }
        Ok(line)
    }
}

impl From<TooFewClean> for Failure {
    fn from(error: TooFewClean) -> Self {
        Self::new(
            sentence(&error.to_string()),
            "Choose an evaluation file in the options, or probe without one",
        )
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::new(error.to_string(), "Reload the page; if it stays, report it with these details")
    }
}
