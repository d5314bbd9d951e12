//! The protobuf wire format, as far as ONNX files use it: varints, fixed words and length-delimited
//! fields. Nothing is copied, every length is checked against what is left, and nothing nests here.

use super::error::OnnxError;

/// One field of a message, still undecoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

/// Walks the fields of one message. `base` is the message's offset in the file, for error messages.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    bytes: &'a [u8],
    position: usize,
    base: usize,
}

impl<'a> Fields<'a> {
    pub fn new(bytes: &'a [u8], base: usize) -> Self {
        Self { bytes, position: 0, base }
    }

    /// The next field's number and value; `None` at the end of the message.
    pub fn next_field(&mut self) -> Result<Option<(u32, Value<'a>)>, OnnxError> {
        if self.position == self.bytes.len() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).map_err(|_| self.damaged("a field number above 2^32"))?;
        if number == 0 {
            return Err(self.damaged("field number 0"));
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.take_array()?)),
            2 => {
                let length = usize::try_from(self.varint()?)
                    .map_err(|_| self.damaged("a length beyond the address space"))?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.take_array()?)),
            _ => return Err(self.damaged("a wire type that no ONNX file uses")),
        };
        Ok(Some((number, value)))
    }

    /// Offset in the file of the byte after the last field read.
    pub fn offset(&self) -> usize {
        self.base + self.position
    }

    fn varint(&mut self) -> Result<u64, OnnxError> {
        let mut value = 0u64;
        for shift in 0..10 {
            let byte = self.take(1)?[0];
            let low = u64::from(byte & 0x7f);
            if shift == 9 && low > 1 {
                return Err(self.damaged("a number longer than 64 bits"));
            }
            value |= low << (7 * shift);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.damaged("a number longer than 64 bits"))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], OnnxError> {
        let end = self.position.checked_add(count).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| self.damaged("a field longer than its message"))?;
        let slice = &self.bytes[self.position..end];
        self.position = end;
        Ok(slice)
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], OnnxError> {
        Ok(self.take(N)?.try_into().expect("take(N) returns N bytes"))
    }

    pub fn damaged(&self, what: &'static str) -> OnnxError {
        OnnxError::Damaged { offset: self.offset(), what }
    }
}

/// Builds one message. Nested messages are built first and added as bytes.
#[must_use]
#[derive(Debug, Default, Clone)]
pub struct Message {
    bytes: Vec<u8>,
}

impl Message {
    pub fn varint(mut self, field: u32, value: u64) -> Self {
        self.push_varint(u64::from(field) << 3);
        self.push_varint(value);
        self
    }

    pub fn int(self, field: u32, value: i64) -> Self {
        self.varint(field, value as u64)
    }

    pub fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self.push_varint(u64::from(field) << 3 | 2);
        self.push_varint(value.len() as u64);
        self.bytes.extend_from_slice(value);
        self
    }

    pub fn text(self, field: u32, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    pub fn message(self, field: u32, value: Message) -> Self {
        self.bytes(field, &value.bytes)
    }

    /// `repeated int64` in the packed form that proto3 writes.
    pub fn packed_ints(self, field: u32, values: &[i64]) -> Self {
        let mut inner = Message::default();
        for value in values {
            inner.push_varint(*value as u64);
        }
        self.bytes(field, &inner.bytes)
    }

    pub fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn push_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn fields_come_back_as_written(numbers in prop::collection::vec(any::<u64>(), 0..8), text in ".{0,20}") {
            let mut message = Message::default();
            for number in &numbers {
                message = message.varint(3, *number);
            }
            let bytes = message.text(4, &text).finish();
            let mut fields = Fields::new(&bytes, 0);
            for number in &numbers {
                prop_assert_eq!(fields.next_field().unwrap(), Some((3, Value::Varint(*number))));
            }
            prop_assert_eq!(fields.next_field().unwrap(), Some((4, Value::Bytes(text.as_bytes()))));
            prop_assert_eq!(fields.next_field().unwrap(), None);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut fields = Fields::new(&bytes, 0);
            while let Ok(Some(_)) = fields.next_field() {}
        }
    }

    #[test]
    fn a_length_beyond_the_message_is_refused() {
        let mut fields = Fields::new(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 1], 100);
        assert!(matches!(fields.next_field(), Err(OnnxError::Damaged { offset: 106, .. })));
    }
}
