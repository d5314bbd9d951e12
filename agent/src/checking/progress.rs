//! A bar on a terminal, nothing elsewhere.

use std::time::{Duration, Instant};

use foretune_core::wire::EventBody;
use indicatif::{ProgressBar, ProgressStyle};

use crate::terminal;

const REDRAW_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    drawn: Instant,
}

impl Progress {
    pub fn new(total_bytes: u64) -> Self {
        let bar =
            if terminal::shows_progress() { ProgressBar::new(total_bytes) } else { ProgressBar::hidden() };
        bar.set_length(total_bytes);
        let style = ProgressStyle::with_template(
            "{bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  {msg} rows  {eta} left",
        );
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, drawn: Instant::now() }
    }

    pub fn at(&mut self, bytes: u64, rows: u64) {
        if self.drawn.elapsed() > REDRAW_EVERY {
            let total = self.bar.length();
            terminal::event(&EventBody::Progress { done: bytes, total, unit: "bytes".to_owned() });
            self.bar.set_position(bytes);
            self.bar.set_message(foretune_core::words::grouped(rows));
            self.drawn = Instant::now();
        }
    }

    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
