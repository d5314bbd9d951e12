//! `foretune tune`: a full LoRA fine-tune, its evaluation, and everything needed to run it again.

mod finished;
mod words;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use foretune_core::check::Fate;
use foretune_engine::evaluate::Evaluation;
use foretune_engine::judge::{self, Judge, Judgement};
use foretune_engine::selftest::self_test;
use foretune_engine::{Adapter, LoadOptions, Recipe, Row, RunData, RunOptions, StopReason, Trainer};
use serde_json::{Value, json};

use self::finished::{finished, record_in};
use super::Answer;
use super::probe::{features, finite};
use crate::devices::{self, DeviceChoice};
use crate::training::{
    AsideFlags, Quiz, QuizMarks, RecipeFlags, Run, Sampling, drive, evaluation_features, general_rows,
    read_aside, read_rows, split, tell_set_aside,
};
use crate::weights::ModelFolder;
use crate::{files, job, terminal};

/// Fine-tune with LoRA, evaluate before and after, write adapters and the run record
#[derive(Debug, Args)]
pub struct Tune {
    /// The dataset
    file: PathBuf,
    /// Folder of the base model, its name in the Hugging Face cache, or `tiny`
    #[arg(long, value_name = "MODEL")]
    model: String,
    /// Test rows of the final score
    #[arg(long, value_name = "FILE", required_unless_present = "set_aside")]
    eval: Option<PathBuf>,
    /// At most this many test rows
    #[arg(long, value_name = "N", default_value_t = 2000)]
    eval_rows: usize,
    #[command(flatten)]
    aside: AsideFlags,
    /// Clean rows read while training, apart from the test rows (default: the test rows themselves)
    #[arg(long, value_name = "FILE")]
    dev: Option<PathBuf>,
    /// At most this many clean rows are read while training
    #[arg(long, value_name = "N", default_value_t = 500)]
    dev_rows: usize,
    /// How the test rows are judged for the score; readings while training are always exact
    #[arg(long, value_enum, default_value_t = JudgeChoice::Exact)]
    judge: JudgeChoice,
    /// Questions in MMLU's format (question, choices or A, B, …, answer, subject), judged before and after
    #[arg(long, value_name = "FILE")]
    mmlu: Option<PathBuf>,
    /// Solved questions for the five-shot form of --mmlu
    #[arg(long, value_name = "FILE", requires = "mmlu")]
    mmlu_shots: Option<PathBuf>,
    /// At most this many questions
    #[arg(long, value_name = "N", default_value_t = 1000)]
    mmlu_rows: usize,
    /// Stop after this many readings without a better one
    #[arg(long, value_name = "READINGS")]
    patience: Option<usize>,
    #[arg(long, value_enum, default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
    /// Folder for adapters, trace, items and record; a stopped run goes on from it, a finished one is not made again
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What the columns mean, such as instruction=question,output=reply
    #[arg(long, value_name = "KEY=COLUMN,…", value_parser = super::check::parse_mapping)]
    map: Option<foretune_core::schema::Mapping>,
    #[command(flatten)]
    recipe: RecipeFlags,
    /// Print the run record as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum JudgeChoice {
    /// Every token of the answer is the likeliest one
    Exact,
    /// The likeliest of the answers that occur
    Labels,
    /// The likeliest of the letters that occur
    Letters,
    /// What greedy decoding writes, read by a strict parser
    Generate,
}

impl JudgeChoice {
    fn judge(self) -> Judge {
        match self {
            Self::Exact => Judge::Exact,
            Self::Labels => Judge::Labels,
            Self::Letters => Judge::Letters,
            Self::Generate => Judge::Generate,
        }
    }
}

/// Everything that is judged before and after.
struct Examination<'a> {
    folder: &'a ModelFolder,
    test: &'a [Row],
    judge: Judge,
    quiz: Option<Quiz>,
}

/// What one state of the model got.
struct Marks {
    evaluation: Evaluation,
    /// By the chosen judge, where it is another than exact.
    judged: Option<Judgement>,
    quiz: Option<QuizMarks>,
}

impl Examination<'_> {
    fn sit(&self, trainer: &Trainer) -> Result<Marks> {
        let evaluation = trainer.evaluate(self.test)?;
        let judged = match self.judge {
            Judge::Exact => None,
            other => Some(judge::judge(&trainer.model, self.test, other, &|ids| self.folder.decode(ids))?),
        };
        let quiz = self.quiz.as_ref().map(|quiz| quiz.sit(&trainer.model, self.folder)).transpose()?;
        Ok(Marks { evaluation, judged, quiz })
    }
}

impl Marks {
    fn score(&self) -> f64 {
        self.judged.as_ref().map_or_else(|| self.evaluation.score(), Judgement::score)
    }

    fn score_se(&self) -> f64 {
        self.judged.as_ref().map_or_else(|| self.evaluation.score_se(), Judgement::score_se)
    }
}

