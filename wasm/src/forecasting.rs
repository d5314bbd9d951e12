//! A predictor and what it says of a candidate: forecast, what-if, links. Requests and answers are JSON.

use foretune_core::advice::FIXES;
use foretune_core::check::usual_rows;
use foretune_core::describe::Bar;
use foretune_core::features::{FEATURES, FeatureVector};
use foretune_core::links::preview::Preview;
use foretune_core::links::{About, Link, LinkError, predictor_hash, qr};
use foretune_core::predict::changes::cheap_changes;
use foretune_core::predict::outcome::{self, Outcome};
use foretune_core::predict::predictor::{Forecast, ForecastOptions, Predictor, PredictorError};
use foretune_core::predict::verdict::MistakeCosts;
use foretune_core::runs::{
    Known, Reading, RecipeNumbers, TraceError, plan_features, proxy_features, read_trace,
};
use serde::Deserialize;
use serde_json::json;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::failure::{Failure, sentence};

impl From<LinkError> for Failure {
    fn from(error: LinkError) -> Self {
        let todo = match &error {
            LinkError::Version { .. } => "Reload the page to get its newest version",
            LinkError::WouldBeTooLong { .. } => "Leave the file's name out",
            _ => "Ask for the link again, as a whole",
        };
        Self::new(sentence(&error.to_string()), todo)
    }
}

impl From<TraceError> for Failure {
    fn from(error: TraceError) -> Self {
        Self::new(sentence(&error.to_string()), "Choose the trace that foretune probe --out wrote")
    }
}

/// One of a dataset with a recipe, or of a link with a changed recipe.
#[derive(Debug, Deserialize)]
struct Request {
    /// Of the report, or of the link.
    features: FeatureVector,
    /// Rows without errors; missing for a link, whose features hold the recipe already.
    rows_valid: Option<usize>,
    recipe: Option<RecipeNumbers>,
    base_parameters: Option<f64>,
    base_score: Option<f64>,
    /// For the share of rows that the recipe cuts, where the check was not told where to cut.
    #[serde(default)]
    tokens_total: Vec<Bar>,
    #[serde(default)]
    readings: Vec<Reading>,
    /// Of a smaller model's probe of the same rows and recipe.
    #[serde(default)]
    proxy: Vec<Reading>,
    threshold: Option<f64>,
    costs: MistakeCosts,
}

impl Request {
    fn read(text: &str) -> Result<Self, Failure> {
        serde_json::from_str(text).map_err(Failure::mixed_builds)
    }

    fn plan(&self) -> FeatureVector {
        let mut plan = match (self.rows_valid, &self.recipe) {
            (Some(rows), Some(recipe)) => plan_features(self.features.clone(), rows, recipe),
            _ => self.features.clone(),
        };
        if let Some(recipe) = &self.recipe
            && plan.get(TRUNCATED).is_nan()
            && let Some(share) = share_beyond(&self.tokens_total, recipe.sequence_length as u64)
        {
            plan.set(TRUNCATED, share);
        }
        if let Some(parameters) = self.base_parameters {
            plan.set("base_parameters", parameters);
        }
        let smaller = Known { readings: &self.proxy, ..Link::known(&plan, None) };
        for (name, value) in proxy_features(&smaller).iter() {
            plan.set(name, value);
        }
        plan
    }

    fn options(&self) -> ForecastOptions {
        ForecastOptions { threshold: self.threshold, costs: self.costs, ..ForecastOptions::default() }
    }

    /// What is known before the end of the run, and how it ended where that is known too.
    fn known<'a>(&'a self, predictor: &Predictor, plan: &'a FeatureVector) -> (Known<'a>, Option<Outcome>) {
        let known = Link::known(plan, self.base_score);
        let (readings, ended) = outcome::divide(predictor.card.as_ref(), &self.readings, known.total_steps);
        (Known { readings, ..known }, ended)
    }
}

/// The features as they are known after all readings.
fn latest(known: &Known<'_>) -> FeatureVector {
    let seen = known.readings.len();
    known.at(known.most(seen), seen)
}

const TRUNCATED: &str = "truncated_share";

/// Rows longer than `limit` as a share of all; of a bar that straddles it, the part beyond.
fn share_beyond(bars: &[Bar], limit: u64) -> Option<f64> {
    let rows: u64 = bars.iter().map(|bar| bar.count).sum();
    let beyond = |bar: &Bar| {
        let first_cut = limit.saturating_add(1).max(bar.from);
        let part = bar.to.saturating_sub(first_cut) as f64 / bar.to.saturating_sub(bar.from).max(1) as f64;
        part * bar.count as f64
    };
    (rows > 0).then(|| bars.iter().map(beyond).sum::<f64>() / rows as f64)
}

