//! Decoded bytes as UTF-8 text: UTF-16 is transcoded here, up front; everything else passes through.

use super::Encoding;
use crate::source::{ByteSource, ByteStream, SourceError};

#[derive(Debug)]
pub(super) struct TextStream<S> {
    stream: ByteStream<S>,
    utf16: Option<Utf16Decoder>,
    buffer: Vec<u8>,
}

impl<S: ByteSource> TextStream<S> {
    pub fn new(stream: ByteStream<S>, encoding: Encoding) -> Self {
        let utf16 = match encoding {
            Encoding::Utf8 => None,
            Encoding::Utf16Le => Some(Utf16Decoder::new(u16::from_le_bytes)),
            Encoding::Utf16Be => Some(Utf16Decoder::new(u16::from_be_bytes)),
        };
        Self { stream, utf16, buffer: Vec::new() }
    }

    pub fn consumed_bytes(&self) -> u64 {
        self.stream.consumed_bytes()
    }

    /// Appends about `wanted` bytes of text; false at the end.
    pub fn append(&mut self, out: &mut Vec<u8>, wanted: usize) -> Result<bool, SourceError> {
        let Some(utf16) = &mut self.utf16 else {
            let start = out.len();
            out.resize(start + wanted, 0);
            let result = self.stream.read(&mut out[start..]);
            out.truncate(start + result.as_ref().map_or(0, |count| *count));
            return result.map(|count| count > 0);
        };
        self.buffer.resize(wanted, 0);
        let count = self.stream.read(&mut self.buffer)?;
        if count == 0 {
            return Ok(utf16.finish(out));
        }
        utf16.decode(&self.buffer[..count], out);
        Ok(true)
    }

    /// Halves of surrogate pairs that had to be replaced.
    pub fn damaged_units(&self) -> u64 {
        self.utf16.as_ref().map_or(0, |decoder| decoder.damaged_units)
    }
}

#[derive(Debug)]
struct Utf16Decoder {
    unit_from: fn([u8; 2]) -> u16,
    odd_byte: Option<u8>,
    high: Option<u16>,
    damaged_units: u64,
}

impl Utf16Decoder {
    fn new(unit_from: fn([u8; 2]) -> u16) -> Self {
        Self { unit_from, odd_byte: None, high: None, damaged_units: 0 }
    }

    fn decode(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut bytes = bytes;
        if let (Some(first), [second, rest @ ..]) = (self.odd_byte, bytes) {
            self.odd_byte = None;
            self.push_unit((self.unit_from)([first, *second]), out);
            bytes = rest;
        }
        let pairs = bytes.chunks_exact(2);
        self.odd_byte = self.odd_byte.or(pairs.remainder().first().copied());
        for pair in pairs {
            self.push_unit((self.unit_from)([pair[0], pair[1]]), out);
        }
    }

    fn push_unit(&mut self, unit: u16, out: &mut Vec<u8>) {
        if unit < 0x80 && self.high.is_none() {
            out.push(unit as u8);
            return;
        }
        if let Some(high) = self.high.take() {
            if (0xdc00..0xe000).contains(&unit) {
                let scalar = 0x10000 + ((u32::from(high) - 0xd800) << 10) + (u32::from(unit) - 0xdc00);
                push_char(char::from_u32(scalar), out);
                return;
            }
            self.damaged_units += 1;
            push_char(None, out);
        }
        if (0xd800..0xdc00).contains(&unit) {
            self.high = Some(unit);
            return;
        }
        let character = char::from_u32(u32::from(unit));
        self.damaged_units += u64::from(character.is_none());
        push_char(character, out);
    }

    /// What is left over at the end; false when there was nothing.
    fn finish(&mut self, out: &mut Vec<u8>) -> bool {
        let left_over = self.high.take().is_some() || self.odd_byte.take().is_some();
        if left_over {
            self.odd_byte = None;
            self.damaged_units += 1;
            push_char(None, out);
        }
        left_over
    }
}

fn push_char(character: Option<char>, out: &mut Vec<u8>) {
    let character = character.unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}
