//! The accumulator: rows in, parts merged. Everything it holds is a function of the set of rows seen, and bounded.

use serde::{Deserialize, Serialize};

use super::description::Description;
use super::duplicates::{CopyTable, PromptTable};
use super::eval::{EvalIndex, OverlapCounts};
use super::labels::{AnswerTable, beginning};
use super::near::NearTable;
use super::reference::ReferenceModel;
use super::row_scan::RowScan;
use super::scan::TextCounts;
use super::sketch::{HasBytes, HashSample, Histogram, PrioritySample};
use super::spot::Spot;
use super::tokens::TokenCounter;
use crate::formats::Place;
use crate::hash::combine;
use crate::limits::{
    MAX_SAMPLE_BYTES, MAX_SAMPLE_ROWS, MAX_SAMPLE_TEXT_BYTES, MAX_TRACKED_ANSWERS, MAX_TRACKED_ROWS,
    MAX_TRACKED_SIGNATURES, MAX_TRACKED_WORDS,
};
use crate::schema::{Example, Role};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribeOptions {
    /// Rows with more tokens count as truncated.
    pub max_tokens: Option<u32>,
    /// Of the sample.
    pub seed: u64,
}

/// What every part of the same run must share. Without them the features that need them stay missing.
#[derive(Clone, Copy, Default)]
pub struct DescribeContext<'a> {
    pub tokens: Option<&'a dyn TokenCounter>,
    pub eval: Option<&'a EvalIndex>,
    pub reference: Option<&'a ReferenceModel>,
}

impl std::fmt::Debug for DescribeContext<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("DescribeContext")
            .field("tokens", &self.tokens.is_some())
            .field("eval", &self.eval.is_some())
            .field("reference", &self.reference.is_some())
            .finish()
    }
}

/// What the pipeline counted; `None` where it did not look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCounts {
    /// All records of the file, readable or not.
    pub rows: u64,
    /// Rows that became examples.
    pub valid: u64,
    pub refused: Option<u64>,
    /// Rows with special tokens of a chat template inside their text.
    pub special_tokens: Option<u64>,
}

/// One row of the sample: texts cut to `MAX_SAMPLE_TEXT_BYTES`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SampleRow {
    pub spot: Spot,
    pub content_hash: u64,
    pub answer_hash: Option<u64>,
    pub tokens_in: u64,
    pub tokens_out: u64,
    /// Prompt turns without system texts, joined by line breaks.
    pub prompt: String,
    pub answer: String,
}

impl SampleRow {
    pub fn of(example: &Example<'_>, scan: &RowScan, spot: Spot, tokens: [u64; 2]) -> Self {
        let prompts = example.prompt_turns().filter(|turn| turn.role != Role::System);
        Self {
            spot,
            content_hash: scan.content_hash,
            answer_hash: scan.answer_hash,
            tokens_in: tokens[0],
            tokens_out: tokens[1],
            prompt: joined(prompts.map(|turn| turn.text.trim())),
            answer: joined(example.answer_turns().map(|turn| turn.text.trim())),
        }
    }
}

