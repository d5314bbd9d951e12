//! Records of a JSON array (bare or inside an object) and of objects standing one after another.

use super::framer::{Framed, Reports, Scanner};
use super::json_scan::{JsonScan, ScanEnd};
use crate::findings::{Code, Problem};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Array,
    /// The array is the value of a key; what follows it belongs to the object.
    Wrapped,
    Sequence,
}

#[derive(Debug, Clone)]
enum State {
    /// An item or the end may come; a comma may stand before (its offset).
    Between {
        comma: Option<usize>,
    },
    Item {
        start: usize,
        scan: JsonScan,
    },
    After,
    Tail,
    Finished,
}

#[derive(Debug, Clone)]
pub(super) struct JsonFrames {
    layout: Layout,
    state: State,
    /// Offset in `rest` from which scanning goes on.
    position: usize,
    tail_reported: bool,
}

impl JsonFrames {
    /// `rest` begins behind the opening bracket of the array, or at the first object of a sequence.
    pub fn new(layout: Layout) -> Self {
        Self { layout, state: State::Between { comma: None }, position: 0, tail_reported: false }
    }

    fn between(&mut self, rest: &[u8], comma: Option<usize>, reports: &mut Reports) -> Option<Framed> {
        match rest[self.position] {
            b',' => {
                if comma.is_some() || self.layout != Layout::Sequence {
                    reports.push(
                        self.position,
                        Problem::new(
                            Code::TrailingComma,
                            "",
                            "`,` where a row should stand",
                            "one comma between two rows",
                        ),
                    );
                }
                self.state = State::Between { comma: Some(self.position) };
                self.position += 1;
            }
            b']' if self.layout != Layout::Sequence => {
                if let Some(comma) = comma {
                    reports.push(
                        comma,
                        Problem::new(
                            Code::TrailingComma,
                            "",
                            "`,` before `]`",
                            "no comma after the last row",
                        ),
                    );
                }
                self.position += 1;
                self.state = State::Tail;
            }
            first => {
                self.state = State::Item { start: self.position, scan: JsonScan::starting_with(first) };
            }
        }
        None
    }

    fn item(&mut self, rest: &[u8], ended: bool, reports: &mut Reports) -> Framed {
        let State::Item { start, scan } = &mut self.state else {
            unreachable!("called in state Item only");
        };
        match scan.run(rest, self.position, ended) {
            ScanEnd::At(end) => {
                let start = *start;
                self.state = State::After;
                self.position = 0;
                // A scalar that is empty (a stray bracket) must still move on.
                let end = end.max(start + 1);
                Framed::Record { start, end: trim_end(rest, start, end), next: end }
            }
            ScanEnd::More(at) => {
                self.position = at;
                if !ended {
                    return Framed::More;
                }
                let inside = if scan.in_string() { "inside a string" } else { "inside a row" };
                reports.push_cut(
                    *start,
                    Problem::new(
                        Code::TruncatedFile,
                        "",
                        format!("the end of the file {inside}, {} bytes into this row", rest.len() - *start),
                        "the rest of the row and of the file",
                    ),
                );
                self.state = State::Finished;
                Framed::End
            }
        }
    }

    fn after(&mut self, rest: &[u8], reports: &mut Reports) {
        self.state = match (self.layout, rest[self.position]) {
            (Layout::Sequence, _) => State::Between { comma: None },
            (_, b',') => {
                self.position += 1;
                State::Between { comma: Some(self.position - 1) }
            }
            (_, b']') => {
                self.position += 1;
                State::Tail
            }
            _ => {
                reports.push(
                    self.position,
                    Problem::new(
                        Code::MissingComma,
                        "",
                        "the next row without a comma",
                        "`,` between two rows",
                    ),
                );
                State::Between { comma: None }
            }
        };
    }

    fn tail(&mut self, rest: &[u8], reports: &mut Reports) {
        let byte = rest[self.position];
        let closes_wrapper = self.layout == Layout::Wrapped && byte == b'}';
        if !closes_wrapper && !self.tail_reported {
            self.tail_reported = true;
            let found = if self.layout == Layout::Wrapped {
                "more keys behind the array of rows (not read)"
            } else if byte == b'[' {
                "a second array behind the first"
            } else {
                "something behind the end of the array (not read)"
            };
            reports.push(self.position, Problem::new(Code::TrailingData, "", found, "the end of the file"));
        }
        self.position += 1;
        if self.layout == Layout::Array && byte == b'[' {
            self.tail_reported = false;
            self.state = State::Between { comma: None };
        } else if self.tail_reported {
            self.state = State::Finished;
        }
    }
}

impl Scanner for JsonFrames {
    fn next(&mut self, rest: &[u8], ended: bool, reports: &mut Reports) -> Framed {
        loop {
            if let State::Item { .. } = self.state {
                return self.item(rest, ended, reports);
            }
            self.position += blank_length(&rest[self.position..]);
            if self.position >= rest.len() {
                if !ended {
                    return Framed::More;
                }
                let complete =
                    matches!(self.state, State::Tail | State::Finished) || self.layout == Layout::Sequence;
                if !complete {
                    reports.push_cut(
                        rest.len(),
                        Problem::new(
                            Code::TruncatedFile,
                            "",
                            "the end of the file",
                            "`]` after the last row",
                        ),
                    );
                }
                self.state = State::Finished;
                return Framed::End;
            }
            match self.state {
                State::Between { comma } => {
                    if let Some(framed) = self.between(rest, comma, reports) {
                        return framed;
                    }
                }
                State::After => self.after(rest, reports),
                State::Tail => self.tail(rest, reports),
                State::Item { .. } => {}
                State::Finished => return Framed::End,
            }
        }
    }

    fn needed_from(&self) -> usize {
        match &self.state {
            State::Between { comma } => comma.unwrap_or(self.position),
            State::Item { start, .. } => *start,
            _ => self.position,
        }
    }

    fn scanned_to(&self) -> usize {
        self.position
    }

    fn rebase(&mut self, dropped: usize) {
        self.position = self.position.saturating_sub(dropped);
        match &mut self.state {
            State::Between { comma: Some(comma) } => *comma = comma.saturating_sub(dropped),
            State::Item { start, .. } => *start = start.saturating_sub(dropped),
            _ => {}
        }
    }
}

fn blank_length(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).unwrap_or(bytes.len())
}

fn trim_end(bytes: &[u8], start: usize, end: usize) -> usize {
    start + bytes[start..end].trim_ascii_end().len()
}
