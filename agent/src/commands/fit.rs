//! `foretune fit`: a predictor from finished runs, judged beside every baseline; or a shipped one adjusted
//! by a few runs of one's own.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use flate2::read::GzDecoder;
use foretune_core::limits;
use foretune_core::predict::build::{
    BuildError, BuildOptions, Built, OnRunsRow, SplitReport, build, html_report, judge_on_runs,
};
use foretune_core::predict::fit::Metrics;
use foretune_core::predict::predictor::Predictor;
use foretune_core::predict::recalibrate::recalibrate;
use foretune_core::runs::{AnytimeTable, Label, RunRecord, RunsReader, SPLITS, pair_with_smaller};
use foretune_core::wire::EventBody;
use indicatif::{ProgressBar, ProgressStyle};

use super::Answer;
use crate::{files, outputs, terminal};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Split {
    /// Test on source datasets that training has not seen
    Group,
    /// Test on other configurations of the same datasets, as the TuneAhead paper does
    Random,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wanted {
    Score,
    PGold,
}

/// Fit a predictor on finished runs, or adjust one by your own runs
#[derive(Debug, Args)]
pub struct Fit {
    /// Run records, one JSON object a line: files, folders that `foretune collect` wrote, or folders of such
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// Write the predictor here (ONNX)
    #[arg(long, value_name = "P.onnx", required_unless_present = "judge")]
    out: Option<PathBuf>,
    /// Write the report here (one HTML file)
    #[arg(long, value_name = "R.html")]
    report: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t = Split::Group)]
    split: Split,
    /// What is forecast
    #[arg(long, value_enum, default_value_t = Wanted::Score)]
    target: Wanted,
    /// Share of runs that intervals shall cover
    #[arg(long, default_value_t = 0.9, value_parser = parse_coverage)]
    coverage: f64,
    /// Judge each test run at its deepest reading up to this step
    #[arg(long, value_name = "STEP", default_value_t = 100.0)]
    at_step: f64,
    /// Runs of smaller base models on the same candidates: their probes are the proxy features, and the ProxyLM
    /// baseline forecasts from their scores
    #[arg(long, value_name = "RUNS", conflicts_with = "recalibrate")]
    beside: Vec<PathBuf>,
    /// Runs of base models that are not learnt from: the report says how far the forecasts are off on them, and after
    /// recalibration with a few of them; the card learns how much wider intervals of unknown base models must be
    #[arg(long, value_name = "RUNS", conflicts_with = "recalibrate")]
    transfer: Vec<PathBuf>,
    /// Said of the data in the card and the report
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
    /// Write the table that is fitted here, for learners of your own: CSV, or Parquet where the name ends so
    #[arg(long, value_name = "TABLE.csv", conflicts_with = "recalibrate")]
    table: Option<PathBuf>,
    /// Also try learners that cannot be explained exactly, to know what they would gain
    #[arg(long)]
    compare: bool,
    /// Three fits for each state of knowledge instead of a search, and one split in the report: for a first look
    #[arg(long, conflicts_with_all = ["compare", "recalibrate"])]
    quick: bool,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Adjust this predictor by the runs instead of fitting a new one
    #[arg(long, value_name = "P.onnx", conflicts_with_all = ["report", "split", "coverage"])]
    recalibrate: Option<PathBuf>,
    /// Fit nothing: tell how far this predictor's forecasts are off on the runs, by what is known and by family of
    /// tasks. Runs that it has learnt from flatter it
    #[arg(long, value_name = "P.onnx", conflicts_with_all = [
        "out", "report", "split", "target", "coverage", "transfer", "table", "compare", "quick", "recalibrate", "note",
    ])]
    judge: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

fn parse_coverage(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("expected a share between 0 and 1, such as 0.9".to_owned()),
    }
}

