//! Points on the training: method, base model, hyper-parameters, overfitting.

use super::{Judged, Status, View, large, percent};
use crate::advice::cost::memory_gib;
use crate::advice::{Method, base_model};

pub(super) fn method(view: &View<'_>) -> Judged {
    /// Fewer rows seldom need more than an adapter can hold.
    const ROWS_FOR_FULL: u64 = 50_000;
    let mut evidence = vec![format!("{} usable rows", super::grouped(view.report.rows_valid))];
    let Some(parameters) = view.recipe.parameters() else {
        evidence.push("The base model was not named".to_owned());
        let action =
            "Name the base model; without it LoRA of rank 16 on all linear layers is the safe start.";
        return Judged { status: Status::Unknown, evidence, action: action.to_owned() };
    };
    let trained = view.recipe.trained_parameters().unwrap_or(parameters);
    let lora_gib = memory_gib(parameters, trained.min(parameters * 0.02));
    let full_gib = memory_gib(parameters, parameters);
    evidence
        .push(format!("LoRA needs about {lora_gib:.0} GiB, full tuning about {full_gib:.0} GiB (estimated)"));
    let many_rows = view.report.rows_valid >= ROWS_FOR_FULL;
    let (status, action) = match view.recipe.method {
        Method::Lora { rank } => {
            evidence.push(format!("LoRA of rank {rank} trains {} parameters", large(trained)));
            if rank > 128 && !many_rows {
                (Status::Watch, "Lower the rank to 16 or 32 first: this many rows cannot fill it.")
            } else {
                (
                    Status::Good,
                    "Stay with LoRA on all linear layers; try full tuning only once it stops improving.",
                )
            }
        }
        Method::Full if many_rows => {
            (Status::Good, "Run LoRA once beside it: it is often as good at a fraction of the memory.")
        }
        Method::Full => {
            (Status::Watch, "Start with LoRA: at this size full tuning costs more and forgets more.")
        }
    };
    Judged { status, evidence, action: action.to_owned() }
}

pub(super) fn base_model_fit(view: &View<'_>) -> Judged {
    let mut evidence = Vec::new();
    if let Some(language) = view.report.description.languages.first() {
        evidence.push(format!("Mostly {} ({} of the sampled rows)", language.name, percent(language.share)));
    }
    let longest = view.feature("total_length_max");
    let usual = view.feature("total_length_p95");
    if let (Some(longest), Some(usual)) = (longest, usual) {
        evidence
            .push(format!("95 % of the rows have at most {usual:.0} tokens, the longest has {longest:.0}"));
    }
    let Some(model) = view.recipe.model.as_deref().and_then(base_model) else {
        evidence.push(match &view.recipe.model {
            Some(name) => format!("{name} is not in the table of known base models"),
            None => "The base model was not named".to_owned(),
        });
        let action = "Name the base model, and check that its card claims the languages of this file.";
        return Judged { status: Status::Unknown, evidence, action: action.to_owned() };
    };
    evidence.push(format!("Licence of {}: {}", model.name, model.licence));
    let english = view.feature("english_share");
    let context = f64::from(
        view.recipe.max_tokens.map_or(model.context_tokens, |limit| limit.min(model.context_tokens)),
    );
    let (status, action) = if longest.is_some_and(|longest| longest > context) {
        let cut = usual.is_some_and(|usual| usual > context);
        (
            if cut { Status::Bad } else { Status::Watch },
            "Raise the sequence length or shorten the longest rows: their ends would be cut.",
        )
    } else if english.is_some_and(|share| share < 0.5) && !model.multilingual {
        (
            Status::Watch,
            "Try a model whose card claims this language, and compare both on the evaluation rows.",
        )
    } else if !model.permissive {
        (Status::Watch, "Read the licence before the result is used in a product.")
    } else if longest.is_none() || english.is_none() {
        (Status::Unknown, "Check language and length by eye: they were not measured here.")
    } else {
        (Status::Good, "Score the base model on the evaluation rows before training.")
    };
    Judged { status, evidence, action: action.to_owned() }
}