/// Units and words of the features a forecast speaks of, the recipe that a form starts from where no card tells
/// the models' sizes, and what each fix mends.
#[wasm_bindgen]
pub fn features() -> String {
    let all: Vec<_> = FEATURES.iter().flat_map(|group| group.iter()).collect();
    let fixes: std::collections::BTreeMap<_, _> = FIXES.into_iter().collect();
    json!({ "features": all, "recipe": RecipeNumbers::default(), "fixes": fixes }).to_string()
}

#[wasm_bindgen]
#[derive(Debug)]
pub struct Forecasting {
    predictor: Predictor,
    hash: String,
}

#[wasm_bindgen]
impl Forecasting {
    #[wasm_bindgen(constructor)]
    pub fn new(onnx: &[u8]) -> Result<Forecasting, JsValue> {
        #[cfg(feature = "tract")]
        let predictor = foretune_tract::load(onnx, |_| false).map_err(Failure::from)?;
        #[cfg(not(feature = "tract"))]
        let predictor = Predictor::load(onnx, |_| false).map_err(Failure::from)?;
        Ok(Self { predictor, hash: predictor_hash(onnx) })
    }

    /// What the file says of itself, without its inner numbers.
    pub fn card(&self) -> String {
        let card = self.predictor.card.as_ref().map(|card| {
            json!({
                "target": card.target, "evaluations": card.evaluations, "base_models": card.base_models,
                "harness": card.harness, "prompt": card.prompt, "data": card.data, "split": card.split,
                "learner": card.learner, "test": card.test, "noise_floor_points": card.noise_floor_points,
                "score_range": card.score_range, "features": card.features, "depths": card.depths,
                "usual_recipe": card.usual_recipe(), "knows_bundled_model": card.knows_bundled_model(),
            })
        });
        json!({ "hash": self.hash, "names": self.predictor.names, "card": card }).to_string()
    }

    /// The forecast, its cheap changes, the values it was made from, and how the run ended where it has.
    pub fn forecast(&self, request: &str) -> Result<String, JsValue> {
        let request = Request::read(request)?;
        let plan = request.plan();
        let (known, ended) = request.known(&self.predictor, &plan);
        let vector = latest(&known);
        let forecast = self.predictor.forecast(&vector, &request.options()).map_err(Failure::from)?;
        let changes = self.predictor.what_if(&known, &cheap_changes(&plan)).map_err(Failure::from)?;
        Ok(json!({ "forecast": forecast, "what_if": changes, "features": vector, "ended": ended })
            .to_string())
    }

    /// Where the candidate stands on the phase diagram, and the diagram; `null` where the card does not tell.
    pub fn phase(&self, request: &str) -> Result<String, JsValue> {
        let request = Request::read(request)?;
        let plan = request.plan();
        let (known, _) = request.known(&self.predictor, &plan);
        let vector = latest(&known);
        let phase = self.predictor.phase(&vector, &request.options()).map_err(Failure::from)?;
        Ok(json!(phase.map(|phase| phase.map())).to_string())
    }

    /// The forecast after each reading: step, score, interval, and whether a next reading is worth its price.
    pub fn by_step(&self, request: &str) -> Result<String, JsValue> {
        let request = Request::read(request)?;
        let plan = request.plan();
        let (known, _) = request.known(&self.predictor, &plan);
        let mut points = Vec::with_capacity(known.readings.len() + 1);
        for seen in 0..=known.readings.len() {
            let vector = known.at(known.most(seen), seen);
            let forecast = self.predictor.forecast(&vector, &request.options()).map_err(Failure::from)?;
            let step = seen.checked_sub(1).map(|last| known.readings[last].step);
            points.push(json!({
                "step": step, "score": forecast.score, "interval": forecast.interval,
                "regime": forecast.regime, "next_probe_steps": forecast.next_probe_steps,
            }));
        }
        Ok(json!(points).to_string())
    }

    /// What evaluation rows are worth to a probe of this candidate; `null` where the predictor does not tell.
    pub fn certainty(&self, request: &str) -> Result<String, JsValue> {
        let request = Request::read(request)?;
        let plan = request.plan();
        let certainty =
            self.predictor.certainty(&request.known(&self.predictor, &plan).0).map_err(Failure::from)?;
        Ok(json!(certainty).to_string())
    }

