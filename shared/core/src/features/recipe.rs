//! How the candidate run is set up, known before anything is trained.

use super::registry::{Better, Feature, Group};

const fn row(name: &'static str, unit: &'static str, measures: &'static str) -> Feature {
    Feature { name, group: Group::Recipe, unit, measures, better: Better::Unknown }
}

pub static RECIPE: &[Feature] = &[
    row("learning_rate", "", "Peak learning rate of the candidate run"),
    row("batch_size", "rows", "Rows that one optimizer step learns from, accumulation included"),
    row("epochs", "", "Passes over the training rows in the full run"),
    row("total_steps", "steps", "Optimizer steps of the full run"),
    row("warmup_share", "", "Share of the steps over which the learning rate rises"),
    row("schedule_is_constant", "", "1 where the rate stays constant after warm-up"),
    row("schedule_is_linear", "", "1 where the rate falls linearly to zero"),
    row("schedule_is_cosine", "", "1 where the rate falls to zero along half a cosine"),
    row("weight_decay", "", "Decoupled weight decay on matrices"),
    row("clip_norm", "", "Largest gradient norm that is not scaled down"),
    row("lora_rank", "", "Rank of the adapters"),
    row("lora_alpha", "", "Scaling numerator of the adapters"),
    row("lora_dropout", "", "Dropout on the adapters' inputs"),
    row("lora_modules", "", "Kinds of linear layers that carry an adapter, of seven"),
    row("trained_parameters", "", "Numbers that are trained"),
    row("sequence_length", "tokens", "Longest row; longer ones are cut"),
    row("learning_rate_total", "", "Sum of the learning rate over the steps of the full run"),
    row("rows_seen_total", "rows", "Rows that the full run learns from, repetitions counted"),
    row("rows_seen_for_each_answer", "rows", "Rows that the full run learns from for each different answer"),
    row("rows_for_each_answer", "rows", "Training examples for each different answer"),
    row("base_parameters", "", "Weights of the base model"),
    row("base_score", "points", "Score of the base model on the evaluation before any training"),
];
