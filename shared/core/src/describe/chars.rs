//! Classes of bytes and scripts of letters: the tables behind the text scan.

use serde::{Deserialize, Serialize};

/// Eight counters in one word, a byte each: `CLASS_LANES[byte]` has a one in the lane of its class. Added up over
/// at most 255 bytes no lane overflows.
pub const LANE_LOWER: usize = 0;
pub const LANE_UPPER: usize = 1;
pub const LANE_DIGIT: usize = 2;
pub const LANE_SPACE: usize = 3;
pub const LANE_NEWLINE: usize = 4;
pub const LANE_PUNCTUATION: usize = 5;
pub const LANE_SYMBOL: usize = 6;
/// Second and later bytes of a character in UTF-8.
pub const LANE_CONTINUATION: usize = 7;

pub static CLASS_LANES: [u64; 256] = class_lanes();

const fn class_lanes() -> [u64; 256] {
    let mut lanes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let lane = match byte as u8 {
            b'a'..=b'z' => Some(LANE_LOWER),
            b'A'..=b'Z' => Some(LANE_UPPER),
            b'0'..=b'9' => Some(LANE_DIGIT),
            b' ' | b'\t' => Some(LANE_SPACE),
            b'\n' | b'\r' => Some(LANE_NEWLINE),
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b'\'' | b'"' | b'(' | b')' | b'[' | b']' | b'{'
            | b'}' => Some(LANE_PUNCTUATION),
            b'!'..=b'~' => Some(LANE_SYMBOL),
            0x80..=0xbf => Some(LANE_CONTINUATION),
            _ => None,
        };
        if let Some(lane) = lane {
            lanes[byte] = 1 << (8 * lane);
        }
        byte += 1;
    }
    lanes
}

macro_rules! scripts {
    ($($variant:ident = $name:literal),+ $(,)?) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Script { $($variant),+ }

        impl Script {
            pub const ALL: &'static [Script] = &[$(Script::$variant),+];

            pub fn name(self) -> &'static str {
                match self { $(Script::$variant => $name),+ }
            }
        }
    };
}

scripts! {
    Latin = "Latin",
    Greek = "Greek",
    Cyrillic = "Cyrillic",
    Han = "Han",
    Kana = "Kana",
    Hangul = "Hangul",
    Arabic = "Arabic",
    Hebrew = "Hebrew",
    Indic = "Indic",
    Thai = "Thai",
    Other = "Other",
}

pub const SCRIPTS: usize = Script::ALL.len();

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CharKind {
    /// Part of a word written with letters.
    Letter(Script),
    /// A word of its own: scripts written without spaces.
    Single(Script),
    Digit,
    Space,
    Punctuation,
    Emoji,
    Symbol,
    Control,
}

/// Kind of a character outside ASCII, by Unicode block.
pub fn kind_beyond_ascii(character: char) -> CharKind {
    use CharKind::{Control, Digit, Emoji, Letter, Punctuation, Single, Space, Symbol};
    match u32::from(character) {
        0x80..=0x9f | 0xad | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfffd => Control,
        0xa0 | 0x1680 | 0x2000..=0x200a | 0x2028 | 0x2029 | 0x202f | 0x205f | 0x3000 => Space,
        0xaa | 0xb5 | 0xba | 0xc0..=0xd6 | 0xd8..=0xf6 | 0xf8..=0x24f => Letter(Script::Latin),
        0x250..=0x2af
        | 0x1d00..=0x1dbf
        | 0x1e00..=0x1eff
        | 0x2c60..=0x2c7f
        | 0xa720..=0xa7ff
        | 0xab30..=0xab6f
        | 0xff21..=0xff3a
        | 0xff41..=0xff5a => Letter(Script::Latin),
        // Marks written over the letter before them.
        0x300..=0x36f => Letter(Script::Latin),
        0x370..=0x3ff | 0x1f00..=0x1fff => Letter(Script::Greek),
        0x400..=0x52f | 0x1c80..=0x1c8f | 0x2de0..=0x2dff | 0xa640..=0xa69f => Letter(Script::Cyrillic),
        0x591..=0x5f4 | 0xfb1d..=0xfb4f => Letter(Script::Hebrew),
        0x60c | 0x61b | 0x61f | 0x66a..=0x66d | 0x6d4 => Punctuation,
        0x660..=0x669 | 0x6f0..=0x6f9 | 0x966..=0x96f | 0xe50..=0xe59 | 0xff10..=0xff19 => Digit,
        0x610..=0x6ff | 0x750..=0x77f | 0x8a0..=0x8ff | 0xfb50..=0xfdff | 0xfe70..=0xfefc => {
            Letter(Script::Arabic)
        }
        0x964 | 0x965 | 0xe4f | 0xe5a | 0xe5b => Punctuation,
        0x900..=0xdff => Letter(Script::Indic),
        0xe00..=0xeff | 0x1000..=0x109f | 0x1780..=0x17ff => Single(Script::Thai),
        0x1100..=0x11ff | 0x3130..=0x318f | 0xa960..=0xa97f | 0xac00..=0xd7ff => Letter(Script::Hangul),
        0x3041..=0x30ff | 0x31f0..=0x31ff | 0xff66..=0xff9f => Single(Script::Kana),
        0x2e80..=0x2fdf
        | 0x3005..=0x3007
        | 0x3400..=0x4dbf
        | 0x4e00..=0x9fff
        | 0xf900..=0xfaff
        | 0x20000..=0x323af => Single(Script::Han),
        0xa1
        | 0xa7
        | 0xab
        | 0xb6
        | 0xb7
        | 0xbb
        | 0xbf
        | 0x2010..=0x2027
        | 0x2030..=0x205e
        | 0x3001..=0x3003
        | 0x3008..=0x3020
        | 0x2e00..=0x2e7f
        | 0xfe30..=0xfe6f
        | 0xff01..=0xff0f
        | 0xff1a..=0xff20
        | 0xff3b..=0xff40
        | 0xff5b..=0xff65 => Punctuation,
        0x231a..=0x231b
        | 0x23e9..=0x23f3
        | 0x2600..=0x27bf
        | 0x2b50
        | 0x2b55
        | 0xfe00..=0xfe0f
        | 0x1f000..=0x1faff => Emoji,
        _ if character.is_alphabetic() => Letter(Script::Other),
        _ => Symbol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_printable_ascii_byte_has_one_class() {
        for byte in b' '..=b'~' {
            assert_eq!(CLASS_LANES[byte as usize].count_ones(), 1, "{}", byte as char);
        }
        assert_eq!(CLASS_LANES[0], 0);
        assert_eq!(CLASS_LANES[0xc3], 0);
    }

    #[test]
    fn scripts_of_known_letters() {
        for (character, script) in [
            ('é', Script::Latin),
            ('ж', Script::Cyrillic),
            ('λ', Script::Greek),
            ('ش', Script::Arabic),
            ('한', Script::Hangul),
        ] {
            assert_eq!(kind_beyond_ascii(character), CharKind::Letter(script));
        }
        for (character, script) in [('中', Script::Han), ('ひ', Script::Kana), ('ก', Script::Thai)] {
            assert_eq!(kind_beyond_ascii(character), CharKind::Single(script));
        }
        assert_eq!(kind_beyond_ascii('“'), CharKind::Punctuation);
        assert_eq!(kind_beyond_ascii('😀'), CharKind::Emoji);
        assert_eq!(kind_beyond_ascii('€'), CharKind::Symbol);
        assert_eq!(kind_beyond_ascii('\u{a0}'), CharKind::Space);
    }
}
