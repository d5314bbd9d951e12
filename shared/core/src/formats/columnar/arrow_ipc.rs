//! Arrow IPC, message by message. A file is a stream with a magic in front and a directory behind, so
//! both are read alike, and what stands before a damage is still read. Sizes are checked before anything
//! is allocated: the decoder believes what buffers say of themselves.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::{Buffer, MutableBuffer};
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::FileDecoder;
use arrow_ipc::{Block, Message, MessageHeader, MetadataVersion, root_as_message};
use arrow_schema::{ArrowError, Schema};

use super::Stop;
use crate::limits::{MAX_ARROW_METADATA_BYTES, MAX_BUFFERED_COLUMNAR_BYTES};
use crate::source::{ByteSource, ByteStream, SourceError};

pub(super) struct ArrowFrames<S> {
    stream: ByteStream<S>,
    decoder: FileDecoder,
    schema: Arc<Schema>,
}

impl<S> std::fmt::Debug for ArrowFrames<S> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ArrowFrames").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl<S: ByteSource> ArrowFrames<S> {
    pub fn open(mut stream: ByteStream<S>, is_file: bool) -> Result<Self, Stop> {
        const MAGIC_AND_PADDING: usize = 8;
        if is_file {
            take(&mut stream, MAGIC_AND_PADDING)?;
        }
        // Some writers pad the magic to 64 bytes: zero words before the first length.
        let mut length = read_length(&mut stream)?;
        let mut padding_words = 14 * u32::from(is_file);
        while length == Some(0) && padding_words > 0 {
            length = read_length(&mut stream)?;
            padding_words -= 1;
        }
        let (metadata, _) = read_message_of(&mut stream, length)?
            .ok_or_else(|| Stop::Damage("an Arrow file without a schema".to_owned()))?;
        let message = parse(&metadata)?;
        let schema = message
            .header_as_schema()
            .ok_or_else(|| Stop::Damage("an Arrow file that does not begin with its schema".to_owned()))?;
        let schema = Arc::new(try_fb_to_schema(schema).map_err(damage)?);
        let decoder = FileDecoder::new(schema.clone(), MetadataVersion::V1);
        Ok(Self { stream, decoder, schema })
    }

    pub fn schema(&self) -> Arc<Schema> {
        self.schema.clone()
    }

    pub fn consumed_bytes(&self) -> u64 {
        self.stream.consumed_bytes()
    }

    pub fn next(&mut self) -> Result<Option<RecordBatch>, Stop> {
        while let Some((metadata, body)) = read_message(&mut self.stream)? {
            let header = parse(&metadata)?.header_type();
            if header != MessageHeader::RecordBatch && header != MessageHeader::DictionaryBatch {
                continue;
            }
            let (block, whole) = joined(&metadata, &body);
            if header == MessageHeader::DictionaryBatch {
                self.decoder.read_dictionary(&block, &whole).map_err(damage)?;
            } else if let Some(rows) = self.decoder.read_record_batch(&block, &whole).map_err(damage)? {
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }
}

/// The decoder wants a block as it lies in a file: continuation, length, metadata, body.
fn joined(metadata: &[u8], body: &[u8]) -> (Block, Buffer) {
    let prefix_bytes = 8;
    let mut whole = MutableBuffer::with_capacity(prefix_bytes + metadata.len() + body.len());
    whole.extend_from_slice(&u32::MAX.to_le_bytes());
    whole.extend_from_slice(&(metadata.len() as u32).to_le_bytes());
    whole.extend_from_slice(metadata);
    whole.extend_from_slice(body);
    let block = Block::new(0, (prefix_bytes + metadata.len()) as i32, body.len() as i64);
    (block, whole.into())
}

/// Metadata and body of the next message; `None` at the end of the stream.
fn read_message<S: ByteSource>(stream: &mut ByteStream<S>) -> Result<Option<MessageParts>, Stop> {
    let length = read_length(stream)?;
    read_message_of(stream, length)
}

type MessageParts = (Vec<u8>, Vec<u8>);

fn read_message_of<S: ByteSource>(
    stream: &mut ByteStream<S>,
    length: Option<u32>,
) -> Result<Option<MessageParts>, Stop> {
    let Some(mut length) = length else { return Ok(None) };
    if length == u32::MAX {
        // Since version 0.15 a continuation marker stands before the length.
        length = read_length(stream)?.unwrap_or(0);
    }
    if length == 0 {
        return Ok(None);
    }
    let length = length as usize;
    if length > MAX_ARROW_METADATA_BYTES {
        return Err(Stop::Damage(format!("a message header of {length} bytes")));
    }
    let metadata = take(stream, length)?;
    let message = parse(&metadata)?;
    let body_bytes = u64::try_from(message.bodyLength())
        .ok()
        .filter(|bytes| *bytes <= MAX_BUFFERED_COLUMNAR_BYTES)
        .ok_or_else(|| Stop::Damage(format!("a record batch of {} bytes", message.bodyLength())))?;
    let body = take(stream, body_bytes as usize)?;
    check_buffers(&message, &body)?;
    Ok(Some((metadata, body)))
}

/// Offsets within the body, and what packed buffers claim to unpack to.
fn check_buffers(message: &Message<'_>, body: &[u8]) -> Result<(), Stop> {
    let batch = match message.header_type() {
        MessageHeader::RecordBatch => message.header_as_record_batch(),
        MessageHeader::DictionaryBatch => {
            message.header_as_dictionary_batch().and_then(|header| header.data())
        }
        _ => None,
    };
    let Some((packed, buffers)) =
        batch.and_then(|batch| Some((batch.compression().is_some(), batch.buffers()?)))
    else {
        return Ok(());
    };
    let mut unpacked_bytes: u64 = 0;
    for buffer in buffers {
        let part = usize::try_from(buffer.offset())
            .ok()
            .zip(usize::try_from(buffer.length()).ok())
            .and_then(|(offset, length)| body.get(offset..offset.checked_add(length)?))
            .ok_or_else(|| Stop::Damage("a buffer that lies outside its record batch".to_owned()))?;
        if let (true, Some(claimed)) = (packed, part.first_chunk::<8>()) {
            // -1 says that this buffer is not packed after all.
            let claimed = i64::from_le_bytes(*claimed);
            unpacked_bytes = unpacked_bytes.saturating_add(u64::try_from(claimed.max(0)).unwrap_or(0));
        }
    }
    if unpacked_bytes > MAX_BUFFERED_COLUMNAR_BYTES {
        return Err(Stop::Damage(format!("a record batch that claims to unpack to {unpacked_bytes} bytes")));
    }
    Ok(())
}

fn parse(metadata: &[u8]) -> Result<Message<'_>, Stop> {
    root_as_message(metadata).map_err(|error| Stop::Damage(format!("Arrow that cannot be read: {error}")))
}