pub fn run(arguments: &Fit) -> Result<Answer> {
    let runs = [&arguments.runs, &arguments.beside, &arguments.transfer].into_iter().flatten();
    let written = [
        ("--out", arguments.out.as_deref()),
        ("--report", arguments.report.as_deref()),
        ("--table", arguments.table.as_deref()),
    ];
    outputs::keep_apart(runs.chain(&arguments.recalibrate), &written)?;
    for path in written.into_iter().filter_map(|(_, path)| path) {
        files::check_target(path)?;
    }
    let told = || told_places(&arguments.runs);
    let mut runs = read_places(&arguments.runs)?;
    let transfer_runs = read_places(&arguments.transfer)?;
    if !arguments.beside.is_empty() {
        let found = pair_with_smaller(&mut runs, &read_places(&arguments.beside)?);
        terminal::note(&format!("{found} runs have the same fine-tune of a smaller base model beside them"));
    }
    if let Some(path) = &arguments.judge {
        return judge(arguments, path, &runs);
    }
    let out = arguments.out.as_deref().context("--out says where the predictor goes")?;
    let label = match arguments.target {
        Wanted::Score => Label::Score,
        Wanted::PGold => Label::PGold,
    };
    if let Some(path) = &arguments.recalibrate {
        return adjust(arguments, (path, out), &runs, label);
    }
    if let Some(path) = &arguments.table {
        let table = AnytimeTable::of(&runs, label, false);
        let is_parquet = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("parquet"));
        let bytes = if is_parquet { table.parquet(&runs)? } else { table.csv(&runs).into_bytes() };
        files::write_atomically(path, &bytes)?;
        terminal::note(&format!("wrote {}", path.display()));
    }
    let options = BuildOptions {
        split: match arguments.split {
            Split::Group => "group".into(),
            Split::Random => "random".into(),
        },
        label,
        coverage: arguments.coverage,
        headline_step: arguments.at_step,
        seed: arguments.seed,
        data_note: arguments.note.clone(),
        transfer_runs,
        compare: arguments.compare,
        quick: arguments.quick,
    };
    let has_other = arguments.report.is_some() && !arguments.quick;
    let (built, done) = build_shown(&runs, &options, 0, if has_other { 2 } else { 1 });
    let mut built = built.with_context(told)?;
    if has_other {
        built.report.other = other_split(&runs, &options, done);
    }
    files::write_atomically(out, &built.onnx)?;
    terminal::note(&format!("wrote {}", out.display()));
    if let Some(path) = &arguments.report {
        files::write_atomically(path, html_report(&built.report, &built.card).as_bytes())?;
        terminal::note(&format!("wrote {}", path.display()));
    }
    if arguments.json {
        terminal::data(&serde_json::to_string_pretty(&built.report)?)?;
    } else {
        terminal::data(&table(&built))?;
    }
    Ok(Answer::Yes)
}

/// With its progress in the terminal, or as events, which goes on from what was done `before`; splits to come are taken
/// for as long as this one. Beside it stands how much is done then.
fn build_shown(
    runs: &[RunRecord],
    options: &BuildOptions,
    before: u64,
    splits_left: u64,
) -> (Result<Built, BuildError>, u64) {
    let bar = progress_bar();
    let mut last = before;
    let built = build(runs, options, |done, of| {
        let (done, total) = (before + done as u64, before + splits_left * of as u64);
        terminal::event(&EventBody::Progress { done, total: Some(total), unit: "fits".into() });
        bar.set_length(total);
        bar.set_position(done);
        last = last.max(done);
    });
    bar.finish_and_clear();
    (built, last)
}

/// The report shows both splits; where the runs do not allow the other one it says nothing of it.
fn other_split(runs: &[RunRecord], options: &BuildOptions, done: u64) -> Option<Box<SplitReport>> {
    let split = SPLITS.into_iter().find(|split| *split != options.split)?;
    let options = BuildOptions { split: split.into(), ..options.clone() };
    match build_shown(runs, &options, done, 1).0 {
        Ok(built) => Some(Box::new(built.report.main)),
        Err(error) => {
            terminal::note(&format!("the {split} split is left out of the report: {error}"));
            None
        }
    }
}

/// The file of runs in a folder that `foretune collect` wrote, and as it is given away.
const RUNS_FILE: &str = "runs.jsonl";
const PACKED_RUNS_FILE: &str = "runs.jsonl.gz";

fn told_places(places: &[PathBuf]) -> String {
    let names: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
    format!("the runs in {}", names.join(", "))
}

/// The runs of all places; none of none.
pub(super) fn read_places(places: &[PathBuf]) -> Result<Vec<RunRecord>> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let mut reader = RunsReader::default();
    for file in places.iter().map(|place| run_files(place)).collect::<Result<Vec<_>>>()?.concat() {
        reader
            .add(&file.display().to_string(), &read_unpacked(&file)?)
            .with_context(|| told_places(places))?;
    }
    reader.finish().with_context(|| told_places(places))
}

fn read_unpacked(file: &Path) -> Result<String> {
    if file.extension().is_none_or(|end| end != "gz") {
        return Ok(files::read_whole_text(file)?);
    }
    let most_bytes = limits::MAX_WHOLE_FILE_BYTES;
    unpacked(&files::read_whole(file, most_bytes)?, most_bytes)
        .with_context(|| format!("{} cannot be unpacked", file.display()))
}

