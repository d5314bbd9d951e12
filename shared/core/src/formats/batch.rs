//! About a mebibyte of whole raw records: what travels from the framer to a worker.

use serde::{Deserialize, Serialize};

use super::Place;
use crate::findings::Problem;

/// One record inside `Batch::bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordSpan {
    pub start: u32,
    pub end: u32,
    pub place: Place,
}

/// A problem of the file between or around records: cut off, skipped, a comma too many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedProblem {
    pub place: Place,
    pub problem: Problem,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    pub bytes: Vec<u8>,
    pub records: Vec<RecordSpan>,
    /// Found while framing; rows named here are not among `records` unless the problem was mendable.
    pub problems: Vec<PlacedProblem>,
}

/// A batch as two flat arrays that a browser can transfer without copying, and its few problems.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchParts {
    pub bytes: Vec<u8>,
    /// Per record: start and end in `bytes`, row, line, byte offset.
    pub table: Vec<u64>,
    pub problems: Vec<PlacedProblem>,
}

impl Batch {
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// True for a batch that only carries problems.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub fn place(&self, index: usize) -> Place {
        self.records[index].place
    }

    /// The record as it stands in the file (decompressed; UTF-16 as UTF-8).
    pub fn raw(&self, index: usize) -> &[u8] {
        let span = self.records[index];
        &self.bytes[span.start as usize..span.end as usize]
    }

    pub fn into_parts(self) -> BatchParts {
        let table = self
            .records
            .iter()
            .flat_map(|span| {
                let Place { row, line, byte_offset } = span.place;
                [u64::from(span.start), u64::from(span.end), row, line, byte_offset]
            })
            .collect();
        BatchParts { bytes: self.bytes, table, problems: self.problems }
    }

    /// `None` if the table does not fit the bytes.
    pub fn from_parts(parts: BatchParts) -> Option<Self> {
        const COLUMNS: usize = 5;
        if !parts.table.len().is_multiple_of(COLUMNS) {
            return None;
        }
        let records = parts
            .table
            .chunks_exact(COLUMNS)
            .map(|row| {
                let span = RecordSpan {
                    start: u32::try_from(row[0]).ok()?,
                    end: u32::try_from(row[1]).ok()?,
                    place: Place { row: row[2], line: row[3], byte_offset: row[4] },
                };
                (span.start <= span.end && span.end as usize <= parts.bytes.len()).then_some(span)
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Self { bytes: parts.bytes, records, problems: parts.problems })
    }
}
