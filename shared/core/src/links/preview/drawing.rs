//! Where everything stands on the card, and the card as SVG. Colours are fixed: a picture in a chat has no theme.

use std::fmt::Write as _;

use serde::Serialize;

use super::super::qr;
use super::Preview;
use crate::predict::verdict::Verdict;
use crate::svg::escape;

pub const WIDTH: f64 = 1200.0;
pub const HEIGHT: f64 = 630.0;

const INK: &str = "#1b1d21";
const SOFT: &str = "#5a606b";
const LINE: &str = "#c4c9d2";
const PAPER: &str = "#ffffff";
const ACCENT: &str = "#2f5fae";
const BAND: &str = "#b9cdee";
const UNSURE: &str = "#d5d9e0";
const GOOD: &str = "#14652f";
const WATCH: &str = "#7a4b00";
const BAD: &str = "#a01919";

const LEFT: f64 = 56.0;
const MIDDLE: f64 = 660.0;
const RIGHT: f64 = WIDTH - LEFT;
const QR_SIDE: f64 = 188.0;
const BESIDE_CODE: f64 = RIGHT - QR_SIDE - 32.0 - LEFT;
/// Both ends of an interval have a number of their own from here on.
const ENDS_APART: f64 = 72.0;
/// Modules that stay light around a code.
const QR_QUIET: f64 = 4.0;
/// Width of a usual character as a share of the size; wide scripts take a whole one.
const USUAL_WIDTH: f64 = 0.6;
const WIDE_FROM: char = '\u{1100}';

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Anchor {
    Start,
    Middle,
    End,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Shape {
    Rect {
        x: f64,
        y: f64,
        width: f64,
        height: f64,
        fill: &'static str,
    },
    Circle {
        x: f64,
        y: f64,
        radius: f64,
        fill: &'static str,
    },
    Text {
        x: f64,
        y: f64,
        size: f64,
        bold: bool,
        anchor: Anchor,
        fill: &'static str,
        text: String,
    },
    /// An SVG path of unit squares, moved and then scaled.
    Path {
        x: f64,
        y: f64,
        scale: f64,
        fill: &'static str,
        path: String,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Drawing {
    pub width: f64,
    pub height: f64,
    pub shapes: Vec<Shape>,
}

impl Shape {
    /// Its right end; of a text as far as that can be told without its font.
    pub fn right(&self) -> f64 {
        match self {
            Self::Rect { x, width, .. } => x + width,
            Self::Circle { x, radius, .. } => x + radius,
            Self::Text { x, anchor: Anchor::Start, size, text, .. } => x + width_of(text, *size),
            Self::Text { x, anchor: Anchor::Middle, size, text, .. } => x + width_of(text, *size) / 2.0,
            Self::Text { x, .. } => *x,
            Self::Path { x, .. } => x + QR_SIDE,
        }
    }
}

fn width_of(text: &str, size: f64) -> f64 {
    text.chars().map(|character| if character < WIDE_FROM { USUAL_WIDTH } else { 1.0 }).sum::<f64>() * size
}

/// As much of it as fits.
fn fitted(text: &str, size: f64, width: f64) -> String {
    if width_of(text, size) <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for character in text.chars() {
        short.push(character);
        if width_of(&short, size) > width - size {
            short.pop();
            break;
        }
    }
    short.trim_end().to_owned() + "…"
}

struct Card(Vec<Shape>);

impl Card {
    fn text(&mut self, (x, y): (f64, f64), size: f64, fill: &'static str, width: f64, text: &str) {
        let text = fitted(text, size, width);
        self.0.push(Shape::Text { x, y, size, bold: false, anchor: Anchor::Start, fill, text });
    }

    fn bold(&mut self, at: (f64, f64), size: f64, fill: &'static str, width: f64, text: &str) {
        self.text(at, size, fill, width, text);
        if let Some(Shape::Text { bold, .. }) = self.0.last_mut() {
            *bold = true;
        }
    }

    fn anchored(&mut self, (x, y): (f64, f64), anchor: Anchor, size: f64, fill: &'static str, text: String) {
        self.0.push(Shape::Text { x, y, size, bold: false, anchor, fill, text });
    }

    fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, fill: &'static str) {
        self.0.push(Shape::Rect { x, y, width, height, fill });
    }
}

pub(super) fn draw(preview: &Preview) -> Drawing {
    let mut card = Card(Vec::new());
    card.rect(0.0, 0.0, WIDTH, HEIGHT, PAPER);
    card.rect(0.0, 0.0, WIDTH, 10.0, ACCENT);
    let whole = RIGHT - LEFT;
    card.text((LEFT, 62.0), 22.0, SOFT, whole, "Foretune: how this fine-tune is forecast to end");
    card.bold((LEFT, 118.0), 42.0, INK, whole, &preview.dataset);
    let about = format!("{} · {}", preview.model, preview.evaluation);
    card.text((LEFT, 158.0), 24.0, SOFT, whole, &about);
    answer(&mut card, preview);
    reasons(&mut card, preview);
    foot(&mut card, preview);
    Drawing { width: WIDTH, height: HEIGHT, shapes: card.0 }
}

fn answer(card: &mut Card, preview: &Preview) {
    let width = MIDDLE - LEFT - 48.0;
    let (score_ink, band) = if preview.in_distribution { (INK, BAND) } else { (SOFT, UNSURE) };
    let (score, size) = (format!("{:.1}", preview.score), 92.0);
    card.bold((LEFT, 276.0), size, score_ink, width, &score);
    let unit_at = LEFT + width_of(&score, size) + 24.0;
    card.text((unit_at, 276.0), 32.0, SOFT, width, "points");
    card.text((LEFT, 322.0), 28.0, INK, width, &preview.interval_words());
    axis(card, preview, width, band);
    let hue = match preview.verdict {
        Verdict::Go => GOOD,
        Verdict::NoGo => BAD,
        Verdict::ProbeLonger => WATCH,
        Verdict::Withheld => SOFT,
    };
    card.rect(LEFT, 470.0, 8.0, 36.0, hue);
    card.bold((LEFT + 24.0, 497.0), 26.0, hue, BESIDE_CODE - 24.0, &preview.verdict_words);
}

fn axis(card: &mut Card, preview: &Preview, width: f64, band: &'static str) {
    let numbers =
        [preview.interval.map(|ends| ends.0), preview.interval.map(|ends| ends.1), preview.threshold];
    let numbers: Vec<f64> = numbers.into_iter().flatten().chain([preview.score]).collect();
    let (low, high) = (
        numbers.iter().copied().fold(f64::INFINITY, f64::min),
        numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    );
    let margin = ((high - low) * 0.25).max(1.0);
    let at = |value: f64| LEFT + width * (value - low + margin) / (high - low + 2.0 * margin);
    card.rect(LEFT, 391.0, width, 2.0, LINE);
    if let Some((from, to)) = preview.interval {
        card.rect(at(from), 382.0, at(to) - at(from), 20.0, band);
        if at(to) - at(from) < ENDS_APART {
            let middle = f64::midpoint(at(from), at(to));
            card.anchored((middle, 434.0), Anchor::Middle, 20.0, SOFT, format!("{from:.1} to {to:.1}"));
        } else {
            for end in [from, to] {
                card.anchored((at(end), 434.0), Anchor::Middle, 20.0, SOFT, format!("{end:.1}"));
            }
        }
    }
    if let Some(threshold) = preview.threshold {
        card.rect(at(threshold) - 1.5, 368.0, 3.0, 48.0, INK);
        card.anchored((at(threshold), 360.0), Anchor::Middle, 20.0, INK, format!("to reach: {threshold:.1}"));
    }
    card.0.push(Shape::Circle { x: at(preview.score), y: 392.0, radius: 9.0, fill: ACCENT });
}

fn reasons(card: &mut Card, preview: &Preview) {
    let width = RIGHT - MIDDLE;
    card.bold((MIDDLE, 214.0), 24.0, INK, width, "Largest reasons, in points");
    let most = preview.reasons.iter().map(|(_, points)| points.abs()).fold(1e-9, f64::max);
    for (row, (name, points)) in preview.reasons.iter().enumerate() {
        let y = 250.0 + 40.0 * row as f64;
        card.text((MIDDLE, y), 20.0, INK, width - 90.0, name);
        card.anchored((RIGHT, y), Anchor::End, 20.0, INK, signed(*points));
        let fill = if *points < 0.0 { BAD } else { ACCENT };
        card.rect(MIDDLE, y + 8.0, (width * points.abs() / most).max(2.0), 8.0, fill);
    }
    if preview.reasons.is_empty() {
        card.text((MIDDLE, 252.0), 20.0, SOFT, width, "none that differ from an average run");
    }
}

fn foot(card: &mut Card, preview: &Preview) {
    let code = qr::Code::of(preview.address.as_bytes());
    let text_width = if code.is_some() { BESIDE_CODE } else { RIGHT - LEFT };
    if let Some(code) = code {
        let scale = QR_SIDE / (code.size() as f64 + 2.0 * QR_QUIET);
        let (x, y) = (RIGHT - QR_SIDE, HEIGHT - 8.0 - QR_SIDE);
        card.rect(x, y, QR_SIDE, QR_SIDE, PAPER);
        let quiet = QR_QUIET * scale;
        let path = code.svg_path();
        card.0.push(Shape::Path { x: x + quiet, y: y + quiet, scale, fill: INK, path });
    }
    card.rect(LEFT, 538.0, text_width, 1.0, LINE);
    card.text((LEFT, 572.0), 20.0, INK, text_width, &preview.address);
    let made = format!(
        "data {}, Foretune {}; the link holds no row of the data",
        preview.fingerprint, preview.made_with
    );
    card.text((LEFT, 602.0), 18.0, SOFT, text_width, &made);
}

pub(super) fn signed(points: f64) -> String {
    format!("{}{:.1}", if points < 0.0 { "\u{2212}" } else { "+" }, points.abs())
}

pub(super) fn svg(drawing: &Drawing, title: &str) -> String {
    let Drawing { width, height, shapes } = drawing;
    let title = escape(title);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"{title}\" font-family=\"system-ui,sans-serif\">\n<title>{title}</title>\n"
    );
    for shape in shapes {
        let written = match shape {
            Shape::Rect { x, y, width, height, fill } => writeln!(
                out,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{fill}\"/>"
            ),
            Shape::Circle { x, y, radius, fill } => {
                writeln!(out, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{fill}\"/>")
            }
            Shape::Text { x, y, size, bold, anchor, fill, text } => {
                let anchor = match anchor {
                    Anchor::Start => "start",
                    Anchor::Middle => "middle",
                    Anchor::End => "end",
                };
                let weight = if *bold { " font-weight=\"600\"" } else { "" };
                let text = escape(text);
                writeln!(
                    out,
                    "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\"{weight} text-anchor=\"{anchor}\" \
                     fill=\"{fill}\">{text}</text>"
                )
            }
            Shape::Path { x, y, scale, fill, path } => writeln!(
                out,
                "<path transform=\"translate({x:.2} {y:.2}) scale({scale:.4})\" fill=\"{fill}\" d=\"{path}\"/>"
            ),
        };
        written.expect("writing to a string");
    }
    out.push_str("</svg>\n");
    out
}
