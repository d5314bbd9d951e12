//! One training run of adapters, probe or full: which rows come when, steps, readings at chosen depths,
//! a state that can be saved after any step and gone on from bit for bit. No clock, no files.

mod checkpoint;
mod reading;
mod step;
#[cfg(test)]
mod tests;

use foretune_core::hash::combine;
use serde::{Deserialize, Serialize};

use crate::batch::{BatchStyle, Row};
use crate::error::{EngineError, Result};
use crate::evaluate::Evaluation;
use crate::model::Model;
use crate::recipe::Recipe;

pub use foretune_core::runs::{Reading, StepRecord};

/// Depths at which a trace carries features.
pub const DEPTHS: [u64; 8] = [0, 5, 10, 20, 35, 50, 75, 100];

/// Rows as tokens; held-out rows come from the same file, evaluation rows are the user's clean ones.
#[derive(Debug, Clone, Default)]
pub struct RunData {
    pub train: Vec<Row>,
    pub held_out: Vec<Row>,
    pub evaluation: Vec<Row>,
    /// A fixed general text, for forgetting.
    pub general: Vec<Row>,
}

#[derive(Debug, Clone)]
pub struct RunOptions {
    pub recipe: Recipe,
    /// Steps of the full run; schedules and shares follow it even when the probe stops early.
    pub total_steps: u64,
    /// Where this run ends.
    pub stop_after: u64,
    /// Steps after which features are read, besides the first and the last.
    pub depths: Vec<u64>,
    /// Largest number of tokens computed at once; halved when the device runs out of memory.
    pub micro_tokens: usize,
    pub recompute: bool,
    pub style: BatchStyle,
    /// Stop after this many readings without a better evaluation.
    pub patience: Option<usize>,
}

impl RunOptions {
    /// A probe of `steps`, ended at a third of a short run.
    pub fn probe(recipe: Recipe, rows: usize, steps: u64) -> Self {
        let total_steps = recipe.total_steps(rows);
        let stop_after = steps.min(total_steps.div_ceil(3)).max(1);
        Self {
            recipe,
            total_steps,
            stop_after,
            depths: DEPTHS.to_vec(),
            micro_tokens: usize::MAX,
            recompute: false,
            style: BatchStyle::Ragged,
            patience: None,
        }
    }

