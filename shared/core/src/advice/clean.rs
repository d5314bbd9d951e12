//! The cleaned copy: rows in, JSON Lines out, with a list of what was changed. One row at a time; only the hashes of
//! the rows written are kept, to leave out copies.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasherDefault, DefaultHasher};

use serde::{Deserialize, Serialize};

use crate::findings::text::{TextFixes, fix_text};
use crate::findings::{Code, Problem};
use crate::formats::Place;
use crate::hash::{combine, hash_bytes};
use crate::json::{Value, to_json_text};
use crate::limits::{MAX_CLEAN_HASHES, MAX_LISTED_FINDINGS};

/// The choice of fixes. Rows that cannot be read can only be left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CleanOptions {
    pub drop_exact_duplicates: bool,
    /// Rows without anything to learn: no answer, an empty one, or every answer masked.
    pub drop_empty_answers: bool,
    pub drop_refusals: bool,
    /// Rows of no known shape or with keys missing or of another type.
    pub drop_broken_rows: bool,
    /// Rows that the check found longer than the limit.
    pub drop_over_max_tokens: bool,
    pub strip_special_tokens: bool,
    pub fix_mojibake: bool,
    pub strip_control_characters: bool,
    pub normalise_roles: bool,
    pub mask_personal_data: bool,
    pub mask_secrets: bool,
}

/// Each fix by its name, with the findings that it mends.
pub const FIXES: [(&str, &[Code]); 11] = [
    ("drop_exact_duplicates", &[Code::ExactDuplicate]),
    ("drop_empty_answers", &[Code::EmptyAnswer, Code::NoAssistantTurn, Code::AllMasked]),
    ("drop_refusals", &[Code::Refusal]),
    ("drop_broken_rows", &[Code::NoSchema, Code::MissingKey, Code::WrongType, Code::LengthMismatch]),
    ("drop_over_max_tokens", &[Code::OverMaxTokens]),
    ("strip_special_tokens", &[Code::SpecialToken]),
    ("fix_mojibake", &[Code::Mojibake]),
    ("strip_control_characters", &[Code::ControlCharacters]),
    ("normalise_roles", &[Code::UnknownRole]),
    ("mask_personal_data", &[Code::PersonalData]),
    ("mask_secrets", &[Code::Secret]),
];

impl CleanOptions {
    fn text_fixes(self) -> TextFixes {
        TextFixes {
            special_tokens: self.strip_special_tokens,
            mojibake: self.fix_mojibake,
            control_characters: self.strip_control_characters,
            personal_data: self.mask_personal_data,
            secrets: self.mask_secrets,
        }
    }