fn unpacked(packed: &[u8], most_bytes: u64) -> Result<String> {
    let mut bytes = Vec::new();
    GzDecoder::new(packed).take(most_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most_bytes {
        bail!("it holds more than {most_bytes} bytes, which is the most that is read");
    }
    Ok(String::from_utf8(bytes)?)
}

/// The runs of a folder that `collect` wrote; packed ones only where there are no others.
fn collected(folder: &Path) -> Option<PathBuf> {
    [RUNS_FILE, PACKED_RUNS_FILE].into_iter().map(|name| folder.join(name)).find(|file| files::exists(file))
}

/// A folder of `collect` stands for its runs alone; any other for its JSON Lines files and for the folders of
/// `collect` in it.
fn run_files(place: &Path) -> Result<Vec<PathBuf>> {
    if !files::is_folder(place) {
        return Ok(vec![place.to_owned()]);
    }
    if let Some(own) = collected(place) {
        return Ok(vec![own]);
    }
    let mut found = Vec::new();
    for path in files::list(place)? {
        if let Some(inner) = collected(&path) {
            found.push(inner);
        } else if path.extension().is_some_and(|end| end == "jsonl") {
            found.push(path);
        }
    }
    if found.is_empty() {
        bail!("{} holds no {RUNS_FILE} and no other JSON Lines file", place.display());
    }
    Ok(found)
}

fn read_predictor(path: &Path) -> Result<Vec<u8>> {
    Ok(files::read_whole(path, limits::MAX_ONNX_BYTES as u64)?)
}

fn judge(arguments: &Fit, path: &Path, runs: &[RunRecord]) -> Result<Answer> {
    let told = || format!("the predictor {} on {}", path.display(), told_places(&arguments.runs));
    let predictor = Predictor::load(&read_predictor(path)?, |_| false).with_context(told)?;
    let found = judge_on_runs(&predictor, runs, arguments.at_step).with_context(told)?;
    if arguments.json {
        terminal::data(&serde_json::to_string_pretty(&found)?)?;
        return Ok(Answer::Yes);
    }
    let head = |title: &str| {
        format!(
            "{title:32} {:>5} {:>6} {:>10} {:>9} {:>8}",
            "runs", "RMSE", "score now", "in range", "points"
        )
    };
    let line = |row: &OnRunsRow| {
        let now = row.score_now_rmse.map_or("-".to_owned(), |now| format!("{now:.2}"));
        let OnRunsRow { name, runs, test, .. } = row;
        let share = 100.0 * test.coverage;
        format!(
            "{name:32} {runs:5} {:6.2} {now:>10} {share:7.1} % {:8.1}",
            test.metrics.rmse, test.mean_width
        )
    };
    let mut lines = vec![head(&format!("{}, by what is known", found.target))];
    lines.extend(found.by_knowledge.iter().map(line));
    lines.push(head("by family of tasks"));
    lines.extend(found.by_family.iter().map(line));
    terminal::data(&lines.join("\n"))?;
    Ok(Answer::Yes)
}

fn adjust(arguments: &Fit, (path, out): (&Path, &Path), runs: &[RunRecord], label: Label) -> Result<Answer> {
    let told = || format!("the predictor {}", path.display());
    let predictor = Predictor::load(&read_predictor(path)?, |_| false).with_context(told)?;
    let adjusted = recalibrate(&predictor, runs, label, arguments.at_step).with_context(told)?;
    files::write_atomically(out, &adjusted.file(&predictor))?;
    terminal::note(&format!("wrote {}", out.display()));
    if arguments.json {
        terminal::data(&serde_json::to_string_pretty(&adjusted.told())?)?;
    } else {
        terminal::data(&format!(
            "adjusted by {} runs: score = {:+.2} + {:.3} x forecast, intervals {:.2} x as wide",
            adjusted.runs, adjusted.offset, adjusted.scale, adjusted.widening
        ))?;
    }
    Ok(Answer::Yes)
}

fn progress_bar() -> ProgressBar {
    if !terminal::shows_progress() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("fitting {bar:30} {pos}/{len} {elapsed}");
    ProgressBar::new(1).with_style(style.expect("the template is fixed and valid"))
}

fn table(built: &Built) -> String {
    let report = &built.report.main;
    let line = |name: &str, found: &Metrics| {
        format!(
            "{name:44} {:6.2} {:6.2} {:7.3} {:5.0} %",
            found.rmse,
            found.mae,
            found.r2,
            100.0 * found.within_3
        )
    };
    let mut lines = vec![
        format!(
            "{} training runs, {} test runs ({} split)",
            report.train_runs, report.test_runs, report.split
        ),
        format!(
            "{:44} {:>6} {:>6} {:>7} {:>7}",
            format!("points on the test part at step {}", report.headline_step),
            "RMSE",
            "MAE",
            "R2",
            "within 3"
        ),
        line("Foretune", &report.test.metrics),
    ];
    lines.extend(report.baselines.iter().map(|(name, found)| {
        let of_all = found.metrics.n == report.test.metrics.n;
        let beside = format!("   Foretune {:.2} on its {} runs", found.foretune_rmse, found.metrics.n);
        line(name, &found.metrics) + if of_all { "" } else { &beside }
    }));
    lines.push("by what is known".to_owned());
    lines.extend(report.by_depth.iter().map(|row| line(&row.name, &row.test.metrics)));
    lines.push(format!(
        "{:.0} % intervals cover {:.1} %, {:.1} points wide on average; noise floor {}",
        100.0 * built.report.nominal_coverage,
        100.0 * report.test.coverage,
        report.test.mean_width,
        built.report.noise_floor.map_or("not measured".to_owned(), |floor| format!("{floor:.2} points"))
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn runs_that_unpack_without_end_are_refused() {
        let mut packer = GzEncoder::new(Vec::new(), Compression::best());
        packer.write_all(&[b' '; 5000]).unwrap();
        let packed = packer.finish().unwrap();
        assert!(packed.len() < 100);
        assert_eq!(unpacked(&packed, 5000).unwrap().len(), 5000);
        assert!(unpacked(&packed, 4999).unwrap_err().to_string().contains("more than 4999 bytes"));
    }
}
