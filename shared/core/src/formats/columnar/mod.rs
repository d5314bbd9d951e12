//! Parquet and Arrow files as rows. Each record batch is written out as JSON lines, so that rows of
//! tables go through the same parser as everything else.

mod arrow_ipc;
mod parquet_file;
mod rows;

use arrow_array::RecordBatch;
use arrow_schema::Schema;

use self::arrow_ipc::ArrowFrames;
use self::parquet_file::ParquetFrames;
use self::rows::write_row;
use super::csv::column_names;
use super::error::source_problem;
use super::{
    Batch, Encoding, FileFormat, FormatError, FormatInfo, Framer, Opened, Place, PlacedProblem, RecordParser,
    RecordSpan,
};
use crate::findings::{Code, Problem};
use crate::limits::{BATCH_BYTES, MAX_BUFFERED_COLUMNAR_BYTES, MAX_RECORD_BYTES};
use crate::source::{ByteSource, ByteStream, Compression, SourceError};

/// Why reading rows stopped.
#[derive(Debug)]
enum Stop {
    Source(SourceError),
    Damage(String),
}

impl From<SourceError> for Stop {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

impl From<Stop> for FormatError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Source(error) => Self::Source(error),
            Stop::Damage(found) => Self::Damaged { found, expected: "a whole file".to_owned() },
        }
    }
}

#[derive(Debug)]
enum Reader<S> {
    Parquet(Box<ParquetFrames<Bytes<S>>>),
    Arrow(Box<ArrowFrames<S>>),
}

impl<S: ByteSource> Reader<S> {
    fn next(&mut self) -> Result<Option<RecordBatch>, Stop> {
        match self {
            Self::Parquet(reader) => guard(|| reader.next()),
            Self::Arrow(reader) => guard(|| reader.next()),
        }
    }
}

/// The readers below are other people's code, and malformed files have made such code panic before: one
/// bad file must not take the program with it. Where panics abort (wasm) the page restarts its worker.
fn guard<T>(read: impl FnOnce() -> Result<T, Stop>) -> Result<T, Stop> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(Stop::Damage("data that its reader stumbles over".to_owned())))
}

#[derive(Debug)]
pub(super) struct ColumnarFramer<S> {
    reader: Reader<S>,
    /// Each name once.
    columns: Vec<String>,
    rows: Option<RecordBatch>,
    next_in_rows: usize,
    next_row: u64,
    declared_rows: Option<u64>,
    ended: bool,
}

pub(super) fn open<S: ByteSource>(
    source: S,
    format: FileFormat,
    compression: Compression,
) -> Result<Opened<S>, FormatError> {
    let stored_bytes = source.len();
    let (reader, schema, declared_rows) = if format == FileFormat::Parquet {
        let bytes = match compression {
            Compression::None => Bytes::Direct(source),
            packed => Bytes::Held(hold(ByteStream::new(source, packed))?),
        };
        let frames = guard(|| ParquetFrames::open(bytes))?;
        let (schema, rows) = (frames.schema(), frames.declared_rows());
        (Reader::Parquet(Box::new(frames)), schema, Some(rows))
    } else {
        let stream = ByteStream::new(source, compression);
        let frames = guard(|| ArrowFrames::open(stream, format == FileFormat::ArrowFile))?;
        let schema = frames.schema();
        (Reader::Arrow(Box::new(frames)), schema, None)
    };
    let (columns, repeated) = columns_of(&schema);
    let info = FormatInfo {
        format,
        compression,
        encoding: Encoding::Utf8,
        byte_order_mark: false,
        stored_bytes,
        delimiter: None,
        columns: columns.clone(),
        wrapper_key: None,
        declared_rows,
    };
    let place = Place { row: 0, line: 0, byte_offset: 0 };
    let problems = repeated
        .iter()
        .map(|name| PlacedProblem { place, problem: super::csv::repeated_column(name) })
        .collect();
    let framer = ColumnarFramer {
        reader,
        columns,
        rows: None,
        next_in_rows: 0,
        next_row: 1,
        declared_rows,
        ended: false,
    };
    let parser = RecordParser::new(&info);
    Ok(Opened { info, framer: Framer::columnar(framer, problems), parser })
}

fn columns_of(schema: &Schema) -> (Vec<String>, Vec<String>) {
    column_names(schema.fields().iter().map(|field| field.name().as_str().into()))
}