    /// `about`: model, fingerprint and name as JSON.
    pub fn make_link(&self, request: &str, about: &str) -> Result<String, JsValue> {
        let (link, _) = self.linked(request, about)?;
        Ok(link.to_text().map_err(Failure::from)?)
    }

    /// The forecast as a card: its drawing, and the files it can be kept as. `page`: the address before the `#`.
    pub fn card_of(&self, request: &str, about: &str, page: &str) -> Result<String, JsValue> {
        let (link, forecast) = self.linked(request, about)?;
        let text = link.to_text().map_err(Failure::from)?;
        Ok(card(&link, &forecast, &format!("{page}{text}")))
    }

    /// The same of a link whose predictor this is; the card leads to the link as it came.
    pub fn card_of_link(&self, text: &str, page: &str) -> Result<String, JsValue> {
        let link = Link::parse(text).map_err(Failure::from)?;
        let forecast = self.predictor.forecast(&link.features, &link.options()).map_err(Failure::from)?;
        let fragment = text.trim().rsplit('#').next().unwrap_or_default();
        Ok(card(&link, &forecast, &format!("{page}#{fragment}")))
    }

    /// A link beside its forecast as it is computed here.
    pub fn open_link(&self, text: &str) -> Result<String, JsValue> {
        let link = Link::parse(text).map_err(Failure::from)?;
        let is_own = link.predictor == self.hash;
        opened(link, is_own.then_some(&self.predictor))
    }
}

impl Forecasting {
    fn linked(&self, request: &str, about: &str) -> Result<(Link, Forecast), Failure> {
        #[derive(Deserialize)]
        struct Told {
            model: Option<String>,
            fingerprint: String,
            name: Option<String>,
        }
        let request = Request::read(request)?;
        let told: Told = serde_json::from_str(about).map_err(Failure::mixed_builds)?;
        let about = About { model: told.model, fingerprint: told.fingerprint, name: told.name };
        let plan = request.plan();
        let (known, _) = request.known(&self.predictor, &plan);
        let vector = latest(&known);
        let made = Link::make(&self.predictor, self.hash.clone(), &vector, &request.options(), about);
        Ok(made?)
    }
}

fn card(link: &Link, forecast: &Forecast, address: &str) -> String {
    let preview = Preview::of(link, forecast, address);
    let (drawing, svg, html) = (preview.drawing(), preview.svg(), preview.html());
    json!({ "drawing": drawing, "svg": svg, "html": html, "words": preview.sentence() }).to_string()
}

/// Whether a file that the exact reader refuses is whole and may run in the second engine.
#[wasm_bindgen]
pub fn is_for_second_engine(onnx: &[u8]) -> bool {
    matches!(Predictor::load(onnx, |_| false), Err(PredictorError::Onnx(error)) if error.is_unlike_a_sum())
}

/// How many rows are set aside of so many, where nobody says.
#[wasm_bindgen]
pub fn usual_aside(rows: f64) -> f64 {
    usual_rows(rows as u64) as f64
}

/// A link without its predictor: everything is only claimed.
#[wasm_bindgen]
pub fn read_link(text: &str) -> Result<String, JsValue> {
    opened(Link::parse(text).map_err(Failure::from)?, None)
}

fn opened(link: Link, predictor: Option<&Predictor>) -> Result<String, JsValue> {
    let (plan, base_score) = (link.plan(), link.base_score());
    let changes = match predictor {
        Some(predictor) => predictor
            .what_if(&Link::known(&plan, base_score), &cheap_changes(&plan))
            .map_err(Failure::from)?,
        None => Vec::new(),
    };
    let opened = link.open(predictor).map_err(Failure::from)?;
    Ok(json!({ "opened": opened, "what_if": changes, "plan": plan, "base_score": base_score }).to_string())
}

/// A link as a QR code: an SVG path of its dark modules, and the modules of a side.
#[wasm_bindgen]
pub fn qr_code(text: &str) -> Result<String, JsValue> {
    let code = qr::Code::of(text.as_bytes())
        .ok_or_else(|| Failure::new("The address is too long for a QR code", "Copy the link instead"))?;
    Ok(json!({ "path": code.svg_path(), "modules": code.size() }).to_string())
}

/// The readings of a trace file, and what it says of the rows that were set aside, as JSON.
#[wasm_bindgen]
pub fn trace(text: &str) -> Result<String, JsValue> {
    let trace = read_trace(text).map_err(Failure::from)?;
    Ok(json!({ "readings": trace.readings, "aside": trace.aside }).to_string())
}
