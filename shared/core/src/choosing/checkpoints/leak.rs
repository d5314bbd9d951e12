//! Does an indicator carry the label? Two signs: some rows' indicator is one fixed multiple of a target while
//! the other rows' is not, and some rows are written with other precision (they come from another source).

use serde::Serialize;

use super::input::Columns;
use super::pairs::pairwise_accuracy;
use crate::choosing::problem::Result;
use crate::choosing::table::Table;
use crate::numerics::stats::{median, pearson, sorted, spearman};

/// Rows, by name, whose indicator stands in one ratio to a target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Leak {
    pub indicator: String,
    pub target: String,
    pub rows: Vec<String>,
    /// Lowest and highest indicator / target among them.
    pub ratio: (f64, f64),
    /// Pearson's.
    pub correlation_within: f64,
    /// Spearman's: one row on another scale would decide Pearson's.
    pub correlation_elsewhere: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeakReport {
    pub leaks: Vec<Leak>,
    /// Rows with an indicator written to more decimals than the rest of its column.
    pub other_precision: Vec<String>,
    /// Indicators in which they stand out, with the median there and elsewhere.
    pub other_scale: Vec<(String, f64, f64)>,
    /// For each target: pairwise accuracy of that flag alone, x100 (50 is no information).
    pub flag_accuracy: Vec<(String, f64)>,
}

/// Ratios this close, relative, count as one.
const RATIO_WIDTH: f64 = 0.004;
/// A window is called a leak when as many rows in one are this unlikely (Poisson tail times rows).
const CHANCE: f64 = 1e-5;

pub fn leak_check(table: &Table, columns: &Columns) -> Result<LeakReport> {
    let mut leaks = Vec::new();
    for indicator in &columns.indicators {
        for target in &columns.targets {
            leaks.extend(ratio_leak(table, columns, *indicator, *target)?);
        }
    }
    let flagged = other_precision(table, columns);
    let mut other_scale = Vec::new();
    let mut flag_accuracy = Vec::new();
    if flagged.iter().any(|flag| *flag) {
        for indicator in &columns.indicators {
            other_scale.extend(scale_shift(table, *indicator, &flagged)?);
        }
        let flag: Vec<f64> = flagged.iter().map(|flag| f64::from(u8::from(*flag))).collect();
        for target in &columns.targets {
            let values = column(table, *target)?;
            let known: Vec<usize> = (0..values.len()).filter(|row| !values[*row].is_nan()).collect();
            let pick = |all: &[f64]| known.iter().map(|row| all[*row]).collect::<Vec<_>>();
            flag_accuracy
                .push((table.header()[*target].clone(), pairwise_accuracy(&pick(&flag), &pick(&values))));
        }
    }
    let names = |rows: &[bool]| -> Vec<String> {
        let chosen = (0..rows.len()).filter(|row| rows[*row]);
        chosen.map(|row| table.text(row, columns.name).to_owned()).collect()
    };
    Ok(LeakReport { leaks, other_precision: names(&flagged), other_scale, flag_accuracy })
}

fn column(table: &Table, column: usize) -> Result<Vec<f64>> {
    (0..table.rows()).map(|row| table.number_or_missing(row, column)).collect()
}

