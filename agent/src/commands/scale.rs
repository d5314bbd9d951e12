//! `foretune scale`: a large model's scores from those of small ones.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use foretune_core::choosing::scale::{
    self, CodOptions, ScaleBenchmark, ScaleMethod, ScaleOptions, ScaleReport,
};

use super::Answer;
use super::rank::{json, notes};
use crate::{files, terminal};

/// Predict a large model's scores from small models
///
/// Tidy CSV, one row a result: size, params, task, value, and where known step, stderr, item and any further
/// columns to choose by with --where. Scores of the target in the file are never read.
#[derive(Debug, Args)]
pub struct Scale {
    /// The table of results
    file: PathBuf,
    /// Small sizes, as named in the column "size"
    #[arg(long, value_name = "A,B,…", value_delimiter = ',', required = true)]
    small: Vec<String>,
    /// The size to predict; with --benchmark, several
    #[arg(long, value_name = "NAME", value_delimiter = ',', required = true)]
    target: Vec<String>,
    /// Only rows with this value; repeat for more columns. With --benchmark, one column may list several values
    #[arg(long = "where", value_name = "COLUMN=VALUE", value_parser = parse_pair)]
    filters: Vec<(String, String)>,
    /// carry, linear, end-to-end, cod or pooled
    #[arg(long, default_value = "pooled", value_parser = parse_method)]
    method: ScaleMethod,
    /// Parameters of the target, where the file has no row of it
    #[arg(long, value_name = "N", value_parser = crate::numbers::positive)]
    target_params: Option<f64>,
    /// Adjacent last checkpoints that are averaged
    #[arg(long, value_name = "N", default_value_t = 3)]
    checkpoints: usize,
    /// Score of guessing on a task; repeat for more
    #[arg(long, value_name = "TASK=VALUE", value_parser = parse_chance)]
    chance: Vec<(String, f64)>,
    /// Nominal coverage of the intervals
    #[arg(long, default_value_t = 0.9)]
    coverage: f64,
    #[command(flatten)]
    cod: Cod,
    /// Score every method against the target's own rows
    #[arg(long)]
    benchmark: bool,
    /// Write the picture of the clusters here
    #[arg(long, value_name = "PATH")]
    svg: Option<PathBuf>,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

/// Thresholds of COD; the defaults are the paper's.
#[derive(Debug, Args)]
#[command(next_help_heading = "COD")]
#[expect(clippy::struct_field_names, reason = "the fields are the names of the flags")]
struct Cod {
    /// Share of neighbours that sets the bandwidth
    #[arg(long, value_name = "Q", default_value_t = 0.1)]
    cod_quantile: f64,
    /// Largest radius as a share of the largest possible distance
    #[arg(long, value_name = "U", default_value_t = 0.1)]
    cod_radius: f64,
    /// Fewest members of a cluster
    #[arg(long, value_name = "K", default_value_t = 10)]
    cod_members: usize,
    /// A cluster is extrapolated where a is above this,
    #[arg(long, value_name = "A", default_value_t = 1.0)]
    cod_least_a: f64,
    /// b above this
    #[arg(long, value_name = "B", default_value_t = 0.1)]
    cod_least_b: f64,
    /// and c below this
    #[arg(long, value_name = "C", default_value_t = 1.0)]
    cod_most_c: f64,
    /// Error the mapping to the full set has to reach
    #[arg(long, value_name = "RMSE", default_value_t = 0.005)]
    cod_mapping_error: f64,
    /// Score of another large model on the predictable tasks and on all
    #[arg(long, value_name = "SUBSET=ALL", value_parser = parse_anchor)]
    cod_anchor: Option<(f64, f64)>,
    /// Tokens a training step, for compute
    #[arg(long, value_name = "N", default_value_t = 2_097_152.0)]
    tokens_per_step: f64,
}

impl Cod {
    fn options(&self) -> CodOptions {
        CodOptions {
            bandwidth_quantile: self.cod_quantile,
            radius_share: self.cod_radius,
            fewest_members: self.cod_members,
            least_a: self.cod_least_a,
            least_b: self.cod_least_b,
            most_c: self.cod_most_c,
            mapping_error: self.cod_mapping_error,
            anchor: self.cod_anchor,
            tokens_per_step: self.tokens_per_step,
        }
    }
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected COLUMN=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

fn parse_chance(text: &str) -> Result<(String, f64), String> {
    let (name, value) = parse_pair(text)?;
    let value: f64 = value.parse().map_err(|_| "expected TASK=VALUE with a number")?;
    if (0.0..1.0).contains(&value) { Ok((name, value)) } else { Err("chance lies in 0..1".to_owned()) }
}

fn parse_anchor(text: &str) -> Result<(f64, f64), String> {
    let (subset, all) = parse_pair(text)?;
    let share = |text: &str| text.parse().ok().filter(|value| (0.0..=1.0).contains(value));
    share(&subset).zip(share(&all)).ok_or_else(|| "expected SUBSET=ALL, both between 0 and 1".to_owned())
}

fn parse_method(text: &str) -> Result<ScaleMethod, String> {
    ScaleMethod::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = ScaleMethod::ALL.iter().map(|method| method.name()).collect();
        format!("choose one of {}", names.join(", "))
    })
}

