//! Rows that survive, per trainer. Mergeable: counts are sums, and rules about the whole file are applied at the
//! end.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Columns, Outcome, SchemaSupport, Trainer, outcome, schema_support};
use crate::findings::{Code, Problem, registry};
use crate::formats::{FileFormat, FormatInfo};
use crate::schema::SchemaKind;
use crate::source::Compression;
use crate::words::counted;

/// Fewer are refused by OpenAI (its fine-tuning guide).
const OPENAI_MIN_ROWS: u64 = 10;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainerTally {
    rows: u64,
    kinds: BTreeMap<SchemaKind, u64>,
    file_problems: BTreeSet<Code>,
    counts: [TrainerCounts; 6],
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct TrainerCounts {
    rejects: u64,
    truncated: u64,
    needs_mapping: u64,
    /// Rows whose worst outcome ends the whole run or upload.
    stopping: u64,
    /// A row with several reasons counts under each.
    reasons: BTreeMap<RejectReason, u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectReason {
    Problem(Code),
    /// The trainer does not read rows of this shape.
    Schema(SchemaKind),
}

impl RejectReason {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Problem(code) => code.name(),
            Self::Schema(kind) => kind.name(),
        }
    }

    pub fn words(&self) -> String {
        match self {
            Self::Problem(code) => registry::entry(*code).title.to_owned(),
            Self::Schema(kind) => format!("Does not read this shape ({})", kind.label()),
        }
    }
}

/// What rules about the whole file look at. `problems` are the codes found for the file itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// `None` where the format was not recognised.
    pub format: Option<FileFormat>,
    pub compressed: bool,
    pub problems: Vec<Code>,
}

impl FileFacts {
    pub fn new(info: &FormatInfo, problems: Vec<Code>) -> Self {
        Self { format: Some(info.format), compressed: info.compression != Compression::None, problems }
    }
}

/// `survives + rejects` is the number of rows. Rules about the whole file stand apart from the rows: a file can be
/// refused although every row of it would survive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainerVerdict {
    pub survives: u64,
    pub rejects: u64,
    pub truncated: u64,
    /// Rows that survive once the trainer is told what the keys mean, and how.
    pub needs_mapping: u64,
    pub file_refused: bool,
    /// Sentences without a full stop, the gravest first.
    pub refused_because: Vec<String>,
    /// Commonest first.
    pub reasons: Vec<ReasonCount>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonCount {
    pub reason: String,
    pub title: String,
    pub rows: u64,
}

impl TrainerTally {
    /// `kind` is the row's shape, `None` where it could not be read or has none that is known.
    pub fn add_row(&mut self, kind: Option<SchemaKind>, columns: Columns, problems: &[Problem]) {
        self.rows += 1;
        if let Some(kind) = kind {
            *self.kinds.entry(kind).or_default() += 1;
        }
        for trainer in Trainer::ALL {
            let support = kind.map(|kind| (kind, schema_support(kind, columns, trainer)));
            self.counts[trainer as usize].add_row(trainer, support, problems);
        }
    }

    /// A problem between rows or of the file, such as an array that is cut off: it concerns all of them.
    pub fn add_file_problem(&mut self, code: Code) {
        self.file_problems.insert(code);
    }

    pub fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        self.file_problems.extend(other.file_problems);
        for (kind, rows) in other.kinds {
            *self.kinds.entry(kind).or_default() += rows;
        }
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            mine.merge(theirs);
        }
    }

    /// Rows of each shape.
    pub fn kinds(&self) -> &BTreeMap<SchemaKind, u64> {
        &self.kinds
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// `trainers` of the JSON contract, with further keys.
    pub fn finish(&self, file: &FileFacts) -> BTreeMap<String, TrainerVerdict> {
        Trainer::ALL
            .into_iter()
            .map(|trainer| (trainer.name().to_owned(), self.verdict(trainer, file)))
            .collect()
    }

    /// Titles of the problems of the whole file that stop this trainer.
    fn problem_refusals(&self, trainer: Trainer, file: &FileFacts) -> Vec<String> {
        let codes: BTreeSet<Code> = self.file_problems.iter().chain(&file.problems).copied().collect();
        let stops = |code: &Code| {
            // Too few rows has a number of its own.
            *code != Code::TooFewRows && registry::entry(*code).treatment(trainer).outcome.stops_the_file()
        };
        codes.into_iter().filter(stops).map(|code| registry::entry(code).title.to_owned()).collect()
    }

    /// Together reads tokens from Parquet, text from JSON Lines, and neither from the other.
    fn token_refusal(&self, file: &FileFacts) -> Option<String> {
        let tokens = self.kinds.contains_key(&SchemaKind::Tokenised);
        let text = self.kinds.keys().any(|kind| *kind != SchemaKind::Tokenised);
        match file.format? {
            FileFormat::Parquet if text => Some("It takes Parquet of tokens only".to_owned()),
            FileFormat::JsonLines if tokens => Some("It takes tokens as Parquet only".to_owned()),
            _ => None,
        }
    }

    fn verdict(&self, trainer: Trainer, file: &FileFacts) -> TrainerVerdict {
        let counts = &self.counts[trainer as usize];
        let survives = self.rows - counts.rejects;
        let mut refused_because = self.problem_refusals(trainer, file);
        refused_because.extend(layout_refusals(trainer, file, self.rows));
        if trainer == Trainer::Together {
            refused_because.extend(self.token_refusal(file));
        }
        if counts.stopping > 0 {
            refused_because.push(format!("{} it does not accept", counted(counts.stopping, "row")));
        }
        let mut reasons: Vec<_> = counts
            .reasons
            .iter()
            .map(|(reason, rows)| ReasonCount {
                reason: reason.name().to_owned(),
                title: reason.words(),
                rows: *rows,
            })
            .collect();
        reasons.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.reason.cmp(&b.reason)));
        TrainerVerdict {
            survives,
            rejects: counts.rejects,
            truncated: counts.truncated,
            needs_mapping: counts.needs_mapping,
            file_refused: !refused_because.is_empty(),
            refused_because,
            reasons,
        }
    }
}