fn ratio_leak(table: &Table, columns: &Columns, indicator: usize, target: usize) -> Result<Option<Leak>> {
    let (inputs, labels) = (column(table, indicator)?, column(table, target)?);
    let ratios: Vec<(f64, usize)> = (0..inputs.len())
        .map(|row| (inputs[row] / labels[row], row))
        .filter(|(ratio, _)| ratio.is_finite() && *ratio > 0.0)
        .collect();
    if ratios.len() < 12 {
        return Ok(None);
    }
    let mut ordered = ratios.clone();
    ordered.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut first, mut best) = (0, (0, 0));
    for last in 0..ordered.len() {
        while ordered[last].0 > ordered[first].0 * (1.0 + RATIO_WIDTH) {
            first += 1;
        }
        if last - first > best.1 - best.0 {
            best = (first, last);
        }
    }
    let within: Vec<usize> = ordered[best.0..=best.1].iter().map(|(_, row)| *row).collect();
    let others: Vec<f64> = ordered
        .iter()
        .enumerate()
        .filter(|(place, _)| *place < best.0 || *place > best.1)
        .map(|(_, (ratio, _))| *ratio)
        .collect();
    if others.len() < 5 {
        return Ok(None);
    }
    // How many of the others would fall into a window this wide at their own densest, were they normal.
    let spread = robust_deviation(&others);
    let width = RATIO_WIDTH * ordered[best.0].0;
    let expected = ratios.len() as f64 * (width / (spread * 2.5066)).min(1.0);
    if poisson_tail(within.len(), expected) * ratios.len() as f64 > CHANCE {
        return Ok(None);
    }
    let outside: Vec<usize> =
        ratios.iter().map(|(_, row)| *row).filter(|row| !within.contains(row)).collect();
    let pick = |rows: &[usize], values: &[f64]| rows.iter().map(|row| values[*row]).collect::<Vec<_>>();
    let correlation_within = pearson(&pick(&within, &inputs), &pick(&within, &labels));
    // A constant ratio over a range of labels is a copy; without a range it is a narrow column.
    if correlation_within.is_nan() || correlation_within < 0.9 {
        return Ok(None);
    }
    let mut rows = within.clone();
    rows.sort_unstable();
    Ok(Some(Leak {
        indicator: table.header()[indicator].clone(),
        target: table.header()[target].clone(),
        rows: rows.iter().map(|row| table.text(*row, columns.name).to_owned()).collect(),
        ratio: (ordered[best.0].0, ordered[best.1].0),
        correlation_within,
        correlation_elsewhere: spearman(&pick(&outside, &inputs), &pick(&outside, &labels)),
    }))
}

fn robust_deviation(values: &[f64]) -> f64 {
    let centre = median(values);
    let gaps: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    (1.4826 * median(&gaps)).max(1e-12)
}

/// P(at least `count`) under a Poisson distribution.
fn poisson_tail(count: usize, mean: f64) -> f64 {
    let mut term = libm::exp(-mean);
    let mut below = 0.0;
    for index in 0..count {
        below += term;
        term *= mean / (index as f64 + 1.0);
    }
    (1.0 - below).max(0.0)
}

/// Rows in which some indicator has more decimals than two thirds of its column.
fn other_precision(table: &Table, columns: &Columns) -> Vec<bool> {
    let mut flagged = vec![false; table.rows()];
    for indicator in &columns.indicators {
        let decimals: Vec<usize> =
            (0..table.rows()).map(|row| decimals(table.text(row, *indicator))).collect();
        let most = decimals.iter().copied().max().unwrap_or(0);
        let rows: Vec<usize> = (0..decimals.len()).filter(|row| decimals[*row] == most).collect();
        // Trailing zeros are dropped when numbers are written: one row in ten has fewer decimals anyway, so a
        // column of that precision has it in most rows; a minority is another source.
        if rows.len() * 3 <= decimals.len() && rows.len() >= 3 {
            for row in rows {
                flagged[row] = true;
            }
        }
    }
    flagged
}

fn decimals(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, digits)| digits.len())
}

/// Where the flagged rows' median lies outside the middle 90 % of the others.
fn scale_shift(table: &Table, indicator: usize, flagged: &[bool]) -> Result<Option<(String, f64, f64)>> {
    let values = column(table, indicator)?;
    let split = |wanted: bool| -> Vec<f64> {
        (0..values.len())
            .filter(|row| flagged[*row] == wanted)
            .map(|row| values[row])
            .filter(|v| !v.is_nan())
            .collect()
    };
    let (inside, outside) = (split(true), sorted(&split(false)));
    let (here, there) = (median(&inside), median(&outside));
    let (low, high) = (
        crate::numerics::stats::quantile_of_sorted(&outside, 0.05),
        crate::numerics::stats::quantile_of_sorted(&outside, 0.95),
    );
    let shifted = here < low || here > high;
    Ok(shifted.then(|| (table.header()[indicator].clone(), here, there)))
}