impl HasBytes for SampleRow {
    fn size_bytes(&self) -> usize {
        self.prompt.len() + self.answer.len() + 64
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Descriptors {
    pub(super) options: DescribeOptions,
    pub(super) input: TextCounts,
    pub(super) output: TextCounts,
    pub(super) tokens_in: Histogram,
    pub(super) tokens_out: Histogram,
    pub(super) tokens_total: Histogram,
    pub(super) chars: Histogram,
    pub(super) turns: Histogram,
    /// Of all texts, estimated and as they count; tokenised rows have no text.
    pub(super) estimated_tokens: u64,
    pub(super) text_tokens: u64,
    pub(super) truncated_rows: u64,
    pub(super) empty_answer_rows: u64,
    pub(super) all_masked_rows: u64,
    pub(super) system_rows: u64,
    pub(super) copies: CopyTable,
    pub(super) prompts: PromptTable,
    pub(super) near: NearTable,
    pub(super) answers: AnswerTable,
    pub(super) words: HashSample<()>,
    pub(super) overlap: OverlapCounts,
    pub(super) sample: PrioritySample<SampleRow>,
}

impl Descriptors {
    pub fn new(options: &DescribeOptions) -> Self {
        Self {
            options: *options,
            input: TextCounts::default(),
            output: TextCounts::default(),
            tokens_in: Histogram::default(),
            tokens_out: Histogram::default(),
            tokens_total: Histogram::default(),
            chars: Histogram::default(),
            turns: Histogram::default(),
            estimated_tokens: 0,
            text_tokens: 0,
            truncated_rows: 0,
            empty_answer_rows: 0,
            all_masked_rows: 0,
            system_rows: 0,
            copies: CopyTable::new(MAX_TRACKED_ROWS),
            prompts: PromptTable::new(MAX_TRACKED_ROWS),
            near: NearTable::new(MAX_TRACKED_SIGNATURES),
            answers: AnswerTable::new(MAX_TRACKED_ANSWERS),
            words: HashSample::new(MAX_TRACKED_WORDS),
            overlap: OverlapCounts::default(),
            sample: PrioritySample::new(MAX_SAMPLE_ROWS, MAX_SAMPLE_BYTES),
        }
    }

    /// One valid example; gives its tokens, answer included. Row numbers must be those of the whole file: the
    /// sample depends on them.
    pub fn observe(&mut self, place: Place, example: &Example<'_>, context: &DescribeContext<'_>) -> u64 {
        let spot = Spot::from(place);
        let words = &mut self.words;
        let scan = RowScan::listening(example, |word| words.update(word, |()| {}));
        let (tokens_in, tokens_out) = match context.tokens {
            Some(counter) => exact_tokens(example, counter),
            None => (scan.input_tokens, scan.output_tokens),
        };
        self.estimated_tokens += scan.input_tokens + scan.output_tokens;
        self.text_tokens += tokens_in + tokens_out;
        self.input.add(&scan.input);
        self.output.add(&scan.output);
        self.tokens_in.add(tokens_in);
        self.tokens_out.add(tokens_out);
        self.tokens_total.add(tokens_in + tokens_out);
        self.chars.add(scan.input.chars + scan.output.chars);
        self.turns.add(example.turns.len() as u64);
        self.truncated_rows +=
            u64::from(self.options.max_tokens.is_some_and(|most| tokens_in + tokens_out > u64::from(most)));
        self.all_masked_rows += u64::from(example.answer_turns().next().is_none());
        self.system_rows += u64::from(example.turns.iter().any(|turn| turn.role == Role::System));

        self.copies.observe(scan.content_hash, spot);
        self.near.observe(scan.content_hash, &scan.hasher, spot);
        match scan.answer_hash {
            Some(answer) => self.observe_answer(answer, &scan, example, spot),
            None => self.empty_answer_rows += 1,
        }
        if let Some(index) = context.eval {
            self.overlap.observe(index, &scan, spot);
        }
        offer(&mut self.sample, self.options.seed, place, example, &scan, [tokens_in, tokens_out]);
        tokens_in + tokens_out
    }

    /// A row that is tokens already: only its lengths are known.
    pub fn observe_tokenised(&mut self, total: u64, trained: u64) {
        self.tokens_in.add(total.saturating_sub(trained));
        self.tokens_out.add(trained);
        self.tokens_total.add(total);
        self.truncated_rows += u64::from(self.options.max_tokens.is_some_and(|most| total > u64::from(most)));
        self.all_masked_rows += u64::from(trained == 0);
    }

    fn observe_answer(&mut self, answer: u64, scan: &RowScan, example: &Example<'_>, spot: Spot) {
        if let Some(prompt) = scan.prompt_hash {
            self.prompts.observe(prompt, answer, spot);
        }
        let text = example.answer_turns().map(|turn| turn.text.trim()).find(|text| !text.is_empty());
        self.answers.observe(answer, text.unwrap_or_default(), scan.output.bytes, spot);
    }

    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.input.add(&other.input);
        self.output.add(&other.output);
        self.tokens_in.merge(&other.tokens_in);
        self.tokens_out.merge(&other.tokens_out);
        self.tokens_total.merge(&other.tokens_total);
        self.chars.merge(&other.chars);
        self.turns.merge(&other.turns);
        self.estimated_tokens += other.estimated_tokens;
        self.text_tokens += other.text_tokens;
        self.truncated_rows += other.truncated_rows;
        self.empty_answer_rows += other.empty_answer_rows;
        self.all_masked_rows += other.all_masked_rows;
        self.system_rows += other.system_rows;
        self.copies.merge(other.copies);
        self.prompts.merge(other.prompts);
        self.near.merge(other.near);
        self.answers.merge(other.answers);
        self.words.merge(other.words);
        self.overlap.merge(other.overlap);
        self.sample.merge(other.sample);
        self
    }

    pub fn finish(&self, context: &DescribeContext<'_>, counts: &RowCounts) -> Description {
        super::finish::describe(self, context, counts)
    }
}

/// One row of the file to its sample.
pub(super) fn offer(
    sample: &mut PrioritySample<SampleRow>,
    seed: u64,
    place: Place,
    example: &Example<'_>,
    scan: &RowScan,
    tokens: [u64; 2],
) {
    let priority = combine(scan.content_hash ^ seed, place.row);
    if sample.wants(priority, place.row) {
        sample.insert(priority, place.row, SampleRow::of(example, scan, place.into(), tokens));
    }
}

fn exact_tokens(example: &Example<'_>, counter: &dyn TokenCounter) -> (u64, u64) {
    let (mut tokens_in, mut tokens_out) = (0, 0);
    for turn in &example.turns {
        let tokens = u64::from(counter.count(&turn.text));
        *(if turn.trained { &mut tokens_out } else { &mut tokens_in }) += tokens;
    }
    (tokens_in + example.tools.as_deref().map_or(0, |tools| u64::from(counter.count(tools))), tokens_out)
}

fn joined<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut whole = String::new();
    for text in texts {
        if !whole.is_empty() {
            whole.push('\n');
        }
        whole.push_str(beginning(text, MAX_SAMPLE_TEXT_BYTES - whole.len().min(MAX_SAMPLE_TEXT_BYTES)));
    }
    whole.truncate(beginning(&whole, MAX_SAMPLE_TEXT_BYTES).len());
    whole
}
