//! Is it a table, and with which delimiter? Judged by whether the rows agree with the header.

use std::borrow::Cow;

use super::csv::{column_names, for_each_field};
use super::frame_csv::CsvFrames;
use super::framer::{Framed, Reports, Scanner};
use crate::limits::MAX_KEYS;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CsvShape {
    pub delimiter: u8,
    pub line_break: u8,
    pub columns: Vec<String>,
    pub repeated_columns: Vec<String>,
    /// Bytes up to the first row.
    pub header_bytes: usize,
}

/// In order of preference where two fit equally well.
const DELIMITERS: &[u8] = b",\t;|\x1f\x01^~:#";
/// A table of one column has no delimiter to go by; only these names are believed.
const LONE_COLUMNS: &[&str] =
    &["text", "prompt", "content", "messages", "instruction", "sentence", "document"];

/// `head` is the beginning of the text; `complete` says whether it is all of it.
pub(super) fn sniff_csv(head: &str, complete: bool) -> Option<CsvShape> {
    let line_break = if !head.contains('\n') && head.contains('\r') { b'\r' } else { b'\n' };
    let mut best: Option<(f64, usize, u8)> = None;
    for &delimiter in DELIMITERS {
        let counts = field_counts(head, complete, delimiter, line_break);
        let Some((&columns, rows)) = counts.split_first() else { continue };
        if !(2..=MAX_KEYS).contains(&columns) {
            continue;
        }
        let agreeing = rows.iter().filter(|count| **count == columns).count();
        let share = if rows.is_empty() { 1.0 } else { agreeing as f64 / rows.len() as f64 };
        if best.is_none_or(|(best_share, best_columns, _)| {
            share > best_share + 0.1 || (share > best_share - 0.1 && columns > best_columns)
        }) {
            best = Some((share, columns, delimiter));
        }
    }
    const ENOUGH: f64 = 0.5;
    match best {
        Some((share, _, delimiter)) if share >= ENOUGH => shape(head, complete, delimiter, line_break),
        _ => shape(head, complete, b',', line_break)
            .filter(|shape| matches!(&shape.columns[..], [name] if LONE_COLUMNS.contains(&name.as_str()))),
    }
}

fn field_counts(head: &str, complete: bool, delimiter: u8, line_break: u8) -> Vec<usize> {
    const JUDGED_ROWS: usize = 64;
    let mut counts = Vec::new();
    each_record(head, complete, delimiter, line_break, |record, _| {
        let mut fields = 0;
        for_each_field(record, delimiter, |_| fields += 1);
        counts.push(fields);
        counts.len() < JUDGED_ROWS
    });
    counts
}

fn shape(head: &str, complete: bool, delimiter: u8, line_break: u8) -> Option<CsvShape> {
    let mut found = None;
    each_record(head, complete, delimiter, line_break, |record, behind| {
        let mut header: Vec<Cow<'_, str>> = Vec::new();
        for_each_field(record, delimiter, |field| header.push(field));
        let plausible =
            header.iter().all(|name| name.len() <= 256) && header.iter().any(|name| !name.trim().is_empty());
        if plausible {
            let (columns, repeated_columns) = column_names(header.into_iter());
            found = Some(CsvShape { delimiter, line_break, columns, repeated_columns, header_bytes: behind });
        }
        false
    });
    found
}

/// Whole records of the head, until `take` says stop.
fn each_record(
    head: &str,
    complete: bool,
    delimiter: u8,
    line_break: u8,
    mut take: impl FnMut(&str, usize) -> bool,
) {
    let mut frames = CsvFrames::new(delimiter, line_break, 1);
    let mut from = 0;
    let mut reports = Reports::default();
    loop {
        match frames.next(&head.as_bytes()[from..], complete, &mut reports) {
            Framed::Record { start, end, next } => {
                if !take(&head[from + start..from + end], from + next) {
                    return;
                }
                from += next;
            }
            Framed::Skip { next } => from += next,
            Framed::More | Framed::End => return,
        }
    }
}
