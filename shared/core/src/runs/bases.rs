//! Runs of several base models on the same candidates: what the smaller one's probe and finished run say of the larger
//! one's.

use std::collections::HashMap;

use super::knowledge::{Known, proxy_features, set_finished};
use super::record::RunRecord;

/// What two runs of one candidate have in common: the file to the bit, what judges it, the seed, and the rate, which is
/// drawn anew for each configuration.
fn candidate(run: &RunRecord) -> (String, String, u64, u64) {
    let rate = run.features.get("learning_rate").to_bits();
    (run.dataset.hash.clone(), run.evaluation.name.clone(), run.seed, rate)
}

/// Gives each run what the next smaller base model showed in the same fine-tune, where it is among these others: its
/// score, from which ProxyLM forecasts, and its probe. Says how many were found. What a run has already is kept.
pub fn pair_with_smaller(runs: &mut [RunRecord], others: &[RunRecord]) -> usize {
    let mut finished: HashMap<_, Vec<&RunRecord>> = HashMap::new();
    for run in others.iter().filter(|run| run.score.is_some()) {
        finished.entry(candidate(run)).or_default().push(run);
    }
    let mut found = 0;
    for run in runs.iter_mut() {
        let same = finished.get(&candidate(run)).map_or(&[][..], Vec::as_slice).iter();
        let smaller = same.filter(|other| other.base_model.parameters < run.base_model.parameters);
        let Some(next) = smaller.max_by_key(|other| other.base_model.parameters) else { continue };
        run.smaller_model_score = run.smaller_model_score.or(next.score);
        if run.proxy.is_none() && !next.readings.is_empty() {
            let mut proxy = proxy_features(&Known::of(next));
            set_finished(&mut proxy, next.score.unwrap_or(f64::NAN), next.p_gold.unwrap_or(f64::NAN));
            run.proxy = Some(proxy);
        }
        found += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::FeatureVector;
    use crate::runs::{Knowledge, Reading};

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

    fn reading(step: u64, score: f64) -> Reading {
        let mut features = FeatureVector::default();
        features.set("eval_score", score);
        Reading { step, features }
    }

    #[test]
    fn the_next_smaller_model_of_the_same_candidate_answers() {
        let mut runs = vec![run("large", 100, 1, Some(70.0)), run("large", 100, 2, Some(71.0))];
        let mut small = run("small", 10, 1, Some(40.0));
        small.readings =
            [(0, 5.0), (100, 30.0), (150, 35.0)].map(|(step, score)| reading(step, score)).to_vec();
        let others = [
            run("smallest", 1, 1, Some(20.0)),
            small,
            run("larger", 1000, 1, Some(90.0)),
            run("small", 10, 2, None),
        ];
        assert_eq!(pair_with_smaller(&mut runs, &others), 1);
        let found: Vec<Option<f64>> = runs.iter().map(|run| run.smaller_model_score).collect();
        assert_eq!(found, [Some(40.0), None]);
        let proxy = runs[0].proxy.as_ref().unwrap();
        let is = |found: f64, wanted: f64| (found - wanted).abs() < 1e-12;
        assert!(is(proxy.get("proxy_eval_score"), 30.0), "no deeper than a probe");
        assert!(is(proxy.get("proxy_base_score"), 5.0));
        assert!(proxy.get("proxy_held_out_loss").is_nan() && runs[1].proxy.is_none());
        let known = Known { base_score: None, ..Known::of(&runs[0]) };
        assert_eq!(known.most(0), Knowledge::Finished);
        assert!(is(known.at(Knowledge::Finished, 0).get("proxy_final_score"), 40.0));
        assert!(known.at(Knowledge::Proxy, 0).get("proxy_final_score").is_nan());
        assert!(is(known.at(Knowledge::Proxy, 0).get("proxy_eval_score"), 30.0));
        let with_base = Known { base_score: Some(5.0), ..Known::of(&runs[0]) };
        assert_eq!(with_base.most(0), Knowledge::FinishedBase);
        for knowledge in [Knowledge::Plan, Knowledge::BlindProxy, Knowledge::Base] {
            assert!(known.at(knowledge, 0).get("proxy_eval_score").is_nan(), "{knowledge:?}");
        }
    }
}
