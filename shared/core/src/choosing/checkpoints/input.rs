//! Reading a table of checkpoints: a name, tuned scores (targets), indicators and run settings. Rows without
//! the target are the ones to rank.

use crate::choosing::problem::{Note, Problem, Result};
use crate::choosing::table::Table;
use crate::numerics::Matrix;
use crate::numerics::stats::median;

#[derive(Debug, Clone)]
pub struct CheckpointOptions {
    pub target: String,
    /// Further tuned scores; where None, the columns that share the target's prefix up to the first `_`.
    pub siblings: Option<Vec<String>>,
    /// Where None, every other column of numbers that is not a setting.
    pub indicators: Option<Vec<String>>,
    pub settings: Vec<String>,
    /// Names of rows to leave out.
    pub exclude: Vec<String>,
    /// Below this probability of the stronger side a pair counts as too close to call.
    pub least_probability: f64,
    pub seed: u64,
}

impl CheckpointOptions {
    pub fn for_target(target: &str) -> Self {
        Self {
            target: target.to_owned(),
            siblings: None,
            indicators: None,
            settings: Vec::new(),
            exclude: Vec::new(),
            least_probability: 0.6,
            seed: 0,
        }
    }
}

/// Columns of a table by their role; `targets[0]` is the one wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    pub name: usize,
    pub targets: Vec<usize>,
    pub indicators: Vec<usize>,
    pub settings: Vec<usize>,
}

/// Fewest rows with a known target to learn from.
pub const FEWEST_KNOWN: usize = 8;
/// A cell at or below one that is this many times below its column's median is a fraction among percentages.
const SCALE_GAP: f64 = 30.0;

impl Columns {
    pub fn of(table: &Table, options: &CheckpointOptions) -> Result<Self> {
        let name =
            ["model", "name", "id", "config name"].iter().find_map(|name| table.find(name)).unwrap_or(0);
        let target = table.column(&options.target)?;
        let settings = find_all(table, &options.settings)?;
        let siblings = match &options.siblings {
            Some(names) => find_all(table, names)?,
            None => same_prefix(table, target, name),
        };
        let mut targets = vec![target];
        targets.extend(siblings.into_iter().filter(|column| *column != target && !settings.contains(column)));
        let indicators = match &options.indicators {
            Some(names) => find_all(table, names)?,
            None => (0..table.header().len())
                .filter(|column| *column != name && !targets.contains(column) && !settings.contains(column))
                .filter(|column| (0..table.rows()).all(|row| table.number_or_missing(row, *column).is_ok()))
                .collect(),
        };
        if indicators.is_empty() {
            return Err(Problem::TooFew {
                what: "indicator column(s)",
                found: 0,
                needed: 1,
                why: "to predict from (columns of numbers that are neither target nor setting)",
            });
        }
        if let Some(column) = indicators.iter().find(|column| targets.contains(column)) {
            let message =
                format!("column {:?} is a tuned score and cannot be an indicator", table.header()[*column]);
            return Err(Problem::Option(message));
        }
        Ok(Self { name, targets, indicators, settings })
    }
}

fn find_all(table: &Table, names: &[String]) -> Result<Vec<usize>> {
    names.iter().map(|name| table.column(name)).collect()
}

fn same_prefix(table: &Table, target: usize, name: usize) -> Vec<usize> {
    let Some((prefix, _)) = table.header()[target].split_once('_') else { return Vec::new() };
    let belongs = |column: &usize| {
        *column != name && table.header()[*column].split_once('_').is_some_and(|(other, _)| other == prefix)
    };
    (0..table.header().len()).filter(belongs).collect()
}

/// The numbers of the rows kept.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    pub names: Vec<String>,
    pub indicators: Matrix,
    pub settings: Matrix,
    /// NaN where a row's tuned score is not known.
    pub targets: Matrix,
    pub rule: Vec<f64>,
    pub notes: Vec<Note>,
}

impl Checkpoints {
    /// With repairs: fractions among percentages count as missing, copies of rows are left out. Without: the
    /// table as it is written, for scoring against published figures.
    pub fn read(table: &Table, columns: &Columns, exclude: &[String], repair: bool) -> Result<Self> {
        let all_names = table.names(columns.name)?;
        if let Some(wanted) = exclude.iter().find(|name| !all_names.contains(name)) {
            let present = all_names.iter().take(20).cloned().collect::<Vec<_>>().join(", ");
            return Err(Problem::Unknown { what: "row", wanted: wanted.clone(), present });
        }
        let mut notes = Vec::new();
        let mut kept: Vec<usize> =
            (0..table.rows()).filter(|row| !exclude.contains(&all_names[*row])).collect();
        let read = |columns: &[usize]| -> Result<Vec<Vec<f64>>> {
            (0..table.rows())
                .map(|row| columns.iter().map(|column| table.number_or_missing(row, *column)).collect())
                .collect()
        };
        let mut indicators = read(&columns.indicators)?;
        let mut targets = read(&columns.targets)?;
        let settings = read(&columns.settings)?;
        if repair {
            for (values, columns) in
                [(&mut indicators, &columns.indicators), (&mut targets, &columns.targets)]
            {
                drop_fractions(table, columns, &kept, values, &mut notes);
            }
            drop_copies(table, &all_names, &indicators, &targets, &mut kept, &mut notes);
        }
        note_missing(table, columns, &kept, &indicators, &mut notes);
        let pick = |values: &[Vec<f64>]| kept.iter().map(|row| values[*row].clone()).collect::<Vec<_>>();
        let (indicators, targets, settings) = (pick(&indicators), pick(&targets), pick(&settings));
        check_varies(table, columns, &indicators, &targets)?;
        let rule = known_rule(table, &columns.indicators);
        Ok(Self {
            names: kept.iter().map(|row| all_names[*row].clone()).collect(),
            indicators: Matrix::from_rows(&indicators),
            settings: Matrix::from_rows(&settings),
            targets: Matrix::from_rows(&targets),
            rule,
            notes,
        })
    }