/// A packed Parquet file has to be held whole: its directory stands at the end.
fn hold<S: ByteSource>(mut stream: ByteStream<S>) -> Result<Vec<u8>, FormatError> {
    const READ_BYTES: usize = 1 << 20;
    let mut bytes = Vec::new();
    loop {
        let start = bytes.len();
        bytes.resize(start + READ_BYTES, 0);
        let count = stream.read(&mut bytes[start..])?;
        bytes.truncate(start + count);
        if count == 0 {
            return Ok(bytes);
        }
        if bytes.len() as u64 > MAX_BUFFERED_COLUMNAR_BYTES {
            return Err(FormatError::Unsupported {
                found: format!(
                    "a packed Parquet file of more than {} MiB",
                    MAX_BUFFERED_COLUMNAR_BYTES >> 20
                ),
                expected: "the unpacked file (Parquet is compressed inside anyway)".to_owned(),
            });
        }
    }
}

/// A file as it is, or unpacked in memory.
#[derive(Debug)]
enum Bytes<S> {
    Direct(S),
    Held(Vec<u8>),
}

impl<S: ByteSource> ByteSource for Bytes<S> {
    fn len(&self) -> u64 {
        match self {
            Self::Direct(source) => source.len(),
            Self::Held(bytes) => bytes.len() as u64,
        }
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        match self {
            Self::Direct(source) => source.read_at(offset, buffer),
            Self::Held(bytes) => bytes.as_slice().read_at(offset, buffer),
        }
    }
}

impl<S: ByteSource> ColumnarFramer<S> {
    pub fn consumed_bytes(&self) -> u64 {
        match &self.reader {
            Reader::Parquet(reader) => reader.consumed_bytes(),
            Reader::Arrow(reader) => reader.consumed_bytes(),
        }
    }

    pub fn next_batch(&mut self) -> Option<Batch> {
        if self.ended {
            return None;
        }
        let mut batch = Batch::default();
        while batch.bytes.len() < BATCH_BYTES {
            if self.rows.is_none() && !self.fetch(&mut batch) {
                break;
            }
            if let Some(rows) = self.rows.take() {
                self.write_rows(rows, &mut batch);
            }
        }
        (!batch.is_empty() || !batch.problems.is_empty()).then_some(batch)
    }

    /// False at the end, with the reason among the batch's problems if there is one.
    fn fetch(&mut self, batch: &mut Batch) -> bool {
        let problem = match self.reader.next() {
            Ok(Some(rows)) => {
                self.rows = Some(rows);
                self.next_in_rows = 0;
                return true;
            }
            Ok(None) => self.declared_rows.filter(|rows| *rows != self.next_row - 1).map(|rows| {
                let found = format!("{} rows", self.next_row - 1);
                Problem::new(Code::TruncatedFile, "", found, format!("{rows} rows, as the file says"))
            }),
            Err(Stop::Source(error)) => Some(source_problem(&error)),
            Err(Stop::Damage(found)) => {
                Some(Problem::new(Code::TruncatedFile, "", found, "a whole file; the rows before were read"))
            }
        };
        self.ended = true;
        batch.problems.extend(problem.map(|problem| PlacedProblem { place: self.place(), problem }));
        false
    }

    fn place(&self) -> Place {
        Place { row: self.next_row, line: 0, byte_offset: 0 }
    }

    fn write_rows(&mut self, rows: RecordBatch, batch: &mut Batch) {
        let columns = rows::columns(&rows, &self.columns);
        while self.next_in_rows < rows.num_rows() {
            if batch.bytes.len() >= BATCH_BYTES {
                self.rows = Some(rows);
                return;
            }
            let start = batch.bytes.len();
            write_row(&columns, self.next_in_rows, &mut batch.bytes);
            let place = self.place();
            self.next_row += 1;
            self.next_in_rows += 1;
            let length = batch.bytes.len() - start;
            if length > MAX_RECORD_BYTES {
                batch.bytes.truncate(start);
                batch
                    .problems
                    .push(PlacedProblem { place, problem: super::framer::too_large(length as u64) });
                continue;
            }
            batch.records.push(RecordSpan { start: start as u32, end: batch.bytes.len() as u32, place });
        }
    }
}
