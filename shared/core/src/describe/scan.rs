//! One pass over a text: counts of character classes, and its words as 64-bit hashes of their lower-case form.
//! Everything per byte is counted in registers; this loop sets the speed of the whole check.

use serde::{Deserialize, Serialize};

use super::chars::{
    CLASS_LANES, CharKind, LANE_CONTINUATION, LANE_DIGIT, LANE_LOWER, LANE_NEWLINE, LANE_PUNCTUATION,
    LANE_SPACE, LANE_SYMBOL, LANE_UPPER, SCRIPTS, Script, kind_beyond_ascii,
};
use super::tokens::word_cost;
use crate::hash::{hash_bytes, mix};

const WORD_SEED: u64 = 0x51f1_5eed_0000_0001;
const WIDE_WORD_SEED: u64 = 0x51f1_5eed_0000_0002;
const WORD_KEY: u64 = 0xa076_1d64_78bd_642f;
/// Words longer than this count as long (the paper's vocabulary complexity).
const LONG_WORD_CHARS: usize = 8;

/// Whole-number counts of any number of texts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextCounts {
    pub bytes: u64,
    pub chars: u64,
    pub lower: u64,
    pub upper: u64,
    pub digits: u64,
    pub spaces: u64,
    pub newlines: u64,
    pub punctuation: u64,
    pub symbols: u64,
    pub controls: u64,
    pub emoji: u64,
    pub words: u64,
    pub long_words: u64,
    /// What the token estimate charges for the words, in its own unit.
    pub word_cost: u64,
    /// Letters outside ASCII, by script; ASCII letters are `lower + upper`.
    pub scripts: [u64; SCRIPTS],
}

impl TextCounts {
    pub fn add(&mut self, other: &Self) {
        self.bytes += other.bytes;
        self.chars += other.chars;
        self.lower += other.lower;
        self.upper += other.upper;
        self.digits += other.digits;
        self.spaces += other.spaces;
        self.newlines += other.newlines;
        self.punctuation += other.punctuation;
        self.symbols += other.symbols;
        self.controls += other.controls;
        self.emoji += other.emoji;
        self.words += other.words;
        self.long_words += other.long_words;
        self.word_cost += other.word_cost;
        for (mine, theirs) in self.scripts.iter_mut().zip(&other.scripts) {
            *mine += theirs;
        }
    }
}

/// A word: the hash of its lower-case form, and the bytes of the text where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    pub hash: u64,
    pub start: usize,
    pub end: usize,
}

/// Receives what the scan finds, in order.
pub trait Listener {
    fn word(&mut self, word: Word);
    /// A sign that changes meaning (`+`, `=`, `$` and so on), unlike punctuation.
    fn symbol(&mut self, byte: u8);
    fn newline(&mut self);
}

pub fn scan(text: &str, listener: &mut impl Listener) -> TextCounts {
    let mut counts = count_classes(text.as_bytes());
    scan_words(text, &mut counts, listener);
    counts
}

fn count_classes(bytes: &[u8]) -> TextCounts {
    let mut lanes = [0u64; 8];
    for chunk in bytes.chunks(255) {
        let packed = chunk.iter().fold(0u64, |sum, byte| sum + CLASS_LANES[*byte as usize]);
        for (lane, count) in lanes.iter_mut().zip(packed.to_le_bytes()) {
            *lane += u64::from(count);
        }
    }
    TextCounts {
        bytes: bytes.len() as u64,
        chars: bytes.len() as u64 - lanes[LANE_CONTINUATION],
        lower: lanes[LANE_LOWER],
        upper: lanes[LANE_UPPER],
        digits: lanes[LANE_DIGIT],
        spaces: lanes[LANE_SPACE],
        newlines: lanes[LANE_NEWLINE],
        punctuation: lanes[LANE_PUNCTUATION],
        symbols: lanes[LANE_SYMBOL],
        ..TextCounts::default()
    }
}

const HIGH: u64 = 0x8080_8080_8080_8080;
const ONES: u64 = 0x0101_0101_0101_0101;

/// Eight bytes from `at` on, zeros after the end.
#[inline]
fn load8(bytes: &[u8], at: usize) -> u64 {
    if let Some(eight) = bytes.get(at..at + 8) {
        return u64::from_le_bytes(eight.try_into().expect("the slice has 8 bytes"));
    }
    let mut buffer = [0u8; 8];
    let rest = &bytes[at.min(bytes.len())..];
    buffer[..rest.len()].copy_from_slice(rest);
    u64::from_le_bytes(buffer)
}

