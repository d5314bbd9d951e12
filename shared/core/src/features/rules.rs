//! Differences between scores and what simple rules reach on the same rows. Trees cut one feature at a time and learn a
//! difference of two badly: in the lab's training part, families held out in turn, these took a tenth off the error
//! where the base score is known and a fourteenth at step 100 (boosted trees).

use super::FeatureVector;

/// Of the file and its evaluation rows, without any model. They follow from other features wherever a forecast is made;
/// no description and no record holds them.
pub const BETWEEN_RULES: [&str; 2] = ["eval_naive_bayes_over_constant", "eval_naive_bayes_over_file"];

/// Between rules, and of the score read last, before any probe the base score, and of a smaller model's.
pub(crate) fn set_over_rules(vector: &mut FeatureVector) {
    let naive_bayes = vector.get("eval_naive_bayes_score");
    let others = [vector.get("eval_constant_score"), 100.0 * vector.get("naive_bayes_accuracy")];
    for (name, other) in BETWEEN_RULES.into_iter().zip(others) {
        set(vector, name, naive_bayes - other);
    }
    let read = vector.get("eval_score");
    let now = if read.is_nan() { vector.get("base_score") } else { read };
    let rules = [
        ("over_constant", vector.get("eval_constant_score")),
        ("over_naive_bayes", vector.get("eval_naive_bayes_score")),
        ("over_file_naive_bayes", 100.0 * vector.get("naive_bayes_accuracy")),
        ("over_neighbours", 100.0 * vector.get("neighbour_label_agreement")),
    ];
    for (score, points) in [
        ("eval_score", now),
        ("proxy_eval_score", vector.get("proxy_eval_score")),
        ("proxy_final_score", vector.get("proxy_final_score")),
    ] {
        for (name, reached) in rules {
            set(vector, &format!("{score}_{name}"), points - reached);
        }
    }
}

fn set(vector: &mut FeatureVector, name: &str, points: f64) {
    if points.is_finite() {
        vector.set(name, points);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::find;

    #[test]
    fn scores_stand_beside_simple_rules() {
        let mut vector = FeatureVector::default();
        for (name, value) in [
            ("eval_constant_score", 20.0),
            ("eval_naive_bayes_score", 65.0),
            ("naive_bayes_accuracy", 0.7),
            ("base_score", 5.0),
        ] {
            vector.set(name, value);
        }
        set_over_rules(&mut vector);
        let is = |vector: &FeatureVector, name: &str, points: f64| (vector.get(name) - points).abs() < 1e-9;
        assert!(
            is(&vector, "eval_naive_bayes_over_constant", 45.0)
                && is(&vector, "eval_naive_bayes_over_file", -5.0)
        );
        assert!(is(&vector, "eval_score_over_constant", -15.0));
        assert!(vector.get("eval_score_over_neighbours").is_nan(), "nobody looked at neighbours");
        assert!(vector.get("proxy_eval_score_over_constant").is_nan());
        vector.set("eval_score", 60.0);
        vector.set("proxy_final_score", 30.0);
        set_over_rules(&mut vector);
        assert!(
            is(&vector, "eval_score_over_naive_bayes", -5.0)
                && is(&vector, "eval_score_over_file_naive_bayes", -10.0)
        );
        assert!(is(&vector, "proxy_final_score_over_constant", 10.0));
        for (name, _) in vector.iter() {
            assert!(find(name).is_some(), "{name} is not registered");
        }
    }
}