    /// The code for which a row with these problems is left out.
    fn drop_reason(self, problems: &[Problem]) -> Option<Code> {
        let drops = |code: Code| match code {
            Code::EmptyAnswer | Code::NoAssistantTurn | Code::AllMasked => self.drop_empty_answers,
            Code::Refusal => self.drop_refusals,
            Code::NoSchema | Code::MissingKey | Code::WrongType | Code::LengthMismatch => {
                self.drop_broken_rows
            }
            Code::OverMaxTokens => self.drop_over_max_tokens,
            _ => false,
        };
        problems.iter().map(|problem| problem.code).find(|code| drops(*code))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFate {
    Kept,
    Changed,
    Dropped(Code),
}

/// What the copy differs in. `row` numbers are those of the original.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeList {
    pub rows_read: u64,
    pub rows_written: u64,
    pub rows_changed: u64,
    pub dropped: BTreeMap<Code, ChangeCount>,
    pub fixed: BTreeMap<Code, ChangeCount>,
    /// Copies were no longer looked for from here on: too many rows to remember.
    pub duplicates_unchecked_from_row: Option<u64>,
}

impl ChangeList {
    /// The copy holds the same rows.
    pub fn is_nothing(&self) -> bool {
        self.rows_written == self.rows_read && self.rows_changed == 0
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeCount {
    pub rows: u64,
    /// Places changed inside those rows.
    pub changes: u64,
    /// The first rows.
    pub listed_rows: Vec<u64>,
}

impl ChangeCount {
    fn add(&mut self, row: u64, changes: u64) {
        self.rows += 1;
        self.changes += changes;
        if self.listed_rows.len() < MAX_LISTED_FINDINGS {
            self.listed_rows.push(row);
        }
    }
}

#[derive(Debug)]
pub struct Cleaner {
    options: CleanOptions,
    /// 64-bit hashes of the rows written; two different rows among ten million share one with probability 3e-6.
    /// Only asked for membership, so the order inside does not matter.
    written: HashSet<u64, BuildHasherDefault<DefaultHasher>>,
    changes: ChangeList,
    /// Whether the row at hand has an object with a key twice.
    keys_repeat: bool,
}

/// The same for values that differ in white space at the ends of texts alone, which the check counts as copies too.
/// Depth is bounded by the reader (`MAX_JSON_DEPTH`).
fn hash_of(value: &Value<'_>) -> u64 {
    match value {
        Value::Null => 1,
        Value::Bool(truth) => combine(2, u64::from(*truth)),
        Value::Number(number) => combine(3, number.to_bits()),
        Value::Wide { is_negative, magnitude } => combine(4 + u64::from(*is_negative), *magnitude),
        Value::String(text) => hash_bytes(text.trim().as_bytes(), 6),
        Value::Array(items) => items.iter().fold(7, |hash, item| combine(hash, hash_of(item))),
        Value::Object(entries) => entries.iter().fold(8, |hash, (key, item)| {
            combine(combine(hash, hash_bytes(key.as_bytes(), 9)), hash_of(item))
        }),
    }
}

/// What is gone once a row that could be read is written out as JSON again.
fn is_mended_by_writing(code: Code) -> bool {
    matches!(
        code,
        Code::NotUtf8
            | Code::TrailingComma
            | Code::MissingComma
            | Code::NotStrictJson
            | Code::BadEscape
            | Code::LoneSurrogate
            | Code::RawControlCharacter
            | Code::TrailingData
            | Code::DuplicateKey
            | Code::BadQuote
    )
}

impl Cleaner {
    pub fn new(options: CleanOptions) -> Self {
        Self { options, written: HashSet::default(), changes: ChangeList::default(), keys_repeat: false }
    }

    /// Takes rows in file order. `value` is `None` where the row could not be read; `problems` are those that the
    /// check found in it. Appends a line to `out` if the row is kept.
    pub fn row(
        &mut self,
        place: Place,
        value: Option<&Value<'_>>,
        problems: &[Problem],
        out: &mut String,
    ) -> RowFate {
        self.changes.rows_read += 1;
        let Some(value) = value else {
            let code = problems.first().map_or(Code::UnreadableRow, |problem| problem.code);
            return self.dropped(code, place);
        };
        if let Some(code) = self.options.drop_reason(problems) {
            return self.dropped(code, place);
        }
        let mut fixes = BTreeMap::new();
        for problem in problems.iter().filter(|problem| is_mended_by_writing(problem.code)) {
            *fixes.entry(problem.code).or_default() += 1;
        }
        self.keys_repeat = fixes.contains_key(&Code::DuplicateKey);
        let cleaned = self.cleaned(value, &mut fixes);
        if self.is_copy(&cleaned, place) {
            return self.dropped(Code::ExactDuplicate, place);
        }
        out.push_str(&to_json_text(&cleaned));
        out.push('\n');
        self.changes.rows_written += 1;
        if fixes.is_empty() {
            return RowFate::Kept;
        }
        self.changes.rows_changed += 1;
        for (code, changes) in fixes {
            self.changes.fixed.entry(code).or_default().add(place.row, changes);
        }
        RowFate::Changed
    }

    pub fn finish(self) -> ChangeList {
        self.changes
    }

    fn dropped(&mut self, code: Code, place: Place) -> RowFate {
        self.changes.dropped.entry(code).or_default().add(place.row, 1);
        RowFate::Dropped(code)
    }

    fn is_copy(&mut self, row: &Value<'_>, place: Place) -> bool {
        if !self.options.drop_exact_duplicates {
            return false;
        }
        let hash = hash_of(row);
        if self.written.len() >= MAX_CLEAN_HASHES {
            self.changes.duplicates_unchecked_from_row.get_or_insert(place.row);
            return self.written.contains(&hash);
        }
        !self.written.insert(hash)
    }

    /// Depth is bounded by the reader (`MAX_JSON_DEPTH`).
    fn cleaned<'a>(&self, value: &'a Value<'_>, fixes: &mut BTreeMap<Code, u64>) -> Value<'a> {
        match value {
            Value::Null => Value::Null,
            Value::Bool(truth) => Value::Bool(*truth),
            Value::Wide { is_negative, magnitude } => {
                Value::Wide { is_negative: *is_negative, magnitude: *magnitude }
            }
            Value::Number(number) if number.is_finite() => Value::Number(*number),
            Value::Number(_) => {
                *fixes.entry(Code::NotANumber).or_default() += 1;
                Value::Null
            }
            Value::String(text) => Value::String(self.cleaned_text(text, fixes)),
            Value::Array(items) => Value::Array(items.iter().map(|item| self.cleaned(item, fixes)).collect()),
            Value::Object(entries) => Value::Object(self.cleaned_entries(entries, fixes)),
        }
    }

    fn cleaned_entries<'a>(
        &self,
        entries: &'a [(Cow<'_, str>, Value<'_>)],
        fixes: &mut BTreeMap<Code, u64>,
    ) -> Vec<(Cow<'a, str>, Value<'a>)> {
        let has = |name: &str| entries.iter().any(|(key, _)| key == name);
        let role_key = if has("content") && has("role") {
            Some("role")
        } else if has("value") && has("from") {
            Some("from")
        } else {
            None
        };
        let mut clean = |(key, value): &'a (Cow<'_, str>, Value<'_>)| {
            let renamed = match value {
                Value::String(role) if Some(key.as_ref()) == role_key && self.options.normalise_roles => {
                    normal_role(key, role)
                }
                _ => None,
            };
            let value = match renamed {
                Some(role) => {
                    *fixes.entry(Code::UnknownRole).or_default() += 1;
                    Value::String(Cow::Borrowed(role))
                }
                None => self.cleaned(value, fixes),
            };
            (Cow::Borrowed(key.as_ref()), value)
        };
        // Readers keep the last value of a key that stands twice, and so does the copy.
        let is_last = |index: usize| !entries[index + 1..].iter().any(|(key, _)| *key == entries[index].0);
        let kept = entries.iter().enumerate().filter(|(index, _)| !self.keys_repeat || is_last(*index));
        kept.map(|(_, entry)| clean(entry)).collect()
    }

