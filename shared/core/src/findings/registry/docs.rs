//! `docs/findings.md`, written from the registry.

use std::fmt::Write as _;

use super::{SECTIONS, entries};
use crate::findings::Severity;
use crate::trainers::{Provenance, Trainer};

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn mark(provenance: Provenance) -> &'static str {
    match provenance {
        Provenance::Source => " ¹",
        Provenance::Documented => " ²",
        Provenance::General => "",
    }
}

/// The whole page. Generated: the same registry gives the same bytes.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Findings\n\n\
         Generated from the registry in `shared/core/src/findings/registry`; edit that, not this page.\n\n\
         An error means that a trainer refuses the file or that the row cannot be used as it is, a warning that \
         training goes wrong or money is lost, a note that something is worth a look. Every finding names row, \
         line, byte offset and key path, what was found and what was expected.\n\n\
         What a trainer does is marked ¹ where its own source was read and ² where its documentation, examples \
         or issue threads say so; without a mark it is general knowledge that nobody checked for this page. \
         Versions move: the trainer's own word counts.\n\n",
    );
    let _ = writeln!(page, "{} codes.\n", entries().count());
    for (title, entries) in SECTIONS {
        let _ = writeln!(page, "## {title}\n");
        for entry in entries {
            let _ = writeln!(page, "### `{}`: {}\n", entry.code.name(), entry.title);
            let _ = writeln!(page, "Severity: {}. {}\n", severity_word(entry.severity), entry.meaning);
            let _ = writeln!(page, "```text\n{}\n```\n", entry.example);
            let _ = writeln!(page, "What to do: {}\n", entry.fix);
            let names: Vec<_> = Trainer::ALL.iter().map(|trainer| trainer.title()).collect();
            let _ = writeln!(page, "| {} |\n|{}", names.join(" | "), " --- |".repeat(names.len()));
            let cells: Vec<_> = entry
                .trainers
                .iter()
                .map(|treatment| format!("{}{}", treatment.outcome.words(), mark(treatment.provenance)))
                .collect();
            let _ = writeln!(page, "| {} |\n", cells.join(" | "));
        }
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::Code;

    #[test]
    fn every_code_has_its_heading() {
        let page = markdown();
        for code in Code::ALL {
            assert!(page.contains(&format!("### `{}`: ", code.name())), "{}", code.name());
        }
        assert!(page.ends_with('\n') && !page.ends_with("\n\n"));
        assert!(!page.contains("\n\n\n"));
    }
}
