//! The report as text for a terminal: the answer first, the reasons after it.

use std::fmt::Write as _;

use foretune_core::advice::ReportExport;
use foretune_core::check::{GroupSummary, Report};
use foretune_core::findings::{Finding, Severity, registry};
use foretune_core::trainers::Trainer;
use foretune_core::words::{counted, grouped};

/// Rows shown for each code; the rest is counted.
const SHOWN_PER_CODE: usize = 3;

pub fn text(export: &ReportExport) -> String {
    let report = &export.report;
    let mut out = String::new();
    headline(report, &mut out);
    findings(report, &mut out);
    trainers(report, &mut out);
    data(report, &mut out);
    cost(export, &mut out);
    preflight(export, &mut out);
    let _ = writeln!(out, "\nAll descriptors and every finding: --json, or --report FILE.html");
    out
}

fn headline(report: &Report, out: &mut String) {
    let _ = writeln!(out, "{}\n", report.verdict);
    let name = report.file.name.as_deref().unwrap_or("The file");
    let format = report.layout.as_ref().map_or("not recognised", |layout| layout.format.label());
    let _ = writeln!(
        out,
        "{name}: {format}, {}, {} rows, {} valid",
        bytes(report.file.stored_bytes),
        grouped(report.rows),
        grouped(report.rows_valid)
    );
    for schema in &report.schemas {
        let _ = writeln!(out, "  {} rows are {}", grouped(schema.rows), schema.label);
    }
    if let Some(mapping) = &report.suggested_mapping {
        let _ = writeln!(
            out,
            "  hint: columns are {}; this looks like  --map {mapping}",
            report.unmapped_columns.join(", ")
        );
    }
}

fn findings(report: &Report, out: &mut String) {
    if report.groups.is_empty() {
        let _ = writeln!(out, "\nNothing found that needs mending");
        return;
    }
    let _ = writeln!(out, "\nFindings");
    for group in &report.groups {
        finding_group(report, group, out);
    }
}

fn finding_group(report: &Report, group: &GroupSummary, out: &mut String) {
    let entry = registry::entry(group.code);
    let severity = match group.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let rows = if group.rows == 0 { String::new() } else { format!(" ({})", counted(group.rows, "row")) };
    let _ = writeln!(out, "  {severity:7}  {}{rows}  [{}]", entry.title, group.code.name());
    let listed: Vec<&Finding> = report.findings.iter().filter(|finding| finding.code == group.code).collect();
    for finding in listed.iter().take(SHOWN_PER_CODE) {
        let _ = writeln!(out, "             {}", one_line(finding));
    }
    let more = group.count.saturating_sub(listed.len().min(SHOWN_PER_CODE) as u64);
    if more > 0 {
        let _ = writeln!(out, "             and {} more", grouped(more));
    }
    let _ = writeln!(out, "             fix: {}", entry.fix);
}

fn one_line(finding: &Finding) -> String {
    let place = match (finding.row, finding.line) {
        (Some(row), Some(line)) => format!("row {row}, line {line}"),
        (Some(row), _) => format!("row {row}"),
        (None, Some(line)) => format!("line {line}"),
        (None, None) => "file".to_owned(),
    };
    let path = if finding.path.is_empty() { String::new() } else { format!(", {}", finding.path) };
    format!("{place}{path}: found {}, expected {}", finding.found, finding.expected)
}

fn trainers(report: &Report, out: &mut String) {
    let _ = writeln!(out, "\nRows that survive");
    for trainer in Trainer::ALL {
        let Some(verdict) = report.trainers.get(trainer.name()) else { continue };
        let refused = if verdict.file_refused {
            format!("  refuses the file: {}", verdict.refused_because.join("; "))
        } else if verdict.needs_mapping > 0 {
            "  after the columns are named".to_owned()
        } else {
            String::new()
        };
        let _ = writeln!(
            out,
            "  {:14} {:>12} of {}{refused}",
            trainer.title(),
            grouped(verdict.survives),
            grouped(report.rows)
        );
    }
}

fn data(report: &Report, out: &mut String) {
    let value = |name: &str| report.features.get(name);
    let _ = writeln!(
        out,
        "\nTokens for each row: {} in, {} out on average\n  {}",
        number(value("avg_input_length")),
        number(value("avg_output_length")),
        report.description.token_estimate.words()
    );
}

fn cost(export: &ReportExport, out: &mut String) {
    let Some(cost) = &export.cost else { return };
    let _ = writeln!(out, "\nCost of {} epochs (list prices known on {})", cost.epochs, cost.known_on);
    for service in &cost.services {
        let _ = writeln!(
            out,
            "  {:24} ${:<9.2} {}",
            format!("{} {}", service.provider, service.model),
            service.usd,
            service.formula
        );
    }
    for gpu in &cost.own_gpu {
        let fits = if gpu.fits { "" } else { "  (does not fit its memory)" };
        let _ = writeln!(out, "  {:24} {:.1} h       {}{fits}", gpu.gpu, gpu.hours, gpu.formula);
    }
}

fn preflight(export: &ReportExport, out: &mut String) {
    let _ = writeln!(out, "\nBefore you start");
    for point in &export.preflight {
        let _ = writeln!(
            out,
            "  {:9} {:2}. {}: {}",
            point.status.words(),
            point.number,
            point.title,
            point.action
        );
    }
}

fn number(value: f64) -> String {
    if value.is_finite() { format!("{value:.1}") } else { "unknown".to_owned() }
}

pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["bytes", "kB", "MB", "GB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} bytes") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_scaled() {
        assert_eq!((bytes(999), bytes(4_059_698)), ("999 bytes".to_owned(), "4.1 MB".to_owned()));
    }
}
