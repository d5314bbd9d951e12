//! Where bytes come from. The agent reads files, the browser reads slices of a dropped `File`;
//! both look alike from here.

mod decode;
mod stream;

pub use decode::{cp1252_char, decode_mixed};
pub use stream::{ByteStream, Compression};

use thiserror::Error;

/// Random access to the bytes of one file. A reader that shrinks or changes under us must say so.
pub trait ByteSource {
    /// Total length in bytes.
    fn len(&self) -> u64;
    /// Fills as much of `buffer` as there is from `offset` on; 0 means the end.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError>;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[derive(Debug, Clone, Error, PartialEq, Eq)]
pub enum SourceError {
    #[error("reading stopped at byte {offset}: {reason}")]
    Read { offset: u64, reason: String },
    #[error("the file changed while it was being read (at byte {offset}); save it, then check it again")]
    Changed { offset: u64 },
    #[error("the compressed stream is damaged after {decoded_bytes} decoded bytes: {reason}")]
    Compression { decoded_bytes: u64, reason: String },
    #[error(
        "decompressing gives more than {ratio} times the file's {compressed_bytes} bytes; refused as a likely archive bomb"
    )]
    Expansion { ratio: u64, compressed_bytes: u64 },
}

impl ByteSource for &[u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(<[u8]>::len(self));
        let count = buffer.len().min(<[u8]>::len(self) - start);
        buffer[..count].copy_from_slice(&self[start..start + count]);
        Ok(count)
    }
}

impl<S: ByteSource + ?Sized> ByteSource for &mut S {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        (**self).read_at(offset, buffer)
    }
}

impl<S: ByteSource + ?Sized> ByteSource for Box<S> {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        (**self).read_at(offset, buffer)
    }
}
