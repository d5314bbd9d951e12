//! TensorBoard event files: framed records with checksums, each a protobuf `Event`, of which scalars are read,
//! in the old form (`simple_value`) and the new one (a tensor of one number).

use super::gather::{Gathered, step_of};
use super::{ImportError, ImportedRun};
use crate::limits;

/// Length and its checksum before a record, the record's checksum behind it.
const HEAD_BYTES: usize = 12;
const FOOT_BYTES: usize = 4;

pub(super) fn read(name: &str, bytes: &[u8]) -> Result<ImportedRun, ImportError> {
    let mut run = Gathered::default();
    let mut at = 0;
    while at < bytes.len() {
        let place = || format!("byte {}", at + 1);
        let malformed = |detail: &str| ImportError::Malformed { place: place(), detail: detail.to_owned() };
        // A run under way may have written half of its last record.
        let Some(head) = bytes.get(at..at + HEAD_BYTES) else {
            run.notes.push("the file ends within a record: the rest is left out".to_owned());
            break;
        };
        let length = u64::from_le_bytes(head[..8].try_into().expect("eight bytes"));
        let sum = u32::from_le_bytes(head[8..].try_into().expect("four bytes"));
        if sum != masked_checksum(&head[..8]) {
            return Err(malformed(
                "the record's length does not match its checksum: no TensorBoard event file",
            ));
        }
        let start = at + HEAD_BYTES;
        let end = usize::try_from(length).ok().and_then(|length| start.checked_add(length));
        let end = end.ok_or_else(|| malformed("a record of impossible length"))?;
        let (Some(record), Some(foot)) =
            (bytes.get(start..end), end.checked_add(FOOT_BYTES).and_then(|last| bytes.get(end..last)))
        else {
            run.notes.push("the file ends within a record: the rest is left out".to_owned());
            break;
        };
        if foot != masked_checksum(record).to_le_bytes() {
            return Err(malformed("the record does not match its checksum: the file is damaged"));
        }
        event(&mut run, record).ok_or_else(|| malformed("the record is no event"))??;
        at = end + FOOT_BYTES;
    }
    run.finish(name.to_owned(), "TensorBoard events")
}

/// `None` where the bytes are no protobuf.
fn event(run: &mut Gathered, bytes: &[u8]) -> Option<Result<(), ImportError>> {
    let mut step = 0;
    let mut summaries = Vec::new();
    for field in Fields(bytes) {
        match field? {
            (2, Field::Number(number)) => step = number,
            (5, Field::Bytes(summary)) => summaries.push(summary),
            _ => {}
        }
    }
    let Some(step) = step_of(step as f64) else { return Some(Ok(())) };
    let mut values = 0;
    for summary in summaries {
        for field in Fields(summary) {
            let (1, Field::Bytes(value)) = field? else { continue };
            values += 1;
            if values > limits::MAX_KEYS {
                return Some(Err(ImportError::TooMany {
                    what: "values in one event",
                    most: limits::MAX_KEYS,
                }));
            }
            let (tag, number) = scalar(value)?;
            if let (Ok(tag), Some(number)) = (std::str::from_utf8(tag), number)
                && let Err(error) = run.add(step, tag, number)
            {
                return Some(Err(error));
            }
        }
    }
    Some(Ok(()))
}

fn scalar(bytes: &[u8]) -> Option<(&[u8], Option<f64>)> {
    let (mut tag, mut number): (&[u8], Option<f64>) = (b"", None);
    for field in Fields(bytes) {
        match field? {
            (1, Field::Bytes(name)) => tag = name,
            (2, Field::Float(value)) => number = Some(f64::from(value)),
            (8, Field::Bytes(tensor)) => number = number.or(tensor_of_one(tensor)?),
            _ => {}
        }
    }
    Some((tag, number))
}

/// A tensor that holds a single float or double; others are histograms, texts, pictures.
#[expect(
    clippy::option_option,
    reason = "outer: whether the bytes are a message; inner: whether it holds a number"
)]
fn tensor_of_one(bytes: &[u8]) -> Option<Option<f64>> {
    const FLOAT: u64 = 1;
    const DOUBLE: u64 = 2;
    let (mut kind, mut number) = (0, None);
    for field in Fields(bytes) {
        match field? {
            (1, Field::Number(value)) => kind = value,
            (4..=6, Field::Bytes(content)) => {
                number = match (kind, content.len()) {
                    (FLOAT, 4) => Some(f64::from(f32::from_le_bytes(content.try_into().ok()?))),
                    (DOUBLE, 8) => Some(f64::from_le_bytes(content.try_into().ok()?)),
                    _ => number,
                }
            }
            (5, Field::Float(value)) if kind == FLOAT => number = Some(f64::from(value)),
            (6, Field::Double(value)) if kind == DOUBLE => number = Some(value),
            _ => {}
        }
    }
    Some(number)
}

enum Field<'a> {
    Number(u64),
    Double(f64),
    Float(f32),
    Bytes(&'a [u8]),
}

/// The fields of a protobuf message in order; `None` once where the bytes are none.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Field<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Field<'a>)> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Field::Number(self.varint()?),
            1 => Field::Double(f64::from_le_bytes(self.take(8)?.try_into().ok()?)),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Field::Bytes(self.take(length)?)
            }
            5 => Field::Float(f32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for at in 0..10 {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f).checked_shl(7 * at)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

/// CRC-32C, rotated and shifted as the format wants it.
fn masked_checksum(bytes: &[u8]) -> u32 {
    static TABLE: [u32; 256] = table();
    let sum =
        !bytes.iter().fold(!0u32, |sum, byte| sum >> 8 ^ TABLE[((sum ^ u32::from(*byte)) & 0xff) as usize]);
    sum.rotate_right(15).wrapping_add(0xa282_ead8)
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut sum = index as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0x82f6_3b78 } else { sum >> 1 };
            bit += 1;
        }
        table[index] = sum;
        index += 1;
    }
    table
}

#[cfg(test)]
pub(super) mod writing {
    //! Event files for tests.

    fn varint(mut value: u64, out: &mut Vec<u8>) {
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
    }

    fn bytes_field(number: u64, content: &[u8], out: &mut Vec<u8>) {
        varint(number << 3 | 2, out);
        varint(content.len() as u64, out);
        out.extend(content);
    }

    pub fn record(content: &[u8]) -> Vec<u8> {
        let length = (content.len() as u64).to_le_bytes();
        let mut out = length.to_vec();
        out.extend(super::masked_checksum(&length).to_le_bytes());
        out.extend(content);
        out.extend(super::masked_checksum(content).to_le_bytes());
        out
    }

    /// In the new form where `is_tensor`.
    pub fn scalar(step: u64, tag: &str, value: f32, is_tensor: bool) -> Vec<u8> {
        let mut inner = Vec::new();
        bytes_field(1, tag.as_bytes(), &mut inner);
        if is_tensor {
            let mut tensor = vec![0x08, 1];
            bytes_field(4, &value.to_le_bytes(), &mut tensor);
            bytes_field(8, &tensor, &mut inner);
        } else {
            inner.push(2 << 3 | 5);
            inner.extend(value.to_le_bytes());
        }
        let mut summary = Vec::new();
        bytes_field(1, &inner, &mut summary);
        let mut event = vec![1 << 3 | 1];
        event.extend(1.7e9f64.to_le_bytes());
        event.push(2 << 3);
        varint(step, &mut event);
        bytes_field(5, &summary, &mut event);
        record(&event)
    }
}
