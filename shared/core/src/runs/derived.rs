//! Features that follow from others: what the recipe spends in all, and where the readings so far are heading.

use super::record::Reading;
use crate::features::FeatureVector;
use crate::numerics::curves::SaturatingFit;

/// What `of_the_probe` and `features::set_over_rules` set: dynamic features that no probe measures.
pub const DERIVED_FROM_READINGS: [&str; 19] = [
    "learning_rate_spent",
    "steps_left",
    "eval_score_spread",
    "eval_score_before",
    "eval_score_end",
    "eval_p_gold_before",
    "eval_p_gold_end",
    "eval_loss_before",
    "eval_loss_end",
    "held_out_loss_before",
    "held_out_loss_end",
    "eval_score_best",
    "eval_loss_rise",
    "held_out_loss_rise",
    "memorised_loss",
    "eval_score_over_constant",
    "eval_score_over_naive_bayes",
    "eval_score_over_file_naive_bayes",
    "eval_score_over_neighbours",
];

/// Of the recipe: how far it can move the adapters in all. `end_share` of the run is looked at: 1, or less where the
/// score is asked for on the way.
pub(super) fn of_the_plan(vector: &mut FeatureVector, end_share: f64) {
    let schedule = Schedule::of(vector);
    let total = vector.get("total_steps");
    vector.set("learning_rate_total", vector.get("learning_rate") * total * schedule.spent(end_share));
    if end_share < 1.0 {
        for name in ["total_steps", "epochs"] {
            vector.set(name, vector.get(name) * end_share);
        }
    }
    let seen = total * end_share * vector.get("batch_size");
    vector.set("rows_seen_total", seen);
    let answers = vector.get("distinct_answers");
    if answers > 0.0 {
        vector.set("rows_seen_for_each_answer", seen / answers);
        vector.set("rows_for_each_answer", vector.get("static_valid_count") / answers);
    }
}

/// Of the readings so far, the last of which is in the vector already, for the score at `end_step`.
pub(super) fn of_the_probe(vector: &mut FeatureVector, seen: &[Reading], total_steps: u64, end_step: u64) {
    let Some(last) = seen.last() else { return };
    let (total, end) = (total_steps.max(1) as f64, end_step.max(1) as f64);
    let schedule = Schedule::of(vector);
    let spent_by_end = schedule.spent(end / total);
    vector.set("learning_rate_spent", schedule.spent(last.step as f64 / total) / spent_by_end);
    vector.set("probe_share", last.step as f64 / end);
    vector.set("steps_left", end - last.step as f64);
    if end_step != total_steps {
        toward_an_earlier_end(vector, last.step as f64, end, total);
    }
    for (name, before, at_end) in [
        ("eval_score", "eval_score_before", "eval_score_end"),
        ("eval_p_gold", "eval_p_gold_before", "eval_p_gold_end"),
        ("eval_loss", "eval_loss_before", "eval_loss_end"),
        ("held_out_loss", "held_out_loss_before", "held_out_loss_end"),
    ] {
        if let [.., earlier, _] = seen {
            vector.set(before, earlier.features.get(name));
        }
        // Time runs as the learning rate is spent: what a falling schedule has left moves little.
        let points: Vec<(f64, f64)> = seen
            .iter()
            .map(|reading| (schedule.spent(reading.step as f64 / total) * total, reading.features.get(name)))
            .filter(|(_, value)| value.is_finite())
            .collect();
        if let Some(fit) = SaturatingFit::of(&points) {
            vector.set(at_end, fit.at(spent_by_end * total));
        }
    }
    let score = vector.get("eval_score");
    vector.set("eval_score_spread", (score * (100.0 - score)).sqrt());
    vector.set("eval_score_best", best(seen, "eval_score", f64::max));
    vector.set("eval_loss_rise", last.features.get("eval_loss") - best(seen, "eval_loss", f64::min));
    vector.set(
        "held_out_loss_rise",
        last.features.get("held_out_loss") - best(seen, "held_out_loss", f64::min),
    );
    vector.set("memorised_loss", last.features.get("held_out_loss") - last.features.get("train_loss"));
}

/// What the probe itself worked out for the run's end.
fn toward_an_earlier_end(vector: &mut FeatureVector, step: f64, end: f64, total: f64) {
    let doublings = |to: f64| libm::log2(to / step.max(1.0));
    for name in ["eval_score_ahead", "eval_p_gold_ahead"] {
        vector.set(name, vector.get(name) * doublings(end) / doublings(total));
    }
    vector.set("extrapolated_loss", f64::NAN);
}

