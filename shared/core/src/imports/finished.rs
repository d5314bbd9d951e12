//! A user's own finished runs: a table of how they ended, joined with their logs and the descriptions of their
//! files, becomes the run records that `fit` and its recalibration read.

use std::collections::BTreeMap;

use crate::choosing::problem::{Problem, Result};
use crate::choosing::table::Table;
use crate::features::{self, FeatureVector, Group};
use crate::hash::hash_bytes;
use crate::runs::{DatasetRecord, EvaluationRecord, ModelRecord, RunRecord, SCHEMA_VERSION};

use super::ImportedRun;

/// One row of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// As its log is called.
    pub run: String,
    /// The row's number in the table, header = 1.
    pub row: usize,
    pub score: f64,
    /// The file that was trained on, as the table writes it.
    pub dataset: Option<String>,
    texts: [Option<String>; TEXT_COLUMNS.len()],
    numbers: [f64; NUMBER_COLUMNS.len()],
    recipe: FeatureVector,
    has_diverged: bool,
}

/// What the check told of a training file.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    pub features: FeatureVector,
    pub fingerprint: String,
}

const TEXT_COLUMNS: [&str; 4] = ["source", "family", "base_model", "evaluation"];
const NUMBER_COLUMNS: [&str; 6] =
    ["base_score", "score_se", "p_gold", "test_loss", "evaluation_rows", "base_parameters"];
const SCORE_RANGE: &str = "a score in points, 0 to 100";

/// Column names with what they hold; beside these any feature of the recipe may be one.
pub const COLUMNS: [(&str, &str); 14] = [
    ("run", "name of the run: its log's, or that of the log's file or folder"),
    ("score", "final score in points, 0 to 100"),
    ("dataset", "path of the training file, from the table's folder"),
    ("source", "the dataset's name: what a grouped split keeps together"),
    ("family", "related sources share one"),
    ("base_model", "name of the base model"),
    ("base_parameters", "its number of weights"),
    ("evaluation", "name of the evaluation"),
    ("evaluation_rows", "its number of rows"),
    ("base_score", "score of the base model, in points"),
    ("score_se", "standard error of the score, in points"),
    ("p_gold", "mean probability of the right answer, in points"),
    ("test_loss", "loss on the evaluation rows, in nats"),
    ("diverged", "1 or true where training fell apart"),
];

/// Refuses columns it does not know: a misspelt one would be lost silently.
pub fn read_finished(text: &str) -> Result<Vec<Finished>> {
    let table = Table::parse(text)?;
    for name in table.header() {
        let is_recipe = features::find(name).is_some_and(|feature| feature.group == Group::Recipe);
        if !is_recipe && COLUMNS.iter().all(|(known, _)| known != name) {
            let known = COLUMNS.map(|(known, _)| known).join(", ");
            return Err(Problem::Unknown {
                what: "column",
                wanted: name.clone(),
                present: format!("{known} or a feature of the recipe as known columns"),
            });
        }
    }
    let runs = table.names(table.column("run")?)?;
    let score = table.column("score")?;
    let mut finished = Vec::with_capacity(runs.len());
    for (row, run) in runs.into_iter().enumerate() {
        finished.push(read_row(&table, row, run, score)?);
    }
    // Accuracies as fractions would be taken for floors.
    let most = finished.iter().map(|one| one.score).fold(0.0, f64::max);
    if most > 0.0 && most <= 1.0 {
        let row = table.line(0);
        return Err(Problem::OutOfRange {
            row,
            column: "score".to_owned(),
            found: most,
            expected: SCORE_RANGE,
        });
    }
    Ok(finished)
}

