//! The frame of the exported page and its style.

use super::{ReportExport, escape, sections};

/// No scripts, nothing from outside: even a flaw in the escaping could load and run nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = "
:root{color-scheme:light dark;--ink:#1b1d21;--soft:#5a606b;--line:#d5d9e0;--paper:#fff;--good:#14652f;--watch:#7a4b00;--bad:#a01919;--bar:#3b6ea8}
@media (prefers-color-scheme:dark){:root{--ink:#e7e9ee;--soft:#a4abb8;--line:#383d47;--paper:#16181c;--good:#7fd49b;--watch:#f0bf6b;--bad:#ff9b90;--bar:#7fb0e8}}
@media print{:root{--ink:#000;--soft:#333;--line:#999;--paper:#fff;--good:#14652f;--watch:#7a4b00;--bad:#a01919;--bar:#3b6ea8}section{break-inside:auto}tr,li,details{break-inside:avoid}}
*{box-sizing:border-box}
body{margin:0 auto;padding:24px 16px 40px;max-width:1040px;background:var(--paper);color:var(--ink);font:14px/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
h1{font-size:28px;line-height:1.2;margin:8px 0 16px}h2{font-size:20px;margin:40px 0 12px}h3{font-size:16px;margin:24px 0 4px}
p{margin:4px 0 8px;max-width:72ch}small,.soft{color:var(--soft)}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:4px 12px 4px 0;border-bottom:1px solid var(--line)}
th{font-weight:600}td.number,th.number{text-align:right}code{font:12px/1.5 ui-monospace,monospace}
.good{color:var(--good)}.watch,.warning{color:var(--watch)}.bad,.error{color:var(--bad);font-weight:600}.unknown,.note{color:var(--soft)}
ol.points{padding-left:24px}ol.points li{margin:12px 0}ul{margin:4px 0;padding-left:20px}
svg{display:block;width:100%;max-width:640px;height:auto}svg rect{fill:var(--bar)}svg text{fill:var(--soft);font:11px system-ui,sans-serif}
";

pub(super) fn page(export: &ReportExport) -> String {
    let report = &export.report;
    let name = report.file.name.as_deref().unwrap_or("dataset");
    let mut html = String::with_capacity(64 << 10);
    html.push_str("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.push_str(&format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n"));
    html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    html.push_str("<meta name=\"referrer\" content=\"no-referrer\">\n");
    html.push_str(&format!(
        "<title>{}: Foretune report</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        escape(name)
    ));
    html.push_str(&format!("<main>\n<p class=\"soft\">{}</p>\n", escape(name)));
    html.push_str(&format!("<h1>{}</h1>\n", escape(&report.verdict)));
    sections::summary(export, &mut html);
    sections::trainers(report, &mut html);
    sections::findings(report, &mut html);
    sections::preflight(&export.preflight, &mut html);
    if let Some(cost) = &export.cost {
        sections::cost(cost, &mut html);
    }
    sections::lengths(report, &mut html);
    sections::features(report, &mut html);
    if let Some(changes) = &export.changes {
        sections::changes(changes, &mut html);
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}
