//! One worker's share of a check: batches in, a partial result out. Partial results of any split of the
//! file merge, in any order, to the identical whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::CheckOptions;
use super::locate::path_of;
use crate::describe::{DescribeContext, Descriptors};
use crate::findings::text::check_text;
use crate::findings::{Code, FindingCollector, Problem, Severity, registry};
use crate::formats::{Batch, Place, RecordParser};
use crate::hash::hash_bytes;
use crate::json::Value;
use crate::limits::MAX_REPORTED_COLUMNS;
use crate::schema::{self, Example, SchemaKind};
use crate::trainers::{Columns, TrainerTally};

/// Sees each record with its problems; the value is missing where the record could not be read.
pub type RowVisitor<'a> = dyn FnMut(Place, Option<&Value<'_>>, &[Problem]) + 'a;

/// What one worker found. Serialisable, so that browser workers can send it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Partial {
    pub(super) rows: u64,
    /// Rows that became an example and have no finding of severity error.
    pub(super) rows_valid: u64,
    /// Rows that became an example.
    pub(super) examples: u64,
    pub(super) schemas: BTreeMap<SchemaKind, u64>,
    /// Columns of the first row that has no known shape.
    pub(super) unmapped: Option<(u64, Vec<String>)>,
    pub(super) findings: FindingCollector,
    pub(super) trainers: TrainerTally,
    pub(super) descriptors: Descriptors,
    pub(super) refused_rows: u64,
    pub(super) special_token_rows: u64,
    pub(super) encodings: RowEncodings,
    /// Sum of the hashes of all records: the same for the same rows in any order.
    pub(super) fingerprint: u64,
}

impl Partial {
    pub fn new(options: &CheckOptions) -> Self {
        Self {
            rows: 0,
            rows_valid: 0,
            examples: 0,
            schemas: BTreeMap::new(),
            unmapped: None,
            findings: FindingCollector::default(),
            trainers: TrainerTally::default(),
            descriptors: Descriptors::new(&options.describe()),
            refused_rows: 0,
            special_token_rows: 0,
            encodings: RowEncodings::default(),
            fingerprint: 0,
        }
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.rows += other.rows;
        self.rows_valid += other.rows_valid;
        self.examples += other.examples;
        for (kind, rows) in other.schemas {
            *self.schemas.entry(kind).or_default() += rows;
        }
        self.unmapped = match (self.unmapped, other.unmapped) {
            (Some(mine), Some(theirs)) => Some(if mine.0 <= theirs.0 { mine } else { theirs }),
            (mine, theirs) => mine.or(theirs),
        };
        self.findings.merge(other.findings);
        self.trainers.merge(other.trainers);
        self.descriptors = self.descriptors.merge(other.descriptors);
        self.refused_rows += other.refused_rows;
        self.special_token_rows += other.special_token_rows;
        self.encodings.utf8 += other.encodings.utf8;
        self.encodings.decoded += other.encodings.decoded;
        self.fingerprint = self.fingerprint.wrapping_add(other.fingerprint);
        self
    }
}

/// Rows that tell encodings apart, which those of plain ASCII do not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RowEncodings {
    /// UTF-8 with characters outside ASCII.
    utf8: u64,
    /// Not UTF-8, and read as Windows-1252.
    decoded: u64,
}

impl RowEncodings {
    /// One damaged row among many that are UTF-8 is damage; the other way round it is another encoding.
    pub(super) fn is_windows_1252(self) -> bool {
        const SHARE: u64 = 10;
        self.decoded > 0 && self.utf8 * SHARE <= self.decoded
    }

    pub(super) fn decoded(self) -> u64 {
        self.decoded
    }

    fn count(&mut self, raw: &[u8], problems: &[Problem]) {
        if problems.iter().any(|problem| problem.code == Code::NotUtf8) {
            self.decoded += 1;
        } else if !raw.is_ascii() {
            self.utf8 += 1;
        }
    }
}

/// Checks batches of one file. Each worker has its own.
#[derive(Debug)]
pub struct Checker<'a> {
    parser: RecordParser,
    rows: RowChecker<'a>,
}

impl<'a> Checker<'a> {
    pub fn new(parser: RecordParser, options: &CheckOptions, context: DescribeContext<'a>) -> Self {
        Self {
            parser,
            rows: RowChecker { options: options.clone(), context, partial: Partial::new(options) },
        }
    }

    pub fn push(&mut self, batch: &Batch) {
        self.push_visiting(batch, &mut |_, _, _| {});
    }

