//! The loop as a whole: determinism, resume, accumulation, divergence, every feature registered.

use super::*;
use crate::model::LoadOptions;
use crate::recipe::{Recipe, Schedule};
use crate::testing::small_config;

/// The answer follows from the first token, so a few steps learn it.
fn rows(count: u32, salt: u32) -> Vec<Row> {
    (0..count)
        .map(|i| {
            let class = (i * 7 + salt) % 3;
            let prompt: Vec<u32> =
                [10 + class, 20 + (i * 5 + salt) % 17, 40 + i % 4][..2 + (i % 2) as usize].to_vec();
            Row::answered(&prompt, &[50 + class, 1])
        })
        .collect()
}

fn data() -> RunData {
    RunData {
        train: rows(60, 0),
        held_out: rows(12, 1),
        evaluation: rows(20, 2),
        general: vec![Row::text(&[3, 4, 5, 6, 7, 8])],
    }
}

fn options(steps: u64) -> RunOptions {
    let recipe = Recipe {
        learning_rate: 2e-2,
        batch_size: 8,
        max_steps: Some(60),
        schedule: Schedule::Linear,
        lora: crate::lora::LoraConfig { rank: 4, alpha: 8.0, dropout: 0.1, ..Default::default() },
        ..Recipe::default()
    };
    let mut options = RunOptions::probe(recipe, 60, steps);
    options.stop_after = steps;
    options.depths = vec![5, 10];
    options
}

/// Weights far larger than at the start of pretraining, so that adapters have something to work on.
fn lively_model() -> Model {
    let mut model = Model::random(&small_config(), 1, &LoadOptions::cpu()).unwrap();
    model.train_all().unwrap();
    let values = model.trained.parameters().unwrap().values.copy().unwrap();
    let noise = crate::testing::wave(values.elem_count(), 0.3);
    model.set_values(&(values + noise).unwrap()).unwrap();
    model
}

fn trainer(options: RunOptions) -> Trainer {
    Trainer::new(lively_model(), data(), options).unwrap()
}

fn quiet(_: &Trainer, _: Event<'_>) -> Control {
    Control::Continue
}

#[test]
fn a_probe_is_the_same_twice_and_reads_every_registered_feature() {
    let (mut a, mut b) = (trainer(options(12)), trainer(options(12)));
    assert_eq!(a.run(&mut quiet).unwrap(), StopReason::Finished);
    b.run(&mut quiet).unwrap();
    assert_eq!(a.checkpoint().unwrap(), b.checkpoint().unwrap());
    let depths: Vec<u64> = a.state().readings.iter().map(|reading| reading.step).collect();
    assert_eq!(depths, [0, 5, 10, 12]);
    let last = &a.state().readings[3].features;
    for (name, value) in last.iter() {
        assert!(foretune_core::features::find(name).is_some(), "{name} is not registered");
        assert!(value.is_finite() || name == "logme", "{name} is {value}");
    }
    let dynamic = foretune_core::features::FEATURES.iter().flat_map(|group| group.iter());
    for feature in dynamic.filter(|feature| feature.group == foretune_core::features::Group::Dynamic) {
        let is_derived = foretune_core::runs::DERIVED_FROM_READINGS.contains(&feature.name);
        let is_measured = last.iter().any(|(name, _)| name == feature.name);
        assert!(is_measured != is_derived, "{} is measured or derived, never both", feature.name);
    }
}

#[test]
fn a_learnable_task_is_learned() {
    let mut trainer = trainer(options(60));
    trainer.run(&mut quiet).unwrap();
    let last = &trainer.state().readings.last().unwrap().features;
    assert!(last.get("eval_loss_change") < -1.0 && last.get("eval_p_gold_change") > 0.1, "{last:?}");
    assert!(last.get("held_out_loss_change") < -1.0, "{last:?}");
}

#[test]
fn a_killed_run_goes_on_bit_for_bit() {
    let mut whole = trainer(options(12));
    whole.run(&mut quiet).unwrap();
    let wanted = whole.checkpoint().unwrap();
    for stop_at in [1, 5, 7] {
        let mut first = trainer(options(12));
        let mut saved = Vec::new();
        let reason = first.run(&mut |trainer, event| match event {
            Event::Step(record) if record.step == stop_at => {
                saved = trainer.checkpoint().unwrap();
                Control::Stop
            }
            _ => Control::Continue,
        });
        assert_eq!(reason.unwrap(), StopReason::Interrupted);
        let mut second = trainer(options(12));
        second.resume(&saved).unwrap();
        second.run(&mut quiet).unwrap();
        assert!(second.checkpoint().unwrap() == wanted, "stopped at {stop_at}");
    }
}

