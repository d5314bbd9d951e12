//! Records of a delimited file: line breaks count outside quotes only, quotes open at the start of a
//! field only (as Python's csv reads them). A quote that nothing closes is taken literally.

use memchr::{memchr, memchr2};

use super::framer::{Framed, Reports, Scanner};
use crate::findings::{Code, Problem};
use crate::limits::{MAX_QUOTE_RECOVERIES, MAX_RECORD_BYTES};

#[derive(Debug, Clone)]
pub(super) struct CsvFrames {
    delimiter: u8,
    line_break: u8,
    columns: usize,
    position: usize,
    /// Offset of the opening quote while inside a quoted field.
    open_quote: Option<usize>,
    recoveries: u32,
}

impl CsvFrames {
    pub fn new(delimiter: u8, line_break: u8, columns: usize) -> Self {
        Self { delimiter, line_break, columns, position: 0, open_quote: None, recoveries: 0 }
    }

    /// Moves behind the closing quote; false when more bytes are needed.
    fn leave_quotes(&mut self, rest: &[u8], ended: bool) -> bool {
        while let Some(distance) = memchr(b'"', &rest[self.position..]) {
            let behind = self.position + distance + 1;
            if behind == rest.len() && !ended {
                self.position = behind - 1;
                return false;
            }
            if rest.get(behind) != Some(&b'"') {
                self.position = behind;
                self.open_quote = None;
                return true;
            }
            self.position = behind + 1;
        }
        self.position = rest.len();
        false
    }

    fn opens_field(&self, rest: &[u8], quote: usize) -> bool {
        self.recoveries <= MAX_QUOTE_RECOVERIES && (quote == 0 || rest[quote - 1] == self.delimiter)
    }

    /// At the end of the file inside quotes: cut off there, or a stray quote with good rows behind it?
    fn looks_cut(&self, rest: &[u8], open_quote: usize) -> bool {
        const JUDGED_LINES: usize = 8;
        let mut lines =
            rest[open_quote..].split(|byte| *byte == self.line_break).skip(1).filter(|l| !l.is_empty());
        let whole = |line: &[u8]| memchr::memchr_iter(self.delimiter, line).count() + 1 >= self.columns;
        let judged: Vec<bool> = lines.by_ref().take(JUDGED_LINES).map(whole).collect();
        judged.iter().filter(|whole| **whole).count() * 2 <= judged.len()
    }

    fn record(&mut self, rest: &[u8], end: usize, next: usize) -> Framed {
        self.position = 0;
        self.open_quote = None;
        let line = &rest[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            Framed::Skip { next }
        } else {
            Framed::Record { start: 0, end: line.len(), next }
        }
    }
}

impl Scanner for CsvFrames {
    fn next(&mut self, rest: &[u8], ended: bool, reports: &mut Reports) -> Framed {
        loop {
            if let Some(open_quote) = self.open_quote {
                if self.leave_quotes(rest, ended) {
                    continue;
                }
                if !ended && rest.len() <= MAX_RECORD_BYTES {
                    return Framed::More;
                }
                if ended && self.looks_cut(rest, open_quote) {
                    reports.push_cut(
                        0,
                        Problem::new(
                            Code::TruncatedFile,
                            "",
                            format!("the end of the file inside quotes, {} bytes into this row", rest.len()),
                            "a closing quote and the rest of the file",
                        ),
                    );
                    return Framed::End;
                }
                self.recoveries += 1;
                self.open_quote = None;
                self.position = open_quote + 1;
            }
            let Some(distance) = memchr2(b'"', self.line_break, &rest[self.position..]) else {
                self.position = rest.len();
                return match (ended, rest.is_empty()) {
                    (false, _) => Framed::More,
                    (true, true) => Framed::End,
                    (true, false) => self.record(rest, rest.len(), rest.len()),
                };
            };
            let at = self.position + distance;
            if rest[at] == self.line_break {
                return self.record(rest, at, at + 1);
            }
            if self.opens_field(rest, at) {
                self.open_quote = Some(at);
            }
            self.position = at + 1;
        }
    }

    fn needed_from(&self) -> usize {
        0
    }

    /// One byte is kept: whether a quote opens a field depends on the byte before it.
    fn scanned_to(&self) -> usize {
        self.position.saturating_sub(1)
    }

    fn rebase(&mut self, dropped: usize) {
        self.position = self.position.saturating_sub(dropped);
    }
}