fn best(seen: &[Reading], name: &str, better: fn(f64, f64) -> f64) -> f64 {
    seen.iter().map(|reading| reading.features.get(name)).fold(f64::NAN, better)
}

/// The learning rate over the run, relative to its peak.
struct Schedule {
    warmup: f64,
    cosine: bool,
    linear: bool,
}

impl Schedule {
    fn of(vector: &FeatureVector) -> Self {
        let is = |name: &str| vector.get(name) > 0.5;
        let warmup = vector.get("warmup_share");
        Self {
            warmup: if warmup.is_nan() { 0.0 } else { warmup.clamp(0.0, 1.0) },
            cosine: is("schedule_is_cosine"),
            linear: is("schedule_is_linear"),
        }
    }

    /// Integral of the relative rate up to this share of the run.
    fn spent(&self, share: f64) -> f64 {
        let warm = share.min(self.warmup);
        let rising = if self.warmup > 0.0 { warm * warm / (2.0 * self.warmup) } else { 0.0 };
        let rest = 1.0 - self.warmup;
        if share <= self.warmup || rest <= 0.0 {
            return rising;
        }
        let done = (share - self.warmup) / rest;
        let after = if self.cosine {
            0.5 * (done + libm::sin(std::f64::consts::PI * done) / std::f64::consts::PI)
        } else if self.linear {
            done - 0.5 * done * done
        } else {
            done
        };
        rising + rest * after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(schedule: &str) -> FeatureVector {
        let mut vector = FeatureVector::default();
        for (name, value) in
            [("warmup_share", 0.1), ("learning_rate", 0.01), ("total_steps", 200.0), (schedule, 1.0)]
        {
            vector.set(name, value);
        }
        vector
    }

    #[test]
    fn what_is_spent_is_the_sum_of_the_rates() {
        // Each as a sum over 10,000 steps of the schedules that the trainer follows.
        for (name, whole, half) in [
            ("schedule_is_constant", 0.95, 0.45),
            ("schedule_is_linear", 0.5, 0.361_111),
            ("schedule_is_cosine", 0.5, 0.391_063),
        ] {
            let schedule = Schedule::of(&plan(name));
            assert!((schedule.spent(1.0) - whole).abs() < 1e-4, "{name} {}", schedule.spent(1.0));
            assert!((schedule.spent(0.5) - half).abs() < 1e-4, "{name} {}", schedule.spent(0.5));
        }
        let mut vector = plan("schedule_is_linear");
        of_the_plan(&mut vector, 1.0);
        assert!((vector.get("learning_rate_total") - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_curve_that_settles_is_carried_to_the_end() {
        let mut vector = plan("schedule_is_constant");
        vector.set("warmup_share", 0.0);
        let truth = |step: f64| 80.0 - 60.0 / (1.0 + step / 25.0);
        let reading = |step: u64| {
            let mut features = FeatureVector::default();
            features.set("eval_score", truth(step as f64));
            features.set("eval_loss", 3.0 - truth(step as f64) / 50.0);
            Reading { step, features }
        };
        let seen: Vec<Reading> = [0, 5, 10, 20, 35, 50, 75, 100].map(reading).to_vec();
        of_the_probe(&mut vector, &seen, 400, 400);
        assert!(
            (vector.get("eval_score_end") - truth(400.0)).abs() < 5.0,
            "{}",
            vector.get("eval_score_end")
        );
        assert!((vector.get("learning_rate_spent") - 0.25).abs() < 1e-9);
        assert!((vector.get("eval_score_before") - truth(75.0)).abs() < 1e-9);
        assert!(vector.get("held_out_loss_end").is_nan());
        // The same readings, asked for the score at step 200.
        vector.set("eval_score_ahead", 8.0);
        of_the_probe(&mut vector, &seen, 400, 200);
        assert!((vector.get("eval_score_end") - truth(200.0)).abs() < 5.0);
        assert!((vector.get("learning_rate_spent") - 0.5).abs() < 1e-9);
        assert!((vector.get("steps_left") - 100.0).abs() < 1e-9);
        assert!((vector.get("eval_score_ahead") - 4.0).abs() < 1e-9, "one doubling of two");
    }
}
