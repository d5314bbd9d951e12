//! A person's own finished run as a record, and a predictor adjusted by such runs: what
//! `foretune fit --recalibrate` does, to the byte.

use foretune_core::features::FeatureVector;
use foretune_core::hash::hash_bytes;
use foretune_core::predict::predictor::Predictor;
use foretune_core::predict::recalibrate::{RecalibrateError, recalibrate};
use foretune_core::runs::{
    Label, Reading, RunRecord, RunsError, SCHEMA_VERSION, before_any_probe, read_runs,
};
use serde::Deserialize;
use serde_json::json;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::failure::{Failure, sentence};

/// Each run is judged at its deepest reading up to this step, as the command line does.
const AT_STEP: f64 = 100.0;

impl From<RunsError> for Failure {
    fn from(error: RunsError) -> Self {
        Self::new(sentence(&error.to_string()), "Record the runs again")
    }
}

impl From<RecalibrateError> for Failure {
    fn from(error: RecalibrateError) -> Self {
        Self::new(sentence(&error.to_string()), "Take a predictor that foretune fit made")
    }
}

/// What a forecast knew, and how the run ended.
#[derive(Debug, Deserialize)]
struct Told {
    fingerprint: String,
    name: String,
    model: Option<String>,
    evaluation: String,
    features: FeatureVector,
    readings: Vec<Reading>,
    score: f64,
}

/// The run as a line of a run file; the same data, recipe and model have the same `id`.
#[wasm_bindgen]
pub fn own_run(told: &str) -> Result<String, JsValue> {
    let told: Told = serde_json::from_str(told).map_err(Failure::mixed_builds)?;
    Ok(record(&told)?)
}

fn record(told: &Told) -> Result<String, Failure> {
    let plan = before_any_probe(&told.features);
    let whole =
        |name: &str| Some(told.features.get(name)).filter(|value| value.is_finite()).unwrap_or(0.0) as u64;
    let known = serde_json::to_string(&plan).map_err(Failure::mixed_builds)?;
    let configuration = hash_bytes(format!("{} {known}", told.fingerprint).as_bytes(), 0);
    let run: RunRecord = serde_json::from_value(json!({
        "schema": SCHEMA_VERSION, "id": format!("own-{configuration:016x}"), "configuration": format!("{configuration:016x}"), "seed": 0,
        "dataset": { "source": told.name, "hash": told.fingerprint },
        "base_model": {
            "name": told.model.as_deref().unwrap_or("not named"), "hash": "",
            "parameters": whole("base_parameters"),
        },
        "evaluation": { "name": told.evaluation, "harness": "", "prompt": "", "rows": 0 },
        "features": plan, "readings": told.readings, "base_score": told.features.get("base_score"),
        "score": told.score, "total_steps": whole("total_steps"),
    }))
    .map_err(Failure::mixed_builds)?;
    serde_json::to_string(&run).map_err(Failure::mixed_builds)
}

#[wasm_bindgen]
#[derive(Debug)]
pub struct Recalibrating {
    onnx: Vec<u8>,
    told: String,
}

#[wasm_bindgen]
impl Recalibrating {
    /// `runs`: lines of a run file.
    #[wasm_bindgen(constructor)]
    pub fn new(onnx: &[u8], runs: &str) -> Result<Recalibrating, JsValue> {
        Ok(adjusted(onnx, runs)?)
    }

    /// JSON of what was changed by how many runs.
    pub fn told(&self) -> String {
        self.told.clone()
    }

    pub fn into_onnx(self) -> Vec<u8> {
        self.onnx
    }
}

fn adjusted(onnx: &[u8], runs: &str) -> Result<Recalibrating, Failure> {
    let predictor = Predictor::load(onnx, |_| false)?;
    let adjusted = recalibrate(&predictor, &read_runs(runs)?, Label::Score, AT_STEP)?;
    Ok(Recalibrating { onnx: adjusted.file(&predictor), told: adjusted.told().to_string() })
}
