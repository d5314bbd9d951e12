//! Reading results in tidy form, one row a measurement: size, params, step, task, metric, value, stderr and
//! any further columns to choose by; into one series a task over the small sizes.

use std::collections::{BTreeMap, BTreeSet};

use super::cod::CodOptions;
use crate::choosing::problem::{Note, Problem, Result};
use crate::choosing::table::Table;
use crate::numerics::Matrix;
use crate::numerics::stats::mean;

#[derive(Debug, Clone)]
pub struct ScaleOptions {
    pub small: Vec<String>,
    pub target: String,
    /// (column, value): only rows with that value.
    pub filters: Vec<(String, String)>,
    pub method: super::ScaleMethod,
    /// Adjacent last checkpoints averaged, as the paper does.
    pub checkpoints: usize,
    /// Score of guessing by task; where absent, what is known of public tasks, else zero.
    pub chance: Vec<(String, f64)>,
    /// Parameters of the target where the table has no row of it.
    pub target_parameters: Option<f64>,
    pub coverage: f64,
    pub cod: CodOptions,
}

impl ScaleOptions {
    pub fn new(small: &[&str], target: &str) -> Self {
        Self {
            small: small.iter().map(|name| (*name).to_owned()).collect(),
            target: target.to_owned(),
            filters: Vec::new(),
            method: super::ScaleMethod::Pooled,
            checkpoints: 3,
            chance: Vec::new(),
            target_parameters: None,
            coverage: 0.9,
            cod: CodOptions::default(),
        }
    }
}

/// Scores in 0..1 of every task (or item) over the small sizes, by rising size.
#[derive(Debug, Clone)]
pub struct Series {
    pub tasks: Vec<String>,
    pub sizes: Vec<String>,
    pub parameters: Vec<f64>,
    pub target_parameters: f64,
    /// Compute of each small size and of the target, 6 N D in 1e18 operations, where steps are known.
    pub compute: Vec<f64>,
    pub target_compute: f64,
    pub scores: Matrix,
    pub errors: Matrix,
    pub chance: Vec<f64>,
    /// Members of a family of many (the subjects of one examination) rise less often than single tasks.
    pub in_large_family: Vec<bool>,
    /// 1 or 100: what a score of one is in the table.
    pub unit: f64,
    pub notes: Vec<Note>,
}

/// Where no standard error is given: that of a few hundred items.
const ASSUMED_ERROR: f64 = 0.025;
const LARGE_FAMILY: usize = 8;

struct Cells {
    /// task -> (step, value, stderr, line)
    by_task: BTreeMap<String, Vec<(f64, f64, f64, usize)>>,
    parameters: f64,
}

