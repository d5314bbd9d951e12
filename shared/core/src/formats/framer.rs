//! The loop around the scanners: reads, cuts records into batches, skips what is too large, and turns
//! every mishap of the stream into a problem with a place.

use super::error::source_problem;
use super::frame_csv::CsvFrames;
use super::frame_json::JsonFrames;
use super::frame_lines::LineFrames;
use super::window::Window;
use super::{Batch, FormatError, Place, PlacedProblem, RecordSpan};
use crate::findings::{Code, Problem};
use crate::limits::{BATCH_BYTES, LOOKAHEAD_BYTES, MAX_RECORD_BYTES};
use crate::source::ByteSource;

/// What a scanner saw at the start of the rest of the window. Offsets count from there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framed {
    Record {
        start: usize,
        end: usize,
        next: usize,
    },
    /// Nothing of interest up to here.
    Skip {
        next: usize,
    },
    More,
    End,
}

pub(super) trait Scanner {
    /// Called again with the same start and more bytes after `More`; else the rest begins at `next`.
    fn next(&mut self, rest: &[u8], ended: bool, reports: &mut Reports) -> Framed;
    /// Bytes before this offset will not be asked for again.
    fn needed_from(&self) -> usize;
    /// Bytes before this offset have been looked at.
    fn scanned_to(&self) -> usize;
    /// The first bytes of the rest were dropped.
    fn rebase(&mut self, dropped: usize);
}

/// Problems by offset in the rest of the window.
#[derive(Debug, Default)]
pub(super) struct Reports {
    found: Vec<(usize, Problem, bool)>,
}

impl Reports {
    pub fn push(&mut self, offset: usize, problem: Problem) {
        self.found.push((offset, problem, false));
    }

    /// The file stops here; not worth saying when the reason is already known.
    pub fn push_cut(&mut self, offset: usize, problem: Problem) {
        self.found.push((offset, problem, true));
    }
}

#[derive(Debug)]
pub(super) enum AnyScanner {
    Json(JsonFrames),
    Lines(LineFrames),
    Csv(CsvFrames),
}

impl AnyScanner {
    fn get(&mut self) -> &mut dyn Scanner {
        match self {
            Self::Json(scanner) => scanner,
            Self::Lines(scanner) => scanner,
            Self::Csv(scanner) => scanner,
        }
    }
}

#[derive(Debug)]
pub(super) struct TextFramer<S> {
    window: Window<S>,
    scanner: AnyScanner,
    next_row: u64,
    /// Where a record that outgrew the limit began, and how much of it is gone already.
    oversize: Option<(Place, u64)>,
    /// Where reading ended before the file did.
    stopped_at: Option<Place>,
    ended: bool,
}

impl<S: ByteSource> TextFramer<S> {
    /// `skip_bytes` (a byte order mark, the beginning of a wrapper, a CSV header) are read over first.
    pub fn new(window: Window<S>, scanner: AnyScanner, skip_bytes: usize) -> Self {
        let mut framer =
            Self { window, scanner, next_row: 1, oversize: None, stopped_at: None, ended: false };
        while framer.window.rest().len() < skip_bytes && !framer.window.ended() {
            framer.window.grow();
        }
        framer.window.advance(skip_bytes.min(framer.window.rest().len()));
        framer
    }

    pub fn consumed_bytes(&self) -> u64 {
        self.window.stream().consumed_bytes()
    }

    pub fn next_batch(&mut self) -> Option<Batch> {
        /// The last record of a batch may pass the limit; growing would copy all of it.
        const SLACK_BYTES: usize = 64 << 10;
        if self.ended {
            return None;
        }
        let mut batch = Batch { bytes: Vec::with_capacity(BATCH_BYTES + SLACK_BYTES), ..Batch::default() };
        let mut reports = Reports::default();
        while batch.bytes.len() < BATCH_BYTES {
            let framed = self.scanner.get().next(self.window.rest(), self.window.ended(), &mut reports);
            if !reports.found.is_empty() {
                self.place_reports(&mut reports, &mut batch);
            }
            match framed {
                Framed::Record { start, end, next } => {
                    self.take_record(start, end, &mut batch);
                    self.window.advance(next);
                }
                Framed::Skip { next } => self.window.advance(next),
                Framed::More => self.read_on(),
                Framed::End => {
                    self.ended = true;
                    self.report_end(&mut batch);
                    break;
                }
            }
        }
        (!batch.is_empty() || !batch.problems.is_empty()).then_some(batch)
    }

    fn take_record(&mut self, start: usize, end: usize, batch: &mut Batch) {
        let place = self.place_of(start);
        self.next_row += 1;
        let (place, length) = match self.oversize.take() {
            Some((place, dropped)) => (place, dropped + end as u64),
            None => (place, (end - start) as u64),
        };
        if length > MAX_RECORD_BYTES as u64 {
            batch.problems.push(PlacedProblem { place, problem: too_large(length) });
            return;
        }
        let batch_start = batch.bytes.len() as u32;
        batch.bytes.extend_from_slice(&self.window.rest()[start..end]);
        batch.records.push(RecordSpan { start: batch_start, end: batch.bytes.len() as u32, place });
    }

