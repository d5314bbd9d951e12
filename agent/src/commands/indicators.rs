//! `foretune probe --indicators`: what a base model can do before any training, for ranking checkpoints.

use std::path::Path;

use anyhow::{Context, Result, bail};
use foretune_core::formats;
use foretune_core::schema::{Example, Mapping};
use foretune_engine::indicators::{after_examples, causal_perplexity, gap_perplexity};
use foretune_engine::judge::{Judge, judge};
use foretune_engine::rows::examples_of;
use foretune_engine::{LoadOptions, Row};
use serde_json::{Value, json};

use super::probe::finite;
use crate::files::FileSource;
use crate::terminal;
use crate::training::general_rows;
use crate::weights::ModelFolder;

/// Solved rows in front of an asked one.
const SHOTS: [usize; 2] = [0, 5];

#[derive(Debug)]
pub struct Indicators<'a> {
    /// Rows that serve as solved ones.
    pub file: &'a Path,
    /// Rows that are asked; those of the file that follow the solved ones where there is none.
    pub eval: Option<&'a Path>,
    pub eval_rows: usize,
    pub mapping: Option<&'a Mapping>,
    pub sequence_length: usize,
    pub seed: u64,
}

impl Indicators<'_> {
    pub fn print(&self, folder: &ModelFolder, load: &LoadOptions, as_json: bool) -> Result<()> {
        let model = folder.load(load)?;
        let texts = general_rows(folder, self.sequence_length)?;
        let mut encode = |text: &str| folder.encode(text);
        let causal = causal_perplexity(&model, &texts)?;
        let gaps = gap_perplexity(&model, &mut encode, &texts)?;
        let (solved, asked) = self.examples()?;
        let mut shots = Vec::new();
        for count in SHOTS.into_iter().filter(|count| *count <= solved.len()) {
            let rows = after_examples(folder.template, &mut encode, &solved[..count], &asked)?;
            let (fitting, too_long): (Vec<Row>, Vec<Row>) =
                rows.into_iter().partition(|row| row.tokens.len() <= folder.config.max_positions);
            let exact = judge(&model, &fitting, Judge::Exact, &|ids| folder.decode(ids))?;
            // Free text has no set of labels; then there is no such score.
            let labels = judge(&model, &fitting, Judge::Labels, &|ids| folder.decode(ids)).ok();
            shots.push(json!({
                "shots": count,
                "rows": fitting.len(),
                "too_long": too_long.len(),
                "score": finite(exact.score()),
                "score_se": finite(exact.score_se()),
                "p_gold": finite(exact.p_right()),
                "label_score": labels.map_or(Value::Null, |labels| finite(labels.score())),
            }));
        }
        let result = json!({
            "model": folder.name,
            "parameters": folder.config.parameter_count(),
            "causal_perplexity": finite(causal),
            "gap_perplexity": finite(gaps),
            "few_shot": shots,
        });
        if as_json {
            terminal::data(&serde_json::to_string_pretty(&result)?)?;
        } else {
            terminal::data(&text(&result))?;
        }
        Ok(())
    }

    fn examples(&self) -> Result<(Vec<Example<'static>>, Vec<Example<'static>>)> {
        let most = SHOTS[SHOTS.len() - 1];
        let mut solved = self.read(self.file, self.eval_rows.saturating_add(most))?;
        let asked = if let Some(path) = self.eval {
            solved.truncate(most);
            self.read(path, self.eval_rows)?
        } else {
            // The solved rows first; a file of few rows keeps half of them to be asked.
            let rest = most.min(solved.len() / 2);
            solved.split_off(rest)
        };
        if asked.is_empty() {
            bail!("{} has too few usable rows", self.file.display());
        }
        Ok((solved, asked))
    }

    fn read(&self, path: &Path, count: usize) -> Result<Vec<Example<'static>>> {
        let told = || format!("{} cannot be read as a dataset", path.display());
        let opened = formats::open(FileSource::open(path)?).with_context(told)?;
        let examples = examples_of::<_, anyhow::Error>(opened, self.mapping, self.seed, count);
        let examples = examples.with_context(told)?;
        if examples.is_empty() {
            bail!("{} has no usable row; `foretune check` says what is wrong with them", path.display());
        }
        Ok(examples)
    }
}

fn text(result: &Value) -> String {
    let number = |value: &Value| value.as_f64().map_or("missing".to_owned(), |value| format!("{value:.3}"));
    let mut lines = vec![
        format!("perplexity of plain text             {:>10}", number(&result["causal_perplexity"])),
        format!("perplexity of gaps in it             {:>10}", number(&result["gap_perplexity"])),
    ];
    for part in result["few_shot"].as_array().into_iter().flatten() {
        lines.push(format!(
            "after {} solved rows: score {} ± {}, by labels {}, probability of the right answer {} ({} rows)",
            part["shots"],
            number(&part["score"]),
            number(&part["score_se"]),
            number(&part["label_score"]),
            number(&part["p_gold"]),
            part["rows"]
        ));
    }
    lines.join("\n")
}