impl Series {
    pub fn read(table: &Table, options: &ScaleOptions) -> Result<Self> {
        check_options(options)?;
        let mut notes = Vec::new();
        let rows = filtered(table, options)?;
        let parameters_column = table.column("params")?;
        let size_column = table.column("size")?;
        let mut small = Vec::new();
        for name in &options.small {
            small.push((name.clone(), cells_of(table, &rows, name, options)?));
        }
        small.sort_by(|a, b| a.1.parameters.total_cmp(&b.1.parameters));
        if let Some(pair) = small.windows(2).find(|pair| pair[0].1.parameters >= pair[1].1.parameters) {
            let message =
                format!("sizes {:?} and {:?} have the same number of parameters", pair[0].0, pair[1].0);
            return Err(Problem::Option(message));
        }
        let target_row = (0..table.rows()).find(|row| table.text(*row, size_column) == options.target);
        let target_parameters = match (options.target_parameters, target_row) {
            (Some(count), _) => count,
            (None, Some(row)) => table.number(row, parameters_column, "the target's size is needed")?,
            (None, None) => {
                return Err(Problem::Option(format!(
                    "the table has no row of {:?}: give its size with --target-params",
                    options.target
                )));
            }
        };
        let tasks = common_tasks(table, &small, &mut notes)?;
        let unit = unit(table, &small, &tasks)?;
        let mut steps = vec![0.0; small.len()];
        let mut assumed = false;
        let mut scores = Matrix::zeros(tasks.len(), small.len());
        let mut errors = Matrix::zeros(tasks.len(), small.len());
        for (place, (_, cells)) in small.iter().enumerate() {
            for (row, task) in tasks.iter().enumerate() {
                let mut points = cells.by_task[task].clone();
                points.sort_by(|a, b| a.0.total_cmp(&b.0));
                let last = &points[points.len() - options.checkpoints.min(points.len())..];
                scores.set(row, place, mean(&last.iter().map(|point| point.1 / unit).collect::<Vec<_>>()));
                let error = mean(&last.iter().map(|point| point.2 / unit).collect::<Vec<_>>());
                assumed |= error.is_nan();
                errors.set(row, place, if error.is_nan() { ASSUMED_ERROR } else { error.max(1e-3) });
                steps[place] = last[last.len() - 1].0;
            }
        }
        if assumed {
            let message = format!("some rows have no stderr: {ASSUMED_ERROR} is assumed there");
            notes.push(Note::general("assumed_error", message));
        }
        check_varies(table, &scores)?;
        let chance = chances(&tasks, options, &mut notes);
        let parameters: Vec<f64> = small.iter().map(|(_, cells)| cells.parameters).collect();
        let compute = |parameters: f64, step: f64| {
            // Without steps every size is taken as equally long trained.
            let tokens = if step > 0.0 { step * options.cod.tokens_per_step } else { 300e9 };
            6.0 * parameters * tokens / 1e18
        };
        Ok(Self {
            compute: parameters.iter().zip(&steps).map(|(count, step)| compute(*count, *step)).collect(),
            target_compute: compute(target_parameters, steps[steps.len() - 1]),
            in_large_family: large_families(&tasks),
            sizes: small.into_iter().map(|(name, _)| name).collect(),
            tasks,
            parameters,
            target_parameters,
            scores,
            errors,
            chance,
            unit,
            notes,
        })
    }

    /// The same series as if only the first `count` sizes were known and the later `target` were wanted.
    #[must_use]
    pub fn as_if(&self, count: usize, target: usize) -> Self {
        let columns: Vec<usize> = (0..count).collect();
        Self {
            sizes: self.sizes[..count].to_vec(),
            parameters: self.parameters[..count].to_vec(),
            target_parameters: self.parameters[target],
            compute: self.compute[..count].to_vec(),
            target_compute: self.compute[target],
            scores: self.scores.select_columns(&columns),
            errors: self.errors.select_columns(&columns),
            notes: Vec::new(),
            ..self.clone()
        }
    }

    /// Natural logarithms of the sizes relative to the largest small one.
    pub fn log_sizes(&self) -> Vec<f64> {
        let last = self.parameters[self.parameters.len() - 1];
        self.parameters.iter().map(|count| libm::log(count / last)).collect()
    }

    pub fn target_log_size(&self) -> f64 {
        libm::log(self.target_parameters / self.parameters[self.parameters.len() - 1])
    }
}

fn check_options(options: &ScaleOptions) -> Result<()> {
    if options.small.len() < 2 {
        return Err(Problem::TooFew {
            what: "small model(s)",
            found: options.small.len(),
            needed: 2,
            why: "to see growth (--small A,B,…)",
        });
    }
    if let Some(place) =
        (1..options.small.len()).find(|at| options.small[..*at].contains(&options.small[*at]))
    {
        return Err(Problem::Option(format!("--small names {:?} twice", options.small[place])));
    }
    if options.small.contains(&options.target) {
        return Err(Problem::Option(format!("--target {:?} is also one of --small", options.target)));
    }
    if !(options.coverage > 0.0 && options.coverage < 1.0) || options.checkpoints == 0 {
        return Err(Problem::Option("--coverage must lie between 0 and 1, --checkpoints above 0".to_owned()));
    }
    Ok(())
}

