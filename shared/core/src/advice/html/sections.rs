//! The sections of the exported page, one function each.

use super::{ReportExport, escape};
use crate::advice::{ChangeList, CostEstimate, Point, Status};
use crate::check::Report;
use crate::describe::Bar;
use crate::features;
use crate::findings::{Finding, Severity, registry};
use crate::trainers::Trainer;
use crate::words::grouped;

/// Rows shown for one code; the JSON export has all that are listed.
const SHOWN_FINDINGS: usize = 20;

pub(super) fn summary(export: &ReportExport, html: &mut String) {
    let report = &export.report;
    html.push_str("<section><h2>File</h2><div class=\"wide\"><table>\n");
    let mut row = |label: &str, value: &str| {
        html.push_str(&format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n",
            escape(label),
            escape(value)
        ));
    };
    if let Some(layout) = &report.layout {
        row("Format", layout.format.label());
    }
    for schema in &report.schemas {
        row("Shape", &format!("{}: {} rows", schema.label, grouped(schema.rows)));
    }
    if let Some(mapping) = &report.mapping {
        row("Columns", &mapping.to_string());
    }
    row("Rows", &format!("{} ({} usable)", grouped(report.rows), grouped(report.rows_valid)));
    row("Size", &format!("{} bytes", grouped(report.file.stored_bytes)));
    row("Fingerprint", &report.file.fingerprint);
    if let Some(max_tokens) = report.max_tokens {
        row("Token limit", &grouped(u64::from(max_tokens)));
    }
    let recipe = &export.recipe;
    row("Base model", recipe.model.as_deref().unwrap_or("not named"));
    let rate = recipe.learning_rate.map_or_else(|| "not given".to_owned(), |rate| format!("{rate:e}"));
    row(
        "Recipe",
        &format!("learning rate {rate}, {} epochs, batches of {} rows", recipe.epochs, recipe.batch_rows),
    );
    row("Checked by", &format!("Foretune {}", report.foretune_version));
    if let Some(made_at) = &export.made_at {
        row("Made", made_at);
    }
    html.push_str("</table></div></section>\n");
}

