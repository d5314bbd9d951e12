//! The card as a file of its own: no scripts, nothing from outside, the drawing, the same in words, and the link.

use std::fmt::Write as _;

use super::drawing::signed;
use super::{Preview, drawing};
use crate::svg::escape;

const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1d21;--soft:#5a606b;--line:#d5d9e0;--paper:#fff;--link:#1f4f9e}
@media (prefers-color-scheme:dark){:root{--ink:#e7e9ee;--soft:#a4abb8;--line:#383d47;--paper:#16181c;--link:#9dbdf5}}
body{margin:0 auto;padding:24px 16px 40px;max-width:1040px;background:var(--paper);color:var(--ink);font:14px/1.5 system-ui,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
h1{font-size:20px;line-height:1.3;margin:8px 0 16px}svg{display:block;width:100%;height:auto;border:1px solid var(--line);border-radius:6px}
a{color:var(--link)}table{border-collapse:collapse;margin:16px 0}th,td{text-align:left;vertical-align:top;padding:4px 16px 4px 0;border-bottom:1px solid var(--line)}
th{min-width:11em}
";

pub(super) fn page(preview: &Preview) -> String {
    let title = escape(&format!("{}: {}", preview.dataset, preview.sentence()));
    let verdict = escape(&preview.verdict_words);
    let mut rows = String::new();
    for (name, value) in facts(preview) {
        let (name, value) = (escape(&name), escape(&value));
        writeln!(rows, "<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>")
            .expect("writing to a string");
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta property=\"og:title\" content=\"{title}\">\n<meta property=\"og:description\" content=\"{verdict}\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{}\
         <table><tbody>\n{rows}</tbody></table>\n<p>{}</p>\n</main>\n</body>\n</html>\n",
        drawing::svg(&preview.drawing(), &preview.sentence()),
        link(&preview.address),
    )
}

fn facts(preview: &Preview) -> Vec<(String, String)> {
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut facts = vec![
        own("Forecast", &preview.sentence()),
        own("Of", &preview.evaluation),
        own("Verdict", &preview.verdict_words),
        own("Base model", &preview.model),
        own("Dataset", &format!("{}, fingerprint {}", preview.dataset, preview.fingerprint)),
        own("An average run", &format!("{:.1} points", preview.base)),
    ];
    facts.extend(
        preview.reasons.iter().map(|(name, points)| (name.clone(), format!("{} points", signed(*points)))),
    );
    facts.push(own("Made with", &format!("Foretune {}", preview.made_with)));
    facts
}

/// Only what a browser opens as a page becomes a link.
fn link(address: &str) -> String {
    let text = escape(address);
    if ["https://", "http://", "file://"].iter().any(|scheme| address.starts_with(scheme)) {
        format!("<a rel=\"noreferrer\" href=\"{text}\">Open the forecast, and compute it again</a>")
    } else {
        format!("Open it in Foretune: <code>{text}</code>")
    }
}
