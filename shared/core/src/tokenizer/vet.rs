//! What a `tokenizer.json` may hold before Hugging Face's crate sees it. It believes its files: a number in one makes
//! it take gigabytes, a chain of steps makes a text grow without end, a merge that does not fit panics.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::TokenizerError;
use crate::limits;
use crate::predict::card::from_base64;

pub(super) fn vet(json: &[u8]) -> Result<(), TokenizerError> {
    within("bytes of the file", json.len(), limits::MAX_TOKENIZER_BYTES)?;
    // First: what reads the parts tries each several ways, and so do the parts of the parts.
    within("values nested in each other", depth(json), limits::MAX_TOKENIZER_DEPTH)?;
    let unreadable = |error: &dyn fmt::Display| TokenizerError::Unreadable { reason: error.to_string() };
    let text = std::str::from_utf8(json).map_err(|error| unreadable(&error))?;
    let file: File<'_> = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
    let pieces = file.model.vocab.count.max(file.added_tokens.count);
    within("pieces", pieces, limits::MAX_TOKENIZER_PIECES)?;
    within("highest id of a piece", file.model.vocab.highest_id as usize, limits::MAX_TOKENIZER_PIECES)?;
    let longest = file.model.vocab.longest_bytes.max(file.added_tokens.longest_bytes);
    within("bytes of the longest piece", longest, limits::MAX_PIECE_BYTES)?;
    file.model.vet()?;
    let (mut growth, mut steps) = (1, 0);
    for part in [&file.normalizer, &file.pre_tokenizer, &file.post_processor].into_iter().flatten() {
        growth = part.vet(growth, &mut steps)?;
    }
    file.decoder.as_ref().map_or(Ok(()), |part| part.vet(1, &mut steps).map(drop))
}

fn within(what: &'static str, found: usize, limit: usize) -> Result<(), TokenizerError> {
    if found > limit {
        return Err(TokenizerError::TooMuch { what, found: found as u64, limit: limit as u64 });
    }
    Ok(())
}

fn contradiction(reason: impl Into<String>) -> TokenizerError {
    TokenizerError::Contradiction { reason: reason.into() }
}

/// Of the brackets outside of strings, closed or not.
fn depth(json: &[u8]) -> usize {
    let (mut now, mut deepest, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                now += 1;
                deepest = deepest.max(now);
            }
            b'}' | b']' if !quoted => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Only what is judged; a field that stands twice is refused.
#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    normalizer: Option<Part<'a>>,
    #[serde(borrow)]
    pre_tokenizer: Option<Part<'a>>,
    #[serde(borrow)]
    post_processor: Option<Part<'a>>,
    #[serde(borrow)]
    decoder: Option<Part<'a>>,
    #[serde(default)]
    added_tokens: Pieces,
    #[serde(borrow)]
    model: Model<'a>,
}

#[derive(Deserialize)]
struct Model<'a> {
    vocab: Pieces,
    #[serde(default)]
    merges: Merges,
    #[serde(borrow)]
    continuing_subword_prefix: Option<Cow<'a, str>>,
    max_input_chars_per_word: Option<u64>,
}

impl Model<'_> {
    fn vet(&self) -> Result<(), TokenizerError> {
        within("merges", self.merges.count, limits::MAX_TOKENIZER_MERGES)?;
        let chars = self.max_input_chars_per_word.unwrap_or(0);
        within("characters of one word", chars as usize, limits::MAX_WORD_CHARS)?;
        let prefix = self.continuing_subword_prefix.as_deref().unwrap_or_default();
        let Some(shared) = &self.merges.shared_prefix else { return Ok(()) };
        // The prefix is cut off the second half of every merge, unlooked at.
        if !shared.starts_with(prefix) {
            return Err(contradiction(format!(
                "a merge goes on with a piece that does not begin with {prefix:?}"
            )));
        }
        if self.merges.longest_bytes - prefix.len() > self.vocab.longest_bytes {
            return Err(contradiction("a merge makes a longer piece than the vocabulary has"));
        }
        Ok(())
    }
}

/// Of a vocabulary as a map of pieces or a list of them, or of the added tokens.
#[derive(Default)]
struct Pieces {
    count: usize,
    longest_bytes: usize,
    highest_id: u64,
}

impl Pieces {
    fn add(&mut self, piece: &str, id: u64) {
        self.count += 1;
        self.longest_bytes = self.longest_bytes.max(piece.len());
        self.highest_id = self.highest_id.max(id);
    }
}

