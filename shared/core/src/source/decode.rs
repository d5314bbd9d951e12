//! Text that is not UTF-8: Windows-1252, as spreadsheets write it.

/// What the bytes 0x80 to 0x9f mean in Windows-1252 (WHATWG: the five unused ones are C1 controls).
const HIGH_HALF: [char; 32] = [
    '\u{20ac}', '\u{81}', '\u{201a}', '\u{192}', '\u{201e}', '\u{2026}', '\u{2020}', '\u{2021}', '\u{2c6}',
    '\u{2030}', '\u{160}', '\u{2039}', '\u{152}', '\u{8d}', '\u{17d}', '\u{8f}', '\u{90}', '\u{2018}',
    '\u{2019}', '\u{201c}', '\u{201d}', '\u{2022}', '\u{2013}', '\u{2014}', '\u{2dc}', '\u{2122}', '\u{161}',
    '\u{203a}', '\u{153}', '\u{9d}', '\u{17e}', '\u{178}',
];

pub fn cp1252_char(byte: u8) -> char {
    match byte {
        0x80..=0x9f => HIGH_HALF[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

/// Valid UTF-8 sequences stay what they are, every other byte is read as Windows-1252: right for pure
/// cp1252 text and kinder than anything else to a UTF-8 row with one damaged byte.
pub fn decode_mixed(raw: &[u8]) -> String {
    let mut text = String::with_capacity(raw.len() + raw.len() / 8);
    for chunk in raw.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| cp1252_char(*byte)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pounds_and_quotes_of_spreadsheets() {
        assert_eq!(decode_mixed(b"\xa31.50 \x93hi\x94 caf\xe9 \xe2\x82\xac"), "£1.50 “hi” café €");
    }
}
