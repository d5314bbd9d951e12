//! A probe of the bundled tiny model, a step at a time, so that the worker can pass on each as it comes.
//! The same rows, the same steps and the same lines as `foretune probe --model tiny` gives.

use foretune_core::formats;
use foretune_core::runs::HELD_OUT_ROWS;
use foretune_core::schema::Mapping;
use foretune_engine::rows::{self, Dataset, Sampling};
use foretune_engine::safetensors::SafetensorsBytes;
use foretune_engine::template::Template;
use foretune_engine::trainer::end_line;
use foretune_engine::{
    Control, EngineError, LoadOptions, Model, ModelConfig, Recipe, RunData, RunOptions, StopReason, Trainer,
};
use serde::Deserialize;
use tokenizers::Tokenizer;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::failure::Failure;

/// What the command line takes as flags, with its defaults.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Options {
    recipe: Recipe,
    steps: u64,
    eval_rows: usize,
    mapping: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { recipe: Recipe::default(), steps: 100, eval_rows: 500, mapping: None }
    }
}

/// The model's files, as bytes.
struct Base {
    model: Model,
    tokenizer: Tokenizer,
    template: Template,
}

impl Base {
    fn read(config: &str, weights: &[u8], tokenizer: &[u8]) -> Result<Self, Failure> {
        let config = ModelConfig::from_json(config)?;
        let tokenizer = Tokenizer::from_bytes(tokenizer).map_err(Failure::mixed_builds)?;
        let template = Template::detect(|marker| tokenizer.token_to_id(marker).is_some(), None)
            .ok_or_else(|| Failure::mixed_builds("the tokenizer knows no chat markers"))?;
        let model = Model::load(&config, &SafetensorsBytes::new(weights)?, &LoadOptions::cpu())?;
        Ok(Self { model, tokenizer, template })
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>, Failure> {
        let encoding = self.tokenizer.encode_fast(text, false).map_err(Failure::mixed_builds)?;
        Ok(encoding.get_ids().to_vec())
    }

    fn rows(&self, file: &[u8], mapping: Option<&Mapping>, sampling: Sampling) -> Result<Dataset, Failure> {
        let mut encode = |text: &str| self.encode(text);
        let dataset = rows::rows_of(formats::open(file)?, self.template, &mut encode, mapping, sampling)?;
        if dataset.rows.is_empty() {
            return Err(Failure::new(
                format!("The file has no usable row ({} skipped)", dataset.skipped),
                "Look at its findings first",
            ));
        }
        Ok(dataset)
    }
}

#[wasm_bindgen]
#[derive(Debug)]
pub struct ProxyProbe {
    trainer: Trainer,
    told_end: bool,
}

#[wasm_bindgen]
impl ProxyProbe {
    /// `evaluation` may be empty; `options` is JSON of `recipe`, `steps`, `eval_rows` and `mapping`.
    #[wasm_bindgen(constructor)]
    pub fn new(
        config: &str,
        weights: &[u8],
        tokenizer: &[u8],
        file: &[u8],
        evaluation: &[u8],
        options: &str,
    ) -> Result<ProxyProbe, JsValue> {
        Ok(Self::start(config, weights, tokenizer, file, evaluation, options)?)
    }

    /// Runs up to the next step or reading and gives its line of the trace; nothing once all are given.
    pub fn next_line(&mut self) -> Result<Option<String>, JsValue> {
        Ok(self.advance()?)
    }

    /// Steps at which it will end.
    pub fn total(&self) -> u32 {
        u32::try_from(self.trainer.options.stop_after).unwrap_or(u32::MAX)
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
        file: &[u8],
        evaluation: &[u8],
        options: &str,
    ) -> Result<Self, Failure> {
        let options: Options = serde_json::from_str(options).map_err(Failure::mixed_builds)?;
        let recipe = options.recipe;
        recipe.check()?;
        let mapping = options.mapping.map(|text| Mapping::parse(&text)).transpose();
        let mapping = mapping.map_err(|error| Failure::new(error.to_string(), "Choose the columns again"))?;
        let base = Base::read(config, weights, tokenizer)?;
        let wanted = (options.steps as usize).saturating_mul(recipe.batch_size).saturating_add(HELD_OUT_ROWS);
        let sampling = Sampling::new(wanted, &recipe);
        let dataset = base.rows(file, mapping.as_ref(), sampling)?;
        let clean = if evaluation.is_empty() {
            Vec::new()
        } else {
            let sampling = Sampling { rows: options.eval_rows, ..sampling };
            base.rows(evaluation, mapping.as_ref(), sampling)?.rows
        };
        let usable = dataset.usable as usize;
        let (held_out, train) = rows::split(dataset.rows, usable);
        let mut encode = |text: &str| base.encode(text);
        let general = rows::general_rows(&mut encode, recipe.sequence_length)?;
        let options = RunOptions::probe(recipe, usable, options.steps);
        let data = RunData { train, held_out, evaluation: clean, general };
        Ok(Self { trainer: Trainer::new(base.model, data, options)?, told_end: false })
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

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::new(error.to_string(), "Reload the page; if it stays, report it with these details")
    }
}