/// Rows that pass every filter. A column that would mix several kinds of measurement must be filtered.
fn filtered(table: &Table, options: &ScaleOptions) -> Result<Vec<usize>> {
    let mut rows: Vec<usize> = (0..table.rows()).collect();
    for (name, value) in &options.filters {
        let column = table.column(name)?;
        let present: BTreeSet<&str> = rows.iter().map(|row| table.text(*row, column)).collect();
        rows.retain(|row| table.text(*row, column) == value);
        if rows.is_empty() {
            let listed: Vec<&str> = present.into_iter().take(12).collect();
            return Err(Problem::Unknown {
                what: "the value asked for with --where",
                wanted: format!("{name}={value}"),
                present: listed.join(", "),
            });
        }
    }
    let known = ["size", "params", "step", "task", "item", "value", "stderr"];
    for (column, name) in table.header().iter().enumerate() {
        if known.contains(&name.as_str()) {
            continue;
        }
        let kinds: BTreeSet<&str> = rows.iter().map(|row| table.text(*row, column)).collect();
        if kinds.len() > 1 {
            let listed: Vec<&str> = kinds.into_iter().take(12).collect();
            return Err(Problem::Option(format!(
                "column {name:?} holds several kinds of results ({}): choose one with --where {name}={}",
                listed.join(", "),
                listed[0]
            )));
        }
    }
    Ok(rows)
}

fn cells_of(table: &Table, rows: &[usize], size: &str, options: &ScaleOptions) -> Result<Cells> {
    let [size_column, parameters, task, value] =
        [table.column("size")?, table.column("params")?, table.column("task")?, table.column("value")?];
    let (step, stderr, item) = (table.find("step"), table.find("stderr"), table.find("item"));
    let mut cells = Cells { by_task: BTreeMap::new(), parameters: f64::NAN };
    let mut seen: BTreeMap<(String, u64), usize> = BTreeMap::new();
    for &row in rows.iter().filter(|row| table.text(**row, size_column) == size) {
        let count = table.number(row, parameters, "every row needs its model's size")?;
        if count <= 0.0 || (!cells.parameters.is_nan() && (count - cells.parameters).abs() > 0.5) {
            return Err(Problem::OutOfRange {
                row: table.line(row),
                column: "params".to_owned(),
                found: count,
                expected: "one number of parameters above zero for each size",
            });
        }
        cells.parameters = count;
        let score = table.number_or_missing(row, value)?;
        if score.is_nan() {
            continue;
        }
        let mut name = table.text(row, task).to_owned();
        if let Some(item) = item {
            name = format!("{name}#{}", table.text(row, item));
        }
        let step =
            step.map_or(Ok(0.0), |column| table.number(row, column, "the checkpoint's step orders them"))?;
        let error = stderr.map_or(Ok(f64::NAN), |column| table.number_or_missing(row, column))?;
        if let Some(first) = seen.insert((name.clone(), step.to_bits()), table.line(row)) {
            return Err(Problem::DuplicateName { row: table.line(row), first, name });
        }
        cells.by_task.entry(name).or_default().push((step, score, error, table.line(row)));
    }
    if cells.by_task.is_empty() {
        let sizes: BTreeSet<&str> = (0..table.rows()).map(|row| table.text(row, size_column)).collect();
        return Err(Problem::Unknown {
            what: "size",
            wanted: size.to_owned(),
            present: sizes.into_iter().filter(|name| *name != options.target).collect::<Vec<_>>().join(", "),
        });
    }
    Ok(cells)
}

fn common_tasks(table: &Table, small: &[(String, Cells)], notes: &mut Vec<Note>) -> Result<Vec<String>> {
    let every: BTreeSet<&String> = small.iter().flat_map(|(_, cells)| cells.by_task.keys()).collect();
    let mut tasks = Vec::new();
    for task in every {
        match small.iter().find(|(_, cells)| !cells.by_task.contains_key(task)) {
            Some((size, _)) => {
                let message = format!("task {task:?} has no value for size {size:?}; left out");
                notes.push(Note::general("missing_task", message));
            }
            None => tasks.push(task.clone()),
        }
    }
    if tasks.is_empty() {
        let _ = table;
        return Err(Problem::TooFew {
            what: "task(s) with a value for every small size",
            found: 0,
            needed: 1,
            why: "to extrapolate",
        });
    }
    Ok(tasks)
}

