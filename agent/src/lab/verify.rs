//! Recorded runs made again: on the same kind of processor every number must be the same, elsewhere close.

use anyhow::{Result, anyhow};
use foretune_core::features::FeatureVector;
use foretune_core::hash::hash_bytes;
use foretune_core::lab::PlannedRun;
use foretune_core::runs::RunRecord;
use serde_json::Value;

use super::Maker;
use crate::terminal;

/// What may differ even when a run is repeated exactly.
const NOT_COMPARED: [&str; 4] = ["wall_seconds", "cpu_seconds", "device", "versions"];
/// Points of score and probability, where other instructions round otherwise: runs of the same configuration
/// with another seed differ by about one.
const SCORE_TOLERANCE_POINTS: f64 = 3.0;
/// Relative, for what is measured before the first step.
const FEATURE_TOLERANCE: f64 = 1e-3;
const MOST_SHOWN: usize = 5;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    pub compared: usize,
    pub same: usize,
}

/// Makes `count` of the records again, chosen by a hash of their names.
pub fn verify(
    maker: &mut Maker<'_>,
    plan: &[PlannedRun],
    mut records: Vec<RunRecord>,
    count: usize,
) -> Result<Comparison> {
    records.sort_by_key(|record| hash_bytes(record.id.as_bytes(), 0x7e51));
    let mut comparison = Comparison { compared: 0, same: 0 };
    for record in records.iter().take(count) {
        let planned = plan.iter().find(|run| run.id == record.id);
        let planned = planned.ok_or_else(|| anyhow!("{} is not in the sweep's list", record.id))?;
        let again = maker.make(planned)?.record;
        let exact = again.device == record.device && again.versions == record.versions;
        let differences =
            if exact { differences(record, &again)? } else { large_differences(record, &again, planned) };
        comparison.compared += 1;
        let how = if exact { "bit by bit" } else { "within the tolerance, since device or versions differ" };
        if differences.is_empty() {
            comparison.same += 1;
            terminal::note(&format!("{}: the same {how}", record.id));
        } else {
            terminal::note(&format!("{}: NOT the same {how}", record.id));
            for difference in differences.iter().take(MOST_SHOWN) {
                terminal::note(&format!("  {difference}"));
            }
        }
    }
    Ok(comparison)
}

/// Every number, text and list.
fn differences(recorded: &RunRecord, again: &RunRecord) -> Result<Vec<String>> {
    let (mut recorded, mut again) = (serde_json::to_value(recorded)?, serde_json::to_value(again)?);
    for record in [&mut recorded, &mut again] {
        for name in NOT_COMPARED {
            record.as_object_mut().map(|fields| fields.remove(name));
        }
    }
    let mut found = Vec::new();
    compare("", &recorded, &again, &mut found);
    Ok(found)
}

fn compare(path: &str, recorded: &Value, again: &Value, found: &mut Vec<String>) {
    match (recorded, again) {
        (Value::Object(a), Value::Object(b)) => {
            for name in a.keys().chain(b.keys().filter(|name| !a.contains_key(*name))) {
                let value =
                    |map: &serde_json::Map<String, Value>| map.get(name).cloned().unwrap_or(Value::Null);
                compare(&format!("{path}/{name}"), &value(a), &value(b), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}/{index}"), a, b, found);
            }
        }
        (a, b) if a == b => {}
        (Value::String(a), Value::String(b)) if a.len() > 100 && a.len() == b.len() => {
            let count = a.bytes().zip(b.bytes()).filter(|(a, b)| a != b).count();
            found.push(format!("{path}: {count} of {} characters differ", a.len()));
        }
        (a, b) => found.push(format!("{path}: recorded {a}, now {b}")),
    }
}

/// Static features exactly, what is measured before training closely, scores within the tolerance. Runs at
/// unstable rates are compared before training only: there rounding decides the course.
fn large_differences(recorded: &RunRecord, again: &RunRecord, planned: &PlannedRun) -> Vec<String> {
    let mut found = Vec::new();
    let mut features = |what: &str, a: &FeatureVector, b: &FeatureVector| {
        for (name, value) in a.iter() {
            let other = b.get(name);
            let close = (value - other).abs() <= FEATURE_TOLERANCE * (1.0 + value.abs());
            if !(close || value.is_nan() && other.is_nan()) {
                found.push(format!("{what}/{name}: recorded {value}, now {other}"));
            }
        }
    };
    features("features", &recorded.features, &again.features);
    if let (Some(a), Some(b)) = (recorded.readings.first(), again.readings.first()) {
        features("readings/0", &a.features, &b.features);
    }
    let mut scores = vec![("base_score", recorded.base_score, again.base_score)];
    if !planned.configuration.unstable {
        scores.push(("score", recorded.score, again.score));
        scores.push(("p_gold", recorded.p_gold, again.p_gold));
    }
    for (name, a, b) in scores {
        let close = match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() <= SCORE_TOLERANCE_POINTS,
            (a, b) => a == b,
        };
        if !close {
            found.push(format!("{name}: recorded {a:?}, now {b:?}"));
        }
    }
    found
}
