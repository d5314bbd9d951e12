//! What a probe, or a run under way, shows at step t. Everything that is measured on "own" rows uses rows
//! of the file held out from training; "clean" rows are the user's evaluation file.

use super::registry::{Better, Feature, Group};

const fn row(name: &'static str, unit: &'static str, better: Better, measures: &'static str) -> Feature {
    Feature { name, group: Group::Dynamic, unit, measures, better }
}

use Better::{Higher, Lower, Unknown};

pub static DYNAMIC: &[Feature] = &[
    row("probe_step", "steps", Unknown, "Optimizer steps taken when this was measured"),
    row("probe_share", "", Unknown, "Share of the full run's steps taken when this was measured"),
    row("steps_left", "steps", Unknown, "Optimizer steps of the full run still to come"),
    row("learning_rate_spent", "", Unknown, "Share of the full run's summed learning rate that is spent"),
    // Loss on the file itself.
    row("initial_loss", "nats", Unknown, "Mean loss of an answer token on own rows before training"),
    row("initial_loss_sd", "nats", Unknown, "Spread over own rows of their mean answer loss before training"),
    row(
        "initial_loss_p90",
        "nats",
        Unknown,
        "90th percentile over own rows of their mean answer loss before training",
    ),
    row("held_out_loss", "nats", Lower, "Mean loss of an answer token on own rows now"),
    row("held_out_loss_change", "nats", Lower, "Loss on own rows now minus before training"),
    row("held_out_loss_before", "nats", Lower, "Loss on own rows at the reading before this one"),
    row(
        "held_out_loss_end",
        "nats",
        Lower,
        "Loss on own rows at the run's end, by the curve of the readings so far",
    ),
    row("held_out_loss_rise", "nats", Lower, "Loss on own rows now minus the lowest reading so far"),
    row("memorised_loss", "nats", Unknown, "Loss on own rows minus the training loss"),
    row("loss_decay_rate", "", Higher, "Share of the initial loss on own rows that training has removed"),
    row("held_out_score", "points", Higher, "Share of own rows answered exactly"),
    row("held_out_p_gold", "points", Higher, "Mean probability of the exact answer on own rows"),
    row("token_accuracy", "", Higher, "Share of answer tokens of own rows that are the most likely token"),
    // Training loss.
    row("train_loss", "nats", Lower, "Mean training loss of an answer token over the last ten steps"),
    row("train_loss_sd", "nats", Unknown, "Spread of the training loss over the last ten steps"),
    row("log_loss_slope", "", Unknown, "Slope of log training loss against log step"),
    row("log_loss_curvature", "", Unknown, "Bend of log training loss against log step"),
    row("loss_stability", "", Higher, "1/(1 + spread of log training loss around its trend and bend)"),
    row(
        "extrapolated_loss",
        "nats",
        Lower,
        "Training loss at the run's last step by the power law seen so far",
    ),
    // Gradients.
    row("avg_grad_norm", "", Unknown, "Mean gradient norm before clipping"),
    row("grad_norm_sd", "", Unknown, "Spread of the gradient norm before clipping"),
    row("grad_norm_trend", "", Unknown, "Slope of log gradient norm against log step"),
    row("grad_clip_share", "", Unknown, "Share of steps whose gradient was clipped"),
    row(
        "gradient_consistency",
        "",
        Higher,
        "Mean cosine between the gradients of both halves of a batch, last ten steps",
    ),
    row(
        "gradient_noise_scale",
        "rows",
        Unknown,
        "Batch size at which gradient noise equals the signal (simple noise scale)",
    ),
    row(
        "avg_grad_sparsity",
        "",
        Unknown,
        "Mean share of gradient entries below 1 % of the gradient's root mean square",
    ),
    row(
        "avg_activation_sparsity",
        "",
        Unknown,
        "Mean share of MLP activations below 1 % of their root mean square",
    ),
    // Movement.
    row(
        "avg_param_change",
        "",
        Unknown,
        "Length of the adapter's change since the start relative to its starting length",
    ),
    row("step_update_ratio", "", Unknown, "Length of the last step relative to the adapter's length"),
    row(
        "landscape_flatness",
        "",
        Higher,
        "1/(1 + rise of the loss on own rows under a small random shift of the adapter)",
    ),
    row("general_loss", "nats", Lower, "Loss on a fixed general text now"),
    row("catastrophic_forgetting", "nats", Lower, "Rise of the loss on a fixed general text since the start"),
    // The base model's view of the labels, before training.
    row(
        "neighbour_agreement",
        "",
        Higher,
        "Share of five nearest rows, by the base model's hidden state, with the same answer",
    ),
    row(
        "logme",
        "nats",
        Higher,
        "Log evidence a row of a linear model from the base model's hidden states to the answers (LogME)",
    ),
    // The user's clean rows.
    row("eval_score", "points", Higher, "Share of clean rows answered exactly now"),
    row("eval_score_se", "points", Lower, "Standard error of the score on clean rows"),
    row(
        "eval_score_spread",
        "points",
        Unknown,
        "Standard error that one clean row alone would have at this score",
    ),
    row("eval_p_gold", "points", Higher, "Mean probability of the right answer on clean rows now"),
    row("eval_loss", "nats", Lower, "Mean loss of an answer token on clean rows now"),
    row(
        "eval_token_accuracy",
        "",
        Higher,
        "Share of answer tokens of clean rows that are the most likely token",
    ),
    row("eval_score_change", "points", Higher, "Score on clean rows now minus before training"),
    row(
        "eval_p_gold_change",
        "points",
        Higher,
        "Probability of the right answer on clean rows now minus before training",
    ),
    row("eval_loss_change", "nats", Lower, "Loss on clean rows now minus before training"),
    row(
        "eval_score_trend",
        "points",
        Higher,
        "Last change of the score on clean rows for each doubling of steps",
    ),
    row(
        "eval_p_gold_trend",
        "points",
        Higher,
        "Last change of the right answer's probability for each doubling of steps",
    ),
    row(
        "eval_score_ahead",
        "points",
        Higher,
        "Trend of the score times the doublings of steps still to come",
    ),
    row(
        "eval_p_gold_ahead",
        "points",
        Higher,
        "Trend of the right answer's probability times the doublings still to come",
    ),
    row("eval_score_before", "points", Higher, "Score on clean rows at the reading before this one"),
    row("eval_score_best", "points", Higher, "Best score on clean rows so far"),
    row(
        "eval_score_end",
        "points",
        Higher,
        "Score on clean rows at the run's end, by the curve of the readings so far",
    ),
    row(
        "eval_p_gold_before",
        "points",
        Higher,
        "Probability of the right answer at the reading before this one",
    ),
    row(
        "eval_p_gold_end",
        "points",
        Higher,
        "Probability of the right answer at the run's end, by the curve of the readings so far",
    ),
    row("eval_loss_before", "nats", Lower, "Loss on clean rows at the reading before this one"),
    row(
        "eval_loss_end",
        "nats",
        Lower,
        "Loss on clean rows at the run's end, by the curve of the readings so far",
    ),
    row("eval_loss_rise", "nats", Lower, "Loss on clean rows now minus the lowest reading so far"),
    row(
        "eval_score_over_constant",
        "points",
        Unknown,
        "Score now (first the base score) minus eval_constant_score",
    ),
    row(
        "eval_score_over_naive_bayes",
        "points",
        Unknown,
        "Score now (first the base score) minus eval_naive_bayes_score",
    ),
    row(
        "eval_score_over_file_naive_bayes",
        "points",
        Unknown,
        "Score now (first the base score) minus naive_bayes_accuracy",
    ),
    row(
        "eval_score_over_neighbours",
        "points",
        Unknown,
        "Score now (first the base score) minus neighbour_label_agreement",
    ),
    row("eval_gap_score", "points", Unknown, "Score on clean rows minus score on own rows"),
    row(
        "eval_gap_p_gold",
        "points",
        Unknown,
        "Probability of the right answer on clean rows minus on own rows",
    ),
    row("eval_gap_loss", "nats", Unknown, "Loss on clean rows minus loss on own rows"),
];