impl TrainerCounts {
    fn add_row(
        &mut self,
        trainer: Trainer,
        support: Option<(SchemaKind, SchemaSupport)>,
        problems: &[Problem],
    ) {
        let mut reasons: Vec<RejectReason> = Vec::new();
        let mut stops = false;
        let mut truncates = false;
        for problem in problems {
            let outcome = outcome(trainer, problem);
            truncates |= outcome == Outcome::Truncates;
            if outcome.rejects_row() {
                stops |= outcome.stops_the_file();
                let reason = RejectReason::Problem(problem.code);
                if !reasons.contains(&reason) {
                    reasons.push(reason);
                }
            }
        }
        match support {
            Some((kind, SchemaSupport::No)) => {
                stops = true;
                reasons.push(RejectReason::Schema(kind));
            }
            None if reasons.is_empty() => {
                stops = true;
                reasons.push(RejectReason::Problem(Code::NoSchema));
            }
            _ => {}
        }
        if reasons.is_empty() {
            self.truncated += u64::from(truncates);
            self.needs_mapping += u64::from(matches!(support, Some((_, SchemaSupport::Mapping(_)))));
        } else {
            self.rejects += 1;
            self.stopping += u64::from(stops);
            for reason in reasons {
                *self.reasons.entry(reason).or_default() += 1;
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.rejects += other.rejects;
        self.truncated += other.truncated;
        self.needs_mapping += other.needs_mapping;
        self.stopping += other.stopping;
        for (reason, rows) in other.reasons {
            *self.reasons.entry(reason).or_default() += rows;
        }
    }
}

/// Rules about layout and size. Together's are in its client's source; OpenAI's are documented; the four local
/// trainers read through the `datasets` library, which knows all these layouts.
fn layout_refusals(trainer: Trainer, file: &FileFacts, rows: u64) -> Vec<String> {
    let mut refusals = Vec::new();
    match (trainer, file.format) {
        (Trainer::OpenAi, Some(format)) if format != FileFormat::JsonLines => {
            refusals.push("It takes JSON Lines only".to_owned());
        }
        (Trainer::Together, Some(format))
            if !matches!(format, FileFormat::JsonLines | FileFormat::Parquet) =>
        {
            refusals.push("It takes JSON Lines, or Parquet of tokens".to_owned());
        }
        _ => {}
    }
    if file.compressed && matches!(trainer, Trainer::OpenAi | Trainer::Together) {
        refusals.push("It takes uncompressed files only".to_owned());
    }
    if trainer == Trainer::OpenAi && rows < OPENAI_MIN_ROWS {
        refusals.push(format!("It takes {OPENAI_MIN_ROWS} rows or more"));
    }
    refusals
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const JSON_LINES: FileFacts =
        FileFacts { format: Some(FileFormat::JsonLines), compressed: false, problems: Vec::new() };

    fn problem(code: Code) -> Problem {
        Problem::new(code, "messages[1]", "found", "expected")
    }

    type Row = (Option<SchemaKind>, Vec<Problem>);

    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let kinds = [SchemaKind::Alpaca, SchemaKind::Messages, SchemaKind::Text, SchemaKind::Tokenised];
        let schema = prop::option::of(prop::sample::select(kinds.to_vec()));
        let problems = prop::collection::vec(0..Code::ALL.len(), 0..3)
            .prop_map(|codes| codes.into_iter().map(|code| problem(Code::ALL[code])).collect());
        prop::collection::vec((schema, problems), 0..60)
    }

    fn tally(rows: &[Row]) -> TrainerTally {
        let mut tally = TrainerTally::default();
        for (schema, problems) in rows {
            let columns = if problems.len() == 2 { Columns::Mapped } else { Columns::Standard };
            tally.add_row(*schema, columns, problems);
        }
        tally
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn split_and_merged_is_the_whole_and_rows_add_up(rows in rows(), cut in 0usize..60) {
            let cut = cut.min(rows.len());
            let whole = tally(&rows);
            let (first, second) = (tally(&rows[..cut]), tally(&rows[cut..]));
            let mut forwards = first.clone();
            forwards.merge(second.clone());
            let mut backwards = second;
            backwards.merge(first);
            prop_assert_eq!(&forwards, &whole);
            prop_assert_eq!(&backwards, &whole);
            let moved: TrainerTally = postcard::from_bytes(&postcard::to_stdvec(&whole).unwrap()).unwrap();
            prop_assert_eq!(&moved, &whole);
            for verdict in whole.finish(&JSON_LINES).values() {
                prop_assert_eq!(verdict.survives + verdict.rejects, rows.len() as u64);
                prop_assert!(verdict.needs_mapping <= verdict.survives);
            }
        }
    }

    #[test]
    fn two_users_in_a_row_stop_together_and_are_dropped_by_llama_factory() {
        let mut tally = TrainerTally::default();
        for row in 0..20 {
            let problems = if row < 3 { vec![problem(Code::RoleOrder)] } else { Vec::new() };
            tally.add_row(Some(SchemaKind::Messages), Columns::Standard, &problems);
        }
        let verdicts = tally.finish(&JSON_LINES);
        assert_eq!((verdicts["openai"].survives, verdicts["openai"].file_refused), (20, false));
        assert_eq!((verdicts["together"].rejects, verdicts["together"].file_refused), (3, true));
        assert_eq!((verdicts["llama_factory"].rejects, verdicts["llama_factory"].file_refused), (3, false));
        assert_eq!(verdicts["together"].refused_because, ["3 rows it does not accept"]);
        assert_eq!(verdicts["llama_factory"].needs_mapping, 17);
        assert_eq!(verdicts["together"].reasons[0].reason, "role_order");
    }

    #[test]
    fn alpaca_array_is_for_local_trainers_only() {
        let mut tally = TrainerTally::default();
        for _ in 0..50 {
            tally.add_row(Some(SchemaKind::Alpaca), Columns::Standard, &[]);
        }
        let file = FileFacts { format: Some(FileFormat::JsonArray), ..JSON_LINES };
        let verdicts = tally.finish(&file);
        for service in ["openai", "together"] {
            assert_eq!((verdicts[service].survives, verdicts[service].rejects), (0, 50));
            assert_eq!(verdicts[service].reasons[0].reason, "alpaca");
            assert!(verdicts[service].file_refused);
        }
        for local in ["axolotl", "llama_factory", "trl", "unsloth"] {
            assert_eq!((verdicts[local].survives, verdicts[local].file_refused), (50, false));
        }
    }

    #[test]
    fn together_reads_tokens_from_parquet_only() {
        let mut tally = TrainerTally::default();
        tally.add_row(Some(SchemaKind::Tokenised), Columns::Standard, &[]);
        let parquet = FileFacts { format: Some(FileFormat::Parquet), ..JSON_LINES };
        assert!(!tally.finish(&parquet)["together"].file_refused);
        assert!(tally.finish(&JSON_LINES)["together"].file_refused);
        tally.add_row(Some(SchemaKind::Text), Columns::Standard, &[]);
        assert_eq!(tally.finish(&parquet)["together"].refused_because, ["It takes Parquet of tokens only"]);
    }

    #[test]
    fn a_file_cut_off_is_refused_though_its_rows_survive() {
        let mut tally = TrainerTally::default();
        let mut part = TrainerTally::default();
        for _ in 0..20 {
            tally.add_row(Some(SchemaKind::Messages), Columns::Standard, &[]);
        }
        part.add_file_problem(Code::TruncatedFile);
        tally.merge(part);
        let verdict = &tally.finish(&JSON_LINES)["trl"];
        assert_eq!((verdict.survives, verdict.file_refused), (20, true));
        assert_eq!(verdict.refused_because, [registry::entry(Code::TruncatedFile).title]);
    }

    #[test]
    fn openai_wants_ten_rows() {
        let mut tally = TrainerTally::default();
        for _ in 0..9 {
            tally.add_row(Some(SchemaKind::Messages), Columns::Standard, &[]);
        }
        assert_eq!(tally.finish(&JSON_LINES)["openai"].refused_because, ["It takes 10 rows or more"]);
        assert!(!tally.finish(&JSON_LINES)["together"].file_refused);
    }

    #[test]
    fn json_has_the_keys_of_the_contract() {
        let value = serde_json::to_value(TrainerTally::default().finish(&JSON_LINES)).unwrap();
        let names: Vec<_> = value.as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, ["axolotl", "llama_factory", "openai", "together", "trl", "unsloth"]);
        assert_eq!(value["trl"]["survives"], 0);
        assert_eq!(value["trl"]["rejects"], 0);
    }
}