pub(super) fn hyper_parameters(view: &View<'_>) -> Judged {
    let recipe = view.recipe;
    let (start, low, high, grid) = match recipe.method {
        Method::Full => (1e-5, 2e-6, 5e-5, "5e-6, 1e-5, 2e-5"),
        Method::Lora { .. } => (2e-4, 2e-5, 1e-3, "1e-4, 2e-4, 5e-4"),
    };
    let steps = recipe.steps(view.report.rows_valid);
    let mut evidence = vec![
        format!(
            "{} steps: {} epochs of batches of {} rows",
            super::grouped(steps as u64),
            recipe.epochs,
            recipe.batch_rows
        ),
        format!("Usual start {start:e}, worth trying {grid}"),
    ];
    /// Fewer steps leave the schedule no room.
    const MIN_STEPS: f64 = 50.0;
    let Some(rate) = recipe.learning_rate else {
        let action = format!("Start with a learning rate of {start:e}, then try the others of the grid.");
        return Judged { status: Status::Unknown, evidence, action };
    };
    evidence.push(format!("Chosen learning rate {rate:e}"));
    let (status, action) = if rate.is_nan() || rate <= 0.0 || rate > high * 10.0 {
        (Status::Bad, format!("Lower the learning rate to {start:e}: this one is likely to diverge."))
    } else if rate > high {
        (Status::Watch, format!("Try {start:e} as well: this one is above the usual range."))
    } else if rate < low {
        (Status::Watch, format!("Try {start:e} as well: this one may hardly move the model."))
    } else if steps < MIN_STEPS {
        (
            Status::Watch,
            "Use smaller batches or more epochs: so few steps leave the schedule no room.".to_owned(),
        )
    } else if recipe.epochs > 5.0 {
        (
            Status::Watch,
            "Keep the checkpoint of each epoch: after three to five the held-out loss often rises."
                .to_owned(),
        )
    } else {
        (Status::Good, format!("Run the neighbours on the grid ({grid}) once the pipeline works."))
    };
    Judged { status, evidence, action }
}

pub(super) fn overfitting(view: &View<'_>) -> Judged {
    /// Passes over each different row beyond which it tends to be memorised.
    const MANY_PASSES: f64 = 5.0;
    let recipe = view.recipe;
    let valid = view.report.rows_valid as f64;
    let mut evidence = Vec::new();
    let trained = recipe.trained_parameters();
    if let Some(trained) = trained {
        evidence.push(format!("{:.1} rows for each million trained parameters", valid / (trained / 1e6)));
    }
    if let Some(answer_tokens) = view.feature("avg_output_length") {
        evidence.push(format!("{} answer tokens in each epoch", large(answer_tokens * valid)));
    }
    let duplicates = view.feature("approximate_duplicates");
    let passes = recipe.epochs / (1.0 - duplicates.unwrap_or(0.0).clamp(0.0, 0.99));
    evidence.push(format!("Each different row is seen {passes:.1} times on average"));
    let dropout = recipe.dropout.unwrap_or(0.0);
    evidence.push(match recipe.dropout {
        Some(dropout) => format!("Dropout {dropout}"),
        None => "Dropout not given, taken as none".to_owned(),
    });
    let few_rows = trained.map(|trained| valid / (trained / 1e6) < 25.0);
    let (status, action) = match (passes > MANY_PASSES, few_rows) {
        (true, Some(true)) if dropout < 0.05 => {
            (Status::Bad, "Halve the epochs, lower the rank and set a dropout of 0.05 to 0.1.")
        }
        (true, _) => {
            (Status::Watch, "Stop at the lowest held-out loss; two or three epochs are usually enough.")
        }
        (false, Some(true)) if dropout < 0.05 => (
            Status::Watch,
            "Set a dropout of 0.05 to 0.1 and watch the held-out loss: there are few rows for this many parameters.",
        ),
        (false, None) => {
            (Status::Unknown, "Name the base model: the risk depends on how many parameters are trained.")
        }
        (false, _) => {
            (Status::Good, "Keep the checkpoint with the lowest held-out loss rather than the last.")
        }
    };
    Judged { status, evidence, action: action.to_owned() }
}