/// How many of the eight bytes, from the first on, are ASCII letters or digits. Range tests on all bytes at once:
/// adding 0x80 - low sets a byte's top bit from `low` on.
#[inline]
fn word_bytes(eight: u64) -> usize {
    let seven = eight & !HIGH;
    let folded = seven | (0x20 * ONES);
    let letter = (folded + 0x1f * ONES) & !(folded + 0x05 * ONES);
    let digit = (seven + 0x50 * ONES) & !(seven + 0x46 * ONES);
    let word = (letter | digit) & !eight & HIGH;
    ((word ^ HIGH).trailing_zeros() / 8) as usize
}

fn scan_words(text: &str, counts: &mut TextCounts, listener: &mut impl Listener) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let eight = load8(bytes, at);
        let length = word_bytes(eight);
        if length > 0 {
            let (hash, total) = ascii_word(bytes, at, eight, length);
            if bytes.get(at + total).is_some_and(|next| *next >= 0x80) {
                at = wide_word(text, at, counts, listener);
            } else {
                counts.words += 1;
                counts.long_words += u64::from(total > LONG_WORD_CHARS);
                counts.word_cost += word_cost(total);
                listener.word(Word { hash, start: at, end: at + total });
                at += total;
            }
            continue;
        }
        let byte = bytes[at];
        if byte == b' ' {
            at += 1;
        } else if byte >= 0x80 {
            at = wide_word(text, at, counts, listener);
        } else {
            match byte {
                b'\n' => listener.newline(),
                b'+' | b'-' | b'*' | b'/' | b'=' | b'<' | b'>' | b'^' | b'%' | b'$' | b'#' | b'@' | b'&'
                | b'|' | b'~' | b'\\' => listener.symbol(byte),
                0..=8 | 11 | 12 | 14..=31 | 127 => counts.controls += 1,
                _ => {}
            }
            at += 1;
        }
    }
}

/// Hash and length of the run of ASCII letters and digits at `at`, whose first eight bytes are given.
#[inline]
fn ascii_word(bytes: &[u8], at: usize, first: u64, first_length: usize) -> (u64, usize) {
    let mut hash = WORD_SEED;
    let (mut eight, mut length, mut total) = (first, first_length, 0);
    loop {
        // Setting bit 5 lower-cases letters and leaves digits alone.
        let folded = eight | (0x20 * ONES);
        let kept = if length == 8 { folded } else { folded & ((1 << (8 * length)) - 1) };
        hash = mix(hash ^ kept, WORD_KEY ^ length as u64);
        total += length;
        if length < 8 {
            return (hash, total);
        }
        eight = load8(bytes, at + total);
        length = word_bytes(eight);
        if length == 0 {
            return (hash, total);
        }
    }
}

/// From `at`, where a character outside ASCII stands or a word that contains one begins: the whole word, or the
/// one character. Returns where to go on.
#[cold]
fn wide_word(text: &str, at: usize, counts: &mut TextCounts, listener: &mut impl Listener) -> usize {
    let mut lowered = [0u8; 64];
    let (mut filled, mut hash, mut chars, mut end) = (0, WIDE_WORD_SEED, 0usize, at);
    let mut latin = true;
    for character in text[at..].chars() {
        let kind = if character.is_ascii_alphanumeric() {
            CharKind::Letter(Script::Latin)
        } else if character.is_ascii() {
            break;
        } else {
            kind_beyond_ascii(character)
        };
        let CharKind::Letter(script) = kind else {
            if chars == 0 {
                count_single(character, at, kind, counts, listener);
                return at + character.len_utf8();
            }
            break;
        };
        if !character.is_ascii() {
            counts.scripts[script as usize] += 1;
        }
        for lower in character.to_lowercase() {
            if filled + 4 > lowered.len() {
                hash = hash_bytes(&lowered[..filled], hash);
                filled = 0;
            }
            filled += lower.encode_utf8(&mut lowered[filled..]).len();
        }
        latin &= script == Script::Latin;
        chars += 1;
        end += character.len_utf8();
    }
    counts.words += 1;
    counts.long_words += u64::from(chars > LONG_WORD_CHARS);
    if latin {
        counts.word_cost += word_cost(chars);
    }
    listener.word(Word { hash: hash_bytes(&lowered[..filled], hash), start: at, end });
    end
}

