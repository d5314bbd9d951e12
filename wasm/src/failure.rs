//! Errors as the page shows them: what, where, what to do, details. They cross as JSON text.

use foretune_core::formats::FormatError;
#[cfg(any(feature = "forecast", feature = "recalibrate"))]
use foretune_core::predict::predictor::PredictorError;
use foretune_core::source::SourceError;
use serde::Serialize;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

#[wasm_bindgen]
extern "C" {
    /// Set by the worker before the package is started.
    #[wasm_bindgen(js_name = foretunePanicked)]
    fn panicked(message: &str);
}

pub fn report_panics() {
    std::panic::set_hook(Box::new(|info| panicked(&info.to_string())));
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    pub what: String,
    #[serde(rename = "where")]
    pub place: String,
    pub todo: String,
    pub details: String,
}

impl Failure {
    pub fn new(what: impl Into<String>, todo: impl Into<String>) -> Self {
        Self { what: what.into(), place: String::new(), todo: todo.into(), details: String::new() }
    }

    /// A message between workers that cannot be read: only a page and a package of different builds can
    /// cause it.
    pub fn mixed_builds(details: impl std::fmt::Display) -> Self {
        Self {
            details: details.to_string(),
            ..Self::new("Parts of this page come from different versions", "Reload the page")
        }
    }
}

impl From<Failure> for JsValue {
    fn from(failure: Failure) -> Self {
        // Four strings always serialise.
        Self::from_str(&serde_json::to_string(&failure).unwrap_or_default())
    }
}

impl From<FormatError> for Failure {
    fn from(error: FormatError) -> Self {
        let todo = match &error {
            FormatError::Empty { .. } => "Choose a file with at least one row",
            FormatError::Binary { .. } => {
                "Export the data as JSON Lines, JSON, CSV, Parquet or Arrow, then check that file"
            }
            FormatError::Unsupported { .. } => "Save it in one of the supported layouts",
            FormatError::Damaged { .. } => {
                "Get the file again: its end is missing or its directory is damaged"
            }
            FormatError::Source(SourceError::Changed { .. } | SourceError::Read { .. }) => {
                "Choose the file again once nothing writes to it"
            }
            FormatError::Source(SourceError::Compression { .. }) => "Pack the file anew",
            FormatError::Source(SourceError::Expansion { .. }) => {
                "Unpack the file first, then check what is inside"
            }
        };
        Self::new(sentence(&error.to_string()), todo)
    }
}

#[cfg(any(feature = "forecast", feature = "recalibrate"))]
impl From<PredictorError> for Failure {
    fn from(error: PredictorError) -> Self {
        let todo = match &error {
            PredictorError::Value { .. } => "Change the recipe",
            PredictorError::UnknownFeatures { .. } | PredictorError::NoNames { .. } => {
                "Drop a predictor whose inputs are features of the registry, such as one made by foretune fit"
            }
            _ => "Drop a predictor made by foretune fit",
        };
        Self::new(sentence(&error.to_string()), todo)
    }
}

pub fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}
