//! Text that a training program wrote to its console or log file. mlx-lm and torchtune name the step on every line;
//! programs on the Hugging Face Trainer (axolotl, LLaMA-Factory, TRL, Unsloth) do not: see `trainer_log`.

use super::gather::{Gathered, step_of};
use super::{ImportError, ImportedRun, trainer_log};

pub(super) fn read(name: &str, text: &str) -> Result<ImportedRun, ImportError> {
    let mut run = Gathered::default();
    let mut is_found = false;
    for line in pieces(text) {
        let Some(stepped) = stepped(line) else {
            if let Some(steps) = line.strip_prefix("Starting training..., iters: ").and_then(leading_number) {
                run.recipe.set("total_steps", steps);
            }
            continue;
        };
        is_found = true;
        for (metric, value) in stepped.metrics {
            run.add(stepped.step, metric, value)?;
        }
    }
    if is_found { run.finish(name.to_owned(), "console log") } else { trainer_log::read(name, text) }
}

/// Progress bars overwrite themselves: what a carriage return ends counts as a line.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', '\r']).map(str::trim).filter(|piece| !piece.is_empty())
}

struct Stepped<'a> {
    step: u64,
    metrics: Vec<(&'a str, f64)>,
}

/// A line that names its step.
fn stepped(line: &str) -> Option<Stepped<'_>> {
    if let Some((step, rest)) = line.strip_prefix("Iter ").and_then(|rest| rest.split_once(": ")) {
        return Some(Stepped { step: step_of(step.parse().ok()?)?, metrics: mlx_metrics(rest) });
    }
    let (step, rest) = line.strip_prefix("Step ")?.split_once(" | ")?;
    let metrics = rest.split_whitespace().filter_map(|pair| {
        let (name, value) = pair.split_once(':')?;
        Some((name, value.parse().ok()?))
    });
    Some(Stepped { step: step_of(step.trim().parse().ok()?)?, metrics: metrics.collect() })
}

/// `Train loss 2.905, Learning Rate 1.000e-05, It/sec 1.2`.
fn mlx_metrics(text: &str) -> Vec<(&str, f64)> {
    let parts = text.trim_end_matches('.').split(", ").filter_map(|part| part.rsplit_once(' '));
    parts.filter_map(|(name, value)| Some((name, value.parse().ok()?))).collect()
}

fn leading_number(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok().filter(|steps| *steps > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mlx_lines_name_their_step() {
        let log = "Loading pretrained model\nStarting training..., iters: 600\n\
                   Iter 1: Val loss 3.092, Val took 2.807s\n\
                   Iter 10: Train loss 2.905, Learning Rate 1.000e-05, It/sec 0.519, Peak mem 14.1 GB\n\
                   Iter 200: Val loss 1.5, Val took 2.8s\n";
        let run = read("train.log", log).unwrap();
        let steps: Vec<_> = run.steps.iter().map(|step| (step.step, step.loss, step.held_out_loss)).collect();
        assert_eq!(steps, [(1, None, Some(3.092)), (10, Some(2.905), None), (200, None, Some(1.5))]);
        assert_eq!(run.steps[1].learning_rate, Some(1e-5));
        assert!((run.recipe.get("total_steps") - 600.0).abs() < 1e-9);
    }

    #[test]
    fn torchtune_lines_name_their_step() {
        let log = "Step 1 | loss:1.25 lr:2e-05 tokens_per_second_per_gpu:900.1 grad_norm:0.5\nStep 2 | loss:1.0 lr:4e-05\n";
        let run = read("log_17.txt", log).unwrap();
        let steps: Vec<_> = run.steps.iter().map(|step| (step.step, step.loss, step.grad_norm)).collect();
        assert_eq!(steps, [(1, Some(1.25), Some(0.5)), (2, Some(1.0), None)]);
    }
}