pub fn run(arguments: &Scale) -> Result<Answer> {
    let options = ScaleOptions {
        small: arguments.small.clone(),
        target: arguments.target[0].clone(),
        filters: arguments.filters.clone(),
        method: arguments.method,
        checkpoints: arguments.checkpoints,
        chance: arguments.chance.clone(),
        target_parameters: arguments.target_params,
        coverage: arguments.coverage,
        cod: arguments.cod.options(),
    };
    let text = files::read_whole_text(&arguments.file)?;
    let named = || arguments.file.display().to_string();
    if arguments.benchmark {
        let targets: Vec<&str> = arguments.target.iter().map(String::as_str).collect();
        let sets = filter_sets(&arguments.filters);
        terminal::note(&format!("scoring {} targets under {} choices of rows", targets.len(), sets.len()));
        let scored = scale::benchmark(&text, &options, &targets, &sets).with_context(named)?;
        if arguments.json {
            json(&scored)?;
        } else {
            terminal::data(&benchmark_text(&scored))?;
        }
        return Ok(Answer::Yes);
    }
    ensure!(arguments.target.len() == 1, "one --target at a time, unless --benchmark is given");
    let report = scale::scale(&text, &options).with_context(named)?;
    if let Some(path) = &arguments.svg {
        files::write_atomically(path, scale::picture(&report).as_bytes())?;
    }
    if arguments.json {
        json(&report)?;
    } else {
        notes(&report.notes);
        terminal::data(&report_text(&report))?;
    }
    Ok(Answer::Yes)
}

/// `shots=0|5` means one set with 0 and one with 5.
fn filter_sets(filters: &[(String, String)]) -> Vec<Vec<(String, String)>> {
    let mut sets = vec![Vec::new()];
    for (name, values) in filters {
        sets = values
            .split('|')
            .flat_map(|value| {
                sets.iter().map(move |set: &Vec<(String, String)>| {
                    set.iter().cloned().chain([(name.clone(), value.to_owned())]).collect()
                })
            })
            .collect();
    }
    sets
}

fn report_text(report: &ScaleReport) -> String {
    let interval = |lo: Option<f64>, hi: Option<f64>| {
        lo.zip(hi).map(|(lo, hi)| format!("{lo:.4} to {hi:.4}")).unwrap_or_default()
    };
    let mut text = format!(
        "{}: {:.4}  {}  ({}, {} tasks, {:.1} times the largest small model)\n\n",
        report.target,
        report.score,
        interval(report.score_lo, report.score_hi),
        report.method,
        report.support.tasks,
        report.support.size_ratio
    );
    text += &format!("{:<44} {:>9} {:>20} {:>8} {:>9}\n", "task", "predicted", "interval", "group", "now");
    for task in &report.per_task {
        text += &format!(
            "{:<44} {:>9.4} {:>20} {:>8} {:>9.4}\n",
            task.task,
            task.predicted,
            interval(task.lo, task.hi),
            task.group,
            task.last
        );
    }
    text += "\nClusters of COD\n";
    for (number, cluster) in report.clusters.iter().enumerate() {
        let law = cluster.law;
        text += &format!(
            "  {}: {} tasks, a {:.2} b {:.2} c {:.2}, predicted {:.3}{}\n",
            number + 1,
            cluster.members.len(),
            law.a,
            law.b,
            law.c,
            cluster.predicted,
            cluster.excluded.map(|why| format!(" (left out: {why})")).unwrap_or_default()
        );
    }
    text += &format!(
        "  {} of {} tasks left to the mapping\n\nAll tasks by other methods:",
        report.excluded.len(),
        report.support.tasks
    );
    for (method, score) in &report.other_methods {
        text += &format!("  {method} {score:.4}");
    }
    text
}

fn benchmark_text(scored: &ScaleBenchmark) -> String {
    let mut text = format!("{} tasks; errors in points of 100\n\n", scored.tasks);
    text += "| method | target | rows | mean abs. error | single tasks | error of the mean | tasks covered | mean covered |\n";
    text += "|---|---|---|---|---|---|---|---|\n";
    for cell in &scored.cells {
        text += &format!(
            "| {} | {} | {} | {:.2} ± {:.2} | {:.2} | {:.2} | {} | {} |\n",
            cell.method,
            cell.target,
            cell.filters,
            cell.error,
            cell.error_deviation,
            cell.single_task_error,
            cell.mean_error,
            cell.coverage.map(|share| format!("{share:.0} %")).unwrap_or_default(),
            cell.mean_covered.map(|inside| if inside { "yes" } else { "no" }).unwrap_or_default()
        );
    }
    text += "\n| mean of all | mean abs. error | single tasks | error of the mean |\n|---|---|---|---|\n";
    for method in ScaleMethod::ALL {
        text += &format!(
            "| {} | {:.2} | {:.2} | {:.2} |\n",
            method.name(),
            scored.mean_of(method, |cell| cell.error),
            scored.mean_of(method, |cell| cell.single_task_error),
            scored.mean_of(method, |cell| cell.mean_error)
        );
    }
    text
}
