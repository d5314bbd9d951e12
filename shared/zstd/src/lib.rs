//! Stands in for the `zstd` crate (a binding to C, which wasm32-unknown-unknown cannot build) through
//! `[patch.crates-io]`. Only what parquet and arrow-ipc call; every output is bounded by the caller.

use std::io::{self, Cursor, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// Levels that the C library takes. ruzstd has one that compresses; all of these choose it.
pub fn compression_level_range() -> std::ops::RangeInclusive<i32> {
    -131_072..=22
}

pub mod zstd_safe {
    //! Sizes.

    use ruzstd::decoding::FrameDecoder;

    /// Most bytes that compressing `source_bytes` can take (ZSTD_COMPRESSBOUND of zstd.h).
    pub fn compress_bound(source_bytes: usize) -> usize {
        const SMALL: usize = 128 << 10;
        source_bytes
            + (source_bytes >> 8)
            + if source_bytes < SMALL { (SMALL - source_bytes) >> 11 } else { 0 }
    }

    /// The size that the frame's header states; `None` where it states none.
    pub fn get_frame_content_size(source: &[u8]) -> Result<Option<u64>, super::ContentSizeError> {
        let mut frame = FrameDecoder::new();
        frame.init(source).map_err(|_| super::ContentSizeError)?;
        Ok(Some(frame.content_size()).filter(|size| *size > 0))
    }
}

/// The bytes are no zstd frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentSizeError;

pub mod bulk {
    //! Whole buffers at once.

    pub use super::{Compressor, Decompressor};
}

#[derive(Debug, Default)]
pub struct Compressor<'a> {
    dictionaries: std::marker::PhantomData<&'a ()>,
}

impl Compressor<'static> {
    pub fn new(_level: i32) -> io::Result<Self> {
        Ok(Self::default())
    }
}

impl Compressor<'_> {
    /// Appends behind the cursor's position.
    pub fn compress_to_buffer(
        &mut self,
        source: &[u8],
        destination: &mut Cursor<&mut Vec<u8>>,
    ) -> io::Result<usize> {
        let compressed = compress_to_vec(source, CompressionLevel::Fastest);
        let at = usize::try_from(destination.position()).map_err(io::Error::other)?;
        let out = destination.get_mut();
        out.truncate(at);
        out.extend_from_slice(&compressed);
        Ok(compressed.len())
    }
}

#[derive(Default)]
pub struct Decompressor<'a> {
    frame: FrameDecoder,
    dictionaries: std::marker::PhantomData<&'a ()>,
}

impl std::fmt::Debug for Decompressor<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Decompressor")
    }
}

impl Decompressor<'static> {
    pub fn new() -> io::Result<Self> {
        Ok(Self::default())
    }
}

impl Decompressor<'_> {
    /// Fills the spare capacity behind the cursor's position and never grows it.
    pub fn decompress_to_buffer(
        &mut self,
        source: &[u8],
        destination: &mut Cursor<&mut Vec<u8>>,
    ) -> io::Result<usize> {
        let at = usize::try_from(destination.position()).map_err(io::Error::other)?;
        let out = destination.get_mut();
        out.truncate(at);
        let room = out.capacity() - out.len();
        self.decode_frames(source, out, room)
    }

    /// At most `capacity` bytes.
    pub fn decompress(&mut self, source: &[u8], capacity: usize) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        self.decode_frames(source, &mut out, capacity)?;
        Ok(out)
    }

    fn decode_frames(&mut self, mut source: &[u8], out: &mut Vec<u8>, room: usize) -> io::Result<usize> {
        let start = out.len();
        while !source.is_empty() {
            match self.frame.reset(&mut source) {
                Ok(()) => {}
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = usize::try_from(length).map_err(io::Error::other)?;
                    source = source.get(length..).ok_or(io::ErrorKind::UnexpectedEof)?;
                    continue;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
            loop {
                let left = (room - (out.len() - start)) as u64;
                let ready = self.frame.can_collect() as u64;
                if ready > left {
                    return Err(io::Error::other("decompressed data is larger than its stated size"));
                }
                Read::take(&mut self.frame, ready).read_to_end(out)?;
                if self.frame.is_finished() && self.frame.can_collect() == 0 {
                    break;
                }
                if !self.frame.is_finished() {
                    self.frame
                        .decode_blocks(&mut source, BlockDecodingStrategy::UptoBlocks(1))
                        .map_err(io::Error::other)?;
                }
            }
        }
        Ok(out.len() - start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back_and_not_one_byte_more() {
        let text = b"abcabcabcabc ".repeat(5000);
        let mut packed = b"kept".to_vec();
        let mut cursor = Cursor::new(&mut packed);
        cursor.set_position(4);
        let written = Compressor::new(1).unwrap().compress_to_buffer(&text, &mut cursor).unwrap();
        assert_eq!(packed.len(), 4 + written);
        let mut decompressor = Decompressor::new().unwrap();
        assert_eq!(decompressor.decompress(&packed[4..], text.len()).unwrap(), text);
        assert!(decompressor.decompress(&packed[4..], text.len() - 1).is_err());
        assert!(decompressor.decompress(&packed[4..packed.len() - 3], text.len()).is_err());

        let mut out = Vec::with_capacity(text.len() + 2);
        out.extend_from_slice(b"xy");
        let mut cursor = Cursor::new(&mut out);
        cursor.set_position(2);
        decompressor.decompress_to_buffer(&packed[4..], &mut cursor).unwrap();
        assert_eq!(&out[2..], text);
    }
}
