//! Bytes as the text behind the `#`: a checksum, deflate, and the base64 alphabet that needs no escaping in an
//! address.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;

use super::LinkError;
use crate::hash::hash_bytes;
use crate::limits;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Messengers cut long addresses; without it a cut link might still decode to something.
const CHECKSUM_BYTES: usize = 4;

pub(super) fn encode(content: &[u8]) -> String {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&checksum(content)).expect("a vector takes every byte");
    encoder.write_all(content).expect("a vector takes every byte");
    to_base64(&encoder.finish().expect("a vector takes every byte"))
}

pub(super) fn decode(text: &str) -> Result<Vec<u8>, LinkError> {
    let packed = from_base64(text)?;
    let most = limits::MAX_LINK_BYTES;
    let mut bytes = Vec::new();
    DeflateDecoder::new(packed.as_slice())
        .take(most as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|_| LinkError::Damaged)?;
    if bytes.len() > most {
        return Err(LinkError::Expansion { most });
    }
    let (sum, content) = bytes.split_at_checked(CHECKSUM_BYTES).ok_or(LinkError::Damaged)?;
    if sum != checksum(content) {
        return Err(LinkError::Damaged);
    }
    Ok(content.to_vec())
}

fn checksum(content: &[u8]) -> [u8; CHECKSUM_BYTES] {
    (hash_bytes(content, 0x11_4b) as u32).to_le_bytes()
}

fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for position in 0..=chunk.len() {
            text.push(ALPHABET[(word >> (18 - 6 * position) & 63) as usize] as char);
        }
    }
    text
}

fn from_base64(text: &str) -> Result<Vec<u8>, LinkError> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len() / 4 * 3 + 2);
    for (at, chunk) in bytes.chunks(4).enumerate() {
        let mut word = 0u32;
        for (position, byte) in chunk.iter().enumerate() {
            let found = ALPHABET.iter().position(|letter| letter == byte);
            let value = found.ok_or(LinkError::Alphabet { at: 4 * at + position })?;
            word = word << 6 | value as u32;
        }
        word <<= 6 * (4 - chunk.len());
        let count = match chunk.len() {
            1 => return Err(LinkError::Damaged),
            length => length - 1,
        };
        decoded.extend(&word.to_be_bytes()[1..=count]);
    }
    Ok(decoded)
}