pub(super) fn trainers(report: &Report, html: &mut String) {
    html.push_str(
        "<section><h2>Trainers</h2><div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">Trainer</th>\
         <th scope=\"col\">File</th><th scope=\"col\" class=\"number\">Rows that survive</th>\
         <th scope=\"col\" class=\"number\">Rejected</th><th scope=\"col\">Why</th></tr></thead><tbody>\n",
    );
    for trainer in Trainer::ALL {
        let Some(verdict) = report.trainers.get(trainer.name()) else { continue };
        let (class, word) = if verdict.file_refused {
            ("bad", "refused")
        } else if verdict.rejects > 0 {
            ("watch", "taken in part")
        } else {
            ("good", "taken")
        };
        let mut why: Vec<String> = verdict.refused_because.clone();
        why.extend(
            verdict
                .reasons
                .iter()
                .take(3)
                .map(|reason| format!("{}: {}", reason.title, grouped(reason.rows))),
        );
        if verdict.needs_mapping > 0 {
            why.push("columns have to be named".to_owned());
        }
        html.push_str(&format!(
            "<tr><th scope=\"row\">{}</th><td class=\"{class}\">{word}</td><td class=\"number\">{}</td>\
             <td class=\"number\">{}</td><td>{}</td></tr>\n",
            trainer.title(),
            grouped(verdict.survives),
            grouped(verdict.rejects),
            escape(&why.join("; "))
        ));
    }
    html.push_str("</tbody></table></div></section>\n");
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

pub(super) fn findings(report: &Report, html: &mut String) {
    html.push_str("<section><h2>Findings</h2>\n");
    if report.groups.is_empty() {
        html.push_str("<p>Nothing was found.</p>\n");
    }
    for group in &report.groups {
        let entry = registry::entry(group.code);
        let word = severity_word(group.severity);
        html.push_str(&format!(
            "<h3><span class=\"{word}\">{word}</span> {} <small>{} <code>{}</code></small></h3>\n<p>{}</p>\n<p>{}</p>\n",
            escape(entry.title),
            grouped(group.count),
            group.code.name(),
            escape(entry.meaning),
            escape(entry.fix)
        ));
        let listed: Vec<_> = report.findings.iter().filter(|finding| finding.code == group.code).collect();
        finding_rows(&listed, group.count, html);
    }
    html.push_str("</section>\n");
}

fn finding_rows(listed: &[&Finding], count: u64, html: &mut String) {
    html.push_str(
        "<div class=\"wide\"><table><thead><tr><th scope=\"col\" class=\"number\">Row</th>\
         <th scope=\"col\" class=\"number\">Line</th><th scope=\"col\">Key</th><th scope=\"col\">Found</th>\
         <th scope=\"col\">Expected</th></tr></thead><tbody>\n",
    );
    let number = |value: Option<u64>| value.map_or_else(|| "–".to_owned(), grouped);
    for finding in listed.iter().take(SHOWN_FINDINGS) {
        html.push_str(&format!(
            "<tr><td class=\"number\">{}</td><td class=\"number\">{}</td><td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n",
            number(finding.row),
            number(finding.line),
            escape(&finding.path),
            escape(&finding.found),
            escape(&finding.expected)
        ));
    }
    html.push_str("</tbody></table></div>\n");
    let more = count.saturating_sub(listed.len().min(SHOWN_FINDINGS) as u64);
    if more > 0 {
        html.push_str(&format!("<p class=\"soft\">and {} more</p>\n", grouped(more)));
    }
}

pub(super) fn preflight(points: &[Point], html: &mut String) {
    if points.is_empty() {
        return;
    }
    html.push_str("<section><h2>Preflight</h2><ol class=\"points\">\n");
    for point in points {
        let class = match point.status {
            Status::Good => "good",
            Status::Watch => "watch",
            Status::Bad => "bad",
            Status::Unknown => "unknown",
        };
        html.push_str(&format!(
            "<li><strong>{}</strong> <span class=\"{class}\">{}</span><ul>\n",
            escape(&point.title),
            point.status.words()
        ));
        for line in &point.evidence {
            html.push_str(&format!("<li>{}</li>\n", escape(line)));
        }
        html.push_str(&format!("</ul><p>{}</p></li>\n", escape(&point.action)));
    }
    html.push_str("</ol></section>\n");
}

fn dollars(usd: f64) -> String {
    if usd.is_finite() { format!("${usd:.2}") } else { "not known".to_owned() }
}

pub(super) fn cost(cost: &CostEstimate, html: &mut String) {
    html.push_str(&format!(
        "<section><h2>Cost and time</h2><p>Prices as of {}</p><div class=\"wide\"><table><thead><tr>\
         <th scope=\"col\">Where</th><th scope=\"col\">Model</th><th scope=\"col\" class=\"number\">Price</th>\
         <th scope=\"col\" class=\"number\">Hours</th><th scope=\"col\">Formula</th></tr></thead><tbody>\n",
        escape(&cost.known_on)
    ));
    for service in &cost.services {
        html.push_str(&format!(
            "<tr><td>{}</td><td>{}</td><td class=\"number\">{}</td><td class=\"number\">–</td><td>{}</td></tr>\n",
            escape(&service.provider),
            escape(&service.model),
            dollars(service.usd),
            escape(&service.formula)
        ));
    }
    for gpu in &cost.own_gpu {
        let fits = if gpu.fits { "fits" } else { "does not fit" };
        html.push_str(&format!(
            "<tr><td>{}</td><td>about {:.0} GiB: {fits}</td><td class=\"number\">{}</td><td class=\"number\">{:.2}</td><td>{}</td></tr>\n",
            escape(&gpu.gpu),
            gpu.memory_gib,
            dollars(gpu.usd),
            gpu.hours,
            escape(&gpu.formula)
        ));
    }
    html.push_str("</tbody></table></div><ul>\n");
    for assumption in &cost.assumptions {
        html.push_str(&format!("<li>{}</li>\n", escape(assumption)));
    }
    html.push_str("</ul></section>\n");
}

pub(super) fn lengths(report: &Report, html: &mut String) {
    let histograms = &report.description.histograms;
    let drawn =
        [("Tokens of the input", &histograms.tokens_in), ("Tokens of the answer", &histograms.tokens_out)];
    if drawn.iter().all(|(_, bars)| bars.is_empty()) {
        return;
    }
    let how = escape(&report.description.token_estimate.words());
    html.push_str(&format!("<section><h2>Lengths</h2><p>Tokens: {how}</p>\n"));
    for (title, bars) in drawn {
        if !bars.is_empty() {
            html.push_str(&format!("<h3>{title}</h3>\n{}\n", histogram(title, bars)));
        }
    }
    html.push_str("</section>\n");
}

/// Bars of equal width, since the bins grow with the length; the table of values stands in the JSON export.
fn histogram(title: &str, bars: &[Bar]) -> String {
    const WIDTH: f64 = 640.0;
    const HEIGHT: f64 = 120.0;
    const AXIS: f64 = 16.0;
    let highest = bars.iter().map(|bar| bar.count).max().unwrap_or(1).max(1) as f64;
    let step = WIDTH / bars.len() as f64;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" aria-label=\"{}, {} bars\">",
        HEIGHT + AXIS,
        escape(title),
        bars.len()
    );
    for (index, bar) in bars.iter().enumerate() {
        let height = (HEIGHT - 2.0) * bar.count as f64 / highest;
        svg.push_str(&format!(
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"><title>{} to {}: {} rows</title></rect>",
            index as f64 * step,
            HEIGHT - height,
            (step - 1.0).max(0.5),
            bar.from,
            bar.to,
            grouped(bar.count)
        ));
    }
    let first = bars.first().map_or_else(String::new, |bar| bar.from.to_string());
    let last = bars.last().map_or_else(String::new, |bar| bar.to.to_string());
    let base = HEIGHT + AXIS - 4.0;
    svg.push_str(&format!(
        "<text x=\"0\" y=\"{base}\">{first}</text><text x=\"{WIDTH}\" y=\"{base}\" text-anchor=\"end\">{last} tokens</text></svg>"
    ));
    svg
}

