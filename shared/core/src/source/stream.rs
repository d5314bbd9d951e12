//! A source read front to back, decompressed on the way. Memory is a few buffers whatever the size;
//! expansion is bounded by ratio, so an archive bomb ends in an error instead of an endless read.

use std::io::{self, BufReader, Read};

use flate2::read::MultiGzDecoder;
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder, errors::FrameDecoderError, errors::ReadFrameHeaderError,
};

use super::{ByteSource, SourceError};
use crate::limits::{FREE_EXPANSION_BYTES, MAX_EXPANSION_RATIO, MAX_ZSTD_WINDOW_BYTES};

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// By the first bytes. Zstandard files may also begin with a skippable frame.
    pub fn sniff(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// Sequential reading of a `ByteSource`; counts what it took and notices a file that shrank.
struct SequentialReader<S> {
    source: S,
    position: u64,
    length: u64,
}

impl<S: ByteSource> SequentialReader<S> {
    fn new(source: S) -> Self {
        let length = source.len();
        Self { source, position: 0, length }
    }

    fn pull(&mut self, buffer: &mut [u8]) -> Result<usize, SourceError> {
        let wanted = buffer.len().min(usize::try_from(self.length - self.position).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.source.read_at(self.position, &mut buffer[..wanted])?;
        if count == 0 {
            return Err(SourceError::Changed { offset: self.position });
        }
        self.position += count as u64;
        Ok(count)
    }
}

impl<S: ByteSource> Read for SequentialReader<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.pull(buffer).map_err(io::Error::other)
    }
}

/// Decoded bytes, front to back.
pub struct ByteStream<S> {
    decoder: Decoder<S>,
    decoded_bytes: u64,
}

impl<S> std::fmt::Debug for ByteStream<S> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ByteStream")
            .field("decoded_bytes", &self.decoded_bytes)
            .finish_non_exhaustive()
    }
}

enum Decoder<S> {
    Plain(SequentialReader<S>),
    Gzip(Box<MultiGzDecoder<BufReader<SequentialReader<S>>>>),
    Zstd(Box<ZstdFrames<S>>),
}

impl<S: ByteSource> ByteStream<S> {
    pub fn new(source: S, compression: Compression) -> Self {
        const COMPRESSED_BUFFER_BYTES: usize = 64 << 10;
        let reader = SequentialReader::new(source);
        let decoder = match compression {
            Compression::None => Decoder::Plain(reader),
            Compression::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(
                COMPRESSED_BUFFER_BYTES,
                reader,
            )))),
            Compression::Zstd => Decoder::Zstd(Box::new(ZstdFrames::new(BufReader::with_capacity(
                COMPRESSED_BUFFER_BYTES,
                reader,
            )))),
        };
        Self { decoder, decoded_bytes: 0 }
    }

    /// Bytes of the stored file read so far: what progress is counted in.
    pub fn consumed_bytes(&self) -> u64 {
        self.reader().position
    }

    pub fn into_source(self) -> S {
        match self.decoder {
            Decoder::Plain(reader) => reader.source,
            Decoder::Gzip(gzip) => gzip.into_inner().into_inner().source,
            Decoder::Zstd(zstd) => zstd.reader.into_inner().source,
        }
    }

    /// 0 means the end. After an error the stream stays at its end.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, SourceError> {
        let result = match &mut self.decoder {
            Decoder::Plain(reader) => return reader.pull(buffer),
            Decoder::Gzip(gzip) => gzip.read(buffer),
            Decoder::Zstd(zstd) => zstd.read(buffer),
        };
        let count = result.map_err(|error| self.explain(error))?;
        self.decoded_bytes += count as u64;
        self.refuse_bombs()?;
        Ok(count)
    }

    fn refuse_bombs(&self) -> Result<(), SourceError> {
        let allowed = FREE_EXPANSION_BYTES.max(self.consumed_bytes().saturating_mul(MAX_EXPANSION_RATIO));
        if self.decoded_bytes > allowed {
            return Err(SourceError::Expansion {
                ratio: MAX_EXPANSION_RATIO,
                compressed_bytes: self.reader().length,
            });
        }
        Ok(())
    }

    fn explain(&self, error: io::Error) -> SourceError {
        let reason = error.to_string();
        match error.into_inner().and_then(|inner| inner.downcast::<SourceError>().ok()) {
            Some(source_error) => *source_error,
            None => SourceError::Compression { decoded_bytes: self.decoded_bytes, reason },
        }
    }

    fn reader(&self) -> &SequentialReader<S> {
        match &self.decoder {
            Decoder::Plain(reader) => reader,
            Decoder::Gzip(gzip) => gzip.get_ref().get_ref(),
            Decoder::Zstd(zstd) => zstd.reader.get_ref(),
        }
    }
}

/// All frames of a Zstandard file one after another; ruzstd reads one.
struct ZstdFrames<S> {
    reader: BufReader<SequentialReader<S>>,
    frame: FrameDecoder,
    inside_frame: bool,
}

impl<S: ByteSource> ZstdFrames<S> {
    fn new(reader: BufReader<SequentialReader<S>>) -> Self {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(MAX_ZSTD_WINDOW_BYTES);
        Self { reader, frame, inside_frame: false }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.frame.can_collect() > 0 {
                return self.frame.read(buffer);
            }
            if self.inside_frame && !self.frame.is_finished() {
                self.frame
                    .decode_blocks(&mut self.reader, BlockDecodingStrategy::UptoBlocks(1))
                    .map_err(unwrap_source_error)?;
                continue;
            }
            if !self.begin_frame()? {
                return Ok(0);
            }
        }
    }

    /// False at the clean end of the file.
    fn begin_frame(&mut self) -> io::Result<bool> {
        self.inside_frame = false;
        if io::BufRead::fill_buf(&mut self.reader)?.is_empty() {
            return Ok(false);
        }
        match self.frame.reset(&mut self.reader) {
            Ok(()) => self.inside_frame = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => {
                let skipped = io::copy(&mut (&mut self.reader).take(u64::from(length)), &mut io::sink())?;
                if skipped < u64::from(length) {
                    return Err(io::Error::other("the file ends inside a skippable frame"));
                }
            }
            Err(error) => return Err(unwrap_source_error(error)),
        }
        Ok(true)
    }
}

/// ruzstd wraps read errors; a file that changed must not look like a damaged archive.
fn unwrap_source_error(error: FrameDecoderError) -> io::Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    while let Some(current) = cause {
        if let Some(source_error) = current.downcast_ref::<SourceError>() {
            return io::Error::other(source_error.clone());
        }
        if let Some(io_error) = current.downcast_ref::<io::Error>()
            && let Some(source_error) =
                io_error.get_ref().and_then(|inner| inner.downcast_ref::<SourceError>())
        {
            return io::Error::other(source_error.clone());
        }
        if let Some(io_error) = current.downcast_ref::<io::Error>() {
            // The outer layers print their insides.
            return match io_error.kind() {
                io::ErrorKind::UnexpectedEof => io::Error::other("it ends in the middle of a block"),
                _ => io::Error::other(io_error.to_string()),
            };
        }
        cause = current.source();
    }
    io::Error::other(error)
}
