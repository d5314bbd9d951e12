//! What a much smaller model's own probe of the same file and recipe shows: seconds on a CPU or in a browser, where
//! the model that is to be tuned is not at hand.

use super::registry::{Better, Feature, Group};

/// Goes before the name of the same reading of one's own probe.
const PREFIX: &str = "proxy_";

const fn row(name: &'static str, unit: &'static str, better: Better, measures: &'static str) -> Feature {
    Feature { name, group: Group::Proxy, unit, measures, better }
}

use Better::{Higher, Lower, Unknown};

pub static PROXY: &[Feature] = &[
    row("proxy_probe_step", "steps", Unknown, "Optimizer steps that the smaller model's probe took"),
    row("proxy_initial_loss", "nats", Unknown, "Smaller model's loss on own rows before training"),
    row("proxy_held_out_loss", "nats", Lower, "Smaller model's loss on own rows after its probe"),
    row(
        "proxy_held_out_loss_end",
        "nats",
        Lower,
        "Smaller model's loss on own rows at the run's end, by its curve",
    ),
    row(
        "proxy_loss_decay_rate",
        "",
        Higher,
        "Share of the smaller model's initial loss that its probe removed",
    ),
    row("proxy_held_out_score", "points", Higher, "Share of own rows that the smaller model answers exactly"),
    row(
        "proxy_held_out_p_gold",
        "points",
        Higher,
        "Probability that the smaller model gives the answers of own rows",
    ),
    row(
        "proxy_token_accuracy",
        "",
        Higher,
        "Share of answer tokens of own rows most likely to the smaller model",
    ),
    row("proxy_avg_grad_norm", "", Unknown, "Mean gradient norm of the smaller model's probe"),
    row(
        "proxy_gradient_consistency",
        "",
        Higher,
        "Mean cosine of half-batch gradients in the smaller model's probe",
    ),
    row(
        "proxy_neighbour_agreement",
        "",
        Higher,
        "Nearest rows with the same answer, by the smaller model's states",
    ),
    row(
        "proxy_logme",
        "nats",
        Higher,
        "Evidence for the answers in the smaller model's hidden states (LogME)",
    ),
    row("proxy_base_score", "points", Unknown, "Smaller model's score on clean rows before training"),
    row("proxy_eval_score", "points", Higher, "Smaller model's score on clean rows after its probe"),
    row("proxy_eval_score_end", "points", Higher, "Smaller model's score at the run's end, by its curve"),
    row(
        "proxy_eval_p_gold",
        "points",
        Higher,
        "Smaller model's probability of the right answer after its probe",
    ),
    row("proxy_eval_p_gold_end", "points", Higher, "The same at the run's end, by its curve"),
    row("proxy_eval_loss", "nats", Lower, "Smaller model's loss on clean rows after its probe"),
    row(
        "proxy_eval_loss_end",
        "nats",
        Lower,
        "Smaller model's loss on clean rows at the run's end, by its curve",
    ),
    row("proxy_final_score", "points", Higher, "Score of the smaller model's finished run on clean rows"),
    row(
        "proxy_final_p_gold",
        "points",
        Higher,
        "Probability of the right answer after the smaller model's finished run",
    ),
    row(
        "proxy_eval_score_over_constant",
        "points",
        Unknown,
        "As eval_score_over_constant, of the smaller model after its probe",
    ),
    row(
        "proxy_eval_score_over_naive_bayes",
        "points",
        Unknown,
        "As eval_score_over_naive_bayes, of the smaller model after its probe",
    ),
    row(
        "proxy_eval_score_over_file_naive_bayes",
        "points",
        Unknown,
        "As eval_score_over_file_naive_bayes, of the smaller model after its probe",
    ),
    row(
        "proxy_eval_score_over_neighbours",
        "points",
        Unknown,
        "As eval_score_over_neighbours, of the smaller model after its probe",
    ),
    row(
        "proxy_final_score_over_constant",
        "points",
        Unknown,
        "As eval_score_over_constant, of the smaller model's finished run",
    ),
    row(
        "proxy_final_score_over_naive_bayes",
        "points",
        Unknown,
        "As eval_score_over_naive_bayes, of the smaller model's finished run",
    ),
    row(
        "proxy_final_score_over_file_naive_bayes",
        "points",
        Unknown,
        "As eval_score_over_file_naive_bayes, of the smaller model's finished run",
    ),
    row(
        "proxy_final_score_over_neighbours",
        "points",
        Unknown,
        "As eval_score_over_neighbours, of the smaller model's finished run",
    ),
];

/// Whether only a finished run of the smaller model tells it; no reading of an own probe is like it.
pub fn is_of_finished_run(proxy: &str) -> bool {
    proxy.starts_with("proxy_final_")
}

/// The reading of an own probe that a proxy feature is taken from.
pub fn own_name(proxy: &str) -> Option<&str> {
    proxy.strip_prefix(PREFIX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::find;

    #[test]
    fn each_is_the_smaller_models_reading_of_a_feature_there_is() {
        for feature in PROXY.iter().filter(|feature| !is_of_finished_run(feature.name)) {
            let own = own_name(feature.name).and_then(find).unwrap();
            assert_eq!((own.unit, own.better), (feature.unit, feature.better), "{}", feature.name);
        }
    }
}
