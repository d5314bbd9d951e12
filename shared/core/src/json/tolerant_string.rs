//! One quoted string of the tolerant reader: escapes, surrogates, raw control characters.

use std::borrow::Cow;

use memchr::memchr2;

use crate::findings::Code;

pub(super) struct StringFlaw {
    pub code: Code,
    pub offset: usize,
    pub found: String,
    pub expected: &'static str,
}

/// Reads from `start`, just behind the opening quote; gives the text and the offset behind the closing
/// quote, or `None` when there is none.
pub(super) fn read_string<'a>(
    text: &'a str,
    start: usize,
    quote: u8,
    flaws: &mut Vec<StringFlaw>,
) -> Option<(Cow<'a, str>, usize)> {
    let bytes = text.as_bytes();
    let mut owned: Option<String> = None;
    let mut copied_to = start;
    let mut position = start;
    loop {
        position += memchr2(quote, b'\\', bytes.get(position..)?)?;
        if bytes[position] == quote {
            break;
        }
        let out = owned.get_or_insert_with(String::new);
        out.push_str(&text[copied_to..position]);
        position = read_escape(text, position, out, flaws)?;
        copied_to = position;
    }
    report_raw_controls(&bytes[start..position], start, flaws);
    let string = match owned {
        None => Cow::Borrowed(&text[start..position]),
        Some(mut out) => {
            out.push_str(&text[copied_to..position]);
            Cow::Owned(out)
        }
    };
    Some((string, position + 1))
}

fn report_raw_controls(raw: &[u8], start: usize, flaws: &mut Vec<StringFlaw>) {
    if let Some(at) = memchr::memchr(0, raw) {
        flaws.push(StringFlaw {
            code: Code::NulBytes,
            offset: start + at,
            found: "a NUL byte inside a string".to_owned(),
            expected: "text",
        });
    }
    if let Some(at) = raw.iter().position(|&byte| byte < 0x20 && byte != 0) {
        flaws.push(StringFlaw {
            code: Code::RawControlCharacter,
            offset: start + at,
            found: match raw[at] {
                b'\n' => "a raw line break inside a string".to_owned(),
                b'\t' => "a raw tab inside a string".to_owned(),
                byte => format!("the raw control character U+{byte:04X} inside a string"),
            },
            expected: "an escape such as \\n",
        });
    }
}

/// `position` is at the backslash; gives the offset behind the escape, `None` at the end of the text.
fn read_escape(text: &str, position: usize, out: &mut String, flaws: &mut Vec<StringFlaw>) -> Option<usize> {
    let bytes = text.as_bytes();
    let plain = match *bytes.get(position + 1)? {
        byte @ (b'"' | b'\\' | b'/') => byte as char,
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'u' => return Some(read_unicode_escape(text, position, out, flaws)),
        _ => return Some(read_bad_escape(text, position, out, flaws)),
    };
    out.push(plain);
    Some(position + 2)
}

fn read_unicode_escape(text: &str, position: usize, out: &mut String, flaws: &mut Vec<StringFlaw>) -> usize {
    let bytes = text.as_bytes();
    let Some(unit) = hex4(bytes, position + 2) else {
        return read_bad_escape(text, position, out, flaws);
    };
    let is_high = (0xd800..0xdc00).contains(&unit);
    if is_high && bytes.get(position + 6..position + 8) == Some(b"\\u") {
        let low = hex4(bytes, position + 8).filter(|low| (0xdc00..0xe000).contains(low));
        if let Some(low) = low {
            let scalar = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            out.push(char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER));
            return position + 12;
        }
    }
    if let Some(character) = char::from_u32(unit) {
        out.push(character);
    } else {
        flaws.push(StringFlaw {
            code: Code::LoneSurrogate,
            offset: position,
            found: format!("\\u{unit:04x}, half of a surrogate pair"),
            expected: "both halves, or the character itself",
        });
        out.push(char::REPLACEMENT_CHARACTER);
    }
    position + 6
}

/// Keeps what was written: `\'` becomes `'`, `\x41` its character, anything else stays with its backslash.
fn read_bad_escape(text: &str, position: usize, out: &mut String, flaws: &mut Vec<StringFlaw>) -> usize {
    let escaped = text[position + 1..].chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
    flaws.push(StringFlaw {
        code: Code::BadEscape,
        offset: position,
        found: format!("`\\{}`", escaped.escape_debug()),
        expected: "one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX",
    });
    if escaped == '\'' {
        out.push('\'');
        return position + 2;
    }
    let hex = text.get(position + 2..position + 4).and_then(|digits| u8::from_str_radix(digits, 16).ok());
    if let ('x', Some(byte)) = (escaped, hex) {
        out.push(byte as char);
        return position + 4;
    }
    out.push('\\');
    position + 1
}

fn hex4(bytes: &[u8], at: usize) -> Option<u32> {
    let mut unit = 0;
    for byte in bytes.get(at..at + 4)? {
        unit = unit * 16 + (*byte as char).to_digit(16)?;
    }
    Some(unit)
}