fn count_single(
    character: char,
    at: usize,
    kind: CharKind,
    counts: &mut TextCounts,
    listener: &mut impl Listener,
) {
    match kind {
        CharKind::Letter(_) => {}
        CharKind::Single(script) => {
            counts.scripts[script as usize] += 1;
            counts.words += 1;
            let hash = mix(u64::from(character) ^ WIDE_WORD_SEED, WORD_KEY);
            listener.word(Word { hash, start: at, end: at + character.len_utf8() });
        }
        CharKind::Digit => counts.digits += 1,
        CharKind::Space => counts.spaces += 1,
        CharKind::Punctuation => counts.punctuation += 1,
        CharKind::Emoji => counts.emoji += 1,
        CharKind::Symbol => counts.symbols += 1,
        CharKind::Control => counts.controls += 1,
    }
}

/// The words of a text, for the features measured on the sample.
pub fn words(text: &str) -> Vec<Word> {
    struct Collect(Vec<Word>);
    impl Listener for Collect {
        fn word(&mut self, word: Word) {
            self.0.push(word);
        }
        fn symbol(&mut self, _: u8) {}
        fn newline(&mut self) {}
    }
    let mut collect = Collect(Vec::with_capacity(text.len() / 5));
    scan_words(text, &mut TextCounts::default(), &mut collect);
    collect.0
}

pub fn word_hashes(text: &str) -> Vec<u64> {
    words(text).into_iter().map(|word| word.hash).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct Log {
        words: Vec<String>,
        text: String,
        symbols: Vec<u8>,
        newlines: usize,
    }

    impl Listener for Log {
        fn word(&mut self, word: Word) {
            self.words.push(self.text[word.start..word.end].to_owned());
        }
        fn symbol(&mut self, byte: u8) {
            self.symbols.push(byte);
        }
        fn newline(&mut self) {
            self.newlines += 1;
        }
    }

    fn log(text: &str) -> (TextCounts, Log) {
        let mut log = Log { text: text.to_owned(), ..Log::default() };
        (scan(text, &mut log), log)
    }

    #[test]
    fn hand_counted_text() {
        let (counts, log) = log("The cat's 2 Mats,\nüber $5 internationalisation 中文 …😀\u{1}");
        assert_eq!(
            log.words,
            ["The", "cat", "s", "2", "Mats", "über", "5", "internationalisation", "中", "文"]
        );
        assert_eq!((counts.words, counts.long_words), (10, 1));
        assert_eq!((counts.upper, counts.digits, counts.newlines, counts.controls), (2, 2, 1, 1));
        assert_eq!((counts.punctuation, counts.symbols, counts.emoji), (3, 1, 1));
        assert_eq!(counts.scripts[Script::Han as usize], 2);
        assert_eq!(counts.scripts[Script::Latin as usize], 1);
        assert_eq!(log.symbols, b"$");
        assert_eq!(log.newlines, 1);
    }

    #[test]
    fn case_does_not_matter_and_content_does() {
        assert_eq!(word_hashes("Straße INTERNATIONAL 12"), word_hashes("straße international 12"));
        assert_ne!(word_hashes("cat"), word_hashes("cab"));
        assert_ne!(word_hashes("12345678"), word_hashes("123456780"));
        assert_eq!(word_hashes("a b").len(), 2);
    }

    proptest! {
        /// The eight-at-a-time scan against a plain reading of the definition.
        #[test]
        fn words_are_runs_of_letters_and_digits(text in "[a-zA-Z0-9 .,@`{\\[/:\\n\u{0}é中]{0,60}") {
            let (counts, log) = log(&text);
            let mut expected = Vec::new();
            let mut run = String::new();
            for character in text.chars().chain([' ']) {
                if character.is_ascii_alphanumeric() || character == 'é' {
                    run.push(character);
                    continue;
                }
                if !run.is_empty() { expected.push(std::mem::take(&mut run)); }
                if character == '中' { expected.push("中".to_owned()); }
            }
            prop_assert_eq!(&log.words, &expected);
            prop_assert_eq!(counts.chars, text.chars().count() as u64);
            prop_assert_eq!(counts.spaces, text.matches(' ').count() as u64);
        }

        #[test]
        fn any_text_is_scanned_whole(text in any::<String>()) {
            let (counts, _) = log(&text);
            prop_assert_eq!(counts.bytes, text.len() as u64);
            prop_assert_eq!(counts.chars, text.chars().count() as u64);
        }
    }
}
