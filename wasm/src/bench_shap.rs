//! For `just bench-shap` alone, in no package of the page: exact attributions of many rows at once.

use foretune_core::predict::onnx;
use foretune_core::predict::shap::Explainer;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::failure::{Failure, sentence};

#[wasm_bindgen]
#[derive(Debug)]
pub struct ManyRows(Explainer, usize);

#[wasm_bindgen]
impl ManyRows {
    #[wasm_bindgen(constructor)]
    pub fn new(onnx: &[u8]) -> Result<ManyRows, JsValue> {
        let fault = |error: String| Failure::new(sentence(&error), "Give a sum of trees");
        let model = onnx::read(onnx).map_err(|error| fault(error.to_string()))?.model;
        let explainer = Explainer::new(&model).map_err(|error| fault(error.to_string()))?;
        Ok(Self(explainer, model.feature_count))
    }

    /// Base and contributions, row after row.
    pub fn explain(&self, rows: &[f64]) -> Vec<f64> {
        let Self(explainer, width) = self;
        let mut found = Vec::with_capacity(rows.len() + rows.len() / width);
        for row in rows.chunks_exact(*width) {
            let place = found.len();
            found.resize(place + 1 + width, 0.0);
            found[place] = explainer.explain_into(row, &mut found[place + 1..]);
        }
        found
    }
}