pub fn run(arguments: &Tune) -> Result<Answer> {
    let folder = ModelFolder::open(&arguments.model)?;
    let recipe = arguments.recipe.recipe(&Recipe::usual_for(&folder.config))?;
    let (device, dtype) = devices::open(arguments.device)?;
    self_test(&device, dtype)?;
    let all = Sampling::new(usize::MAX, &recipe);
    let (file, mapping) = (arguments.file.as_path(), arguments.map.as_ref());
    let aside = arguments.aside.choose(file, &folder, mapping, recipe.sequence_length)?;
    let part = aside.as_ref().map(|aside| (aside, Fate::Stays));
    let dataset = read_rows(file, &folder, mapping, Sampling { part, ..all })?;
    let read = |path: &Path, rows| read_rows(path, &folder, mapping, Sampling { rows, ..all });
    let judged_by = |rows| match (&arguments.eval, &aside) {
        (Some(path), _) => read(path, rows),
        (None, Some(aside)) => read_aside(file, &folder, mapping, aside, Sampling { rows, ..all }),
        (None, None) => {
            bail!("there are no test rows; give them with --eval, or set some aside with --set-aside")
        }
    };
    // Rows aside were chosen to be all read.
    let test = judged_by(if aside.is_some() { usize::MAX } else { arguments.eval_rows })?;
    let judge = arguments.judge.judge();
    let quiz = arguments
        .mmlu
        .as_deref()
        .map(|path| Quiz::read(path, arguments.mmlu_shots.as_deref(), arguments.mmlu_rows, recipe.seed));
    let examination = Examination { folder: &folder, test: &test.rows, judge, quiz: quiz.transpose()? };
    let dev = match &arguments.dev {
        Some(path) => read(path, arguments.dev_rows)?,
        None => judged_by(arguments.dev_rows)?,
    };
    let usable = dataset.rows.len();
    let (held_out, train) = split(dataset.rows, usable);
    let mut options = RunOptions::tune(recipe.clone(), train.len());
    options.recompute = arguments.recipe.recompute;
    options.patience = arguments.patience;
    if !device.is_cpu() {
        options.style = foretune_engine::BatchStyle::Packed { len: recipe.sequence_length.min(1024) };
    }
    let load = LoadOptions { device: device.clone(), dtype, quantization: arguments.recipe.quantization()? };
    let general = general_rows(&folder, recipe.sequence_length)?;
    let mut fixed = recipe.features(train.len());
    fixed.set("base_parameters", folder.config.parameter_count() as f64);
    let evaluation = match &aside {
        Some(aside) => {
            fixed.extend(evaluation_features(file, mapping, aside)?);
            tell_set_aside(aside, dataset.copies);
            json!({
                "file": file_name(file), "fingerprint": aside.record.fingerprint, "rows": test.rows.len(), "skipped": 0,
            })
        }
        None => json!({
            "file": arguments.eval.as_deref().map(file_name), "fingerprint": format!("{:016x}", test.fingerprint),
            "rows": test.rows.len(), "skipped": test.skipped,
        }),
    };
    let mut record = json!({
        "record_version": 1,
        "program": format!("foretune {}", env!("CARGO_PKG_VERSION")),
        "model": {"name": folder.name, "config": folder.config.to_json(), "parameters": folder.config.parameter_count()},
        "template": folder.template,
        "harness": judge.harness(),
        "device": devices::name(&device),
        "data": {
            "file": file_name(file), "fingerprint": format!("{:016x}", dataset.fingerprint),
            "rows": dataset.usable, "skipped": dataset.skipped, "truncated": dataset.truncated,
            "trained": train.len(), "held_out": held_out.len(),
        },
        "evaluation": evaluation,
        "set_aside": aside.as_ref().map(|aside| &aside.record),
        "copies_left_out": dataset.copies,
        "dev": {"rows": dev.rows.len(), "fingerprint": format!("{:016x}", dev.fingerprint)},
        "patience": arguments.patience,
        "recipe": recipe,
        "total_steps": options.total_steps,
    });
    if let Some(quiz) = &examination.quiz {
        record["mmlu"] = quiz.facts();
    }
    let out = arguments.out.as_deref();
    if let Some(record) = out.map(|folder| finished(folder, &record)).transpose()?.flatten() {
        return tell(arguments, &record);
    }
    let mut header = record.clone();
    header["type"] = "start".into();
    header["trace_version"] = 1.into();
    let data = RunData { train, held_out, evaluation: dev.rows, general };
    let mut trainer = Trainer::new(folder.load(&load)?, data, options)?;
    fixed.set("trained_parameters", trainer.model.trained.parameters()?.len() as f64);
    header["features"] = serde_json::to_value(&fixed)?;
    // Fresh adapters change nothing, so this is the base model's score.
    let base = examination.sit(&trainer)?;
    if let Some(folder) = out {
        files::create_folder(folder)?;
    }
    let checkpoint = out.map(|folder| folder.join("checkpoint"));
    job::tell_start(&header, &trainer);
    let run =
        Run { header, trace: out.map(|folder| folder.join("trace.jsonl")), checkpoint: checkpoint.clone() };
    let outcome = drive(&mut trainer, &run)?;
    if outcome.stopped == StopReason::Interrupted {
        bail!("stopped before the end, so there is no score and no record");
    }
    let last_features = features(&trainer, &fixed);
    let last = examination.sit(&trainer)?;
    let last_adapter = trainer.last_adapter()?;
    trainer.take_best()?;
    let best = examination.sit(&trainer)?;
    record["base"] = scores(&base);
    record["last"] = scores(&last);
    record["best"] = scores(&best);
    let best_reading = trainer.state().best.and_then(|index| trainer.state().readings.get(index));
    record["best"]["step"] = best_reading.map_or(Value::Null, |reading| reading.step.into());
    record["score"] = finite(last.score());
    record["steps"] = trainer.steps_done().into();
    record["stopped_because"] = serde_json::to_value(outcome.stopped)?;
    record["diverged"] = (outcome.stopped == StopReason::Diverged).into();
    record["readings"] = serde_json::to_value(&trainer.state().readings)?;
    record["features"] = serde_json::to_value(&last_features)?;
    record["seconds"] = finite(outcome.seconds);
    record["tokens_per_second"] = finite(outcome.tokens_per_second);
    record["peak_memory_bytes"] = devices::peak_memory_bytes().into();
    if let Some(out) = out {
        write_adapter(&out.join("last"), &last_adapter, &folder.name)?;
        write_adapter(&out.join("best"), &trainer.last_adapter()?, &folder.name)?;
        files::write_atomically(&out.join("items.jsonl"), items([&base, &last, &best])?.as_bytes())?;
        if let Some(lines) = quiz_items([&base, &last, &best])? {
            files::write_atomically(&out.join("mmlu.jsonl"), lines.as_bytes())?;
        }
        files::write_atomically(&record_in(out), format!("{record:#}\n").as_bytes())?;
        if let Some(path) = checkpoint.filter(|path| trainer.stopped().is_some() && files::exists(path)) {
            files::remove(&path)?;
        }
    }
    tell(arguments, &record)
}