impl<'de> Deserialize<'de> for Pieces {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// `["piece", score]` or `{"content": "piece", "id": 7}`
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Item {
            Scored(String, IgnoredAny),
            Added { content: String, id: u64 },
        }

        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Pieces;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("pieces")
            }
            fn visit_unit<E: Error>(self) -> Result<Pieces, E> {
                Ok(Pieces::default())
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pieces, A::Error> {
                let mut pieces = Pieces::default();
                while let Some((piece, id)) = map.next_entry::<String, u64>()? {
                    pieces.add(&piece, id);
                }
                Ok(pieces)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Pieces, A::Error> {
                let mut pieces = Pieces::default();
                while let Some(item) = list.next_element()? {
                    match item {
                        Item::Scored(piece, _) => pieces.add(&piece, 0),
                        Item::Added { content, id } => pieces.add(&content, id),
                    }
                }
                Ok(pieces)
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// Pairs of pieces: `["a", "b"]` or, in older files, `"a b"`.
#[derive(Default)]
struct Merges {
    count: usize,
    /// Bytes of both halves.
    longest_bytes: usize,
    /// What all second halves begin with.
    shared_prefix: Option<String>,
}

impl Merges {
    fn add(&mut self, first: &str, second: &str) {
        self.count += 1;
        self.longest_bytes = self.longest_bytes.max(first.len() + second.len());
        match &mut self.shared_prefix {
            None => self.shared_prefix = Some(second.to_owned()),
            Some(shared) => {
                let same = shared.chars().zip(second.chars()).take_while(|(one, other)| one == other);
                let bytes = same.map(|(letter, _)| letter.len_utf8()).sum();
                shared.truncate(bytes);
            }
        }
    }
}

impl<'de> Deserialize<'de> for Merges {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Merge {
            Line(String),
            Pair(String, String),
        }

        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Merges;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("merges")
            }
            fn visit_unit<E: Error>(self) -> Result<Merges, E> {
                Ok(Merges::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Merges, A::Error> {
                let mut merges = Merges::default();
                while let Some(merge) = list.next_element()? {
                    match merge {
                        // A heading of the format, no merge.
                        Merge::Line(line) if line.starts_with("#version") => {}
                        Merge::Line(line) => {
                            let (first, second) = line.split_once(' ').unwrap_or((&line, ""));
                            merges.add(first, second);
                        }
                        Merge::Pair(first, second) => merges.add(&first, &second),
                    }
                }
                Ok(merges)
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// A step from text to tokens or back, or a sequence of steps.
#[derive(Deserialize)]
struct Part<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'a, str>>,
    #[serde(alias = "pretokenizers", alias = "processors", alias = "decoders", default)]
    normalizers: Vec<Part<'a>>,
    #[serde(borrow)]
    pattern: Option<Pattern<'a>>,
    #[serde(borrow)]
    content: Option<Cow<'a, str>>,
    #[serde(borrow)]
    prepend: Option<Cow<'a, str>>,
    #[serde(borrow)]
    precompiled_charsmap: Option<Cow<'a, str>>,
    length: Option<u64>,
    #[serde(default)]
    single: Copies,
}

#[derive(Deserialize)]
enum Pattern<'a> {
    #[serde(borrow)]
    String(Cow<'a, str>),
    #[serde(borrow)]
    Regex(Cow<'a, str>),
}

impl Part<'_> {
    /// By how much a text can have grown after this, given by how much it can have grown before.
    fn vet(&self, before: usize, steps: &mut usize) -> Result<usize, TokenizerError> {
        *steps += 1;
        within("steps", *steps, limits::MAX_TOKENIZER_STEPS)?;
        if self.length == Some(0) {
            return Err(contradiction("a step cuts texts into pieces of no length"));
        }
        // Known by its name alone, and then unwrapped.
        if self.kind.as_deref() == Some("Precompiled") && self.precompiled_charsmap.is_none() {
            return Err(contradiction("a table of replacements (precompiled_charsmap) is missing"));
        }
        let mut growth = before;
        let mut by = |factor: usize| growth = growth.saturating_mul(factor.max(1));
        if let Some(Pattern::String(pattern) | Pattern::Regex(pattern)) = &self.pattern {
            within("bytes of a pattern", pattern.len(), limits::MAX_PATTERN_BYTES)?;
            let content = self.content.as_ref().map_or(0, |text| text.len());
            by(match &self.pattern {
                Some(Pattern::String(pattern)) if !pattern.is_empty() => content.div_ceil(pattern.len()),
                // Can match between any two characters.
                _ => 1 + content,
            });
        }
        by(1 + self.prepend.as_ref().map_or(0, |text| text.len()));
        by(self.single.0);
        if matches!(self.kind.as_deref(), Some("ByteLevel" | "Metaspace")) {
            by(2);
        }
        if let Some(charsmap) = &self.precompiled_charsmap {
            by(longest_replacement(charsmap)?);
        }
        within("times that a text can grow", growth, limits::MAX_TOKENIZER_GROWTH)?;
        for part in &self.normalizers {
            growth = part.vet(growth, steps)?;
        }
        Ok(growth)
    }
}

/// SentencePiece's table of replacements: its bytes, then the table, then texts that end with a zero.
fn longest_replacement(charsmap: &str) -> Result<usize, TokenizerError> {
    let broken = || contradiction("the table of replacements (precompiled_charsmap) is shorter than it says");
    let bytes = from_base64(charsmap).ok_or_else(broken)?;
    let (head, rest) = bytes.split_first_chunk::<4>().ok_or_else(broken)?;
    let table_bytes = u32::from_le_bytes(*head) as usize / 4 * 4;
    let texts = rest.get(table_bytes..).ok_or_else(broken)?;
    if table_bytes == 0 {
        return Err(contradiction("the table of replacements (precompiled_charsmap) is empty"));
    }
    Ok(1 + texts.split(|byte| *byte == 0).map(<[u8]>::len).max().unwrap_or(0))
}

/// How often a template repeats the text, as a list or as words.
#[derive(Default)]
struct Copies(usize);

impl<'de> Deserialize<'de> for Copies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        enum Item {
            Sequence(IgnoredAny),
            SpecialToken(IgnoredAny),
        }

        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Copies;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a template")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Copies, E> {
                Ok(Copies(text.split_whitespace().filter(|word| word.starts_with('$')).count()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Copies, A::Error> {
                let mut copies = Copies(0);
                while let Some(item) = list.next_element()? {
                    match item {
                        Item::Sequence(IgnoredAny) => copies.0 += 1,
                        Item::SpecialToken(IgnoredAny) => {}
                    }
                }
                Ok(copies)
            }
        }
        deserializer.deserialize_any(Read)
    }
}
