//! What a longer probe is worth: the error against depth for each kind of probe and each family of tasks, and where
//! these stand on the phase diagram.

use super::charts::{axis, line};
use super::table::{cells, number, table};
use crate::predict::build::{FamilyRisk, FitReport};
use crate::predict::card::Card;
use crate::predict::phase::{Phase, PhaseMap, Standing};
use crate::predict::probe_kind::ProbeKind;
use crate::predict::risk::RiskFit;
use crate::svg::{Chart, Mark, Tone};

pub fn section(report: &FitReport, card: &Card) -> String {
    if card.risks.is_empty() {
        return String::new();
    }
    let mut page = by_kind(card, deepest(card));
    page += &figure(&error_by_kind(card));
    page += &by_family(report, deepest(card));
    if let Some(diagram) = phase_diagram(&report.families, card) {
        page += &figure(&diagram);
    }
    page
}

fn figure(chart: &Chart) -> String {
    format!("<figure>{}</figure>", chart.svg())
}

/// The last step that most runs are read at.
fn deepest(card: &Card) -> f64 {
    card.depths.last().copied().unwrap_or(0.0)
}

fn header(first: &str, deepest: f64) -> Vec<String> {
    let at_the_end = format!("at step {deepest:.0}");
    cells(&[first, "runs", "before the first step", &at_the_end, "floor", "scale", "offset", "decay"])
}

/// Errors in points, the numbers of the curve with their intervals.
fn numbers(risk: &RiskFit, deepest: f64) -> Vec<String> {
    let RiskFit { curve, .. } = risk;
    let root = |squared: f64| squared.max(0.0).sqrt();
    let between = |value: String, interval: Option<(f64, f64)>, text: &dyn Fn(f64) -> String| match interval {
        Some((low, high)) => format!("{value} ({} to {})", text(low), text(high)),
        None => value,
    };
    let points = |squared: f64| number(root(squared), 1);
    let plain = |value: f64| if value.abs() < 1e4 { number(value, 1) } else { format!("{value:.1e}") };
    let fine = |value: f64| number(value, 2);
    vec![
        risk.runs.to_string(),
        points(curve.at(0.0)),
        points(curve.at(deepest)),
        between(points(curve.floor), Some(risk.floor_interval), &points),
        between(plain(curve.scale), risk.scale_interval, &plain),
        between(plain(curve.offset_steps), risk.offset_interval, &plain),
        between(fine(curve.decay), Some(risk.decay_interval), &fine),
    ]
}

fn by_kind(card: &Card, deepest: f64) -> String {
    let mut rows = vec![header("Kind of probe", deepest)];
    rows.extend(card.risks.iter().map(|(kind, risk)| {
        let mut row = vec![kind.words().to_owned()];
        row.extend(numbers(risk, deepest));
        row
    }));
    let note = "Squared error at step c: floor + scale (c + offset)^-decay, on out-of-fold errors of the training part, \
                which is as if all its runs were probed so and read as deep. Floor and errors as roots, in points; in \
                brackets 5 and 95 % over runs drawn anew. Beyond the common steps readings are taken together in bands. The offset is held to the deepest \
                common step: beyond it the power would turn into an exponential, and its decay mean nothing.";
    table("Error against depth, fitted", note, &rows)
}

fn by_family(report: &FitReport, deepest: f64) -> String {
    let families = &report.families;
    if families.is_empty() {
        return String::new();
    }
    let mut columns = header("Family of tasks", deepest);
    columns.push("regime".into());
    let mut rows = vec![columns];
    rows.extend(families.iter().map(|family| {
        let mut row = vec![family.family.clone()];
        row.extend(numbers(&family.risk, deepest));
        row.push(family.regime.word().to_owned());
        row
    }));
    let by = match report.main.split.as_str() {
        "group" => ", by a model that has not learnt from the family",
        _ => "",
    };
    let note = format!(
        "The same for each family of the training part with at least ten runs, of probes that read clean rows{by}."
    );
    table("Error against depth, by family of tasks", &note, &rows)
}

/// At the end of a line.
fn short(kind: ProbeKind) -> &'static str {
    match kind {
        ProbeKind::WithoutCleanRows => "no clean rows",
        ProbeKind::CleanRows => "clean rows",
        ProbeKind::BesideFinishedRun => "and smaller run",
    }
}

fn error_by_kind(card: &Card) -> Chart {
    let tones = [Tone::Ink, Tone::Accent, Tone::Good];
    let mut marks = Vec::new();
    for ((kind, risk), tone) in card.risks.iter().zip(tones) {
        let root = |(depth, squared): &(f64, f64)| (*depth, squared.max(0.0).sqrt());
        let deepest = risk.points.last().map_or(100.0, |point| point.0);
        let curve = (0..=50).map(|step| {
            let depth = deepest * f64::from(step) / 50.0;
            (depth, risk.curve.at(depth).sqrt())
        });
        let points = risk.points.iter().map(root);
        marks.push(Mark::Dots { points: points.map(|(x, y)| (x, y, format!("{y:.1}"))).collect(), tone });
        marks.push(line(curve.collect(), tone, true, short(*kind)));
    }
    let title = "Error against probe depth by kind of probe, out of fold, with the fitted curves".into();
    Chart { title, x: axis("probe steps"), y: axis("root mean square error, points"), marks }
}

/// Families as dots on the plane of all runs together; the borders are theirs.
fn phase_diagram(families: &[FamilyRisk], card: &Card) -> Option<Chart> {
    let risk = card.risks.get(&ProbeKind::CleanRows)?;
    let squared_error = risk.curve.at(0.0);
    let standing = Standing {
        probe_kind: ProbeKind::CleanRows,
        probe_step: 0.0,
        squared_error,
        usual_squared_error: squared_error,
    };
    let map = Phase::new(risk, standing, card.terms(None)).map();
    let dot = |name: &str, risk: &RiskFit| {
        (risk.curve.floor.max(0.0).sqrt(), risk.curve.decay, format!("{name}, {} runs", risk.runs))
    };
    let mut marks = borders(&map);
    let points = families.iter().map(|family| dot(&family.family, &family.risk)).collect();
    marks.push(Mark::Dots { points, tone: Tone::Accent });
    marks.push(Mark::Dots { points: vec![dot("all", risk)], tone: Tone::Ink });
    let title = "Phase diagram: families of tasks (all together: dark), borders for all together".into();
    Some(Chart { title, x: axis("error that no probe removes, points"), y: axis("decay"), marks })
}

/// Where one regime ends and the next begins, row by row of the map.
fn borders(map: &PhaseMap) -> Vec<Mark> {
    let columns = map.cells.first().map_or(1, String::len);
    let edge = |column: usize| column as f64 / columns as f64 * map.most_floor_points;
    let level = |row: usize| (row as f64 + 0.5) / map.cells.len() as f64 * map.most_decay;
    let mut found: std::collections::BTreeMap<(u8, u8), Vec<(f64, f64)>> = std::collections::BTreeMap::new();
    for (row, cells) in map.cells.iter().enumerate() {
        for (column, pair) in cells.as_bytes().windows(2).enumerate().filter(|(_, pair)| pair[0] != pair[1]) {
            found.entry((pair[0], pair[1])).or_default().push((edge(column + 1), level(row)));
        }
    }
    let name = |digit: u8| {
        let regime = map.regimes.get(usize::from(digit - b'0')).map_or("", |regime| regime.word());
        regime.split('-').next().unwrap_or(regime)
    };
    let border = |((left, right), points)| {
        line(points, Tone::Muted, true, &format!("{} | {}", name(left), name(right)))
    };
    found.into_iter().map(border).collect()
}
