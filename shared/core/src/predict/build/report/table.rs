//! One table of the report, and how its cells are written.

use crate::svg::escape;

/// Whose row stands out.
pub(super) const OURS: &str = "Foretune";

/// Rows of cells, the first one the heads. Cells are escaped; the last column of a wide text is left-aligned.
pub(super) fn table(title: &str, note: &str, rows: &[Vec<String>]) -> String {
    let [heads, rows @ ..] = rows else { return String::new() };
    if rows.is_empty() {
        return String::new();
    }
    let mut html = format!("<h2>{}</h2>", escape(title));
    if !note.is_empty() {
        html += &format!("<p class=\"note\">{}</p>", escape(note));
    }
    html += "<table><thead><tr>";
    html.extend(heads.iter().map(|head| format!("<th scope=\"col\">{}</th>", escape(head))));
    html += "</tr></thead><tbody>";
    for row in rows {
        let is_ours = row.first().is_some_and(|name| name == OURS);
        html += if is_ours { "<tr class=\"ours\">" } else { "<tr>" };
        html.extend(row.iter().map(|cell| {
            let class = if cell.len() > 24 { " class=\"text\"" } else { "" };
            format!("<td{class}>{}</td>", escape(cell))
        }));
        html += "</tr>";
    }
    html + "</tbody></table>"
}

pub(super) fn cells(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

pub(super) fn number(value: f64, digits: usize) -> String {
    if value.is_finite() { format!("{value:.digits$}") } else { "–".to_owned() }
}

pub(super) fn optional(value: Option<f64>, digits: usize) -> String {
    value.map_or("–".to_owned(), |value| number(value, digits))
}

pub(super) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.1} %", 100.0 * share) } else { "–".to_owned() }
}
