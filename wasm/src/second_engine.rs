//! The second engine beside the forecasts: it runs what the exact reader refuses, and compares the two.

use foretune_tract::{EngineError, LoadError, compare};
use serde_json::json;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::failure::{Failure, sentence};

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Predictor(error) => error.into(),
            LoadError::Neither { .. } => Self::new(
                sentence(&error.to_string()),
                "Export a regressor: rows of numbers in, one number a row out",
            ),
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::new(
            sentence(&error.to_string()),
            "Report it with the file: the forecast itself does not depend on it",
        )
    }
}

/// JSON of how far both engines are apart on so many drawn rows.
#[wasm_bindgen]
pub fn cross_check(onnx: &[u8], rows: usize) -> Result<String, JsValue> {
    let found = compare(onnx, rows, 1).map_err(Failure::from)?;
    let largest_difference = found.largest_difference;
    Ok(json!({ "rows": found.rows, "models": found.models, "largest_difference": largest_difference })
        .to_string())
}