    /// The same, and shows each record with its problems to `visit`: the cleaned copy is written from there.
    pub fn push_visiting(&mut self, batch: &Batch, visit: &mut RowVisitor<'_>) {
        let Self { parser, rows } = self;
        for placed in &batch.problems {
            rows.partial.findings.add_row(placed.place, std::slice::from_ref(&placed.problem));
            rows.partial.trainers.add_file_problem(placed.problem.code);
        }
        for index in 0..batch.len() {
            let record = parser.parse(batch, index);
            rows.partial.rows += 1;
            rows.partial.fingerprint = rows.partial.fingerprint.wrapping_add(hash_bytes(batch.raw(index), 0));
            rows.partial.encodings.count(batch.raw(index), &record.problems);
            let problems = rows.row(record.place, record.value.as_ref(), record.problems);
            visit(record.place, record.value.as_ref(), &problems);
        }
    }

    pub fn rows(&self) -> u64 {
        self.rows.partial.rows
    }

    /// Findings so far by code, for those who wait.
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.rows.partial.findings.counts()
    }

    pub fn into_partial(self) -> Partial {
        self.rows.partial
    }
}

/// What the rules for texts find in one example.
pub(super) fn text_problems(value: &Value<'_>, example: &Example<'_>, problems: &mut Vec<Problem>) {
    for turn in &example.turns {
        check_text(turn.role, turn.trained, &turn.text, || path_of(value, &turn.text), problems);
    }
}

#[derive(Debug)]
struct RowChecker<'a> {
    options: CheckOptions,
    context: DescribeContext<'a>,
    partial: Partial,
}

impl RowChecker<'_> {
    fn row(&mut self, place: Place, value: Option<&Value<'_>>, mut problems: Vec<Problem>) -> Vec<Problem> {
        let converted =
            value.and_then(|value| schema::convert(value, self.options.mapping.as_ref(), &mut problems));
        let kind = converted.as_ref().map(|converted| converted.kind);
        if let (Some(converted), Some(value)) = (&converted, value) {
            let tokens = match converted.tokens {
                Some(tokens) => {
                    self.partial.descriptors.observe_tokenised(tokens.total, tokens.trained);
                    tokens.total
                }
                None => self.example(place, value, &converted.example, &mut problems),
            };
            self.limit(tokens, &mut problems);
            self.partial.examples += 1;
            *self.partial.schemas.entry(converted.kind).or_default() += 1;
        } else if let Some(value) = value {
            self.remember_columns(place, value);
        }
        let has_error =
            problems.iter().any(|problem| registry::entry(problem.code).severity == Severity::Error);
        self.partial.rows_valid += u64::from(kind.is_some() && !has_error);
        let columns = if self.options.mapping.is_some() {
            Columns::Mapped
        } else {
            converted.as_ref().map_or(Columns::Standard, |converted| converted.columns)
        };
        self.partial.trainers.add_row(kind, columns, &problems);
        if !problems.is_empty() {
            self.partial.findings.add_row(place, &problems);
        }
        problems
    }

    /// Text rules and descriptors of one example; gives its tokens.
    fn example(
        &mut self,
        place: Place,
        value: &Value<'_>,
        example: &Example<'_>,
        problems: &mut Vec<Problem>,
    ) -> u64 {
        let before = problems.len();
        text_problems(value, example, problems);
        let has = |code: Code| problems[before..].iter().any(|problem| problem.code == code);
        self.partial.refused_rows += u64::from(has(Code::Refusal));
        self.partial.special_token_rows += u64::from(has(Code::SpecialToken));
        self.partial.descriptors.observe(place, example, &self.context)
    }

    fn limit(&self, tokens: u64, problems: &mut Vec<Problem>) {
        if let Some(limit) = self.options.max_tokens
            && tokens > u64::from(limit)
        {
            let expected = format!("at most {limit}; the end of the row would be cut off");
            problems.push(Problem::new(Code::OverMaxTokens, "", format!("{tokens} tokens"), expected));
        }
    }

    fn remember_columns(&mut self, place: Place, value: &Value<'_>) {
        if self.partial.unmapped.as_ref().is_none_or(|(row, _)| place.row < *row)
            && let Value::Object(entries) = value
        {
            let columns =
                entries.iter().take(MAX_REPORTED_COLUMNS).map(|(name, _)| name.to_string()).collect();
            self.partial.unmapped = Some((place.row, columns));
        }
    }
}
