//! The trace of a probe or of a run under way: one JSON object a line, of which the readings count here.

use serde_json::Value;
use thiserror::Error;

use super::record::Reading;
use crate::features::{FeatureVector, Group, find};
use crate::limits;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TraceError {
    #[error("line {line} of the trace is not JSON: {detail}")]
    NotJson { line: usize, detail: String },
    #[error("line {line} of the trace is no reading: {detail}")]
    NotAReading { line: usize, detail: String },
    #[error("the trace has more than {most} readings")]
    TooMany { most: usize },
    #[error(
        "it holds no reading: give the file that `foretune probe --out`, `foretune tune --out` or `foretune \
         import --out` wrote"
    )]
    Empty,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// In the order of their steps.
    pub readings: Vec<Reading>,
    /// What the probe told of the rows that it had set aside, beside the rest of the file: whoever has the file
    /// alone does not know which rows they were.
    pub aside: FeatureVector,
}

pub fn read_trace(text: &str) -> Result<Trace, TraceError> {
    let mut readings: Vec<Reading> = Vec::new();
    let mut aside = FeatureVector::default();
    let unfinished = text.lines().last().filter(|_| !text.ends_with('\n'));
    for (index, text) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line = index + 1;
        let value: Value = match serde_json::from_str(text) {
            Ok(value) => value,
            // The end of a line that is being written.
            Err(error) if error.is_eof() && Some(text) == unfinished => break,
            Err(error) => return Err(TraceError::NotJson { line, detail: error.to_string() }),
        };
        if value["type"] == "reading" {
            if readings.len() == limits::MAX_TRACE_READINGS {
                return Err(TraceError::TooMany { most: limits::MAX_TRACE_READINGS });
            }
            let reading = serde_json::from_value(value)
                .map_err(|error| TraceError::NotAReading { line, detail: error.to_string() })?;
            readings.push(reading);
        } else if value["type"] == "start" && !value["set_aside"].is_null() {
            aside = of_the_data(&value["features"]);
        }
    }
    if readings.is_empty() {
        return Err(TraceError::Empty);
    }
    readings.sort_by_key(|reading| reading.step);
    Ok(Trace { readings, aside })
}

/// Those of a start line's features that are the data's; the others are the recipe's and the model's.
fn of_the_data(told: &Value) -> FeatureVector {
    let told: FeatureVector = serde_json::from_value(told.clone()).unwrap_or_default();
    let mut kept = FeatureVector::default();
    for (name, value) in told.iter() {
        if find(name).is_some_and(|feature| feature.group == Group::Static) {
            kept.set(name, value);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_readings_count_and_faults_name_their_line() {
        let text = "{\"type\":\"start\"}\n\n{\"type\":\"reading\",\"step\":5,\"features\":{\"eval_score\":null}}\n\
                    {\"type\":\"reading\",\"step\":0,\"features\":{}}\n";
        let trace = read_trace(text).unwrap();
        let steps: Vec<u64> = trace.readings.iter().map(|reading| reading.step).collect();
        assert_eq!(steps, [0, 5]);
        assert_eq!(read_trace("{\"type\":\"start\"}\n"), Err(TraceError::Empty));
        // A run under way is in the middle of writing its next line.
        let under_way = format!("{text}{{\"type\":\"reading\",\"step\":9,\"fea");
        assert_eq!(read_trace(&under_way).unwrap().readings.len(), 2);
        assert!(read_trace(&format!("{under_way}\n{{}}\n")).is_err());
        assert!(matches!(read_trace("{}\nno"), Err(TraceError::NotJson { line: 2, .. })));
        assert!(matches!(read_trace("{\"type\":\"reading\"}"), Err(TraceError::NotAReading { line: 1, .. })));
    }

    #[test]
    fn of_the_start_line_only_what_rows_set_aside_say_is_taken_up() {
        let read = |aside: &str| {
            let start = format!(
                "{{\"type\":\"start\",\"set_aside\":{aside},\"features\":{{\"learning_rate\":0.1,\
                 \"eval_overlap_exact\":0.25,\"of_a_newer_version\":1}}}}\n"
            );
            read_trace(&(start + "{\"type\":\"reading\",\"step\":0,\"features\":{}}")).unwrap().aside
        };
        assert_eq!(read("{\"rows\":40}").iter().collect::<Vec<_>>(), [("eval_overlap_exact", 0.25)]);
        assert_eq!(read("null"), FeatureVector::default());
    }
}