fn tell(arguments: &Tune, record: &Value) -> Result<Answer> {
    if arguments.json {
        terminal::data(&format!("{record:#}"))?;
    } else {
        terminal::data(&words::text(record))?;
    }
    Ok(Answer::Yes)
}

fn scores(marks: &Marks) -> Value {
    let evaluation = &marks.evaluation;
    let mut scores = json!({
        "score": finite(marks.score()),
        "score_se": finite(marks.score_se()),
        "p_gold": finite(evaluation.p_gold()),
        "loss": finite(evaluation.loss()),
        "token_accuracy": finite(evaluation.token_accuracy()),
        "items": evaluation.items.len(),
    });
    if let Some(judged) = &marks.judged {
        scores["exact_score"] = finite(evaluation.score());
        scores["unparsed"] = judged.unparsed().into();
        scores["p_right"] = finite(judged.p_right());
    }
    if let Some(quiz) = &marks.quiz {
        scores["mmlu"] = quiz.json();
    }
    scores
}

/// One line an evaluation row: what the base, the last and the best adapter made of it.
fn items(all: [&Marks; 3]) -> Result<String> {
    let mut lines = String::new();
    let item = |marks: &Marks, index: usize| -> Result<Value> {
        let mut item = serde_json::to_value(marks.evaluation.items[index])?;
        if let Some(judged) = &marks.judged {
            item["judged"] = serde_json::to_value(&judged.items[index])?;
        }
        Ok(item)
    };
    let [base, last, best] = all;
    for index in 0..base.evaluation.items.len() {
        let line =
            json!({"base": item(base, index)?, "last": item(last, index)?, "best": item(best, index)?});
        lines.push_str(&serde_json::to_string(&line)?);
        lines.push('\n');
    }
    Ok(lines)
}

/// The same for the questions; nothing where there are none.
fn quiz_items(all: [&Marks; 3]) -> Result<Option<String>> {
    let [Some(base), Some(last), Some(best)] = all.map(|marks| marks.quiz.as_ref()) else { return Ok(None) };
    let mut lines = String::new();
    for (part, (shots, judgement)) in base.parts.iter().enumerate() {
        for (index, item) in judgement.items.iter().enumerate() {
            let of = |marks: &QuizMarks| serde_json::to_value(&marks.parts[part].1.items[index]);
            let line = json!({
                "question": index, "shots": shots,
                "base": serde_json::to_value(item)?, "last": of(last)?, "best": of(best)?,
            });
            lines.push_str(&serde_json::to_string(&line)?);
            lines.push('\n');
        }
    }
    Ok(Some(lines))
}

fn write_adapter(folder: &Path, adapter: &Adapter, base_model: &str) -> Result<()> {
    files::create_folder(folder)?;
    files::write_atomically(&folder.join("adapter_model.safetensors"), &adapter.to_safetensors()?)?;
    Ok(files::write_atomically(
        &folder.join("adapter_config.json"),
        adapter.config_json(base_model).as_bytes(),
    )?)
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}
