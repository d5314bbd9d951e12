//! Parquet, row group by row group: the decoder asks for byte ranges, we read them.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use parquet::DecodeResult;
use parquet::arrow::push_decoder::{ParquetPushDecoder, ParquetPushDecoderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataPushDecoder};

use super::Stop;
use crate::source::{ByteSource, SourceError};

pub(super) struct ParquetFrames<S> {
    source: S,
    decoder: ParquetPushDecoder,
    schema: Arc<Schema>,
    declared_rows: u64,
    fetched_bytes: u64,
}

impl<S> std::fmt::Debug for ParquetFrames<S> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ParquetFrames")
            .field("fetched_bytes", &self.fetched_bytes)
            .finish_non_exhaustive()
    }
}

impl<S: ByteSource> ParquetFrames<S> {
    pub fn open(mut source: S) -> Result<Self, Stop> {
        const ROWS_AT_A_TIME: usize = 512;
        check_ends(&mut source)?;
        let mut directory = ParquetMetaDataPushDecoder::try_new(source.len())
            .map_err(damage)?
            .with_page_index_policy(PageIndexPolicy::Skip);
        let metadata = loop {
            match directory.try_decode().map_err(damage)? {
                DecodeResult::Data(metadata) => break metadata,
                DecodeResult::NeedsData(ranges) => {
                    for range in ranges {
                        let bytes = fetch(&mut source, &range)?;
                        directory.push_range(range, bytes).map_err(damage)?;
                    }
                }
                DecodeResult::Finished => return Err(Stop::Damage("no directory of row groups".to_owned())),
            }
        };
        let declared_rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0);
        let builder = ParquetPushDecoderBuilder::try_new_decoder(Arc::new(metadata))
            .map_err(damage)?
            .with_batch_size(ROWS_AT_A_TIME);
        let schema = builder.schema().clone();
        let decoder = builder.build().map_err(damage)?;
        Ok(Self { source, decoder, schema, declared_rows, fetched_bytes: 0 })
    }

    pub fn schema(&self) -> Arc<Schema> {
        self.schema.clone()
    }

    pub fn declared_rows(&self) -> u64 {
        self.declared_rows
    }

    pub fn consumed_bytes(&self) -> u64 {
        self.fetched_bytes
    }

    pub fn next(&mut self) -> Result<Option<RecordBatch>, Stop> {
        loop {
            match self.decoder.try_decode().map_err(damage)? {
                DecodeResult::Data(rows) => return Ok(Some(rows)),
                DecodeResult::Finished => return Ok(None),
                DecodeResult::NeedsData(ranges) => {
                    for range in ranges {
                        let bytes = fetch(&mut self.source, &range)?;
                        self.fetched_bytes += bytes.len() as u64;
                        self.decoder.push_range(range, bytes).map_err(damage)?;
                    }
                }
            }
        }
    }
}

fn damage(error: ParquetError) -> Stop {
    Stop::Damage(format!("Parquet that cannot be read: {error}"))
}

/// A file cut short keeps its first four bytes and loses its last four.
fn check_ends<S: ByteSource>(source: &mut S) -> Result<(), Stop> {
    const MAGIC: &[u8; 4] = b"PAR1";
    const SMALLEST_BYTES: u64 = 12;
    let length = source.len();
    let mut tail = [0; 4];
    if length >= SMALLEST_BYTES {
        read_exact(source, length - tail.len() as u64, &mut tail)?;
    }
    if &tail == MAGIC {
        return Ok(());
    }
    Err(Stop::Damage(format!(
        "a Parquet file of {length} bytes without its directory at the end: it was cut short"
    )))
}

/// Ranges come from the file's own directory, so they are checked against its length first.
fn fetch<S: ByteSource>(source: &mut S, range: &std::ops::Range<u64>) -> Result<bytes::Bytes, Stop> {
    let length = source.len();
    if range.end > length || range.start > range.end {
        return Err(Stop::Damage(format!(
            "a part at bytes {} to {}, but the file has {length} bytes",
            range.start, range.end
        )));
    }
    let mut buffer = vec![0; (range.end - range.start) as usize];
    read_exact(source, range.start, &mut buffer)?;
    Ok(buffer.into())
}

fn read_exact<S: ByteSource>(source: &mut S, offset: u64, buffer: &mut [u8]) -> Result<(), SourceError> {
    let mut filled = 0;
    while filled < buffer.len() {
        let at = offset + filled as u64;
        match source.read_at(at, &mut buffer[filled..])? {
            0 => return Err(SourceError::Changed { offset: at }),
            count => filled += count,
        }
    }
    Ok(())
}
