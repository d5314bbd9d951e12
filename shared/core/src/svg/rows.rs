//! A chart with one row a name: a dot, its interval, and a second dot to compare with.

use super::scale::{Scale, tick_label};
use super::{Axis, Tone, line, open, text};

#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub name: String,
    pub value: f64,
    pub interval: Option<(f64, f64)>,
    /// For instance the value now, drawn hollow.
    pub other: Option<f64>,
    pub tone: Tone,
    /// Written at the right.
    pub remark: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RowChart {
    pub title: String,
    pub x: Axis,
    pub rows: Vec<Row>,
}

const WIDTH: f64 = 720.0;
const NAMES: f64 = 230.0;
const REMARKS: f64 = 90.0;
const PITCH: f64 = 18.0;
const TOP: f64 = 34.0;
/// Beyond this many rows a picture is no longer read.
const MOST_ROWS: usize = 200;

impl RowChart {
    pub fn svg(&self) -> String {
        let rows = &self.rows[..self.rows.len().min(MOST_ROWS)];
        let floor = TOP + PITCH * rows.len() as f64;
        let values = rows.iter().flat_map(|row| {
            let (low, high) = row.interval.unwrap_or((f64::NAN, f64::NAN));
            [row.value, low, high, row.other.unwrap_or(f64::NAN)]
        });
        let x = Scale::of(values, self.x.spacing, NAMES, WIDTH - REMARKS);
        let mut svg = open(WIDTH, floor + 44.0, &self.title);
        svg += &text(8.0, 18.0, "start", Tone::Ink, &self.title);
        for tick in x.ticks() {
            svg += &line((x.px(tick), TOP), (x.px(tick), floor), Tone::Muted, 1.0, 0.25);
            svg += &text(x.px(tick), floor + 16.0, "middle", Tone::Muted, &tick_label(tick));
        }
        svg += &text(f64::midpoint(NAMES, WIDTH - REMARKS), floor + 36.0, "middle", Tone::Ink, &self.x.label);
        for (index, row) in rows.iter().enumerate() {
            svg += &draw(row, &x, TOP + PITCH * (index as f64 + 0.5));
        }
        svg + "</svg>\n"
    }
}

fn draw(row: &Row, x: &Scale, y: f64) -> String {
    let mut svg = text(NAMES - 10.0, y + 4.0, "end", Tone::Ink, &shortened(&row.name));
    if let Some((low, high)) = row.interval.filter(|(low, high)| low.is_finite() && high.is_finite()) {
        svg += &line((x.px(low), y), (x.px(high), y), row.tone, 3.0, 0.45);
    }
    if let Some(other) = row.other.filter(|other| other.is_finite()) {
        svg += &format!(
            "<circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"3.2\" fill=\"none\" stroke=\"{}\"/>\n",
            x.px(other),
            Tone::Muted.colour()
        );
    }
    if row.value.is_finite() {
        let colour = row.tone.colour();
        svg += &format!("<circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>\n", x.px(row.value));
    }
    svg + &text(WIDTH - REMARKS + 10.0, y + 4.0, "start", Tone::Muted, &row.remark)
}

fn shortened(name: &str) -> String {
    const MOST: usize = 34;
    if name.chars().count() <= MOST {
        return name.to_owned();
    }
    name.chars().take(MOST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::svg::Spacing;

    #[test]
    fn many_rows_stay_bounded() {
        let row = Row {
            name: "a model with a very long name that would cover the chart".to_owned(),
            value: 1.0,
            interval: Some((0.5, f64::NAN)),
            other: None,
            tone: Tone::Accent,
            remark: String::new(),
        };
        let axis = Axis { label: "loss (nats)".to_owned(), spacing: Spacing::Linear };
        let chart = RowChart { title: "t".to_owned(), x: axis, rows: vec![row; 500] };
        let svg = chart.svg();
        assert_eq!(svg.matches("<circle").count(), MOST_ROWS);
        assert!(svg.contains('…') && !svg.contains("NaN"));
    }
}
