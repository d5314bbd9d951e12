//! Everything that is known of a run before it starts, by the names of the feature registry, and what the trace
//! of its probe adds.

use std::path::Path;

use anyhow::{Context, Result, bail};
use foretune_core::check::CheckOptions;
use foretune_core::describe::{DescribeContext, EvalIndex, TokenCounter};
use foretune_core::features::FeatureVector;
use foretune_core::runs::Reading;
use foretune_core::schema::Mapping;
use foretune_engine::Recipe;
use serde_json::Value;

use crate::checking::reference_model;
use crate::commands::check::check_file;
use crate::files;
use crate::training::held_out_rows;
use crate::weights::ModelFolder;

#[derive(Debug)]
pub struct Candidate<'a> {
    pub file: &'a Path,
    pub mapping: Option<&'a Mapping>,
    /// Clean rows, looked for in the file.
    pub eval: Option<&'a EvalIndex>,
    pub model: Option<&'a ModelFolder>,
    pub recipe: &'a Recipe,
}

impl Candidate<'_> {
    /// Static features of the file and those of the recipe.
    pub fn features(&self) -> Result<FeatureVector> {
        let reference = reference_model()?;
        let tokens = self.model.map(|model| model as &dyn TokenCounter);
        let context = DescribeContext { tokens, eval: self.eval, reference: Some(&reference) };
        let longest = u32::try_from(self.recipe.sequence_length).unwrap_or(u32::MAX);
        let options = CheckOptions { max_tokens: Some(longest), mapping: self.mapping.cloned(), seed: 0 };
        let report = check_file(self.file, &options, context, None)?;
        let usable = usize::try_from(report.rows_valid)?;
        if usable == 0 {
            let path = self.file.display();
            bail!("{path} has no usable row; look at it with: foretune check {path}");
        }
        let mut features = report.features;
        for (name, value) in self.recipe.features(usable - held_out_rows(usable)).iter() {
            features.set(name, value);
        }
        if let Some(model) = self.model {
            features.set("base_parameters", model.config.parameter_count() as f64);
            let trained = self.recipe.lora.parameter_count(&model.config);
            features.set("trained_parameters", trained as f64);
        }
        Ok(features)
    }
}

impl TokenCounter for ModelFolder {
    fn count(&self, text: &str) -> u32 {
        self.encode(text).map_or(0, |ids| ids.len() as u32)
    }
}

/// The readings of a trace, in the order of their steps.
pub fn readings(path: &Path) -> Result<Vec<Reading>> {
    let text = files::read_text(path)?;
    let mut readings: Vec<Reading> = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let told = || format!("line {} of the trace {} is not JSON", index + 1, path.display());
        let value: Value = serde_json::from_str(line).with_context(told)?;
        if value["type"] == "reading" {
            let told = || format!("line {} of the trace {} is no reading", index + 1, path.display());
            readings.push(serde_json::from_value(value).with_context(told)?);
        }
    }
    if readings.is_empty() {
        bail!(
            "{} holds no reading: give the file that `foretune probe --out` or `foretune tune --out` wrote",
            path.display()
        );
    }
    readings.sort_by_key(|reading| reading.step);
    Ok(readings)
}
