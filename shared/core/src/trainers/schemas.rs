//! Which shapes each trainer reads by itself, which after configuration, and which not at all. OpenAI's and
//! Together's rows and those of LLaMA-Factory are from their source or documentation, TRL's and Axolotl's from their
//! documentation, Unsloth's are general knowledge (it trains through TRL).

use serde::Serialize;

use super::Trainer;
use crate::schema::SchemaKind;

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

/// In the order of `Trainer::ALL`: OpenAI, Together, Axolotl, LLaMA-Factory, TRL, Unsloth.
fn row(kind: SchemaKind) -> [SchemaSupport; 6] {
    match kind {
        SchemaKind::Messages => [Native, Native, Native, LF_TAGS, Native, Native],
        SchemaKind::BareMessages => [No, No, No, No, No, No],
        SchemaKind::Sharegpt => [No, No, AXOLOTL_FIELDS, Native, STANDARDISE, STANDARDISE],
        SchemaKind::Alpaca => [No, No, Native, Native, FORMATTING, FORMATTING],
        SchemaKind::AlpacaResponse
        | SchemaKind::QuestionAnswer
        | SchemaKind::Oasst
        | SchemaKind::Orca
        | SchemaKind::Summary
        | SchemaKind::ContextQuestion
        | SchemaKind::MultipleChoice
        | SchemaKind::MessagePair => [No, No, Native, LF_COLUMNS, FORMATTING, FORMATTING],
        SchemaKind::Dolly => [No, No, AXOLOTL_FIELDS, LF_COLUMNS, FORMATTING, FORMATTING],
        SchemaKind::PromptCompletion => [No, Native, AXOLOTL_FIELDS, LF_COLUMNS, Native, Native],
        SchemaKind::PromptCompletionChat => [No, No, AXOLOTL_FIELDS, No, Native, Native],
        SchemaKind::Text => [No, Native, Native, LF_COLUMNS, Native, Native],
        SchemaKind::Segments => [No, No, Native, No, No, No],
        // Together takes tokens as Parquet only, which is a rule about the file.
        SchemaKind::Tokenised => [No, Native, Native, No, Native, Native],
        SchemaKind::Preference => [No, No, AXOLOTL_RL, LF_RANKING, Native, Native],
        SchemaKind::PreferenceChat => [No, No, AXOLOTL_RL, No, Native, Native],
        SchemaKind::PreferenceAlpaca => [No, No, AXOLOTL_RL, LF_RANKING, RENAME, RENAME],
        SchemaKind::PreferenceSharegpt => [No, No, AXOLOTL_RL, LF_RANKING, No, No],
        SchemaKind::PreferenceOpenai => [Native, Native, No, No, No, No],
        SchemaKind::PreferenceResponses | SchemaKind::PreferenceAutotrain => {
            [No, No, AXOLOTL_RL, LF_RANKING, RENAME, RENAME]
        }
        SchemaKind::Unpaired | SchemaKind::UnpairedChat => [No, No, AXOLOTL_RL, LF_KTO, Native, Native],
        SchemaKind::UnpairedAlpaca => [No, No, AXOLOTL_RL, LF_KTO, RENAME, RENAME],
        SchemaKind::UnpairedSharegpt | SchemaKind::UnpairedMessages => [No, No, No, LF_KTO, No, No],
    }
}

/// How the columns of a row are named, where its shape has more than one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Columns {
    /// As the shape's trainers name them.
    Standard,
    /// As the user said. For the trainers the file keeps its own names: services refuse them, the local ones can be
    /// told.
    Mapped,
    /// Messages under `conversations`, to which TRL and Unsloth give the right name.
    Conversations,
    /// Messages under `texts`.
    Texts,
    /// A system text in a column of its own beside the messages: LLaMA-Factory reads it, services refuse the column.
    SystemBeside,
}

pub fn schema_support(kind: SchemaKind, columns: Columns, trainer: Trainer) -> SchemaSupport {
    match (columns, trainer) {
        (Columns::Standard, _) => return row(kind)[trainer as usize],
        (Columns::SystemBeside, Trainer::OpenAi | Trainer::Together) => return No,
        (Columns::SystemBeside, _) => return row(kind)[trainer as usize],
        (Columns::Conversations, Trainer::Trl | Trainer::Unsloth) => return row(kind)[trainer as usize],
        (Columns::Conversations | Columns::Texts, Trainer::LlamaFactory) => return LF_TAGS,
        _ => {}
    }
    match trainer {
        Trainer::OpenAi | Trainer::Together => No,
        Trainer::Axolotl => AXOLOTL_FIELDS,
        Trainer::LlamaFactory => LF_COLUMNS,
        Trainer::Trl | Trainer::Unsloth => RENAME,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_but_the_bare_list_has_a_trainer() {
        for kind in SchemaKind::ALL {
            let read =
                Trainer::ALL.iter().any(|trainer| schema_support(*kind, Columns::Standard, *trainer) != No);
            assert_eq!(read, *kind != SchemaKind::BareMessages, "{}", kind.name());
        }
    }

    #[test]
    fn services_do_not_know_a_mapping() {
        assert_eq!(schema_support(SchemaKind::Messages, Columns::Mapped, Trainer::OpenAi), No);
        assert_eq!(schema_support(SchemaKind::Alpaca, Columns::Mapped, Trainer::LlamaFactory), LF_COLUMNS);
    }

    #[test]
    fn services_read_messages_under_that_name_alone() {
        let of = |columns, trainer| schema_support(SchemaKind::Messages, columns, trainer);
        for service in [Trainer::OpenAi, Trainer::Together] {
            assert_eq!(of(Columns::Standard, service), Native);
            for columns in [Columns::Conversations, Columns::Texts, Columns::SystemBeside] {
                assert_eq!(of(columns, service), No, "{columns:?}");
            }
        }
        assert_eq!(of(Columns::Conversations, Trainer::Trl), Native);
        assert_eq!(of(Columns::Texts, Trainer::Trl), RENAME);
        assert_eq!(of(Columns::SystemBeside, Trainer::Axolotl), Native);
        assert_eq!(of(Columns::Conversations, Trainer::Axolotl), AXOLOTL_FIELDS);
    }
}
