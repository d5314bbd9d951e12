//! From bytes to records: what kind of file this is, and where each record begins and ends.
//! Framing is sequential and cheap; parsing of framed batches can go to any worker.

mod batch;
#[cfg(feature = "columnar")]
mod columnar;
mod csv;
mod error;
mod frame_csv;
mod frame_json;
mod frame_lines;
mod framer;
mod info;
mod json_scan;
mod open;
mod record;
mod sniff;
mod sniff_csv;
mod text_stream;
mod window;

pub use batch::{Batch, BatchParts, PlacedProblem, RecordSpan};
pub use error::FormatError;
pub use framer::Framer;
pub use info::{Encoding, FileFormat, FormatInfo};
pub use open::{Opened, open, open_reading};
pub use record::{ParsedRecord, RecordParser};

/// What `open` reads, for those who brought something else.
const READ_FORMATS: &str = "JSON, JSON Lines, CSV, Parquet or Arrow";

/// Where a record stands in its file. `row` and `line` count from 1, as editors do. Columnar files have
/// neither lines nor offsets: both are 0 there. Offsets count decompressed bytes (of the UTF-8 form,
/// where the file is UTF-16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    pub row: u64,
    pub line: u64,
    pub byte_offset: u64,
}
