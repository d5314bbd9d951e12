//! Where a JSON value ends, without parsing it: brackets are counted outside strings, strings are
//! jumped over. Resumable at any byte, so read sizes cannot change the answer.

use memchr::memchr3;

use crate::limits::LOOKAHEAD_BYTES;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScanEnd {
    /// Offset just behind the value.
    At(usize),
    /// More bytes are needed; go on from this offset.
    More(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Container,
    Text,
    Scalar,
}

#[derive(Debug, Clone)]
pub(super) struct JsonScan {
    kind: Kind,
    depth: u64,
    in_string: bool,
}

impl JsonScan {
    /// For a value whose first byte is this; scanning starts at that byte.
    pub fn starting_with(first: u8) -> Self {
        let kind = match first {
            b'{' | b'[' => Kind::Container,
            b'"' => Kind::Text,
            _ => Kind::Scalar,
        };
        Self { kind, depth: 0, in_string: false }
    }

    pub fn in_string(&self) -> bool {
        self.in_string
    }

    pub fn run(&mut self, bytes: &[u8], from: usize, ended: bool) -> ScanEnd {
        if self.kind == Kind::Scalar {
            return match bytes[from..].iter().position(|byte| matches!(byte, b',' | b']' | b'\n' | b'\r')) {
                Some(length) => ScanEnd::At(from + length),
                None if ended => ScanEnd::At(bytes.len()),
                None => ScanEnd::More(bytes.len()),
            };
        }
        let mut position = from;
        loop {
            if self.in_string {
                match self.leave_string(bytes, position, ended) {
                    Ok(behind) => position = behind,
                    Err(resume_at) => return ScanEnd::More(resume_at),
                }
                if self.kind == Kind::Text {
                    return ScanEnd::At(position);
                }
            }
            match self.next_string_or_end(bytes, position) {
                ScanEnd::More(at) if self.in_string => position = at,
                end => return end,
            }
        }
    }

    /// Up to the next opening quote (then `in_string` is set and `More` holds the offset behind it), the
    /// end of the value, or the end of the bytes.
    fn next_string_or_end(&mut self, bytes: &[u8], from: usize) -> ScanEnd {
        for (index, byte) in bytes[from..].iter().enumerate() {
            // `{` and `[`, `}` and `]` differ in bit 5 only.
            match byte | 0x20 {
                b'{' => self.depth += 1,
                b'}' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return ScanEnd::At(from + index + 1);
                    }
                }
                _ if *byte == b'"' => {
                    self.in_string = true;
                    return ScanEnd::More(from + index + 1);
                }
                _ => {}
            }
        }
        ScanEnd::More(bytes.len())
    }

    /// Offset behind the closing quote, or where to resume.
    fn leave_string(&mut self, bytes: &[u8], from: usize, ended: bool) -> Result<usize, usize> {
        let mut position = from;
        loop {
            let Some(distance) = memchr3(b'"', b'\\', b'\n', &bytes[position..]) else {
                return Err(bytes.len());
            };
            position += distance;
            match bytes[position] {
                b'"' => {
                    self.in_string = false;
                    return Ok(position + 1);
                }
                b'\\' if position + 1 < bytes.len() => position += 2,
                b'\\' => return Err(position),
                _ => {
                    if bytes.len() - position < LOOKAHEAD_BYTES && !ended {
                        return Err(position);
                    }
                    if begins_with_key(&bytes[position + 1..]) {
                        self.in_string = false;
                        return Ok(position);
                    }
                    position += 1;
                }
            }
        }
    }
}

/// A raw line break inside a string, then `"name":` — the closing quote was forgotten. Going on as if it
/// stood there costs one or two rows instead of everything behind.
fn begins_with_key(line: &[u8]) -> bool {
    let line = &line[..line.len().min(LOOKAHEAD_BYTES - 1)];
    let text = line.trim_ascii_start();
    let Some((b'"', text)) = text.split_first() else {
        return false;
    };
    let name_length = text
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b' ')))
        .unwrap_or(text.len());
    let Some((b'"', text)) = text[name_length..].split_first() else {
        return false;
    };
    name_length > 0 && text.trim_ascii_start().first() == Some(&b':')
}
