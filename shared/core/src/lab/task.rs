//! Rows of a task, their division into rows to tune on and clean rows to judge on, and cutting long ones.

use serde::{Deserialize, Serialize};

use super::{is_taught, prompt_of};
use crate::hash::{combine, hash_bytes};

/// Decides which rows are clean ones and which test rows are scored; never changes.
const SPLIT_SEED: u64 = 0x1ab;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TaskRow {
    pub instruction: String,
    pub input: String,
    pub output: String,
}

impl TaskRow {
    pub fn prompt(&self) -> String {
        prompt_of(&self.instruction, &self.input)
    }

    fn key(&self) -> u64 {
        let answer = hash_bytes(self.output.as_bytes(), SPLIT_SEED);
        combine(hash_bytes(self.prompt().as_bytes(), SPLIT_SEED), answer)
    }
}

/// A task's train rows without those that the base model was taught.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskSplit {
    /// To be tuned on.
    pub pool: Vec<TaskRow>,
    /// Never tuned on.
    pub clean: Vec<TaskRow>,
}

impl TaskSplit {
    /// At most a third of a small task's rows are set aside.
    pub fn of(task: &str, train: Vec<TaskRow>, clean_rows: usize) -> Self {
        let mut rows: Vec<TaskRow> =
            train.into_iter().filter(|row| !is_taught(task, &row.prompt())).collect();
        rows.sort_by_cached_key(TaskRow::key);
        let pool = rows.split_off(clean_rows.min(rows.len() / 3));
        Self { pool, clean: rows }
    }

    /// At most `count` rows, chosen by content: a smaller choice is the beginning of a larger one.
    pub fn choose(mut rows: Vec<TaskRow>, count: usize) -> Vec<TaskRow> {
        rows.sort_by_cached_key(TaskRow::key);
        rows.truncate(count);
        rows
    }
}

/// Cuts the longer of instruction and input at its front, at a word where there is one, until the row has at
/// most `limit` tokens: the end of a prompt matters most, and the answer must stay whole. `starts` gives the
/// byte at which each token of a text begins.
pub fn fit_into<E>(
    row: &mut TaskRow,
    limit: usize,
    count: &mut dyn FnMut(&TaskRow) -> Result<usize, E>,
    starts: &mut dyn FnMut(&str) -> Result<Vec<usize>, E>,
) -> Result<(), E> {
    loop {
        let excess = count(row)?.saturating_sub(limit);
        let text =
            if row.input.len() >= row.instruction.len() { &mut row.input } else { &mut row.instruction };
        if excess == 0 || text.is_empty() {
            return Ok(());
        }
        let starts = starts(text)?;
        let far_enough = starts.get(excess..).unwrap_or_default();
        let is_word = |place: &&usize| {
            let (before, after) = text.split_at(**place);
            after.starts_with(char::is_whitespace) || before.ends_with(char::is_whitespace)
        };
        let on_a_boundary = |place: &usize| text.is_char_boundary(*place) && *place > 0;
        let candidates: Vec<usize> = far_enough.iter().copied().filter(on_a_boundary).collect();
        let place = candidates.iter().find(is_word).or(candidates.first()).copied().unwrap_or(text.len());
        *text = text[place..].trim_start().to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(input: &str) -> TaskRow {
        TaskRow { instruction: "do".into(), input: input.into(), output: "yes".into() }
    }

    /// A token for each byte.
    fn fit(row: &mut TaskRow, limit: usize) {
        let mut count = |row: &TaskRow| Ok::<_, ()>(row.prompt().len() + row.output.len());
        let mut starts = |text: &str| Ok((0..text.len()).collect());
        fit_into(row, limit, &mut count, &mut starts).unwrap();
    }

    #[test]
    fn the_front_is_cut_at_a_word_and_the_answer_stays() {
        let mut long = row("one two three four");
        fit(&mut long, 16);
        assert_eq!((long.input.as_str(), long.output.as_str()), ("three four", "yes"));
        let mut short = row("one");
        fit(&mut short, 16);
        assert_eq!(short.input, "one");
    }

    #[test]
    fn a_text_without_words_is_cut_at_a_character() {
        let mut long = row("ääääääää");
        fit(&mut long, 15);
        assert_eq!(long.input, "ääää");
    }

    #[test]
    fn taught_rows_and_clean_rows_are_never_tuned_on() {
        let train: Vec<TaskRow> = (0..300).map(|i| row(&format!("row {i}"))).collect();
        let split = TaskSplit::of("snips_intent", train.clone(), 50);
        assert!(split.pool.iter().chain(&split.clean).all(|row| !is_taught("snips_intent", &row.prompt())));
        assert!(split.clean.len() == 50 && split.clean.iter().all(|row| !split.pool.contains(row)));
        let untaught = TaskSplit::of("atis_intent", train, 50);
        assert_eq!(untaught.pool.len(), 250);
        assert!(split.pool.len() < 190);
    }
}
