//! A predictor by whichever engine can run it: core's exact reader where it can, because it explains exactly; tract
//! for networks and other graphs.

use std::sync::Arc;

use foretune_core::predict::onnx::OnnxError;
use foretune_core::predict::predictor::{Predictor, PredictorError};
use foretune_core::predict::scorer::Scorer;
use thiserror::Error;

use crate::engine::Engine;
use crate::error::EngineError;

#[derive(Debug, Clone, PartialEq, Error)]
pub enum LoadError {
    #[error(transparent)]
    Predictor(#[from] PredictorError),
    #[error("{exact}; and by the second engine: {second}")]
    Neither { exact: OnnxError, second: Box<EngineError> },
}

impl Scorer for Engine {
    fn score(&self, row: &[f64]) -> f64 {
        self.scores(row).ok().and_then(|scores| scores.first().copied()).unwrap_or(f64::NAN)
    }
}

/// Refuses features that the registry and `known` lack.
pub fn load(bytes: &[u8], known: impl Fn(&str) -> bool) -> Result<Predictor, LoadError> {
    let exact = match Predictor::load(bytes, &known) {
        Err(PredictorError::Onnx(error)) if error.is_unlike_a_sum() => error,
        other => return Ok(other?),
    };
    let engine = Engine::open(bytes).map_err(|second| LoadError::Neither { exact, second: second.into() })?;
    let (names, found) = (engine.feature_names().to_vec(), engine.feature_count());
    if names.is_empty() {
        return Err(PredictorError::NoNames { found }.into());
    }
    if names.len() != found {
        return Err(PredictorError::Onnx(OnnxError::FeatureCount { found, expected: names.len() }).into());
    }
    Ok(Predictor::of_scorer(names, Arc::new(engine), known)?)
}
