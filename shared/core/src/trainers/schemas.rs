//! Which shapes each trainer reads by itself, which after configuration, and which not at all. Keyed by the
//! schema's stable name.

use serde::Serialize;

use super::Trainer;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaSupport {
    Native,
    /// Readable once the trainer is told what the keys mean; the text says how.
    Mapping(&'static str),
    No,
}

use SchemaSupport::{Mapping, Native, No};

const LF_COLUMNS: SchemaSupport = Mapping("name the columns in dataset_info.json");
const LF_TAGS: SchemaSupport = Mapping("set formatting and role tags in dataset_info.json");
const LF_RANKING: SchemaSupport = Mapping("set ranking and the columns in dataset_info.json");
const LF_KTO: SchemaSupport = Mapping("name the kto_tag column in dataset_info.json");
const AXOLOTL_FIELDS: SchemaSupport = Mapping("name the fields in the dataset's configuration");
const AXOLOTL_RL: SchemaSupport = Mapping("set rl and the type that matches the columns");
const FORMATTING: SchemaSupport = Mapping("give a formatting function");
const RENAME: SchemaSupport = Mapping("rename the columns");
const STANDARDISE: SchemaSupport = Mapping("convert the turns to role and content first");

/// A file of tokens: Together reads it as Parquet only, which the layout rule checks.
#[rustfmt::skip]
static TABLE: &[(&str, [SchemaSupport; 6])] = &[
    // name                           OpenAI  Together Axolotl        LLaMA-Factory TRL         Unsloth
    ("openai_messages",              [Native, Native,  Native,        LF_TAGS,      Native,      Native]),
    ("sharegpt",                     [No,     No,      AXOLOTL_FIELDS, Native,      STANDARDISE, STANDARDISE]),
    ("alpaca",                       [No,     No,      Native,        Native,       FORMATTING,  FORMATTING]),
    ("alpaca_response",              [No,     No,      Native,        LF_COLUMNS,   FORMATTING,  FORMATTING]),
    ("question_answer",              [No,     No,      Native,        LF_COLUMNS,   FORMATTING,  FORMATTING]),
    ("instruction_response_upper",   [No,     No,      Native,        LF_COLUMNS,   FORMATTING,  FORMATTING]),
    ("system_prompt_question_response", [No,  No,      Native,        LF_COLUMNS,   FORMATTING,  FORMATTING]),
    ("article_summary",              [No,     No,      Native,        LF_COLUMNS,   FORMATTING,  FORMATTING]),
    ("article_question_answer",      [No,     No,      Native,        LF_COLUMNS,   FORMATTING,  FORMATTING]),
    ("question_choices_solution",    [No,     No,      Native,        LF_COLUMNS,   FORMATTING,  FORMATTING]),
    ("message_pair",                 [No,     No,      Native,        LF_COLUMNS,   FORMATTING,  FORMATTING]),
    ("prompt_completion",            [No,     Native,  AXOLOTL_FIELDS, LF_COLUMNS,  Native,      Native]),
    ("prompt_completion_messages",   [No,     No,      AXOLOTL_FIELDS, No,          Native,      Native]),
    ("text",                         [No,     Native,  Native,        LF_COLUMNS,   Native,      Native]),
    ("segments",                     [No,     No,      Native,        No,           No,          No]),
    ("tokenised",                    [No,     Native,  Native,        No,           Native,      Native]),
    ("preference",                   [No,     No,      AXOLOTL_RL,    LF_RANKING,   Native,      Native]),
    ("preference_messages",          [No,     No,      AXOLOTL_RL,    No,           Native,      Native]),
    ("preference_sharegpt",          [No,     No,      AXOLOTL_RL,    LF_RANKING,   No,          No]),
    ("preference_openai",            [Native, Native,  No,            No,           No,          No]),
    ("preference_responses",         [No,     No,      AXOLOTL_RL,    LF_RANKING,   RENAME,      RENAME]),
    ("preference_autotrain",         [No,     No,      AXOLOTL_RL,    LF_RANKING,   RENAME,      RENAME]),
    ("unpaired",                     [No,     No,      AXOLOTL_RL,    LF_KTO,       Native,      Native]),
    ("unpaired_kto_tag",             [No,     No,      AXOLOTL_RL,    Native,       RENAME,      RENAME]),
    // Columns that the user named: for the trainers the file keeps its own names.
    ("mapped",                       [No,     No,      AXOLOTL_FIELDS, LF_COLUMNS,  FORMATTING,  FORMATTING]),
];

/// Names that have a row in the table.
pub const SCHEMA_NAMES: fn() -> Vec<&'static str> = || TABLE.iter().map(|(name, _)| *name).collect();

/// An unknown name is supported by nobody.
pub fn schema_support(schema: &str, trainer: Trainer) -> SchemaSupport {
    TABLE.iter().find(|(name, _)| *name == schema).map_or(No, |(_, row)| row[trainer as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_shape_has_a_trainer() {
        let mut names = SCHEMA_NAMES();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TABLE.len());
        for (name, row) in TABLE {
            assert!(row.iter().any(|support| *support != No), "{name}");
        }
        assert_eq!(schema_support("nonsense", Trainer::Trl), No);
    }
}