    fn read_on(&mut self) {
        let scanner = self.scanner.get();
        let mut dropped = scanner.needed_from();
        let needed = self.window.rest().len() - dropped;
        if needed > MAX_RECORD_BYTES + LOOKAHEAD_BYTES {
            let place = self.place_of(dropped);
            let keep_from = self.scanner.get().scanned_to();
            let (place, gone) = self.oversize.unwrap_or((place, 0));
            self.oversize = Some((place, gone + (keep_from - dropped) as u64));
            dropped = keep_from;
        } else if let Some((_, gone)) = &mut self.oversize {
            let keep_from = scanner.scanned_to();
            *gone += (keep_from - dropped) as u64;
            dropped = keep_from;
        }
        self.window.advance(dropped);
        self.scanner.get().rebase(dropped);
        self.window.grow();
    }

    fn place_of(&mut self, index_in_rest: usize) -> Place {
        let (line, byte_offset) = self.window.locate(index_in_rest);
        Place { row: self.next_row, line, byte_offset }
    }

    fn place_reports(&mut self, reports: &mut Reports, batch: &mut Batch) {
        for (offset, problem, is_cut) in std::mem::take(&mut reports.found) {
            if is_cut && self.window.failure().is_some() {
                continue;
            }
            let place = match self.oversize {
                Some((place, _)) if is_cut => place,
                _ => self.place_of(offset),
            };
            if problem.code == Code::TrailingData {
                self.stopped_at = Some(place);
            }
            batch.problems.push(PlacedProblem { place, problem });
        }
    }

    fn report_end(&mut self, batch: &mut Batch) {
        let place = self.place_of(self.window.rest().len());
        if let Some((started, dropped)) = self.oversize.take() {
            batch.problems.push(PlacedProblem { place: started, problem: too_large(dropped) });
        }
        if let Some(error) = self.window.failure() {
            batch.problems.push(PlacedProblem { place, problem: source_problem(error) });
        }
        let damaged_units =
            self.window.stream().damaged_units(self.stopped_at.map(|place| place.byte_offset));
        if damaged_units > 0 {
            let place = self.stopped_at.unwrap_or(place);
            batch.problems.push(PlacedProblem {
                place,
                problem: Problem::new(
                    Code::NotUtf8,
                    "",
                    format!("{damaged_units} broken UTF-16 units in the file, replaced by U+FFFD"),
                    "valid UTF-16",
                ),
            });
        }
    }
}

pub(super) fn too_large(length: u64) -> Problem {
    Problem::new(
        Code::RowTooLarge,
        "",
        format!("a row of {length} bytes or more"),
        format!("at most {MAX_RECORD_BYTES} bytes in one row; it was skipped"),
    )
}

/// Yields the records of a file, batch after batch.
#[derive(Debug)]
pub struct Framer<S> {
    kind: Kind<S>,
    /// Problems known since opening, handed out with the first batch.
    opening_problems: Vec<PlacedProblem>,
}

#[derive(Debug)]
enum Kind<S> {
    Text(Box<TextFramer<S>>),
    #[cfg(feature = "columnar")]
    Columnar(Box<super::columnar::ColumnarFramer<S>>),
}

impl<S: ByteSource> Framer<S> {
    pub(super) fn text(framer: TextFramer<S>, opening_problems: Vec<PlacedProblem>) -> Self {
        Self { kind: Kind::Text(Box::new(framer)), opening_problems }
    }

    #[cfg(feature = "columnar")]
    pub(super) fn columnar(
        framer: super::columnar::ColumnarFramer<S>,
        opening_problems: Vec<PlacedProblem>,
    ) -> Self {
        Self { kind: Kind::Columnar(Box::new(framer)), opening_problems }
    }

    /// The next mebibyte or so of whole records; `None` at the end. Damage behind a readable beginning
    /// comes as problems of the last batch; an error means that nothing more can be said.
    pub fn next_batch(&mut self) -> Result<Option<Batch>, FormatError> {
        let mut batch = match &mut self.kind {
            Kind::Text(framer) => framer.next_batch(),
            #[cfg(feature = "columnar")]
            Kind::Columnar(framer) => framer.next_batch(),
        };
        if !self.opening_problems.is_empty() {
            let first = batch.get_or_insert_default();
            first.problems.splice(0..0, self.opening_problems.drain(..));
        }
        Ok(batch)
    }

    /// Bytes of the stored file read so far, for progress against `FormatInfo::stored_bytes`.
    pub fn consumed_bytes(&self) -> u64 {
        match &self.kind {
            Kind::Text(framer) => framer.consumed_bytes(),
            #[cfg(feature = "columnar")]
            Kind::Columnar(framer) => framer.consumed_bytes(),
        }
    }
}
