//! A run record as a person reads it.

use serde_json::Value;

/// Whose scores a record has, in the order of the run.
const STATES: [&str; 3] = ["base", "last", "best"];

pub fn text(record: &Value) -> String {
    STATES.map(|state| line(state, &record[state])).join("\n")
}

fn line(state: &str, scores: &Value) -> String {
    let number = |scores: &Value, key: &str| scores[key].as_f64().unwrap_or(f64::NAN);
    let (score, error) = (number(scores, "score"), number(scores, "score_se"));
    let (p_gold, loss) = (number(scores, "p_gold"), number(scores, "loss"));
    let mut line = format!(
        "{state:6} score {score:6.2} ± {error:.2}   probability of the right answer {p_gold:6.2}   loss {loss:.4}"
    );
    if let Some(unparsed) = scores["unparsed"].as_u64().filter(|count| *count > 0) {
        line.push_str(&format!("   {unparsed} answers could not be read"));
    }
    for part in scores["mmlu"].as_array().into_iter().flatten() {
        let (score, error) = (number(part, "score"), number(part, "score_se"));
        line.push_str(&format!("\n       MMLU, {} shots: {score:6.2} ± {error:.2}", part["shots"]));
    }
    line
}
