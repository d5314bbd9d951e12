//! One record a line.

use super::framer::{Framed, Reports, Scanner};
use super::json_scan::{JsonScan, ScanEnd};
use crate::findings::{Code, Problem};

#[derive(Debug, Clone, Default)]
pub(super) struct LineFrames {
    position: usize,
}

impl Scanner for LineFrames {
    fn next(&mut self, rest: &[u8], ended: bool, reports: &mut Reports) -> Framed {
        if let Some(length) = memchr::memchr(b'\n', &rest[self.position..]) {
            let end = self.position + length;
            self.position = 0;
            return framed_line(rest, end, end + 1);
        }
        self.position = rest.len();
        if !ended {
            return Framed::More;
        }
        self.position = 0;
        let framed = framed_line(rest, rest.len(), rest.len());
        if let Framed::Record { start, end, .. } = framed
            && is_cut(&rest[start..end])
        {
            reports.push_cut(
                start,
                Problem::new(
                    Code::TruncatedFile,
                    "",
                    format!("the end of the file, {} bytes into this row", end - start),
                    "the rest of the row",
                ),
            );
            return Framed::End;
        }
        if rest.is_empty() { Framed::End } else { framed }
    }

    fn needed_from(&self) -> usize {
        0
    }

    fn scanned_to(&self) -> usize {
        self.position
    }

    fn rebase(&mut self, dropped: usize) {
        self.position = self.position.saturating_sub(dropped);
    }
}

fn framed_line(rest: &[u8], end: usize, next: usize) -> Framed {
    let line = &rest[..end];
    let start = end - line.trim_ascii_start().len();
    let trimmed = line[start..].trim_ascii_end();
    if trimmed.is_empty() {
        return Framed::Skip { next };
    }
    Framed::Record { start, end: start + trimmed.len(), next }
}

/// A last line without its line break whose brackets do not close.
fn is_cut(line: &[u8]) -> bool {
    matches!(line[0], b'{' | b'[')
        && matches!(JsonScan::starting_with(line[0]).run(line, 0, true), ScanEnd::More(_))
}
