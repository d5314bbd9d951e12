//! Runs of several base models on the same candidates: what the smaller one's finished run said of the larger one's.

use std::collections::HashMap;

use super::record::RunRecord;

/// What two runs of one candidate have in common: the file to the bit, what judges it, the seed, and the rate, which is
/// drawn anew for each configuration.
fn candidate(run: &RunRecord) -> (String, String, u64, u64) {
    let rate = run.features.get("learning_rate").to_bits();
    (run.dataset.hash.clone(), run.evaluation.name.clone(), run.seed, rate)
}

/// Gives each run that has none the score of the next smaller base model after the same fine-tune, where it is among
/// these others; says how many were found. ProxyLM forecasts from it.
pub fn pair_with_smaller(runs: &mut [RunRecord], others: &[RunRecord]) -> usize {
    let mut finished: HashMap<_, Vec<(u64, f64)>> = HashMap::new();
    for run in others {
        if let Some(score) = run.score {
            finished.entry(candidate(run)).or_default().push((run.base_model.parameters, score));
        }
    }
    let mut found = 0;
    for run in runs.iter_mut().filter(|run| run.smaller_model_score.is_none()) {
        let scores = &finished.get(&candidate(run)).map_or(&[][..], Vec::as_slice);
        let smaller = scores.iter().filter(|(parameters, _)| *parameters < run.base_model.parameters);
        if let Some((_, score)) = smaller.max_by_key(|(parameters, _)| *parameters) {
            run.smaller_model_score = Some(*score);
            found += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(model: &str, parameters: u64, seed: u64, score: Option<f64>) -> RunRecord {
        let mut run: RunRecord = serde_json::from_value(serde_json::json!({
            "schema": 1, "id": format!("{model}-{seed}"), "configuration": model, "seed": seed,
            "dataset": { "source": "a", "hash": "f" },
            "base_model": { "name": model, "hash": model, "parameters": parameters },
            "evaluation": { "name": "a", "harness": "h", "prompt": "p", "rows": 10 },
            "features": {}, "base_score": null, "score": score, "total_steps": 10
        }))
        .unwrap();
        run.features.set("learning_rate", 0.001);
        run
    }

    #[test]
    fn the_next_smaller_model_of_the_same_candidate_answers() {
        let mut runs = vec![run("large", 100, 1, Some(70.0)), run("large", 100, 2, Some(71.0))];
        let others = [
            run("smallest", 1, 1, Some(20.0)),
            run("small", 10, 1, Some(40.0)),
            run("larger", 1000, 1, Some(90.0)),
            run("small", 10, 2, None),
        ];
        assert_eq!(pair_with_smaller(&mut runs, &others), 1);
        let found: Vec<Option<f64>> = runs.iter().map(|run| run.smaller_model_score).collect();
        assert_eq!(found, [Some(40.0), None]);
    }
}