pub(super) fn features(report: &Report, html: &mut String) {
    html.push_str(
        "<section><h2>Descriptors</h2><div class=\"wide\"><table><thead><tr><th scope=\"col\">Name</th>\
         <th scope=\"col\" class=\"number\">Value</th><th scope=\"col\">Unit</th><th scope=\"col\">What it measures</th>\
         </tr></thead><tbody>\n",
    );
    for (name, value) in report.features.iter() {
        let (unit, measures) =
            features::find(name).map_or(("", ""), |feature| (feature.unit, feature.measures));
        let value =
            if value.is_finite() { format!("{}", (value * 1e4).round() / 1e4) } else { "missing".to_owned() };
        html.push_str(&format!(
            "<tr><td><code>{}</code></td><td class=\"number\">{value}</td><td>{}</td><td>{}</td></tr>\n",
            escape(name),
            escape(unit),
            escape(measures)
        ));
    }
    html.push_str("</tbody></table></div></section>\n");
}

pub(super) fn changes(changes: &ChangeList, html: &mut String) {
    html.push_str(&format!(
        "<section><h2>Cleaned copy</h2><p>{} of {} rows written, {} changed</p><ul>\n",
        grouped(changes.rows_written),
        grouped(changes.rows_read),
        grouped(changes.rows_changed)
    ));
    for (what, counts) in [("dropped", &changes.dropped), ("fixed", &changes.fixed)] {
        for (code, count) in counts {
            let title = registry::entry(*code).title;
            html.push_str(&format!("<li>{}: {} rows {what}</li>\n", escape(title), grouped(count.rows)));
        }
    }
    html.push_str("</ul></section>\n");
}
