//! From bytes to records: what kind of file this is, and where each record begins and ends.
//! Framing is sequential and cheap; parsing of framed batches can go to any worker.

/// Where a record stands in its file. `row` and `line` count from 1, as editors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    pub row: u64,
    pub line: u64,
    pub byte_offset: u64,
}
