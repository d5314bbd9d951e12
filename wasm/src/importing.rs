//! Logs of other training programs; they travel with the tables of models, whose reader most of them share.

use foretune_core::imports::import;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::failure::{Failure, sentence};

/// The runs of another program's log, as JSON.
#[wasm_bindgen]
pub fn imported(name: &str, bytes: &[u8]) -> Result<String, JsValue> {
    let runs = import(name, bytes).map_err(|error| {
        Failure::new(sentence(&error.to_string()), "Choose the log of a training program")
    })?;
    Ok(serde_json::to_string(&runs).map_err(Failure::mixed_builds)?)
}
