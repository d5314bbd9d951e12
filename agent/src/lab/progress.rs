//! How far a collection has come, for the person who waits: a bar with rate and time left on a terminal, a line
//! now and then elsewhere.

use std::time::{Duration, Instant};

use foretune_core::wire::EventBody;
use indicatif::{ProgressBar, ProgressStyle};

use super::Tally;
use super::worker::Message;
use crate::terminal;

/// Without a terminal a line comes this often.
const TELL_EVERY: Duration = Duration::from_mins(1);

pub struct Progress {
    bar: ProgressBar,
    started: Instant,
    done_before: usize,
    told: Instant,
}

impl Progress {
    pub fn new(tally: Tally) -> Self {
        let shown = terminal::shows_progress();
        let bar = if shown { ProgressBar::new(tally.planned as u64) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len} runs  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let now = Instant::now();
        Self { bar, started: now, done_before: tally.done, told: now }
    }

    pub fn hear(&mut self, message: &Message) {
        match message {
            Message::Claimed { .. } => {}
            Message::Done { id, base_score, score, seconds } => {
                let points =
                    |score: &Option<f64>| score.map_or("?".to_owned(), |score| format!("{score:.1}"));
                let text = format!("{id}: {} to {} in {seconds:.1} s", points(base_score), points(score));
                self.note(&text);
            }
            Message::Failed { id, cause } => self.note(&format!("{id} failed: {cause}")),
        }
    }

    /// Whether `show` would show anything: looking at a folder that many share costs them all.
    pub fn is_due(&self) -> bool {
        terminal::shows_progress() || terminal::is_job() || self.told.elapsed() >= TELL_EVERY
    }

    /// With `more` behind it.
    pub fn show(&mut self, tally: Tally, more: &str) {
        tell(tally);
        self.bar.set_position((tally.done + tally.failed) as u64);
        let text = format!("{}{more}", self.rate(tally));
        if !terminal::shows_progress() && self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            terminal::note(&format!("{} of {} runs, {text}", tally.done, tally.planned));
        }
        self.bar.set_message(text);
    }

    /// A remark above the bar.
    pub fn note(&self, text: &str) {
        self.bar.suspend(|| terminal::note(text));
    }

    /// Whoever makes the runs: others may share the folder.
    fn rate(&self, tally: Tally) -> String {
        let made = tally.done.saturating_sub(self.done_before);
        if made == 0 {
            return "no rate yet".to_owned();
        }
        let seconds = self.started.elapsed().as_secs_f64() / made as f64;
        let left = Duration::from_secs_f64(seconds * tally.open() as f64);
        let (hours, minutes) = (left.as_secs() / 3600, left.as_secs() / 60 % 60);
        let failed = if tally.failed > 0 { format!(", {} failed", tally.failed) } else { String::new() };
        format!("{:.1} a minute, {hours} h {minutes:02} min left{failed}", 60.0 / seconds)
    }

    pub fn finish(&self, tally: Tally) {
        tell(tally);
        self.bar.finish_and_clear();
        terminal::note(&format!("{} of {} runs done, {} failed", tally.done, tally.planned, tally.failed));
    }
}

fn tell(tally: Tally) {
    terminal::event(&EventBody::Progress {
        done: (tally.done + tally.failed) as u64,
        total: Some(tally.planned as u64),
        unit: "runs".to_owned(),
    });
}