    /// A whole run, read also at a third and at a half.
    pub fn tune(recipe: Recipe, rows: usize) -> Self {
        let total_steps = recipe.total_steps(rows);
        let depths = DEPTHS.into_iter().chain([total_steps.div_ceil(3), total_steps.div_ceil(2)]);
        Self { depths: depths.collect(), stop_after: total_steps, ..Self::probe(recipe, rows, 1) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Every planned step was taken.
    Finished,
    /// A loss or gradient was not a number any more.
    Diverged,
    /// No better evaluation for as many readings as allowed.
    NoImprovement,
    /// The caller asked.
    Interrupted,
}

/// What the caller hears while it runs.
#[derive(Debug)]
pub enum Event<'a> {
    Reading(&'a Reading),
    Step(&'a StepRecord),
    /// Out of memory: from here on at most this many tokens at once, the rest accumulated.
    MicroBatchHalved {
        micro_tokens: usize,
    },
}

impl Event<'_> {
    /// As a line of a trace.
    pub fn line(&self) -> String {
        let (kind, value) = match self {
            Self::Reading(reading) => ("reading", serde_json::to_value(reading)),
            Self::Step(step) => ("step", serde_json::to_value(step)),
            Self::MicroBatchHalved { micro_tokens } => {
                ("micro_batch", Ok(serde_json::json!({"micro_tokens": micro_tokens})))
            }
        };
        let mut value = value.expect("records hold numbers and texts only");
        value["type"] = kind.into();
        value.to_string()
    }
}

/// The last line of a trace.
pub fn end_line(steps: u64, reason: StopReason) -> String {
    serde_json::json!({"type": "end", "steps": steps, "stopped_because": reason}).to_string()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    Continue,
    Stop,
}

#[derive(Debug)]
pub struct Trainer {
    pub model: Model,
    data: RunData,
    pub options: RunOptions,
    state: State,
    /// Number of the current pass and its order: sorting every row at every step would cost more than a step.
    order: Option<(u64, Vec<usize>)>,
    /// Tokens that fit a pretended device's memory.
    #[cfg(test)]
    memory_tokens: Option<usize>,
}

/// All that a checkpoint holds besides the trained numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub steps: Vec<StepRecord>,
    pub readings: Vec<Reading>,
    /// Index of the reading with the best evaluation so far.
    pub best: Option<usize>,
    #[serde(skip)]
    best_values: Option<Vec<u8>>,
    /// Facts about the base model, measured once.
    base: Option<reading::Base>,
    stopped: Option<StopReason>,
}

impl Trainer {
    /// Puts fresh adapters on the model.
    pub fn new(mut model: Model, data: RunData, options: RunOptions) -> Result<Self> {
        options.recipe.check()?;
        if data.train.is_empty() {
            return Err(EngineError::Data { reason: "no row to train on".into() });
        }
        for (rows, what) in [
            (&data.train, "training"),
            (&data.held_out, "held-out"),
            (&data.evaluation, "evaluation"),
            (&data.general, "general text"),
        ] {
            if rows.iter().any(|row| row.target_count() == 0) {
                return Err(EngineError::Data { reason: format!("a {what} row has no token to predict") });
            }
        }
        model.attach_lora(&options.recipe.lora, options.recipe.seed)?;
        Ok(Self {
            model,
            data,
            options,
            state: State::default(),
            order: None,
            #[cfg(test)]
            memory_tokens: None,
        })
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    pub fn data(&self) -> &RunData {
        &self.data
    }

    pub fn steps_done(&self) -> u64 {
        self.state.steps.len() as u64
    }

    /// Why the run is over, if it is.
    pub fn stopped(&self) -> Option<StopReason> {
        self.state.stopped
    }

    /// Runs until something stops it; the listener may ask for a stop after any event. A run stopped by
    /// the caller can go on by calling again.
    pub fn run(&mut self, listener: &mut dyn FnMut(&Self, Event<'_>) -> Control) -> Result<StopReason> {
        if let Some(reason) = self.state.stopped {
            return Ok(reason);
        }
        loop {
            if self.reading_is_due() {
                if self.read_and_tell(listener)? == Control::Stop {
                    return Ok(StopReason::Interrupted);
                }
                if self.is_out_of_patience() {
                    return Ok(self.stop(StopReason::NoImprovement));
                }
            }
            if self.steps_done() >= self.options.stop_after {
                return Ok(self.stop(StopReason::Finished));
            }
            let record = self.step(listener)?;
            let finite = record.is_finite();
            self.state.steps.push(record);
            let record = self.state.steps.last().expect("just pushed");
            let control = listener(self, Event::Step(record));
            if !finite {
                return Ok(self.stop(StopReason::Diverged));
            }
            if control == Control::Stop {
                return Ok(StopReason::Interrupted);
            }
        }
    }

    fn reading_is_due(&self) -> bool {
        let step = self.steps_done();
        let listed = step == 0 || step == self.options.stop_after || self.options.depths.contains(&step);
        listed && self.state.readings.last().is_none_or(|reading| reading.step < step)
    }

    fn stop(&mut self, reason: StopReason) -> StopReason {
        self.state.stopped = Some(reason);
        reason
    }

    fn read_and_tell(&mut self, listener: &mut dyn FnMut(&Self, Event<'_>) -> Control) -> Result<Control> {
        let reading = self.read()?;
        self.state.readings.push(reading);
        self.remember_best()?;
        let reading = self.state.readings.last().expect("just pushed");
        Ok(listener(self, Event::Reading(reading)))
    }

    /// The evaluation score decides, then the probability of the right answer; without clean rows the loss
    /// on own rows.
    fn remember_best(&mut self) -> Result<()> {
        let rank = |reading: &Reading| {
            let feature = |name: &str| reading.features.get(name);
            if feature("eval_score").is_nan() {
                (-feature("held_out_loss"), 0.0)
            } else {
                (feature("eval_score"), feature("eval_p_gold"))
            }
        };
        let last = self.state.readings.len() - 1;
        let better = self.state.best.is_none_or(|best| {
            let (new, old) = (rank(&self.state.readings[last]), rank(&self.state.readings[best]));
            new.0.total_cmp(&old.0).then(new.1.total_cmp(&old.1)).is_gt()
        });
        if better {
            self.state.best = Some(last);
            self.state.best_values = Some(self.trained_bytes()?);
        }
        Ok(())
    }

    fn is_out_of_patience(&self) -> bool {
        let since_best = self.state.best.map(|best| self.state.readings.len() - 1 - best);
        self.options.patience.is_some_and(|patience| since_best.is_some_and(|since| since >= patience))
    }

    /// Rows of the next step: an endless chain of passes, each shuffled by hash.
    fn next_rows(&mut self) -> Vec<usize> {
        let rows = self.data.train.len() as u64;
        let batch = self.options.recipe.batch_size as u64;
        let first = self.steps_done() * batch;
        let mut chosen = Vec::with_capacity(batch as usize);
        let mut place = first;
        while place < first + batch {
            let epoch = place / rows;
            let order = match self.order.take() {
                Some((known, order)) if known == epoch => order,
                _ => epoch_order(rows, self.options.recipe.seed, epoch),
            };
            let end = ((epoch + 1) * rows).min(first + batch);
            chosen.extend((place..end).map(|place| order[(place % rows) as usize]));
            self.order = Some((epoch, order));
            place = end;
        }
        chosen
    }

    /// Scores on rows of the caller's, with the adapters as they are.
    pub fn evaluate(&self, rows: &[Row]) -> Result<Evaluation> {
        crate::evaluate::evaluate(&self.model, rows)
    }
}

/// Every row once, in an order of the seed and the pass.
fn epoch_order(rows: u64, seed: u64, epoch: u64) -> Vec<usize> {
    let key = combine(seed, epoch);
    let mut order: Vec<usize> = (0..rows as usize).collect();
    order.sort_by_key(|index| (combine(key, *index as u64), *index));
    order
}