#[test]
fn a_damaged_or_foreign_checkpoint_is_refused() {
    let mut first = trainer(options(3));
    first.run(&mut quiet).unwrap();
    let saved = first.checkpoint().unwrap();
    let mut fresh = trainer(options(3));
    assert!(fresh.resume(&saved[..saved.len() / 2]).is_err());
    let mut bent = saved.clone();
    bent[100] ^= 1;
    assert!(fresh.resume(&bent).unwrap_err().to_string().contains("checksum"));
    let mut other = options(3);
    other.recipe.learning_rate *= 2.0;
    assert!(trainer(other).resume(&saved).unwrap_err().to_string().contains("another"));
}

#[test]
fn smaller_pieces_give_the_same_steps() {
    let mut whole = trainer(options(6));
    whole.run(&mut quiet).unwrap();
    let mut pieces = trainer(RunOptions { micro_tokens: 9, recompute: true, ..options(6) });
    pieces.run(&mut quiet).unwrap();
    for (a, b) in whole.state().steps.iter().zip(&pieces.state().steps) {
        assert!(
            (a.loss - b.loss).abs() < 1e-4 && (a.gradient_norm - b.gradient_norm).abs() < 1e-3,
            "{a:?} {b:?}"
        );
    }
}

impl Trainer {
    /// Fails as CUDA does where a batch is larger than the pretended memory.
    pub(super) fn pretend_memory(&self, batch: &crate::batch::Batch) -> Result<()> {
        if self.memory_tokens.is_some_and(|most| batch.tokens.len() > most) {
            let error = "DriverError(CUDA_ERROR_OUT_OF_MEMORY, \"out of memory\")";
            return Err(candle_core::Error::Msg(error.into()).into());
        }
        Ok(())
    }
}

#[test]
fn out_of_memory_halves_the_pieces_and_the_steps_stay_the_same() {
    let mut plain = trainer(options(6));
    plain.run(&mut quiet).unwrap();
    let mut tight = trainer(options(6));
    tight.memory_tokens = Some(9);
    let mut halved = Vec::new();
    let reason = tight.run(&mut |_, event| {
        if let Event::MicroBatchHalved { micro_tokens } = event {
            halved.push(micro_tokens);
        }
        Control::Continue
    });
    assert_eq!(reason.unwrap(), StopReason::Finished);
    assert!(!halved.is_empty() && halved.windows(2).all(|pair| pair[1] < pair[0]), "{halved:?}");
    for (a, b) in plain.state().steps.iter().zip(&tight.state().steps) {
        assert!(
            (a.loss - b.loss).abs() < 1e-4 && (a.gradient_norm - b.gradient_norm).abs() < 1e-3,
            "{a:?} {b:?}"
        );
    }
    // A row that does not fit alone cannot be cut: the error comes out, and no step was counted.
    let mut hopeless = trainer(options(6));
    hopeless.memory_tokens = Some(2);
    assert!(hopeless.run(&mut quiet).unwrap_err().is_out_of_memory());
    assert_eq!(hopeless.steps_done(), 0);
}

#[test]
fn divergence_stops_the_run_and_leaves_features_missing() {
    let mut wild = options(40);
    wild.recipe.learning_rate = 1e30;
    wild.recipe.clip_norm = 1e30;
    let mut trainer = trainer(wild);
    assert_eq!(trainer.run(&mut quiet).unwrap(), StopReason::Diverged);
    let record = trainer.state().steps.last().unwrap();
    assert!(!record.is_finite());
    let text = serde_json::to_string(record).unwrap();
    assert!(text.contains("\"update_ratio\":null"), "{text}");
    assert_eq!(trainer.run(&mut quiet).unwrap(), StopReason::Diverged);
}

#[test]
fn patience_ends_a_run_and_the_best_values_come_back() {
    let mut options = options(40);
    options.depths = (1..40).collect();
    options.patience = Some(4);
    let mut trainer = trainer(options);
    assert_eq!(trainer.run(&mut quiet).unwrap(), StopReason::NoImprovement);
    let best = trainer.state().best.unwrap();
    let wanted = trainer.state().readings[best].features.get("eval_p_gold");
    assert!(trainer.take_best().unwrap());
    let rows = trainer.data().evaluation.clone();
    assert!((trainer.evaluate(&rows).unwrap().p_gold() - wanted).abs() < 1e-9);
}

#[test]
fn each_pass_sees_every_row_once() {
    let order = epoch_order(60, 3, 1);
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..60).collect::<Vec<_>>());
    assert_ne!(order, epoch_order(60, 3, 2));
}
