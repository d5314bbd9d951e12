//! The cleaned copy: a second pass over the file in order, each row mended or left out as chosen.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;
use foretune_core::advice::{ChangeList, CleanOptions, Cleaner, FIXES};
use foretune_core::check::{CheckOptions, Checker};
use foretune_core::describe::DescribeContext;
use foretune_core::findings::Code;
use foretune_core::formats::Opened;
use foretune_core::source::ByteSource;

use super::Progress;
use crate::files::AtomicFile;

/// What the cleaned copy mends. Rows that cannot be read are always left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Fix {
    /// Everything below but masking of personal data
    Safe,
    DropExactDuplicates,
    DropEmptyAnswers,
    DropRefusals,
    DropBrokenRows,
    DropOverMaxTokens,
    StripSpecialTokens,
    #[value(name = "fix_mojibake")]
    Mojibake,
    StripControlCharacters,
    NormaliseRoles,
    MaskPersonalData,
    MaskSecrets,
}

pub fn options(fixes: &[Fix]) -> CleanOptions {
    let has = |fix: Fix| fixes.contains(&fix);
    let safe = |fix: Fix| has(Fix::Safe) || has(fix);
    CleanOptions {
        drop_exact_duplicates: safe(Fix::DropExactDuplicates),
        drop_empty_answers: safe(Fix::DropEmptyAnswers),
        drop_refusals: safe(Fix::DropRefusals),
        drop_broken_rows: safe(Fix::DropBrokenRows),
        drop_over_max_tokens: safe(Fix::DropOverMaxTokens),
        strip_special_tokens: safe(Fix::StripSpecialTokens),
        fix_mojibake: safe(Fix::Mojibake),
        strip_control_characters: safe(Fix::StripControlCharacters),
        normalise_roles: safe(Fix::NormaliseRoles),
        mask_personal_data: has(Fix::MaskPersonalData),
        mask_secrets: safe(Fix::MaskSecrets),
    }
}

/// Fixes that mend something of what was found and that nobody has to judge. Rows that are too long are not among them:
/// training cuts them.
pub fn safe_fixes_of(counts: &BTreeMap<String, u64>) -> Vec<Fix> {
    let would_change = |codes: &[Code]| codes.iter().any(|code| counts.contains_key(code.name()));
    let fixes = FIXES.iter().filter(|(_, codes)| would_change(codes));
    fixes
        .filter_map(|(name, _)| Fix::from_str(name, false).ok())
        .filter(|fix| !matches!(fix, Fix::MaskPersonalData | Fix::DropOverMaxTokens))
        .collect()
}

/// Writes JSON Lines to `target`; nothing stands there until all of it does.
pub fn write_cleaned<S: ByteSource>(
    opened: Opened<S>,
    check: &CheckOptions,
    context: DescribeContext<'_>,
    fixes: &[Fix],
    target: &Path,
    progress: &mut Progress,
) -> Result<ChangeList> {
    let Opened { mut framer, parser, .. } = opened;
    let mut checker = Checker::new(parser, check, context);
    let mut cleaner = Cleaner::new(options(fixes));
    let mut output = AtomicFile::create(target)?;
    let mut lines = String::new();
    while let Some(batch) =
        framer.next_batch().context("the file could not be read again for the cleaned copy")?
    {
        checker.push_visiting(&batch, &mut |place, value, problems| {
            cleaner.row(place, value, problems, &mut lines);
        });
        output.write_all(lines.as_bytes()).with_context(|| format!("cannot write {}", target.display()))?;
        lines.clear();
        progress.at(framer.consumed_bytes(), checker.rows());
    }
    output.finish()?;
    Ok(cleaner.finish())
}