fn read_row(table: &Table, row: usize, run: String, score: usize) -> Result<Finished> {
    let text = |name: &str| {
        let text = table.find(name).map(|column| table.text(row, column)).filter(|text| !text.is_empty());
        text.map(str::to_owned)
    };
    let number =
        |name: &str| table.find(name).map_or(Ok(f64::NAN), |column| table.number_or_missing(row, column));
    let points = |name: &str, value: f64| {
        let (row, column) = (table.line(row), name.to_owned());
        let is_fine = value.is_nan() || (0.0..=100.0).contains(&value);
        let problem = Problem::OutOfRange { row, column, found: value, expected: SCORE_RANGE };
        if is_fine { Ok(value) } else { Err(problem) }
    };
    let mut numbers = [f64::NAN; NUMBER_COLUMNS.len()];
    for (place, name) in numbers.iter_mut().zip(NUMBER_COLUMNS) {
        *place = number(name)?;
    }
    points("base_score", numbers[0])?;
    points("p_gold", numbers[2])?;
    let mut recipe = FeatureVector::default();
    for name in table.header() {
        let is_recipe = features::find(name).is_some_and(|feature| feature.group == Group::Recipe);
        let value = if is_recipe { number(name)? } else { f64::NAN };
        if !value.is_nan() {
            recipe.set(name, value);
        }
    }
    let has_diverged =
        text("diverged").is_some_and(|text| ["1", "true", "yes"].contains(&text.to_lowercase().as_str()));
    Ok(Finished {
        row: table.line(row),
        score: points("score", table.number(row, score, "every run needs its score")?)?,
        dataset: text("dataset"),
        texts: TEXT_COLUMNS.map(text),
        numbers,
        recipe,
        has_diverged,
        run,
    })
}

impl Finished {
    /// `log`: what was seen on the way, where there is one; `described`: its file, where it is at hand.
    pub fn record(&self, log: Option<&ImportedRun>, described: Option<&Described>) -> Result<RunRecord> {
        let mut known = described.map(|described| described.features.clone()).unwrap_or_default();
        let of_the_log = log.map(|log| log.recipe.clone()).unwrap_or_default();
        for (name, value) in of_the_log.iter().chain(self.recipe.iter()) {
            known.set(name, value);
        }
        let total_steps = known.get("total_steps");
        if total_steps.is_nan() {
            let (row, column) = (self.row, "total_steps".to_owned());
            let why = "the run has no log that tells it";
            return Err(Problem::MissingCell { row, column, why });
        }
        let [source, family, base_model, evaluation] = self.texts.clone();
        let [base_score, score_se, p_gold, test_loss, evaluation_rows, base_parameters] = self.numbers;
        if base_score.is_finite() {
            known.set("base_score", base_score);
        }
        let source =
            source.or_else(|| self.dataset.as_deref().map(stem)).ok_or_else(|| Problem::MissingCell {
                row: self.row,
                column: "source".to_owned(),
                why: "neither it nor a dataset tells which runs belong together",
            })?;
        let hash = match described {
            Some(described) => described.fingerprint.clone(),
            None => format!("{:016x}", hash_bytes(source.as_bytes(), 0)),
        };
        let told = |value: f64| value.is_finite().then_some(value);
        let parameters = told(base_parameters).ok_or_else(|| Problem::MissingCell {
            row: self.row,
            column: "base_parameters".to_owned(),
            why: "a predictor knows a base model by its number of weights",
        })?;
        let base_model = base_model.unwrap_or_else(|| "unknown".to_owned());
        let mut settings = format!("{hash} {base_model}");
        for (name, value) in known.iter() {
            settings += &format!(" {name}={value}");
        }
        Ok(RunRecord {
            schema: SCHEMA_VERSION,
            id: self.run.clone(),
            sweep: String::new(),
            configuration: format!("{:016x}", hash_bytes(settings.as_bytes(), 0)),
            seed: 0,
            dataset: DatasetRecord {
                family: family.unwrap_or_else(|| source.clone()),
                source,
                hash,
                condition: BTreeMap::new(),
                other_source: None,
            },
            base_model: ModelRecord {
                hash: format!("{:016x}", hash_bytes(base_model.as_bytes(), 0)),
                name: base_model,
                parameters: parameters as u64,
            },
            evaluation: EvaluationRecord {
                name: evaluation.unwrap_or_else(|| "own".to_owned()),
                harness: "as the user's table says".to_owned(),
                prompt: "unknown".to_owned(),
                rows: told(evaluation_rows).map(|rows| rows as u64),
            },
            features: known,
            proxy: None,
            readings: log.map(|log| log.readings.clone()).unwrap_or_default(),
            base_score: told(base_score),
            base_p_gold: None,
            base_test_loss: None,
            score: told(self.score),
            score_se: told(score_se),
            p_gold: told(p_gold),
            test_loss: told(test_loss),
            diverged: self.has_diverged,
            items: None,
            elsewhere: None,
            smaller_model_score: None,
            split: BTreeMap::new(),
            total_steps: total_steps as u64,
            trained_tokens: None,
            wall_seconds: None,
            cpu_seconds: None,
            device: String::new(),
            versions: BTreeMap::new(),
        })
    }
}

