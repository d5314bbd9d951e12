//! Entries about the rows together.

use super::words::{Code, Entry, NOBODY_LOOKS, Severity};

pub(super) static ENTRIES: &[Entry] = &[
    Entry {
        code: Code::ExactDuplicate,
        severity: Severity::Warning,
        title: "The same row again",
        meaning: "A row equals an earlier one: it is paid for and learned twice, and may end up on both sides of a split.",
        example: "rows 14 and 902 are equal",
        fix: "Keep the first of each; the cleaned copy does so where they are the same in every column.",
        trainers: NOBODY_LOOKS,
    },
    Entry {
        code: Code::NearDuplicate,
        severity: Severity::Note,
        title: "Nearly the same row again",
        meaning: "A row shares most of its words with an earlier one.",
        example: "“Name three colours” and “Name three colours please”, with the same answer",
        fix: "Look at the groups and keep one of each where the difference teaches nothing.",
        trainers: NOBODY_LOOKS,
    },
    Entry {
        code: Code::ConflictingAnswers,
        severity: Severity::Warning,
        title: "The same prompt with different answers",
        meaning: "Equal prompts are answered differently; for labels this is noise, for free text it may be meant.",
        example: r#""Is this spam? …" answered "spam" in row 3 and "ham" in row 77"#,
        fix: "Decide on one answer for each prompt, or put what tells them apart into the prompt.",
        trainers: NOBODY_LOOKS,
    },
    Entry {
        code: Code::EvalOverlap,
        severity: Severity::Warning,
        title: "A row that is also in the evaluation file",
        meaning: "The model is trained on a row it will be tested on, so the score comes out too high.",
        example: "training row 51 equals evaluation row 8",
        fix: "Take the row out of one of the two files.",
        trainers: NOBODY_LOOKS,
    },
    Entry {
        code: Code::EvalNearOverlap,
        severity: Severity::Note,
        title: "Nearly a row of the evaluation file",
        meaning: "A training row shares most of its words with an evaluation row, so the score may come out too high.",
        example: "training row 51 differs from evaluation row 8 in one word",
        fix: "Look at the pairs and take out those that give the answer away.",
        trainers: NOBODY_LOOKS,
    },
    Entry {
        code: Code::OrderDrift,
        severity: Severity::Note,
        title: "The file changes from beginning to end",
        meaning: "Early and late rows differ (sorted by label, or several sources one after the other): without shuffling the last part weighs most.",
        example: "all spam rows first, then all ham rows",
        fix: "Shuffle the rows, and split for evaluation only after that.",
        trainers: NOBODY_LOOKS,
    },
    Entry {
        code: Code::ClassImbalance,
        severity: Severity::Note,
        title: "One answer is far more frequent than the others",
        meaning: "The outputs are labels and one of them dominates: always saying it scores high and teaches little.",
        example: "87.7 % of the rows answer “ham”",
        fix: "Add rows of the rare labels or thin out the frequent one, and report F1 beside accuracy.",
        trainers: NOBODY_LOOKS,
    },
];