fn damage(error: ArrowError) -> Stop {
    Stop::Damage(format!("Arrow that cannot be read: {error}"))
}

/// Four bytes as a number; `None` at the clean end.
fn read_length<S: ByteSource>(stream: &mut ByteStream<S>) -> Result<Option<u32>, Stop> {
    let mut bytes = [0; 4];
    let filled = fill(stream, &mut bytes)?;
    match filled {
        0 => Ok(None),
        4 => Ok(Some(u32::from_le_bytes(bytes))),
        _ => Err(cut()),
    }
}

/// Exactly this many bytes; memory grows with what is there, not with what is claimed.
fn take<S: ByteSource>(stream: &mut ByteStream<S>, count: usize) -> Result<Vec<u8>, Stop> {
    const STEP_BYTES: usize = 1 << 20;
    let mut bytes = Vec::new();
    while bytes.len() < count {
        let start = bytes.len();
        bytes.resize(start + STEP_BYTES.min(count - start), 0);
        if fill(stream, &mut bytes[start..])? < bytes.len() - start {
            return Err(cut());
        }
    }
    Ok(bytes)
}

fn fill<S: ByteSource>(stream: &mut ByteStream<S>, buffer: &mut [u8]) -> Result<usize, SourceError> {
    let mut filled = 0;
    while filled < buffer.len() {
        match stream.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

fn cut() -> Stop {
    Stop::Damage("the end of the file inside a record batch".to_owned())
}
