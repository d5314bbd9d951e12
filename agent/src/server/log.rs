//! The daemon's log on stderr: one line an event, with a level. Never a secret, never content of a message.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::ValueEnum;

use crate::terminal;

/// By whom it is for: who uses the page, who runs the agent, who develops it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Level {
    /// Something is lost unless somebody acts
    Error,
    /// Something was refused or went wrong and was dealt with
    Warn,
    /// Jobs that start and end
    Info,
    /// Connections and messages by name
    Debug,
}

static LEVEL: AtomicU8 = AtomicU8::new(Level::Info as u8);

pub fn set(level: Level) {
    LEVEL.store(level as u8, Ordering::Relaxed);
}

pub fn write(level: Level, text: &str) {
    if level as u8 > LEVEL.load(Ordering::Relaxed) {
        return;
    }
    let name = match level {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
    };
    // Whoever connects chooses part of the text: it must not forge lines or colour the terminal.
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    terminal::note(&format!("{} {name:5} {text}", clock()));
}

pub fn error(text: &str) {
    write(Level::Error, text);
}

pub fn warn(text: &str) {
    write(Level::Warn, text);
}

pub fn info(text: &str) {
    write(Level::Info, text);
}

pub fn debug(text: &str) {
    write(Level::Debug, text);
}

pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// UTC, to the second.
fn clock() -> String {
    let seconds = now_ms() / 1000;
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    // Days since 1 March of year 0, so that a leap day is the last of its year (Howard Hinnant's algorithm).
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", time / 3600, time / 60 % 60, time % 60)
}
