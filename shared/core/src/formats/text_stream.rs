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
            Encoding::Utf8 | Encoding::Windows1252 => None,
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

    /// Halves of surrogate pairs that had to be replaced, before this offset of the text where one is given:
    /// how much is decoded beyond what is used depends on the size of the reads.
    pub fn damaged_units(&self, before: Option<u64>) -> u64 {
        let Some(decoder) = &self.utf16 else { return 0 };
        match before {
            None => decoder.damaged_units,
            Some(offset) => decoder.first_damage.partition_point(|damage| *damage < offset) as u64,
        }
    }
}

/// Places of damage that are remembered.
const MOST_PLACES: usize = 4096;

#[derive(Debug)]
struct Utf16Decoder {
    unit_from: fn([u8; 2]) -> u16,
    odd_byte: Option<u8>,
    high: Option<u16>,
    damaged_units: u64,
    /// Offsets in the text, ascending.
    first_damage: Vec<u64>,
    /// Text written by earlier calls, and what stood in the output when this one began.
    written_bytes: u64,
    begun_at: usize,
}

impl Utf16Decoder {
    fn new(unit_from: fn([u8; 2]) -> u16) -> Self {
        Self {
            unit_from,
            odd_byte: None,
            high: None,
            damaged_units: 0,
            first_damage: Vec::new(),
            written_bytes: 0,
            begun_at: 0,
        }
    }

    fn decode(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        self.begun_at = out.len();
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
        self.written_bytes += (out.len() - self.begun_at) as u64;
    }

    fn replace(&mut self, out: &mut Vec<u8>) {
        self.damaged_units += 1;
        if self.first_damage.len() < MOST_PLACES {
            self.first_damage.push(self.written_bytes + (out.len() - self.begun_at) as u64);
        }
        push_char(char::REPLACEMENT_CHARACTER, out);
    }

    fn push_unit(&mut self, unit: u16, out: &mut Vec<u8>) {
        if unit < 0x80 && self.high.is_none() {
            out.push(unit as u8);
            return;
        }
        if let Some(high) = self.high.take() {
            if (0xdc00..0xe000).contains(&unit) {
                let scalar = 0x10000 + ((u32::from(high) - 0xd800) << 10) + (u32::from(unit) - 0xdc00);
                push_char(char::from_u32(scalar).expect("a surrogate pair names a character"), out);
                return;
            }
            self.replace(out);
        }
        if (0xd800..0xdc00).contains(&unit) {
            self.high = Some(unit);
            return;
        }
        match char::from_u32(u32::from(unit)) {
            Some(character) => push_char(character, out),
            None => self.replace(out),
        }
    }

    /// What is left over at the end; false when there was nothing.
    fn finish(&mut self, out: &mut Vec<u8>) -> bool {
        let left_over = self.high.take().is_some() || self.odd_byte.take().is_some();
        if left_over {
            self.odd_byte = None;
            self.begun_at = out.len();
            self.replace(out);
        }
        left_over
    }
}

fn push_char(character: char, out: &mut Vec<u8>) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}
