//! Small charts as SVG text: numeric axes or one row a name. Text and strokes follow `currentColor` and CSS
//! custom properties (`--chart-accent`, ...), so one picture serves light and dark pages.

mod chart;
mod rows;
mod scale;

pub use chart::{Chart, Mark};
pub use rows::{Row, RowChart};
pub use scale::{Axis, Spacing};

/// The role of a mark; the page's style sheet decides the colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Ink,
    Accent,
    Muted,
    Good,
    Bad,
}

impl Tone {
    fn colour(self) -> &'static str {
        match self {
            Self::Ink => "currentColor",
            Self::Accent => "var(--chart-accent,#2f6fde)",
            Self::Muted => "var(--chart-muted,#8a8f98)",
            Self::Good => "var(--chart-good,#2e8b57)",
            Self::Bad => "var(--chart-bad,#c8452d)",
        }
    }
}

/// Text safe inside elements and attributes; control characters, which XML forbids, become spaces.
pub fn escape(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '"' => "&quot;".to_owned(),
            control if control.is_control() => " ".to_owned(),
            other => other.to_string(),
        })
        .collect()
}

fn open(width: f64, height: f64, title: &str) -> String {
    let title = escape(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" \
         aria-label=\"{title}\" font-family=\"system-ui,sans-serif\" font-size=\"12\" fill=\"currentColor\">\
         <title>{title}</title>\n"
    )
}

fn text(x: f64, y: f64, anchor: &str, tone: Tone, content: &str) -> String {
    let colour = tone.colour();
    let content = escape(content);
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{colour}\">{content}</text>\n")
}

fn line(from: (f64, f64), to: (f64, f64), tone: Tone, width: f64, opacity: f64) -> String {
    format!(
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{}\" stroke-width=\"{width}\" \
         stroke-opacity=\"{opacity}\"/>\n",
        from.0,
        from.1,
        to.0,
        to.1,
        tone.colour()
    )
}
