//! What each of six trainers does with a row or a file: one row of outcomes per finding code (in the findings'
//! registry), one table of shapes, and a mergeable tally of the rows that survive.

mod schemas;
mod tally;

use serde::{Deserialize, Serialize};

pub use schemas::{Columns, SchemaSupport, schema_support};
pub use tally::{FileFacts, ReasonCount, RejectReason, TrainerTally, TrainerVerdict};

use crate::findings::{Code, Problem, registry};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trainer {
    #[serde(rename = "openai")]
    OpenAi,
    Together,
    Axolotl,
    LlamaFactory,
    Trl,
    Unsloth,
}

impl Trainer {
    pub const ALL: [Self; 6] =
        [Self::OpenAi, Self::Together, Self::Axolotl, Self::LlamaFactory, Self::Trl, Self::Unsloth];

    /// The key of the JSON contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Together => "together",
            Self::Axolotl => "axolotl",
            Self::LlamaFactory => "llama_factory",
            Self::Trl => "trl",
            Self::Unsloth => "unsloth",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::OpenAi => "OpenAI",
            Self::Together => "Together",
            Self::Axolotl => "Axolotl",
            Self::LlamaFactory => "LLaMA-Factory",
            Self::Trl => "TRL",
            Self::Unsloth => "Unsloth",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Trains on it as it stands.
    Accepts,
    /// Trains on a shortened row.
    Truncates,
    /// Leaves the row out, often with no more than a line in a log.
    DropsRow,
    /// Stops with an exception; nothing is trained.
    Raises,
    /// Validates the upload and refuses all of it.
    RefusesFile,
    /// Nothing seen that says; counted as accepted.
    NotKnown,
}

impl Outcome {
    pub fn rejects_row(self) -> bool {
        matches!(self, Self::DropsRow | Self::Raises | Self::RefusesFile)
    }

    pub fn stops_the_file(self) -> bool {
        matches!(self, Self::Raises | Self::RefusesFile)
    }

    /// Third person, to stand after a trainer's name.
    pub fn words(self) -> &'static str {
        match self {
            Self::Accepts => "accepts it",
            Self::Truncates => "cuts the row",
            Self::DropsRow => "drops the row",
            Self::Raises => "stops with an error",
            Self::RefusesFile => "refuses the file",
            Self::NotKnown => "not known",
        }
    }
}

/// How well an outcome is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// Read in the trainer's own source.
    Source,
    /// Read in its documentation, its examples or its issue threads.
    Documented,
    /// General knowledge, not looked up.
    General,
}

impl Provenance {
    pub fn words(self) -> &'static str {
        match self {
            Self::Source => "read in its source",
            Self::Documented => "documented",
            Self::General => "general knowledge",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Treatment {
    pub outcome: Outcome,
    pub provenance: Provenance,
}

/// What a trainer does about one problem: the registry's outcome, narrowed by what was found where.
pub fn outcome(trainer: Trainer, problem: &Problem) -> Outcome {
    let listed = registry::entry(problem.code).treatment(trainer).outcome;
    match (trainer, problem.code) {
        // OpenAI's own vocabularies only: another model's marks are ordinary text there.
        (Trainer::OpenAi, Code::SpecialToken)
            if !crate::findings::text::is_openai_special_token(&problem.found) =>
        {
            Outcome::Accepts
        }
        // Together's check compares the columns of a row, not the keys inside a message.
        (Trainer::Together, Code::UnknownKey) if problem.path.contains(['[', '.']) => Outcome::Accepts,
        _ => listed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contract_names_equal_serialised_names() {
        for trainer in Trainer::ALL {
            assert_eq!(serde_json::to_string(&trainer).unwrap(), format!("\"{}\"", trainer.name()));
        }
    }

    #[test]
    fn openai_refuses_only_marks_of_its_own_vocabularies() {
        let found = |token: &str| Problem::new(Code::SpecialToken, "output", token, "plain text");
        assert_eq!(outcome(Trainer::OpenAi, &found("<|fim_suffix|>")), Outcome::RefusesFile);
        assert_eq!(outcome(Trainer::OpenAi, &found("<|eot_id|>")), Outcome::Accepts);
    }

    #[test]
    fn together_looks_at_columns_not_at_message_keys() {
        let at = |path: &str| Problem::new(Code::UnknownKey, path, "\"id\"", "no other keys");
        assert_eq!(outcome(Trainer::Together, &at("id")), Outcome::RefusesFile);
        assert_eq!(outcome(Trainer::Together, &at("messages[0].id")), Outcome::Accepts);
    }
}