/// `data/train.jsonl` is called `train`.
fn stem(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.split_once('.').map_or(name, |(stem, _)| stem).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::import;
    use crate::runs::read_runs;

    #[test]
    fn a_log_and_its_end_become_a_record_that_fit_reads() {
        let log = "{\"current_steps\": 5, \"total_steps\": 50, \"loss\": 2.5, \"lr\": 0.001}\n";
        let runs = import("trainer_log.jsonl", log.as_bytes()).unwrap();
        let table = "run,score,dataset,lora_rank,base_score,base_model,base_parameters\n\
                     a,61.5,data/faq.v2.jsonl,8,40,Qwen2.5-7B,7615616512\n";
        let finished = read_finished(table).unwrap();
        let mut described = Described { features: FeatureVector::default(), fingerprint: "abc".to_owned() };
        described.features.set("avg_input_length", 12.0);
        let record = finished[0].record(Some(&runs[0]), Some(&described)).unwrap();
        let line = serde_json::to_string(&record).unwrap();
        let again = read_runs(&line).unwrap();
        assert_eq!(serde_json::to_string(&again[0]).unwrap(), line);
        let features = &again[0].features;
        for (name, value) in
            [("lora_rank", 8.0), ("learning_rate", 0.001), ("total_steps", 50.0), ("avg_input_length", 12.0)]
        {
            assert!((features.get(name) - value).abs() < 1e-12, "{name}");
        }
        assert_eq!((again[0].score, again[0].dataset.source.as_str()), (Some(61.5), "faq"));
        assert_eq!(again[0].readings.len(), runs[0].readings.len());
        assert_eq!(again[0].evaluation.rows, None);
    }

    #[test]
    fn tables_that_would_mislead_are_refused() {
        let refused = |text: &str| read_finished(text).unwrap_err().to_string();
        assert!(refused("run,score,lora_rnak\na,50,8\n").contains("lora_rnak"));
        assert!(refused("run,score\na,0.5\nb,0.75\n").contains("0 to 100"));
        assert!(refused("run,score\na,50\na,60\n").contains("row 3"));
        assert!(refused("run,score\na,\n").contains("row 2"));
        assert!(refused("run,score\na,101\n").contains("101"));
        assert!(refused("run,loss\na,1\n").contains("loss"));
        let no_source = read_finished("run,score,total_steps\na,50,10\n").unwrap();
        assert!(no_source[0].record(None, None).unwrap_err().to_string().contains("source"));
        let no_model = read_finished("run,score,source,total_steps\na,50,x,10\n").unwrap();
        assert!(no_model[0].record(None, None).unwrap_err().to_string().contains("base_parameters"));
        let no_length = read_finished("run,score,source\na,50,x\n").unwrap();
        assert!(no_length[0].record(None, None).unwrap_err().to_string().contains("total_steps"));
    }

    #[test]
    fn every_column_that_is_told_of_is_read() {
        let header: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
        let text = format!("{},total_steps\na,50,d.csv,s,f,m,7,e,300,40,1,45,0.5,true,9\n", header.join(","));
        let record = read_finished(&text).unwrap()[0].record(None, None).unwrap();
        assert_eq!((record.base_model.parameters, record.evaluation.rows), (7, Some(300)));
        assert_eq!((record.base_score, record.score_se, record.p_gold), (Some(40.0), Some(1.0), Some(45.0)));
        assert!(record.diverged && record.dataset.family == "f" && record.total_steps == 9);
    }
}
