//! The report as one HTML file to keep: no scripts, no outside resources, both themes, legible on paper. Everything
//! that comes from a file goes through `escape`.

mod page;
mod sections;

use super::ReportExport;

/// One self-contained page.
pub fn html_report(export: &ReportExport) -> String {
    page::page(export)
}

/// Text for element content and quoted attributes. Control characters that HTML forbids become U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(character),
            _ if character.is_control() => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
