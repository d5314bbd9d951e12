//! Runs a trainer to its end or to Ctrl-C: checkpoint every few steps, trace, progress on stderr.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use foretune_core::wire::EventBody;
use foretune_engine::trainer::end_line;
use foretune_engine::{Control, Event, StopReason, Trainer};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::{files, interrupt, job, terminal};

const CHECKPOINT_EVERY_STEPS: u64 = 20;
/// Between two tries to write where the disk is full.
const KEEP_AGAIN: Duration = Duration::from_secs(1);

/// Where a run keeps its state.
#[derive(Debug)]
pub struct Run {
    /// First line of the trace: what was run.
    pub header: Value,
    pub trace: Option<PathBuf>,
    pub checkpoint: Option<PathBuf>,
}

#[derive(Debug)]
pub struct Outcome {
    pub stopped: StopReason,
    pub seconds: f64,
    /// Of the steps taken now, readings left out; NaN where there were none.
    pub tokens_per_second: f64,
}

/// Goes on from the checkpoint if there is one of the same run.
pub fn drive(trainer: &mut Trainer, run: &Run) -> Result<Outcome> {
    if let Some(path) = run.checkpoint.as_deref().filter(|path| files::exists(path)) {
        trainer.resume(&files::read(path)?).with_context(|| {
            format!(
                "{} cannot be gone on from; delete it to start over, or choose another --out",
                path.display()
            )
        })?;
        terminal::note(&format!("going on after step {}", trainer.steps_done()));
        job::tell_all(trainer);
    }
    let stop = interrupt::stop_flag("stopping after this step");
    let mut progress = Progress::new(trainer);
    let mut failure = None;
    let start = Instant::now();
    let stopped = trainer.run(&mut |trainer, event| {
        progress.hear(trainer, &event);
        let due = matches!(&event, Event::Step(step) if step.step % CHECKPOINT_EVERY_STEPS == 0);
        if due && let Err(error) = keep(trainer, run, &stop) {
            failure = Some(error);
            return Control::Stop;
        }
        if stop.load(Ordering::Relaxed) { Control::Stop } else { Control::Continue }
    });
    progress.finish();
    if let Some(error) = failure {
        return Err(error);
    }
    let stopped = stopped?;
    keep(trainer, run, &stop)?;
    if stopped == StopReason::Interrupted && interrupt::is_abandoned() {
        std::process::exit(interrupt::BROKEN_OFF);
    }
    if stopped == StopReason::Interrupted {
        let place = run.checkpoint.as_ref().map_or_else(
            || "without --out nothing of it was kept".to_owned(),
            |path| format!("the same command goes on from {}", path.display()),
        );
        terminal::note(&format!("stopped after step {}; {place}", trainer.steps_done()));
    }
    Ok(Outcome {
        stopped,
        seconds: start.elapsed().as_secs_f64(),
        tokens_per_second: progress.tokens_per_second(),
    })
}

/// A job of the daemon waits for room on a full disk: there is nobody to free some and give the command again.
fn keep(trainer: &Trainer, run: &Run, stop: &AtomicBool) -> Result<()> {
    let mut was_said = false;
    loop {
        let Err(error) = save(trainer, run) else { return Ok(()) };
        let is_full = error.downcast_ref::<files::FileError>().is_some_and(files::FileError::is_no_room);
        if !is_full || !terminal::is_job() || stop.load(Ordering::Relaxed) {
            return Err(error);
        }
        if !was_said {
            terminal::note(&format!("waiting for room: {error}"));
            was_said = true;
        }
        std::thread::sleep(KEEP_AGAIN);
    }
}

/// Trace and checkpoint, each whole or not at all. Both follow from the trainer's state alone: no clock.
fn save(trainer: &Trainer, run: &Run) -> Result<()> {
    if let Some(path) = &run.trace {
        files::write_atomically(path, trace(trainer, &run.header)?.as_bytes())?;
    }
    if let Some(path) = &run.checkpoint {
        files::write_atomically(path, &trainer.checkpoint()?)?;
    }
    Ok(())
}

/// JSON lines: `start`, then `reading` and `step` in the order they came, then `end` once it is over.
pub fn trace(trainer: &Trainer, header: &Value) -> Result<String> {
    let mut lines = vec![serde_json::to_string(header)?];
    let mut readings = trainer.state().readings.iter().peekable();
    for done in 0..=trainer.state().steps.len() {
        if let Some(step) = done.checked_sub(1).map(|index| &trainer.state().steps[index]) {
            lines.push(Event::Step(step).line());
        }
        while let Some(reading) = readings.next_if(|reading| reading.step == done as u64) {
            lines.push(Event::Reading(reading).line());
        }
    }
    if let Some(reason) = trainer.stopped() {
        lines.push(end_line(trainer.steps_done(), reason));
    }
    Ok(lines.join("\n") + "\n")
}

struct Progress {
    bar: Option<ProgressBar>,
    last: Instant,
    step_seconds: f64,
    tokens: usize,
}

impl Progress {
    fn new(trainer: &Trainer) -> Self {
        let bar = terminal::shows_progress().then(|| {
            let bar = ProgressBar::new(trainer.options.stop_after);
            let style = ProgressStyle::with_template("step {pos}/{len} {bar:24} {msg}  {eta} left");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.set_position(trainer.steps_done());
            bar
        });
        Self { bar, last: Instant::now(), step_seconds: 0.0, tokens: 0 }
    }

    fn tokens_per_second(&self) -> f64 {
        if self.tokens == 0 { f64::NAN } else { self.tokens as f64 / self.step_seconds }
    }

    fn hear(&mut self, trainer: &Trainer, event: &Event<'_>) {
        match event {
            Event::Step(step) => {
                terminal::event(&EventBody::Step(Box::new((*step).clone())));
                self.step_seconds += self.last.elapsed().as_secs_f64();
                self.tokens += step.tokens;
                let message = format!(
                    "loss {:.4}  norm {:.3}  {:.0} tokens/s",
                    step.loss,
                    step.gradient_norm,
                    self.tokens_per_second()
                );
                match &self.bar {
                    Some(bar) => {
                        bar.set_position(step.step);
                        bar.set_message(message);
                    }
                    None if terminal::is_job() => {}
                    None => terminal::note(&format!("step {}/{}  {message}", step.step, trainer.options.stop_after)),
                }
            }
            Event::Reading(reading) if terminal::is_job() => {
                terminal::event(&EventBody::Reading((*reading).clone()));
            }
            Event::Reading(reading) => {
                let value = |name: &str| reading.features.get(name);
                let text = if value("eval_score").is_nan() {
                    format!("after step {}: loss on held-out rows {:.4}", reading.step, value("held_out_loss"))
                } else {
                    format!(
                        "after step {}: score {:.1} ± {:.1}, probability of the right answer {:.1}, loss {:.4}",
                        reading.step,
                        value("eval_score"),
                        value("eval_score_se"),
                        value("eval_p_gold"),
                        value("eval_loss")
                    )
                };
                self.say(&text);
            }
            Event::MicroBatchHalved { micro_tokens } => self.say(&format!(
                "the device ran out of memory: going on with {micro_tokens} tokens at once; the steps stay the same"
            )),
        }
        self.last = Instant::now();
    }

    fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| terminal::note(text)),
            None => terminal::note(text),
        }
    }

    fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The checkpoint that belongs to an output file.
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".checkpoint");
    name.into()
}