/// 1 for fractions, 100 for percentages; both together are refused at the first cell that does not fit.
fn unit(table: &Table, small: &[(String, Cells)], tasks: &[String]) -> Result<f64> {
    let points = || {
        small.iter().flat_map(|(_, cells)| {
            tasks.iter().flat_map(move |task| cells.by_task[task].iter().map(move |point| (task, *point)))
        })
    };
    let above = points().filter(|(_, point)| point.1 > 1.0).count();
    let total = points().count();
    let _ = table;
    for (task, (_, value, _, line)) in points() {
        if !(0.0..=100.0).contains(&value) {
            let expected = "a score between 0 and 1, or 0 and 100";
            return Err(Problem::OutOfRange {
                row: line,
                column: "value".to_owned(),
                found: value,
                expected,
            });
        }
        // A share of wrong units shows as a few values above one among fractions, or whole fractions below
        // one percent among percentages.
        if above > 0 && 2 * above < total && value > 1.0 {
            return Err(Problem::MixedScales {
                row: line,
                column: "value".to_owned(),
                found: value,
                median: 1.0,
                name: task.clone(),
            });
        }
    }
    Ok(if above > 0 { 100.0 } else { 1.0 })
}

fn check_varies(_: &Table, scores: &Matrix) -> Result<()> {
    let first = scores.at(0, 0);
    if scores.iter_rows().flatten().all(|score| (score - first).abs() < 1e-12) && scores.rows() > 1 {
        return Err(Problem::Constant { column: "value".to_owned(), value: first, rows: scores.rows() });
    }
    Ok(())
}

/// What guessing scores on public tasks, by the beginning of the name.
const KNOWN_CHANCE: [(&str, f64); 16] = [
    ("hendrycksTest", 0.25),
    ("mmlu", 0.25),
    ("arc_", 0.25),
    ("hellaswag", 0.25),
    ("logiqa", 0.25),
    ("openbookqa", 0.25),
    ("sciq", 0.25),
    ("commonsense_qa", 0.2),
    ("boolq", 0.5),
    ("piqa", 0.5),
    ("winogrande", 0.5),
    ("wsc", 0.5),
    ("copa", 0.5),
    ("rte", 0.5),
    ("cola", 0.5),
    ("lambada", 0.0),
];

fn chances(tasks: &[String], options: &ScaleOptions, notes: &mut Vec<Note>) -> Vec<f64> {
    let mut unknown = Vec::new();
    let chances = tasks
        .iter()
        .map(|task| {
            let own = task.split('#').next().unwrap_or(task);
            let given = options.chance.iter().find(|(name, _)| name == own).map(|(_, chance)| *chance);
            given
                .or_else(|| {
                    KNOWN_CHANCE.iter().find(|(start, _)| own.starts_with(start)).map(|known| known.1)
                })
                .unwrap_or_else(|| {
                    unknown.push(own.to_owned());
                    0.0
                })
        })
        .collect();
    unknown.dedup();
    if !unknown.is_empty() {
        let listed = unknown.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        let message = format!(
            "chance level unknown for {} task(s) ({listed}, …): taken as 0; set it with --chance TASK=VALUE",
            unknown.len()
        );
        notes.push(Note::general("unknown_chance", message));
    }
    chances
}

fn large_families(tasks: &[String]) -> Vec<bool> {
    let family = |task: &String| task.split(['-', '#']).next().unwrap_or(task).to_owned();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for task in tasks {
        *counts.entry(family(task)).or_default() += 1;
    }
    tasks.iter().map(|task| counts[&family(task)] >= LARGE_FAMILY).collect()
}