    fn cleaned_text<'a>(&self, text: &'a str, fixes: &mut BTreeMap<Code, u64>) -> Cow<'a, str> {
        match fix_text(text, self.options.text_fixes()) {
            None => Cow::Borrowed(text),
            Some((fixed, counts)) => {
                for (code, count) in counts {
                    *fixes.entry(code).or_default() += count;
                }
                Cow::Owned(fixed)
            }
        }
    }
}

/// The role that was clearly meant; `None` where it is right already or not clear.
fn normal_role(key: &str, role: &str) -> Option<&'static str> {
    let plain = role.trim().to_lowercase();
    let meant = if key == "role" {
        match plain.as_str() {
            "user" | "human" => "user",
            "assistant" | "gpt" | "bot" | "model" | "chatgpt" | "ai" => "assistant",
            "system" => "system",
            "tool" | "observation" => "tool",
            "developer" => "developer",
            _ => return None,
        }
    } else {
        match plain.as_str() {
            "human" | "user" => "human",
            "gpt" | "assistant" | "bot" | "model" | "chatgpt" | "ai" => "gpt",
            "system" => "system",
            "observation" | "tool" => "observation",
            "function_call" => "function_call",
            _ => return None,
        }
    };
    (meant != role).then_some(meant)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json::parse;

    const ALL: CleanOptions = CleanOptions {
        drop_exact_duplicates: true,
        drop_empty_answers: true,
        drop_refusals: true,
        drop_broken_rows: true,
        drop_over_max_tokens: true,
        strip_special_tokens: true,
        fix_mojibake: true,
        strip_control_characters: true,
        normalise_roles: true,
        mask_personal_data: true,
        mask_secrets: true,
    };

    fn clean(options: CleanOptions, rows: &[(&str, &[Code])]) -> (String, ChangeList) {
        let mut cleaner = Cleaner::new(options);
        let mut out = String::new();
        for (index, (text, codes)) in rows.iter().enumerate() {
            let mut problems = Vec::new();
            let value = parse(text, &mut problems);
            problems.extend(codes.iter().map(|code| Problem::new(*code, "", "", "")));
            let place = Place { row: index as u64 + 1, line: index as u64 + 1, byte_offset: 0 };
            cleaner.row(place, value.as_ref(), &problems, &mut out);
        }
        (out, cleaner.finish())
    }

    #[test]
    fn the_list_of_fixes_is_that_of_the_options_and_drops_what_they_drop() {
        let value = |options: CleanOptions| serde_json::to_value(options).unwrap();
        let names: Vec<String> = value(ALL).as_object().unwrap().keys().cloned().collect();
        let mut listed: Vec<&str> = FIXES.iter().map(|(name, _)| *name).collect();
        listed.sort_unstable();
        assert_eq!(listed, names);
        for (name, codes) in FIXES {
            let only: CleanOptions = serde_json::from_value(serde_json::json!({ name: true })).unwrap();
            for code in codes.iter().filter(|code| **code != Code::ExactDuplicate) {
                let problem = Problem::new(*code, "", "", "");
                assert_eq!(only.drop_reason(&[problem]).is_some(), name.starts_with("drop_"), "{name}");
            }
        }
    }

    /// The check counted them as copies and the cleaned copy kept them, however often it was cleaned.
    #[test]
    fn rows_that_differ_in_white_space_at_the_ends_of_texts_are_copies() {
        let rows: &[(&str, &[Code])] = &[
            (r#"{"a":"x y","id":9007199254740993}"#, &[]),
            (r#"{"a":" x y\n","id":9007199254740993}"#, &[]),
            (r#"{"a":"x  y","id":9007199254740993}"#, &[]),
            (r#"{"a":"x y","id":9007199254740992}"#, &[]),
        ];
        let (out, changes) =
            clean(CleanOptions { drop_exact_duplicates: true, ..CleanOptions::default() }, rows);
        assert_eq!((out.lines().count(), changes.rows_written), (3, 3));
        assert!(out.contains("9007199254740993") && out.contains("9007199254740992"), "{out}");
    }

    #[test]
    fn without_fixes_the_copy_is_the_same_rows() {
        let rows: &[(&str, &[Code])] =
            &[(r#"{"a":"x<|im_end|>","n":[1,2.5,null,true]}"#, &[]), ("nonsense", &[])];
        let (out, changes) = clean(CleanOptions::default(), rows);
        assert_eq!(out, "{\"a\": \"x<|im_end|>\", \"n\": [1, 2.5, null, true]}\n");
        assert_eq!((changes.rows_read, changes.rows_written, changes.rows_changed), (2, 1, 0));
        assert_eq!(changes.dropped.values().map(|count| count.rows).sum::<u64>(), 1);
    }

    #[test]
    fn every_fix_is_listed_with_its_row() {
        let (out, changes) = clean(
            ALL,
            &[
                (r#"{"output": "CafÃ©<|im_end|>"}"#, &[]),
                (r#"{"output": "Café"}"#, &[]),
                (r#"{"output": ""}"#, &[Code::EmptyAnswer]),
                (
                    r#"{"messages": [{"role": "User ", "content": "a@b.com"}, {"role": "Bot", "content": "x"}]}"#,
                    &[],
                ),
                (r#"{"conversations": [{"from": "user", "value": "hi"}]}"#, &[]),
                (r#"{"output": "long"}"#, &[Code::OverMaxTokens]),
            ],
        );
        assert_eq!(
            out,
            "{\"output\": \"Café\"}\n\
             {\"messages\": [{\"role\": \"user\", \"content\": \"[e-mail address]\"}, {\"role\": \"assistant\", \"content\": \"x\"}]}\n\
             {\"conversations\": [{\"from\": \"human\", \"value\": \"hi\"}]}\n"
        );
        assert_eq!(changes.dropped[&Code::ExactDuplicate].listed_rows, [2]);
        assert_eq!(changes.dropped[&Code::EmptyAnswer].listed_rows, [3]);
        assert_eq!(changes.dropped[&Code::OverMaxTokens].listed_rows, [6]);
        assert_eq!(
            changes.fixed[&Code::UnknownRole],
            ChangeCount { rows: 2, changes: 3, listed_rows: vec![4, 5] }
        );
        assert_eq!(changes.fixed[&Code::Mojibake].changes, 1);
        assert_eq!((changes.rows_read, changes.rows_written, changes.rows_changed), (6, 3, 3));
    }

    /// The list left out what reading a row had mended already, and a key that stands twice was written twice.
    #[test]
    fn repairs_made_while_reading_are_listed_too() {
        let rows: &[(&str, &[Code])] = &[
            (r#"{"a": "x",}"#, &[]),
            (r#"{"a": "1", "b": {"c": 1, "c": 2}, "a": "2"}"#, &[]),
            (r"{'a': 'x', 'b': None}", &[]),
            (r#"{"a": "y"}"#, &[]),
        ];
        let (out, changes) = clean(CleanOptions::default(), rows);
        assert_eq!(
            out,
            "{\"a\": \"x\"}\n{\"b\": {\"c\": 2}, \"a\": \"2\"}\n{\"a\": \"x\", \"b\": null}\n{\"a\": \"y\"}\n"
        );
        assert_eq!((changes.rows_written, changes.rows_changed), (4, 3));
        assert_eq!(changes.fixed[&Code::TrailingComma].listed_rows, [1]);
        assert_eq!(changes.fixed[&Code::DuplicateKey].listed_rows, [2]);
        assert_eq!(changes.fixed[&Code::NotStrictJson].listed_rows, [3]);
    }

    #[test]
    fn numbers_that_json_lacks_become_null() {
        let (out, changes) = clean(CleanOptions::default(), &[(r#"{"x": NaN}"#, &[])]);
        assert_eq!(out, "{\"x\": null}\n");
        assert_eq!(changes.fixed[&Code::NotANumber].rows, 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_line_is_json_and_cleaning_again_changes_nothing(texts in prop::collection::vec("[a-c<|>_\\\\\"\n\u{1}éÃ©@.]{0,12}", 0..12)) {
            let lines: Vec<String> =
                texts.iter().map(|text| serde_json::json!({"prompt": text, "completion": "x"}).to_string()).collect();
            let rows: Vec<(&str, &[Code])> = lines.iter().map(|line| (line.as_str(), &[][..])).collect();
            let (out, changes) = clean(ALL, &rows);
            prop_assert_eq!(changes.rows_written, out.lines().count() as u64);
            let dropped: u64 = changes.dropped.values().map(|count| count.rows).sum();
            prop_assert_eq!(changes.rows_written + dropped, lines.len() as u64);
            for line in out.lines() {
                prop_assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{}", line);
            }
            let again: Vec<(&str, &[Code])> = out.lines().map(|line| (line, &[][..])).collect();
            let (second, changes) = clean(ALL, &again);
            prop_assert_eq!(second, out.clone());
            prop_assert_eq!(changes.rows_changed, 0);
        }
    }
}
