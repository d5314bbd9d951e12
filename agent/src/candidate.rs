//! Everything that is known of a run before it starts, by the names of the feature registry, and what the trace
//! of its probe adds.

use std::path::Path;

use anyhow::{Context, Result, bail};
use foretune_core::advice::ChangeList;
use foretune_core::check::{AsideRecord, CheckOptions};
use foretune_core::describe::{DescribeContext, EvalIndex, TokenCounter};
use foretune_core::features::FeatureVector;
use foretune_core::formats;
use foretune_core::runs::{Reading, plan_features, read_trace};
use foretune_core::schema::Mapping;
use foretune_engine::Recipe;
use serde_json::Value;

use crate::checking::{Fix, Progress, reference_model, safe_fixes_of, write_cleaned};
use crate::commands::check::check_file;
use crate::files;
use crate::weights::ModelFolder;

const CLEANED: &str = "cleaned.jsonl";

#[derive(Debug)]
pub struct Candidate<'a> {
    pub file: &'a Path,
    pub mapping: Option<&'a Mapping>,
    /// Clean rows, looked for in the file.
    pub eval: Option<&'a EvalIndex>,
    pub model: Option<&'a ModelFolder>,
    pub recipe: &'a Recipe,
    /// Of the data, before they are described.
    pub fixes: &'a [Fix],
}

/// Static features of the file and those of the recipe, and which file it was.
#[derive(Debug)]
pub struct Plan {
    pub features: FeatureVector,
    pub fingerprint: String,
    /// What the fixes changed, where there are any.
    pub changes: Option<ChangeList>,
    /// Fixes that would change something and that nobody has to judge.
    pub mendable: Vec<Fix>,
    /// The check found what is wrong, and not only worth a look.
    pub has_errors: bool,
}

impl Candidate<'_> {
    pub fn plan(&self) -> Result<Plan> {
        let reference = reference_model()?;
        let tokens = self.model.map(|model| model as &dyn TokenCounter);
        let context = DescribeContext { tokens, eval: self.eval, reference: Some(&reference) };
        let longest = u32::try_from(self.recipe.sequence_length).unwrap_or(u32::MAX);
        let options = CheckOptions { max_tokens: Some(longest), mapping: self.mapping.cloned(), seed: 0 };
        let cleaned = (!self.fixes.is_empty()).then(|| self.cleaned(&options, context)).transpose()?;
        let (report, changes) = match cleaned {
            Some((scratch, changes)) => {
                (check_file(&scratch.file(CLEANED), &options, context, None)?, Some(changes))
            }
            None => (check_file(self.file, &options, context, None)?, None),
        };
        let usable = usize::try_from(report.rows_valid)?;
        if usable == 0 {
            let path = self.file.display();
            bail!("{path} has no usable row; look at it with: foretune check {path}");
        }
        let mendable = safe_fixes_of(&report.counts);
        let has_errors = report.has_errors();
        let mut features = plan_features(report.features, usable, &self.recipe.numbers());
        if let Some(model) = self.model {
            features.set("base_parameters", model.config.parameter_count() as f64);
            let trained = self.recipe.lora.parameter_count(&model.config);
            features.set("trained_parameters", trained as f64);
        }
        Ok(Plan { features, fingerprint: report.file.fingerprint, changes, mendable, has_errors })
    }

    fn cleaned(
        &self,
        options: &CheckOptions,
        context: DescribeContext<'_>,
    ) -> Result<(files::Scratch, ChangeList)> {
        let opened = formats::open(files::FileSource::open(self.file)?)
            .with_context(|| format!("{} cannot be read as a dataset", self.file.display()))?;
        let scratch = files::Scratch::create()?;
        let mut progress = Progress::new(files::length(self.file)?);
        let target = scratch.file(CLEANED);
        let changes = write_cleaned(opened, options, context, self.fixes, &target, &mut progress)?;
        progress.finish();
        if changes.rows_written == 0 {
            bail!("no row of {} is left after these fixes", self.file.display());
        }
        Ok((scratch, changes))
    }
}

impl TokenCounter for ModelFolder {
    fn count(&self, text: &str) -> u32 {
        self.encode(text).map_or(0, |ids| ids.len() as u32)
    }
}

/// The file's own, as links and reports know it.
pub fn fingerprint(path: &Path, mapping: Option<&Mapping>) -> Result<String> {
    let options = CheckOptions { max_tokens: None, mapping: mapping.cloned(), seed: 0 };
    let context = DescribeContext { tokens: None, eval: None, reference: None };
    Ok(check_file(path, &options, context, None)?.file.fingerprint)
}

/// What a probe's trace says of the rows that it had set aside.
#[derive(Debug)]
pub struct SetAside {
    pub record: AsideRecord,
    /// By whose tokenizer, and how long a row might be.
    pub model: String,
    pub longest: usize,
}

pub fn set_aside_by(path: &Path) -> Result<Option<SetAside>> {
    let start = start_of(path)?;
    let set_aside = || {
        let record = serde_json::from_value(start["set_aside"].clone()).ok()?;
        let longest = usize::try_from(start["recipe"]["sequence_length"].as_u64()?).ok()?;
        Some(SetAside { record, model: start["model"].as_str()?.to_owned(), longest })
    };
    Ok(set_aside())
}

/// The first line of a trace; `null` where it cannot be read.
fn start_of(path: &Path) -> Result<Value> {
    let text = files::read_whole_text(path)?;
    Ok(text.lines().find_map(|line| serde_json::from_str(line).ok()).unwrap_or_default())
}

/// In what the trace was made otherwise than what is forecast: of another file, or with another recipe.
pub fn trace_differs(path: &Path, fingerprint: &str, recipe: &Recipe) -> Result<Vec<String>> {
    let start = start_of(path)?;
    let mut differences = Vec::new();
    // What it trained on may be handed over as a file of its own where rows were set aside.
    if let Some(probed) = start["dataset"].as_str().filter(|probed| *probed != fingerprint)
        && start["set_aside"].is_null()
    {
        differences.push(format!("it is of other data (fingerprint {probed}, here {fingerprint})"));
    }
    let (theirs, ours) = (&start["recipe"], serde_json::to_value(recipe)?);
    for (name, flag) in [
        ("/learning_rate", "--lr"),
        ("/batch_size", "--batch"),
        ("/epochs", "--epochs"),
        ("/max_steps", "--max-steps"),
        ("/sequence_length", "--max-tokens"),
        ("/schedule", "--schedule"),
        ("/lora/rank", "--rank"),
        ("/lora/alpha", "--alpha"),
        ("/lora/dropout", "--dropout"),
        ("/lora/targets", "--targets"),
    ] {
        if let (Some(theirs), Some(ours)) = (theirs.pointer(name), ours.pointer(name))
            && theirs != ours
        {
            differences.push(format!("{flag} was {theirs} there and is {ours} here"));
        }
    }
    Ok(differences)
}

/// The readings of a trace, in the order of their steps.
pub fn readings(path: &Path) -> Result<Vec<Reading>> {
    let trace = read_trace(&files::read_whole_text(path)?)
        .with_context(|| format!("the trace {}", path.display()))?;
    Ok(trace.readings)
}
