//! The one table of findings: severity, wording, example, fix and what each trainer does. The page, the command
//! line and `docs/findings.md` read it; nothing words a finding elsewhere.

mod dataset;
mod docs;
mod file;
mod row;
mod shape;
mod text;

use std::sync::OnceLock;

use serde::Serialize;

pub use docs::markdown;

use super::{Code, Severity};
use crate::trainers::{Outcome, Provenance, Trainer, Treatment};

/// `title` is a label: sentence case, no full stop. The other texts are whole sentences, except the example,
/// which is a row or a piece of a file.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Entry {
    pub code: Code,
    pub severity: Severity,
    pub title: &'static str,
    pub meaning: &'static str,
    pub example: &'static str,
    pub fix: &'static str,
    /// In the order of `Trainer::ALL`.
    pub trainers: [Treatment; 6],
}

impl Entry {
    pub fn treatment(&self, trainer: Trainer) -> Treatment {
        self.trainers[trainer as usize]
    }
}

static SECTIONS: [(&str, &[Entry]); 5] = [
    ("The file as a whole", file::ENTRIES),
    ("Reading a row", row::ENTRIES),
    ("The shape of a row", shape::ENTRIES),
    ("The text of a row", text::ENTRIES),
    ("The rows together", dataset::ENTRIES),
];

pub fn entries() -> impl Iterator<Item = &'static Entry> {
    SECTIONS.iter().flat_map(|(_, entries)| entries.iter())
}

pub fn entry(code: Code) -> &'static Entry {
    static BY_CODE: OnceLock<Vec<Option<&'static Entry>>> = OnceLock::new();
    let table = BY_CODE
        .get_or_init(|| Code::ALL.iter().map(|code| entries().find(|entry| entry.code == *code)).collect());
    table[code as usize].expect("a test keeps one entry for every code")
}

const fn seen(outcome: Outcome) -> Treatment {
    Treatment { outcome, provenance: Provenance::Source }
}

const fn documented(outcome: Outcome) -> Treatment {
    Treatment { outcome, provenance: Provenance::Documented }
}

const fn general(outcome: Outcome) -> Treatment {
    Treatment { outcome, provenance: Provenance::General }
}

/// Short names for the tables.
mod words {
    pub(super) use super::{Entry, documented, general, seen};
    pub(super) use crate::findings::{Code, Severity};
    pub(super) use crate::trainers::Outcome::{Accepts, DropsRow, NotKnown, Raises, RefusesFile, Truncates};
    pub(super) use crate::trainers::Treatment;

    /// Together and LLaMA-Factory do not look at it in the source that was read; of the others it is general
    /// knowledge that they check shapes, not content.
    pub(super) const NOBODY_LOOKS: [Treatment; 6] = [
        general(Accepts),
        seen(Accepts),
        general(Accepts),
        seen(Accepts),
        general(Accepts),
        general(Accepts),
    ];

    /// Services validate the upload; the four local ones stop when the `datasets` library cannot read it.
    pub(super) const UNREADABLE: [Treatment; 6] = [
        general(RefusesFile),
        seen(RefusesFile),
        general(Raises),
        general(Raises),
        general(Raises),
        general(Raises),
    ];

    pub(super) const UNKNOWN: [Treatment; 6] = [general(NotKnown); 6];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_exactly_one_entry() {
        assert_eq!(entries().count(), Code::ALL.len());
        for code in Code::ALL {
            assert_eq!(entry(*code).code, *code);
        }
    }

    /// The wording rules of the page: sentence case, no full stop in labels, no exclamation marks, no blame.
    #[test]
    fn wording_follows_the_rules() {
        for entry in entries() {
            let name = entry.code.name();
            let title = entry.title;
            assert!(title.starts_with(|first: char| first.is_ascii_uppercase()), "{name}: {title}");
            assert!(!title.ends_with(['.', '!', '…']), "{name}: {title}");
            assert!(title.chars().count() <= 60, "{name}: {title}");
            let capitalised = |word: &str| {
                word.len() > 1
                    && word.starts_with(|first: char| first.is_ascii_uppercase())
                    && !word.chars().any(|character| character.is_ascii_digit())
                    && word != word.to_uppercase()
            };
            assert!(!title.split(' ').skip(1).any(capitalised), "not sentence case: {title}");
            for text in [entry.meaning, entry.fix] {
                assert!(text.ends_with('.'), "{name}: {text}");
                assert!(text.starts_with(|first: char| first.is_uppercase()), "{name}: {text}");
            }
            for text in [title, entry.meaning, entry.fix] {
                assert!(!text.contains('!'), "{name}: {text}");
                for blame in ["invalid", "wrong data", "bad data", "you must", "simply", "just "] {
                    assert!(!text.to_lowercase().contains(blame), "{name}: {text}");
                }
            }
            assert!(!entry.example.trim().is_empty(), "{name}");
        }
    }

    #[test]
    fn titles_are_unique() {
        let mut titles: Vec<_> = entries().map(|entry| entry.title).collect();
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), Code::ALL.len());
    }

    #[test]
    fn treatments_stand_in_the_order_of_trainers() {
        for (index, trainer) in Trainer::ALL.into_iter().enumerate() {
            assert_eq!(trainer as usize, index);
        }
        let order = entry(Code::RoleOrder);
        assert_eq!(order.treatment(Trainer::Together).outcome, Outcome::RefusesFile);
        assert_eq!(order.treatment(Trainer::LlamaFactory).outcome, Outcome::DropsRow);
    }
}
