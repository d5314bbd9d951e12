//! A sliding window over a text stream, with line numbers. It holds one record at most (bounded by
//! `MAX_RECORD_BYTES`) plus one read.

use super::text_stream::TextStream;
use crate::source::{ByteSource, SourceError};

#[derive(Debug)]
pub(super) struct Window<S> {
    stream: TextStream<S>,
    bytes: Vec<u8>,
    /// Bytes before this index are done with.
    cursor: usize,
    /// Offset in the stream of `bytes[0]`.
    base_offset: u64,
    read_bytes: usize,
    ended: bool,
    failure: Option<SourceError>,
    line_break: u8,
    /// Line breaks before `bytes[lines_counted_to]`.
    lines_before: u64,
    lines_counted_to: usize,
}

impl<S: ByteSource> Window<S> {
    pub fn new(stream: TextStream<S>, read_bytes: usize, line_break: u8) -> Self {
        Self {
            stream,
            bytes: Vec::new(),
            cursor: 0,
            base_offset: 0,
            read_bytes,
            ended: false,
            failure: None,
            line_break,
            lines_before: 0,
            lines_counted_to: 0,
        }
    }

    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.cursor..]
    }

    pub fn ended(&self) -> bool {
        self.ended
    }

    /// Why the stream ended early.
    pub fn failure(&self) -> Option<&SourceError> {
        self.failure.as_ref()
    }

    pub fn stream(&self) -> &TextStream<S> {
        &self.stream
    }

    pub fn advance(&mut self, count: usize) {
        self.cursor += count;
    }

    /// Reads on. A failing source ends the stream; what was read before stays usable.
    pub fn grow(&mut self) {
        self.forget_consumed();
        match self.stream.append(&mut self.bytes, self.read_bytes) {
            Ok(true) => {}
            Ok(false) => self.ended = true,
            Err(error) => {
                self.failure = Some(error);
                self.ended = true;
            }
        }
    }

    fn forget_consumed(&mut self) {
        if self.cursor == 0 {
            return;
        }
        self.count_lines_to(self.cursor);
        self.bytes.drain(..self.cursor);
        self.base_offset += self.cursor as u64;
        self.lines_counted_to -= self.cursor;
        self.cursor = 0;
    }

    /// Line number and byte offset of a byte of `rest()`.
    pub fn locate(&mut self, index_in_rest: usize) -> (u64, u64) {
        let index = (self.cursor + index_in_rest).min(self.bytes.len());
        self.count_lines_to(index);
        (self.lines_before + 1, self.base_offset + index as u64)
    }

    fn count_lines_to(&mut self, index: usize) {
        let from = self.lines_counted_to;
        let breaks = |bytes: &[u8]| memchr::memchr_iter(self.line_break, bytes).count() as u64;
        if index >= from {
            self.lines_before += breaks(&self.bytes[from..index]);
        } else {
            self.lines_before -= breaks(&self.bytes[index..from]);
        }
        self.lines_counted_to = index;
    }
}
