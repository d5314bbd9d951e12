//! The last step: the merged partial result becomes the report.

use super::facts::dataset_facts;
use super::report::{FileSummary, GroupSummary, REPORT_VERSION, Report, SchemaCount};
use super::{CheckOptions, Partial};
use crate::advice::verdict_line;
use crate::describe::{DescribeContext, RowCounts};
use crate::findings::{Code, FindingCollector, Problem, dataset_findings, excerpt};
use crate::formats::{Encoding, FileFormat, FormatError, FormatInfo};
use crate::schema::suggest_mapping;
use crate::source::Compression;
use crate::trainers::FileFacts;
use crate::words::{counted, grouped};

/// Characters of a column's name that a finding quotes.
const QUOTED_CHARS: usize = 40;

/// What is known about the file apart from its content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileIdentity {
    pub name: Option<String>,
    pub stored_bytes: u64,
}

/// The report of a file that was read. `info` is what `formats::open` said.
pub fn finish(
    partial: Partial,
    info: &FormatInfo,
    file: FileIdentity,
    options: &CheckOptions,
    context: &DescribeContext<'_>,
) -> Report {
    build(partial, Some(info), file, options, context)
}

/// The report of a file that could not be opened at all: one finding says why.
pub fn unreadable(error: &FormatError, file: FileIdentity, options: &CheckOptions) -> Report {
    let mut partial = Partial::new(options);
    partial.findings.add_file(&error.to_problem());
    build(partial, None, file, options, &DescribeContext::default())
}

fn build(
    mut partial: Partial,
    info: Option<&FormatInfo>,
    file: FileIdentity,
    options: &CheckOptions,
    context: &DescribeContext<'_>,
) -> Report {
    let counts = RowCounts {
        rows: partial.rows,
        valid: partial.rows_valid,
        refused: Some(partial.refused_rows),
        special_tokens: Some(partial.special_token_rows),
    };
    let mut description = partial.descriptors.finish(context, &counts);
    let mut findings = std::mem::take(&mut partial.findings);
    let (unmapped_columns, suggested_mapping) = shape_findings(&partial, info, &mut findings);
    if info.is_some() {
        dataset_findings(&dataset_facts(&partial, &description), &mut findings);
    }
    let layout = info.map(|info| layout(&partial, info, &mut findings));
    let trainers = partial.trainers.finish(&trainer_facts(info, &findings));
    let schemas = schemas(&partial);
    let features = std::mem::take(&mut description.features);
    let groups = groups(&findings);
    let verdict = verdict_line(partial.rows, &trainers);
    Report {
        report_version: REPORT_VERSION,
        foretune_version: env!("CARGO_PKG_VERSION").to_owned(),
        file: FileSummary {
            name: file.name,
            stored_bytes: file.stored_bytes,
            fingerprint: format!("{:016x}", partial.fingerprint),
        },
        format: info.map(|info| info.format.name().to_owned()),
        layout,
        schema: schemas.first().map(|count| count.name),
        schemas,
        suggested_mapping,
        unmapped_columns,
        rows: partial.rows,
        rows_valid: partial.rows_valid,
        verdict,
        findings: findings.listed().cloned().collect(),
        counts: findings.counts().into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
        groups,
        features,
        description,
        trainers,
        max_tokens: options.max_tokens,
        mapping: options.mapping.clone(),
    }
}

/// What the rows showed of the file's encoding is known only now.
fn layout(partial: &Partial, info: &FormatInfo, findings: &mut FindingCollector) -> FormatInfo {
    let mut layout = info.clone();
    if info.encoding == Encoding::Utf8 && partial.encodings.is_windows_1252() {
        layout.encoding = Encoding::Windows1252;
        let found = format!("Windows-1252 ({} outside ASCII)", counted(partial.encodings.decoded(), "row"));
        findings.add_file(&Problem::new(Code::TextEncoding, "", found, "UTF-8"));
    }
    layout
}

/// Findings about the shapes of all rows together, and what could be offered for rows without one.
fn shape_findings(
    partial: &Partial,
    info: Option<&FormatInfo>,
    findings: &mut FindingCollector,
) -> (Vec<String>, Option<crate::schema::Mapping>) {
    if partial.schemas.len() > 1 {
        let found: Vec<_> = schemas(partial)
            .iter()
            .map(|count| format!("{} ({} rows)", count.name.name(), grouped(count.rows)))
            .collect();
        findings.add_file(&Problem::new(Code::MixedSchemas, "", found.join(", "), "one shape in all rows"));
    }
    let Some((_, columns)) = &partial.unmapped else { return (Vec::new(), None) };
    if partial.schemas.is_empty()
        && info.is_some_and(|info| info.format == FileFormat::Csv)
        && let Some(found) = columns.iter().find(|name| looks_like_a_value(name))
    {
        let found = format!("“{}”", excerpt(found, QUOTED_CHARS));
        findings.add_file(&Problem::new(Code::NoHeader, "", found, "the name of a column"));
    }
    let suggestion = suggest_mapping(columns);
    (columns.clone(), suggestion)
}

/// What no column is called: a number, a statement, a text. Survey exports do name columns by their questions.
fn looks_like_a_value(name: &str) -> bool {
    const LONGEST_NAME_CHARS: usize = 120;
    let name = name.trim();
    name.parse::<f64>().is_ok_and(f64::is_finite)
        || name.ends_with(['.', '!'])
        || name.chars().count() > LONGEST_NAME_CHARS
}

fn schemas(partial: &Partial) -> Vec<SchemaCount> {
    let mut counts: Vec<_> = partial
        .schemas
        .iter()
        .map(|(kind, rows)| SchemaCount { name: *kind, label: kind.label().to_owned(), rows: *rows })
        .collect();
    counts.sort_by(|a, b| b.rows.cmp(&a.rows).then(a.name.cmp(&b.name)));
    counts
}

fn groups(findings: &FindingCollector) -> Vec<GroupSummary> {
    findings
        .groups()
        .map(|(code, group)| GroupSummary {
            code,
            severity: crate::findings::registry::entry(code).severity,
            count: group.count,
            rows: group.rows,
            unlisted: group.unlisted(),
        })
        .collect()
}

fn trainer_facts(info: Option<&FormatInfo>, findings: &FindingCollector) -> FileFacts {
    FileFacts {
        format: info.map(|info| info.format),
        compressed: info.is_some_and(|info| info.compression != Compression::None),
        problems: findings.groups().filter(|(_, group)| group.rows == 0).map(|(code, _)| code).collect(),
    }
}
