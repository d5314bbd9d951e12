//! The trace of a probe or of a run under way: one JSON object a line, of which the readings count here.

use serde_json::Value;
use thiserror::Error;

use super::record::Reading;
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

/// In the order of their steps.
pub fn read_trace(text: &str) -> Result<Vec<Reading>, TraceError> {
    let mut readings: Vec<Reading> = Vec::new();
    for (index, text) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line = index + 1;
        let value: Value = serde_json::from_str(text)
            .map_err(|error| TraceError::NotJson { line, detail: error.to_string() })?;
        if value["type"] == "reading" {
            if readings.len() == limits::MAX_TRACE_READINGS {
                return Err(TraceError::TooMany { most: limits::MAX_TRACE_READINGS });
            }
            let reading = serde_json::from_value(value)
                .map_err(|error| TraceError::NotAReading { line, detail: error.to_string() })?;
            readings.push(reading);
        }
    }
    if readings.is_empty() {
        return Err(TraceError::Empty);
    }
    readings.sort_by_key(|reading| reading.step);
    Ok(readings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_readings_count_and_faults_name_their_line() {
        let text = "{\"type\":\"start\"}\n\n{\"type\":\"reading\",\"step\":5,\"features\":{\"eval_score\":null}}\n\
                    {\"type\":\"reading\",\"step\":0,\"features\":{}}\n";
        let steps: Vec<u64> = read_trace(text).unwrap().iter().map(|reading| reading.step).collect();
        assert_eq!(steps, [0, 5]);
        assert_eq!(read_trace("{\"type\":\"start\"}\n"), Err(TraceError::Empty));
        assert!(matches!(read_trace("{}\nno"), Err(TraceError::NotJson { line: 2, .. })));
        assert!(matches!(read_trace("{\"type\":\"reading\"}"), Err(TraceError::NotAReading { line: 1, .. })));
    }
}
