//! The answer in one line: which trainers take the file, which do not, and why.

use std::collections::BTreeMap;

use crate::findings::Code;
use crate::schema::SchemaKind;
use crate::trainers::{Trainer, TrainerVerdict};
use crate::words::counted;

/// For example “Ready for OpenAI and TRL; Together would refuse it: 12 rows”.
pub fn verdict_line(rows: u64, trainers: &BTreeMap<String, TrainerVerdict>) -> String {
    if rows == 0 {
        return "No row could be read".to_owned();
    }
    let of = |trainer: Trainer| trainers.get(trainer.name());
    let mut ready = Vec::new();
    let mut after_mapping = Vec::new();
    // Trainers with the same objection share a clause; clauses keep the order of first mention.
    let mut objections: Vec<(String, Vec<&str>)> = Vec::new();
    for trainer in Trainer::ALL {
        let Some(verdict) = of(trainer) else { continue };
        match objection(verdict) {
            None if verdict.needs_mapping > 0 => after_mapping.push(trainer.title()),
            None => ready.push(trainer.title()),
            Some(words) => match objections.iter_mut().find(|(known, _)| *known == words) {
                Some((_, names)) => names.push(trainer.title()),
                None => objections.push((words, vec![trainer.title()])),
            },
        }
    }
    if ready.is_empty() && after_mapping.is_empty() && objections.len() == 1 {
        return format!(
            "No trainer takes it as it is: {}",
            objections[0].0.trim_start_matches("would refuse it: ")
        );
    }
    let mut clauses = Vec::new();
    if !ready.is_empty() {
        clauses.push(format!("Ready for {}", list(&ready)));
    }
    if !after_mapping.is_empty() {
        clauses.push(format!(
            "{} once the columns are named",
            prefixed("Ready for", &after_mapping, clauses.is_empty())
        ));
    }
    clauses.extend(objections.into_iter().map(|(words, names)| format!("{} {words}", list(&names))));
    clauses.join("; ")
}

fn prefixed(words: &str, names: &[&str], first: bool) -> String {
    if first { format!("{words} {}", list(names)) } else { format!("for {}", list(names)) }
}

/// What a trainer has against the file, in words that follow its name; `None` if nothing.
fn objection(verdict: &TrainerVerdict) -> Option<String> {
    if !verdict.file_refused {
        return match verdict.rejects {
            0 => None,
            rows => Some(format!("would drop {}", counted(rows, "row"))),
        };
    }
    if let Some(reason) = verdict.reasons.first().filter(|_| verdict.survives == 0) {
        if reason.reason == Code::NoSchema.name() {
            return Some("would refuse it: no known training format".to_owned());
        }
        if SchemaKind::ALL.iter().any(|kind| kind.name() == reason.reason) {
            return Some("would refuse it: not a format it reads".to_owned());
        }
    }
    let reason = match verdict.refused_because.first() {
        Some(reason) if verdict.rejects == 0 || verdict.refused_because.len() > 1 => lower_first(reason),
        _ => counted(verdict.rejects, "row"),
    };
    Some(format!("would refuse it: {reason}"))
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Problem;
    use crate::formats::FileFormat;
    use crate::trainers::{Columns, FileFacts, TrainerTally};

    fn line(kind: SchemaKind, format: FileFormat, bad: Option<(Code, u64)>) -> String {
        let mut tally = TrainerTally::default();
        for row in 0..5000 {
            let problems: Vec<_> = bad
                .filter(|(_, rows)| row < *rows)
                .map(|(code, _)| Problem::new(code, "messages[1].role", "", ""))
                .into_iter()
                .collect();
            tally.add_row(Some(kind), Columns::Standard, &problems);
        }
        let file = FileFacts { format: Some(format), compressed: false, problems: Vec::new() };
        verdict_line(tally.rows(), &tally.finish(&file))
    }

    #[test]
    fn lines_for_common_files() {
        assert_eq!(
            line(SchemaKind::Messages, FileFormat::JsonLines, Some((Code::RoleOrder, 12))),
            "Ready for OpenAI, Axolotl, TRL and Unsloth; Together would refuse it: 12 rows; LLaMA-Factory would drop 12 rows"
        );
        assert_eq!(
            line(SchemaKind::Alpaca, FileFormat::JsonArray, None),
            "Ready for Axolotl and LLaMA-Factory; for TRL and Unsloth once the columns are named; \
             OpenAI and Together would refuse it: not a format it reads"
        );
        assert_eq!(
            line(SchemaKind::Messages, FileFormat::JsonArray, None),
            "Ready for Axolotl, TRL and Unsloth; for LLaMA-Factory once the columns are named; \
             OpenAI would refuse it: it takes JSON Lines only; \
             Together would refuse it: it takes JSON Lines, or Parquet of tokens"
        );
        assert_eq!(
            line(SchemaKind::Messages, FileFormat::JsonLines, Some((Code::UnreadableRow, 1200))),
            "No trainer takes it as it is: 1,200 rows"
        );
        assert_eq!(verdict_line(0, &BTreeMap::new()), "No row could be read");
    }
}