    pub fn known(&self) -> Vec<usize> {
        (0..self.names.len()).filter(|row| !self.targets.at(*row, 0).is_nan()).collect()
    }
}

fn drop_fractions(
    table: &Table,
    columns: &[usize],
    kept: &[usize],
    values: &mut [Vec<f64>],
    notes: &mut Vec<Note>,
) {
    for (place, column) in columns.iter().enumerate() {
        let present: Vec<f64> =
            kept.iter().map(|row| values[*row][place]).filter(|value| !value.is_nan()).collect();
        let median = median(&present);
        for row in kept {
            let value = values[*row][place];
            if value > 0.0 && value <= 1.0 && value * SCALE_GAP < median {
                values[*row][place] = f64::NAN;
                let message = format!(
                    "{value} looks like a fraction in a column of percentages (median {median:.2}); treated as missing"
                );
                notes.push(Note::at("mixed_scales", table.line(*row), &table.header()[*column], message));
            }
        }
    }
}

fn drop_copies(
    table: &Table,
    names: &[String],
    indicators: &[Vec<f64>],
    targets: &[Vec<f64>],
    kept: &mut Vec<usize>,
    notes: &mut Vec<Note>,
) {
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let mut seen = std::collections::BTreeMap::new();
    kept.retain(|row| {
        let key = (bits(&indicators[*row]), bits(&targets[*row]));
        let Some(first) = seen.get(&key) else {
            seen.insert(key, *row);
            return true;
        };
        let message = format!(
            "{:?} equals {:?} of row {} in every number; left out, or it would be learnt and judged twice",
            names[*row],
            names[*first],
            table.line(*first)
        );
        notes.push(Note::row("duplicate_row", table.line(*row), message));
        false
    });
}

fn note_missing(
    table: &Table,
    columns: &Columns,
    kept: &[usize],
    indicators: &[Vec<f64>],
    notes: &mut Vec<Note>,
) {
    for row in kept {
        for (place, column) in columns.indicators.iter().enumerate() {
            if indicators[*row][place].is_nan() {
                let message = "missing; counted as the column's median".to_owned();
                notes.push(Note::at(
                    "missing_indicator",
                    table.line(*row),
                    &table.header()[*column],
                    message,
                ));
            }
        }
    }
}

fn check_varies(
    table: &Table,
    columns: &Columns,
    indicators: &[Vec<f64>],
    targets: &[Vec<f64>],
) -> Result<()> {
    let constant = |values: &[Vec<f64>], place: usize| -> Option<f64> {
        let mut present = values.iter().map(|row| row[place]).filter(|value| !value.is_nan());
        let first = present.next()?;
        present.all(|value| value.total_cmp(&first).is_eq()).then_some(first)
    };
    let places = [(indicators, &columns.indicators), (targets, &columns.targets)];
    for (values, columns) in places {
        for (place, column) in columns.iter().enumerate() {
            if let Some(value) = constant(values, place) {
                let column = table.header()[*column].clone();
                return Err(Problem::Constant { column, value, rows: values.len() });
            }
        }
    }
    let known = targets.iter().filter(|row| !row[0].is_nan()).count();
    if known < FEWEST_KNOWN {
        return Err(Problem::TooFew {
            what: "row(s) with a known tuned score",
            found: known,
            needed: FEWEST_KNOWN,
            why: "to learn which indicators matter",
        });
    }
    Ok(())
}

/// The published sum of the paper's own indicators: few-shot RAG score, plus half the span-filling, minus half
/// the causal perplexity (as inverse perplexities); empty where the table lacks one of them.
fn known_rule(table: &Table, indicators: &[usize]) -> Vec<f64> {
    const RULE: [(&str, f64); 3] = [("kshot_rag", 1.0), ("inv_ppl_sc", 0.5), ("inv_ppl_clm", -0.5)];
    let weight = |column: &usize| {
        RULE.iter().find(|(name, _)| *name == table.header()[*column]).map_or(0.0, |(_, weight)| *weight)
    };
    let weights: Vec<f64> = indicators.iter().map(weight).collect();
    let found = weights.iter().filter(|weight| **weight != 0.0).count();
    if found == RULE.len() { weights } else { Vec::new() }
}
