//! A chart with two numeric axes.

use super::scale::{Scale, tick_label};
use super::{Axis, Tone, line, open, text};

/// What is drawn, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// A line with its name at its end.
    Line { points: Vec<(f64, f64)>, tone: Tone, dashed: bool, label: String },
    /// Dots; hovering shows the name.
    Dots { points: Vec<(f64, f64, String)>, tone: Tone },
    /// A vertical bar from low to high at x.
    Span { x: f64, low: f64, high: f64, tone: Tone },
    /// A vertical rule through the whole height with its name at the top.
    Rule { x: f64, tone: Tone, label: String },
}

#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    pub marks: Vec<Mark>,
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 64.0;
/// Room for the names at the line ends.
const RIGHT: f64 = 170.0;
const TOP: f64 = 34.0;
const BOTTOM: f64 = 52.0;

impl Chart {
    pub fn svg(&self) -> String {
        let x = Scale::of(self.values(true), self.x.spacing, LEFT, WIDTH - RIGHT);
        let y = Scale::of(self.values(false), self.y.spacing, HEIGHT - BOTTOM, TOP);
        let mut svg = open(WIDTH, HEIGHT, &self.title);
        svg += &text(LEFT, 18.0, "start", Tone::Ink, &self.title);
        svg += &axes(&self.x, &self.y, &x, &y);
        let mut names = Vec::new();
        for mark in &self.marks {
            svg += &draw(mark, &x, &y, &mut names);
        }
        for (at, tone, name) in spread(names) {
            svg += &text(WIDTH - RIGHT + 8.0, at + 4.0, "start", tone, &name);
        }
        svg + "</svg>\n"
    }

    fn values(&self, want_x: bool) -> impl Iterator<Item = f64> {
        let pick = move |(x, y): (f64, f64)| if want_x { x } else { y };
        self.marks.iter().flat_map(move |mark| -> Vec<f64> {
            match mark {
                Mark::Line { points, .. } => points.iter().copied().map(pick).collect(),
                Mark::Dots { points, .. } => points.iter().map(|(x, y, _)| pick((*x, *y))).collect(),
                Mark::Span { x, low, high, .. } => vec![pick((*x, *low)), pick((*x, *high))],
                Mark::Rule { x, .. } if want_x => vec![*x],
                Mark::Rule { .. } => Vec::new(),
            }
        })
    }
}

fn axes(x_axis: &Axis, y_axis: &Axis, x: &Scale, y: &Scale) -> String {
    let (right, floor) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    let mut svg = String::new();
    for tick in y.ticks() {
        svg += &line((LEFT, y.px(tick)), (right, y.px(tick)), Tone::Muted, 1.0, 0.25);
        svg += &text(LEFT - 8.0, y.px(tick) + 4.0, "end", Tone::Muted, &tick_label(tick));
    }
    for tick in x.ticks() {
        svg += &line((x.px(tick), floor), (x.px(tick), floor + 5.0), Tone::Muted, 1.0, 1.0);
        svg += &text(x.px(tick), floor + 18.0, "middle", Tone::Muted, &tick_label(tick));
    }
    svg += &line((LEFT, floor), (right, floor), Tone::Muted, 1.0, 1.0);
    svg += &text(f64::midpoint(LEFT, right), HEIGHT - 12.0, "middle", Tone::Ink, &x_axis.label);
    let middle = f64::midpoint(TOP, floor);
    svg += &format!("<g transform=\"rotate(-90 16 {middle:.1})\">");
    svg += &text(16.0, middle, "middle", Tone::Ink, &y_axis.label);
    svg + "</g>\n"
}

fn draw(mark: &Mark, x: &Scale, y: &Scale, names: &mut Vec<(f64, Tone, String)>) -> String {
    match mark {
        Mark::Line { points, tone, dashed, label } => {
            let drawn: Vec<String> = points
                .iter()
                .filter(|(a, b)| a.is_finite() && b.is_finite())
                .map(|(a, b)| format!("{:.1},{:.1}", x.px(*a), y.px(*b)))
                .collect();
            if let Some((_, end)) = points.last().filter(|_| !label.is_empty()) {
                names.push((y.px(*end), *tone, label.clone()));
            }
            let dash = if *dashed { " stroke-dasharray=\"5 4\"" } else { "" };
            format!(
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.6\"{dash}/>\n",
                drawn.join(" "),
                tone.colour()
            )
        }
        Mark::Dots { points, tone } => points.iter().filter(|(a, b, _)| a.is_finite() && b.is_finite()).fold(
            String::new(),
            |svg, (a, b, name)| {
                svg + &format!(
                    "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.2\" fill=\"{}\"><title>{}</title></circle>\n",
                    x.px(*a),
                    y.px(*b),
                    tone.colour(),
                    super::escape(name)
                )
            },
        ),
        Mark::Span { x: at, low, high, tone } => {
            line((x.px(*at), y.px(*low)), (x.px(*at), y.px(*high)), *tone, 3.0, 0.5)
        }
        Mark::Rule { x: at, tone, label } => {
            let px = x.px(*at);
            line((px, TOP), (px, HEIGHT - BOTTOM), *tone, 1.0, 0.7)
                + &text(px - 4.0, TOP + 10.0, "end", *tone, label)
        }
    }
}

/// Pushes names apart so that none covers another.
fn spread(mut names: Vec<(f64, Tone, String)>) -> Vec<(f64, Tone, String)> {
    const PITCH: f64 = 13.0;
    names.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut last = f64::NEG_INFINITY;
    for name in &mut names {
        name.0 = name.0.max(last + PITCH);
        last = name.0;
    }
    let overflow = last - (HEIGHT - BOTTOM);
    let mut next = f64::INFINITY;
    if overflow > 0.0 {
        for name in names.iter_mut().rev() {
            name.0 = (name.0.min(HEIGHT - BOTTOM)).min(next - PITCH);
            next = name.0;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::Spacing;

    #[test]
    fn names_are_escaped_and_axes_labelled() {
        let chart = Chart {
            title: "a <b> & \"c\"".to_owned(),
            x: Axis { label: "examples".to_owned(), spacing: Spacing::Logarithmic },
            y: Axis { label: "loss (nats)".to_owned(), spacing: Spacing::Linear },
            marks: vec![Mark::Line {
                points: vec![(1.0, 2.0), (10.0, f64::NAN), (100.0, 1.0)],
                tone: Tone::Accent,
                dashed: true,
                label: "<script>".to_owned(),
            }],
        };
        let svg = chart.svg();
        assert!(svg.contains("loss (nats)") && svg.contains("&lt;script&gt;") && !svg.contains("<script>"));
        assert!(!svg.contains("NaN"));
    }
}
