//! Of a table of jobs, the columns in which they differ: the rest is the same in every row and need not be shown.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::wire::JobInfo;

/// Dotted names inside the jobs' specifications, in alphabetical order; empty for fewer than two jobs.
pub fn differing(jobs: &[JobInfo]) -> Vec<String> {
    let rows: Vec<BTreeMap<String, Value>> = jobs
        .iter()
        .map(|info| {
            let mut row = BTreeMap::new();
            let spec = serde_json::to_value(&info.spec).expect("a specification has text keys only");
            flatten("", spec, &mut row);
            row
        })
        .collect();
    let mut names: Vec<&String> = rows.iter().flat_map(BTreeMap::keys).collect();
    names.sort_unstable();
    names.dedup();
    let differs = |name: &str| rows.iter().any(|row| row.get(name) != rows[0].get(name));
    names.into_iter().filter(|name| differs(name)).cloned().collect()
}

fn flatten(prefix: &str, value: Value, row: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
                flatten(&name, value, row);
            }
        }
        value => {
            row.insert(prefix.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Data, JobSpec, JobState, ProbeSpec, RecipeSpec};

    fn job(learning_rate: Option<f64>, model: &str) -> JobInfo {
        let spec = ProbeSpec {
            data: Data::Upload("u".into()),
            sampled: None,
            eval: None,
            eval_rows: None,
            set_aside: None,
            model: model.into(),
            steps: None,
            stop: None,
            device: None,
            map: None,
            recipe: RecipeSpec { learning_rate, ..RecipeSpec::default() },
        };
        JobInfo {
            job: 1,
            title: String::new(),
            spec: JobSpec::Probe(Box::new(spec)),
            state: JobState::Done,
            attempts: 1,
            created_ms: 0,
            started_ms: None,
            ended_ms: None,
            last_seq: 0,
            done: 0,
            total: None,
            score: None,
            measured: None,
            error: None,
        }
    }

    #[test]
    fn only_columns_that_differ_are_named_a_missing_value_included() {
        let one = job(Some(1e-4), "tiny");
        assert!(differing(&[]).is_empty() && differing(std::slice::from_ref(&one)).is_empty());
        assert!(differing(&[one.clone(), one.clone()]).is_empty());
        assert_eq!(differing(&[one.clone(), job(Some(2e-4), "tiny")]), ["recipe.learning_rate"]);
        assert_eq!(differing(&[one, job(None, "other")]), ["model", "recipe.learning_rate"]);
    }
}
