//! Everything that one pass over one example's texts yields: counts for each side, hashes of the row, its prompt
//! and its answer, and the MinHash sketch. Prompt first, then answers, whatever the order of turns.

use super::minhash::MinHasher;
use super::scan::{Listener, TextCounts, Word, scan};
use super::tokens::estimate_from_counts;
use crate::hash::{combine, hash_bytes};
use crate::schema::{Example, Role, Turn};

const CONTENT_SEED: u64 = 0xc0_7e47;
const PROMPT_SEED: u64 = 0x0009_0a97;
const ANSWER_SEED: u64 = 0xa25_3e9;
const NORMAL_SEED: u64 = 0x00_0a15;

#[derive(Debug)]
pub struct RowScan {
    pub input: TextCounts,
    pub output: TextCounts,
    /// Estimated, text by text.
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// Of the whole row as it stands, outer white space aside.
    pub content_hash: u64,
    /// None where there is no prompt.
    pub prompt_hash: Option<u64>,
    /// None where every answer is empty.
    pub answer_hash: Option<u64>,
    pub hasher: MinHasher,
    prompt: NormalPrompt,
    prompt_hasher: MinHasher,
}

/// The prompt with case, punctuation and white space aside.
#[derive(Debug, Clone, Copy)]
struct NormalPrompt {
    hash: u64,
    words: u64,
}

struct WordSink<'a, W: FnMut(u64)> {
    hasher: &'a mut MinHasher,
    normal: NormalPrompt,
    on_word: W,
    in_prompt: bool,
    /// Only the prompt is compared with evaluation prompts; the answer where there is none.
    normalise: bool,
}

impl<W: FnMut(u64)> Listener for WordSink<'_, W> {
    #[expect(clippy::inline_always, reason = "a call for every word costs a tenth of the whole pass")]
    #[inline(always)]
    fn word(&mut self, word: Word) {
        self.hasher.word(word.hash);
        if self.normalise {
            self.normal.hash = combine(self.normal.hash, word.hash);
            self.normal.words += 1;
        }
        (self.on_word)(word.hash);
    }

    #[inline]
    fn symbol(&mut self, byte: u8) {
        self.normal.hash = combine(self.normal.hash, u64::from(byte));
    }

    #[inline]
    fn newline(&mut self) {
        if self.in_prompt {
            self.hasher.newline();
        }
    }
}

impl RowScan {
    pub fn of(example: &Example<'_>) -> Self {
        Self::listening(example, |_| {})
    }

    /// `on_word` hears every word of prompt and answers.
    pub fn listening(example: &Example<'_>, on_word: impl FnMut(u64)) -> Self {
        let mut hasher = MinHasher::default();
        let mut prompt_hasher = MinHasher::default();
        let mut sink = WordSink {
            hasher: &mut hasher,
            normal: NormalPrompt { hash: NORMAL_SEED, words: 0 },
            on_word,
            in_prompt: true,
            normalise: true,
        };
        let (mut input_tokens, mut output_tokens) = (0, 0);
        let (mut input, mut output) = (TextCounts::default(), TextCounts::default());
        let (mut content, mut prompt_hash, mut answer_hash) = (CONTENT_SEED, PROMPT_SEED, ANSWER_SEED);
        let (mut has_prompt, mut has_answer) = (false, false);
        for turn in example.prompt_turns() {
            // A system text is the same for many rows; it would hide what differs.
            let counts = if turn.role == Role::System {
                scan(&turn.text, &mut Unheard)
            } else {
                let counts = scan(&turn.text, &mut sink);
                sink.hasher.end_text();
                has_prompt |= counts.bytes > 0;
                counts
            };
            input.add(&counts);
            input_tokens += estimate_from_counts(&counts);
            let hash = turn_hash(turn);
            content = combine(content, hash);
            prompt_hash = combine(prompt_hash, hash);
        }
        if let Some(tools) = &example.tools {
            let counts = scan(tools, &mut Unheard);
            input.add(&counts);
            input_tokens += estimate_from_counts(&counts);
            let hash = hash_bytes(tools.trim().as_bytes(), PROMPT_SEED);
            content = combine(content, hash);
            prompt_hash = combine(prompt_hash, hash);
        }
        let mut prompt = sink.normal;
        if has_prompt {
            prompt_hasher = sink.hasher.clone();
        }
        sink.in_prompt = false;
        sink.normalise = !has_prompt;
        for turn in example.answer_turns() {
            let counts = scan(&turn.text, &mut sink);
            sink.hasher.end_text();
            output.add(&counts);
            output_tokens += estimate_from_counts(&counts);
            let hash = turn_hash(turn);
            content = combine(content, hash);
            answer_hash = combine(answer_hash, hash);
            has_answer |= !turn.text.trim().is_empty();
        }
        if !has_prompt {
            prompt = sink.normal;
            prompt_hasher = hasher.clone();
        }
        Self {
            input,
            output,
            input_tokens,
            output_tokens,
            content_hash: content,
            prompt_hash: has_prompt.then_some(prompt_hash),
            answer_hash: has_answer.then_some(answer_hash),
            hasher,
            prompt,
            prompt_hasher,
        }
    }

    /// Hash of the normalised prompt (of the whole text where a row has none); None where it has no words.
    pub fn prompt_key(&self) -> Option<u64> {
        (self.prompt.words > 0).then_some(self.prompt.hash)
    }

    /// Sketch of the prompt alone (of the whole text where a row has none).
    pub fn prompt_hasher(&self) -> &MinHasher {
        &self.prompt_hasher
    }
}

fn turn_hash(turn: &Turn<'_>) -> u64 {
    hash_bytes(turn.text.trim().as_bytes(), turn.role as u64)
}

struct Unheard;

impl Listener for Unheard {
    fn word(&mut self, _: Word) {}
    fn symbol(&mut self, _: u8) {}
    fn newline(&mut self) {}
}
