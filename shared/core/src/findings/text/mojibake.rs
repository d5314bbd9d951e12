//! Text that went through the wrong decoder: UTF-8 read as Windows-1252, Windows-1252 read as Latin-1, and
//! characters that could not be decoded at all.

/// Characters of Windows-1252 at 0x80 to 0x9F; the five unassigned bytes map to the control of their number, as
/// browsers do.
const HIGH: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The byte that Windows-1252 (or Latin-1, for controls) has for a character.
fn cp1252_byte(character: char) -> Option<u8> {
    match u32::from(character) {
        code @ (0x80..=0xff) => Some(code as u8),
        code if code < 0x80 => None,
        _ => HIGH.iter().position(|high| *high == character).map(|index| index as u8 + 0x80),
    }
}

/// Punctuation that may follow an accented capital in healthy text: quotation marks, dashes, no-break space.
fn is_plain_punctuation(character: char) -> bool {
    matches!(
        character,
        '‘' | '’'
            | '“'
            | '”'
            | '–'
            | '—'
            | '…'
            | '«'
            | '»'
            | '‹'
            | '›'
            | '„'
            | '‚'
            | '•'
            | '\u{a0}'
    )
}

/// If the characters from `start` on are the bytes of one UTF-8 character read as Windows-1252: that character and
/// the position after the damage. `start` stands on a character from U+00C2 to U+00F4.
pub(super) fn damaged_at(text: &str, start: usize) -> Option<(char, usize)> {
    let mut characters = text[start..].char_indices();
    let (_, lead) = characters.next()?;
    let lead_byte = cp1252_byte(lead)?;
    let length = match lead_byte {
        // Two-byte sequences: only the leads of Latin, Greek, Cyrillic, Hebrew and Arabic. Others (É», È…) are
        // healthy text more often than damage.
        0xc2..=0xc5 | 0xce..=0xd1 | 0xd7..=0xd9 => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    let mut bytes = [lead_byte, 0, 0, 0];
    let mut end = start + lead.len_utf8();
    let mut all_punctuation = true;
    for slot in &mut bytes[1..length] {
        let (offset, character) = characters.next()?;
        *slot = cp1252_byte(character).filter(|byte| (0x80..0xc0).contains(byte))?;
        all_punctuation &= is_plain_punctuation(character);
        end = start + offset + character.len_utf8();
    }
    // “AMANHÃ” and « café… » are healthy; donâ€™t is not, since € is no such punctuation.
    if all_punctuation && !punctuation_is_damage(text, start, lead) {
        return None;
    }
    let decoded = std::str::from_utf8(&bytes[..length]).ok()?.chars().next()?;
    (!decoded.is_control()).then_some((decoded, end))
}

/// A letter and punctuation that would also decode: whether the letter can end a healthy word there. Capitals end
/// words of capitals only, Greek and Cyrillic damage has no healthy reading, small letters end any word.
fn punctuation_is_damage(text: &str, start: usize, lead: char) -> bool {
    let before = text[..start].chars().next_back();
    match lead {
        'Î'..='Ñ' => true,
        'Â' | 'Ã' => before.is_none_or(|before| !before.is_uppercase()),
        'Ä' | 'Å' | '×' | 'Ø' | 'Ù' => before.is_some_and(char::is_lowercase),
        _ => false,
    }
}

/// The character that a lone C1 control stands for when Windows-1252 was read as Latin-1.
pub(super) fn c1_meaning(control: char) -> Option<char> {
    let index = u32::from(control).checked_sub(0x80)?;
    HIGH.get(index as usize).copied().filter(|meaning| *meaning != control)
}

/// The text with all damage undone that can be; `None` where there is none.
pub fn repair(text: &str) -> Option<String> {
    let mut repaired = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(offset) = text[at..].find(|character: char| ('\u{80}'..='\u{f4}').contains(&character)) {
        let start = at + offset;
        let character = text[start..].chars().next().expect("find returned the start of a character");
        let fix = damaged_at(text, start)
            .or_else(|| c1_meaning(character).map(|meaning| (meaning, start + character.len_utf8())));
        if let Some((decoded, end)) = fix {
            repaired.push_str(&text[copied..start]);
            repaired.push(decoded);
            copied = end;
            at = end;
        } else {
            at = start + character.len_utf8();
        }
    }
    if copied == 0 {
        return None;
    }
    repaired.push_str(&text[copied..]);
    Some(repaired)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a Windows program shows for UTF-8 bytes.
    fn read_as_cp1252(text: &str) -> String {
        text.bytes()
            .map(|byte| match byte {
                0x80..=0x9f => HIGH[usize::from(byte) - 0x80],
                _ => char::from(byte),
            })
            .collect()
    }

    #[test]
    fn common_damage_is_undone() {
        for (damaged, healthy) in [
            ("CafÃ©", "Café"),
            ("donâ€™t", "don’t"),
            ("â€œHelloâ€\u{9d}", "“Hello”"),
            ("20Â°C, Â£5", "20°C, £5"),
            ("ÐŸÑ€Ð¸Ð²ÐµÑ‚", "Привет"),
            ("ðŸ˜€", "😀"),
            ("æ—¥æœ¬", "日本"),
            ("it\u{92}s", "it’s"),
        ] {
            assert_eq!(repair(damaged).as_deref(), Some(healthy), "{damaged}");
        }
    }

    #[test]
    fn healthy_text_is_left_alone() {
        for healthy in [
            "Café, naïve, Ärger, Åland, Ça va, São Paulo, NÃO",
            "« LE CAFÉ » et « L’ÉTÉ… »",
            "« CAFÉ»",
            "“AMANHÃ”",
            "café…” dit-elle",
            "SMÅ”, ÅÄÖ",
            "Ελλάδα Привет 日本 😀 ﷺ",
            "à la carte—déjà vu",
            "Ø – × ÷",
        ] {
            assert_eq!(repair(healthy), None, "{healthy}");
        }
    }

    proptest! {
        #[test]
        fn any_single_damaged_letter_is_found(letter in prop::sample::select(vec!['é', 'ü', 'ñ', 'ß', 'ж', 'λ', '’', '€', '™', '中', '語', '😂'])) {
            let damaged = format!("word {} word", read_as_cp1252(&letter.to_string()));
            prop_assert_eq!(repair(&damaged), Some(format!("word {letter} word")));
        }

        #[test]
        fn repairing_never_panics(text in any::<String>()) {
            repair(&text);
        }
    }
}
