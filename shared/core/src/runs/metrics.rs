//! A trace as the tables that trackers of experiments exchange: one row a step (Weights & Biases), one row a value
//! (MLflow), or one object a step. Names follow their custom, `train/loss`; what has no custom is `probe/` and our name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::TraceError;
use crate::choosing::table::csv_cell;
use crate::limits;

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    by_step: BTreeMap<u64, BTreeMap<String, f64>>,
}

/// Names in the lines of a step, and in the readings, for which there is a custom.
const CUSTOM: [(&str, &str); 6] = [
    ("loss", "train/loss"),
    ("learning_rate", "train/learning_rate"),
    ("gradient_norm", "train/grad_norm"),
    ("grad_norm", "train/grad_norm"),
    ("eval_loss", "eval/loss"),
    ("eval_score", "eval/score"),
];
/// Counts and positions are no measurements.
const LEFT_OUT: [&str; 8] =
    ["step", "rows", "tokens", "trained_tokens", "probe_step", "probe_share", "steps_left", "type"];

impl Metrics {
    pub fn of_trace(text: &str) -> Result<Self, TraceError> {
        let mut metrics = Self::default();
        for (index, text) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let line = index + 1;
            let value: Value = serde_json::from_str(text)
                .map_err(|error| TraceError::NotJson { line, detail: error.to_string() })?;
            let kind = value["type"].as_str();
            let values = match kind {
                Some("step" | "logged_step") => value.as_object(),
                Some("reading") => value["features"].as_object(),
                _ => None,
            };
            let Some(values) = values else { continue };
            let step = value["step"].as_u64().ok_or_else(|| TraceError::NotAReading {
                line,
                detail: "its step is no whole number".to_owned(),
            })?;
            if metrics.by_step.len() >= limits::MAX_IMPORT_STEPS {
                return Err(TraceError::TooMany { most: limits::MAX_IMPORT_STEPS });
            }
            let seen = metrics.by_step.entry(step).or_default();
            for (name, value) in values.iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str())) {
                // What another program evaluated on is not known to be rows of the file itself.
                let is_their_evaluation = kind == Some("logged_step") && name == "held_out_loss";
                if let Some(value) = value.as_f64() {
                    let name = if is_their_evaluation { "eval_loss" } else { name };
                    seen.insert(metric_name(name), value);
                }
            }
        }
        metrics.by_step.retain(|_, values| !values.is_empty());
        if metrics.by_step.is_empty() { Err(TraceError::Empty) } else { Ok(metrics) }
    }

    /// One row a step and one column a metric, as Weights & Biases writes it.
    pub fn wandb_csv(&self, run: &str) -> String {
        let names: BTreeSet<&String> = self.by_step.values().flat_map(BTreeMap::keys).collect();
        let mut text = "Step".to_owned();
        for name in &names {
            text += &format!(",{}", csv_cell(&format!("{run} - {name}")));
        }
        text.push('\n');
        for (step, values) in &self.by_step {
            text += &step.to_string();
            for name in &names {
                text.push(',');
                if let Some(value) = values.get(*name) {
                    text += &value.to_string();
                }
            }
            text.push('\n');
        }
        text
    }

    /// One row a value, as MLflow keeps it; a trace knows no time of day.
    pub fn mlflow_csv(&self, run: &str) -> String {
        let mut text = "run_name,key,value,step\n".to_owned();
        for (step, values) in &self.by_step {
            for (name, value) in values {
                text += &format!("{},{},{value},{step}\n", csv_cell(run), csv_cell(name));
            }
        }
        text
    }

    /// For `wandb.log(one["metrics"], step=one["step"])` and the like.
    pub fn json(&self, run: &str) -> Value {
        let steps: Vec<Value> =
            self.by_step.iter().map(|(step, values)| json!({ "step": step, "metrics": values })).collect();
        json!({ "run": run, "steps": steps })
    }
}

fn metric_name(name: &str) -> String {
    let custom = CUSTOM.iter().find(|(ours, _)| *ours == name);
    custom.map_or_else(|| format!("probe/{name}"), |(_, custom)| (*custom).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::import;

    const TRACE: &str = "{\"type\":\"start\",\"trace_version\":1}\n\
        {\"type\":\"reading\",\"step\":0,\"features\":{\"probe_step\":0.0,\"eval_loss\":2.5,\"eval_score\":null}}\n\
        {\"type\":\"step\",\"step\":1,\"loss\":2.25,\"learning_rate\":0.001,\"gradient_norm\":1.5,\"rows\":8}\n\
        {\"type\":\"step\",\"step\":2,\"loss\":2.0,\"learning_rate\":0.002,\"gradient_norm\":null,\"rows\":8}\n\
        {\"type\":\"reading\",\"step\":2,\"features\":{\"eval_loss\":1.75,\"gradient_consistency\":0.5}}\n";

    #[test]
    fn what_is_written_is_read_back_by_the_import_of_either_kind() {
        let metrics = Metrics::of_trace(TRACE).unwrap();
        for (name, text) in [("w.csv", metrics.wandb_csv("a, b")), ("m.csv", metrics.mlflow_csv("a, b"))] {
            let runs =
                import(name, text.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
            assert_eq!((runs.len(), runs[0].name.as_str()), (1, "a, b"), "{text}");
            let steps: Vec<_> = runs[0]
                .steps
                .iter()
                .map(|step| (step.step, step.loss, step.held_out_loss, step.grad_norm))
                .collect();
            let expected = [
                (0, None, Some(2.5), None),
                (1, Some(2.25), None, Some(1.5)),
                (2, Some(2.0), Some(1.75), None),
            ];
            assert_eq!(steps, expected, "{text}");
            assert!(text.contains("probe/gradient_consistency") && !text.contains("probe/rows"), "{text}");
        }
        assert_eq!(metrics.json("a")["steps"][2]["metrics"]["train/loss"], 2.0);
    }

    #[test]
    fn an_imported_run_goes_out_as_it_came_in() {
        let log = "{\"step\": 5, \"loss\": 2.5}\n{\"step\": 10, \"eval_loss\": 2.25}\n";
        let runs = import("log.jsonl", log.as_bytes()).unwrap();
        let metrics = Metrics::of_trace(&runs[0].trace()).unwrap();
        let again = import("export.csv", metrics.wandb_csv("x").as_bytes()).unwrap();
        assert_eq!(again[0].steps, runs[0].steps);
    }

    #[test]
    fn a_trace_without_measurements_is_refused() {
        assert_eq!(Metrics::of_trace("{\"type\":\"start\"}\n"), Err(TraceError::Empty));
        assert!(matches!(Metrics::of_trace("no\n"), Err(TraceError::NotJson { line: 1, .. })));
        let no_step = "{\"type\":\"step\",\"loss\":1.0}\n";
        assert!(matches!(Metrics::of_trace(no_step), Err(TraceError::NotAReading { line: 1, .. })));
    }
}
