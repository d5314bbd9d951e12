//! Which kind of file was dropped, told from its name and first bytes: most are datasets, which `formats` then
//! looks at closely; the rest belong to other screens.

use serde::Serialize;

use crate::choosing::table::Table;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// Or anything that only the reader of datasets can explain.
    Dataset,
    /// A predictor, `.onnx`.
    Predictor,
    /// One row a model, one column a data size.
    Curves,
    /// One row a model or checkpoint, columns of indicators and tuned scores.
    Checkpoints,
    /// Tidy results of models of several sizes.
    Scores,
    /// A trace of `foretune probe` or `tune`.
    Trace,
    /// `trainer_state.json` of the Hugging Face Trainer.
    TrainerState,
    /// Log lines of a training program, one JSON object each.
    LogLines,
    /// What a training program wrote to its console.
    ConsoleLog,
    /// A CSV export of Weights & Biases or MLflow.
    MetricsCsv,
    /// A TensorBoard event file.
    TensorBoard,
}

impl FileKind {
    /// What it is, for people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Dataset => "a dataset",
            Self::Predictor => "a predictor",
            Self::Curves => "a table of learning curves",
            Self::Checkpoints => "a table of checkpoints and their indicators",
            Self::Scores => "a table of results over model sizes",
            Self::Trace => "the trace of a probe or run",
            Self::TrainerState => "the state of a Hugging Face Trainer",
            Self::LogLines => "the log of a training run",
            Self::ConsoleLog => "the console log of a training run",
            Self::MetricsCsv => "exported metrics of a training run",
            Self::TensorBoard => "a TensorBoard event file",
        }
    }
}

/// Bytes of the file's beginning that are looked at.
pub const HEAD_BYTES: usize = 16 << 10;
/// Data sizes in the header that make a table of curves.
const FEWEST_SIZES: usize = 3;
const FEWEST_INDICATORS: usize = 3;

pub fn recognise(name: &str, head: &[u8]) -> FileKind {
    let head = &head[..head.len().min(HEAD_BYTES)];
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase();
    if name.rsplit_once('.').is_some_and(|(_, ending)| ending == "onnx") {
        return FileKind::Predictor;
    }
    if name.contains("tfevents") {
        return FileKind::TensorBoard;
    }
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // A character may be cut at the end of what is looked at.
        Err(error) if error.valid_up_to() + 4 > head.len() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return FileKind::Dataset,
    };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let kind = if text.starts_with('{') { json_kind(text) } else { csv_kind(text) };
    if kind == FileKind::Dataset && is_console_log(&name, text) { FileKind::ConsoleLog } else { kind }
}

/// What comes before the first loss may be longer than what is looked at; no dataset has these endings.
fn is_console_log(name: &str, text: &str) -> bool {
    const MARKS: [&str; 5] = [
        "***** Running training *****",
        "{'loss': ",
        "{'eval_loss': ",
        "Starting training..., iters: ",
        "Iter 1: Val loss ",
    ];
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    ["log", "out", "err"].contains(&ending)
        || text.lines().any(|line| MARKS.iter().any(|mark| line.starts_with(mark) || line.ends_with(mark)))
        || text.starts_with("Step ") && text.lines().next().is_some_and(|line| line.contains(" | loss:"))
}

fn json_kind(text: &str) -> FileKind {
    let first = text.lines().next().unwrap_or_default();
    let first: Option<serde_json::Value> = serde_json::from_str(first).ok();
    let Some(first) = first else {
        // The history may be longer than what is looked at; these keys stand before or in it.
        let is_state = ["\"log_history\"", "\"global_step\""].iter().any(|key| text.contains(key))
            && text.contains("\"epoch\"");
        return if is_state { FileKind::TrainerState } else { FileKind::Dataset };
    };
    if first.get("log_history").is_some() {
        return FileKind::TrainerState;
    }
    let kind = first["type"].as_str();
    if first.get("trace_version").is_some() || (kind == Some("reading") && first.get("features").is_some()) {
        return FileKind::Trace;
    }
    let has = |names: &[&str]| names.iter().any(|name| first[*name].is_number());
    if has(&["loss", "train_loss", "eval_loss"]) && has(&["step", "current_steps", "epoch", "global_step"]) {
        return FileKind::LogLines;
    }
    FileKind::Dataset
}

fn csv_kind(text: &str) -> FileKind {
    // The last line may be cut; two whole ones tell enough.
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).take(3).collect();
    let whole = if lines.len() > 2 { &lines[..2] } else { &lines[..] };
    let Ok(table) = Table::parse(&whole.join("\n")) else { return FileKind::Dataset };
    let header = table.header();
    let has = |name: &str| header.iter().any(|cell| cell == name);
    if ["size", "params", "task", "value"].into_iter().all(has) {
        return FileKind::Scores;
    }
    let is_metrics = (has("key") && has("value") && has("step"))
        || (header.len() > 1
            && header.iter().any(|cell| {
                ["step", "_step", "global_step", "train/global_step"].contains(&cell.to_lowercase().as_str())
            })
            && header.iter().any(|cell| cell.to_lowercase().contains("loss")));
    if is_metrics {
        return FileKind::MetricsCsv;
    }
    let is_number = |cell: &str| cell.parse::<f64>().is_ok();
    let sizes: Vec<f64> =
        header.iter().filter_map(|cell| cell.parse().ok()).filter(|size: &f64| *size > 0.0).collect();
    let has_name = header.iter().any(|cell| !is_number(cell));
    if sizes.len() >= FEWEST_SIZES && has_name && sizes.windows(2).all(|pair| pair[0] < pair[1]) {
        return FileKind::Curves;
    }
    let is_named = header
        .first()
        .is_some_and(|cell| ["model", "name", "id", "config name", "checkpoint"].contains(&cell.as_str()));
    let numbers = (1..header.len()).filter(|column| is_number(table.text(0, *column))).count();
    let empty = (1..header.len()).filter(|column| table.text(0, *column).is_empty()).count();
    if is_named && numbers >= FEWEST_INDICATORS && numbers + empty == header.len() - 1 {
        return FileKind::Checkpoints;
    }
    FileKind::Dataset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_from_its_beginning() {
        for (name, head, kind) in [
            ("P.ONNX", "\u{8}\u{8}", FileKind::Predictor),
            ("events.out.tfevents.1700.host", "\u{18}\0", FileKind::TensorBoard),
            ("flan.csv", "config name,0,200,400,800\nGPT-2,4.2,3.1,3.0,2.9\n", FileKind::Curves),
            ("runs.csv", "model,sft_a,ppl,kshot_b\nx,1.5,0.3,7\n", FileKind::Checkpoints),
            ("runs.csv", "model,sft_a,ppl,kshot_b,kshot_c\nx,,0.3,7,1\n", FileKind::Checkpoints),
            ("evals.csv", "size,params,step,task,value\n70m,7e7,1,arc,0.3\n", FileKind::Scores),
            ("x.jsonl", "{\"type\":\"start\",\"trace_version\":1}\n", FileKind::Trace),
            (
                "trainer_state.json",
                "{\n  \"epoch\": 3.0,\n  \"global_step\": 12,\n  \"log_history\": [",
                FileKind::TrainerState,
            ),
            ("trainer_log.jsonl", "{\"current_steps\": 5, \"loss\": 1.5}\n", FileKind::LogLines),
            ("train.log", "[2026-05-14] starting\n", FileKind::ConsoleLog),
            ("nohup.txt", "loading\n{'loss': 2.5, 'epoch': 0.1}\n", FileKind::ConsoleLog),
            ("running_log.txt", "[INFO] >> ***** Running training *****\n", FileKind::ConsoleLog),
            ("log_17.txt", "Step 1 | loss:2.5 lr:0.1\n", FileKind::ConsoleLog),
            ("wandb.csv", "\"Step\",\"run - train/loss\"\n1,2.5\n", FileKind::MetricsCsv),
            ("mlflow.csv", "key,value,step,timestamp\nloss,2.5,1,17\n", FileKind::MetricsCsv),
        ] {
            assert_eq!(recognise(name, head.as_bytes()), kind, "{head}");
        }
    }

    #[test]
    fn datasets_stay_datasets() {
        for head in [
            "prompt,completion\nHow far?,Two miles\n",
            "id,text,label\n1,some words,4\n",
            "id,question,answer,score\n1,why,because,3\n",
            "{\"prompt\": \"a\", \"completion\": \"b\"}\n",
            "{\"step\": 1, \"prompt\": \"a\"}\n",
            "{'prompt': 'a', 'completion': 'b'}\n",
            "prompt,completion\nWhat does {'loss': 1} say?,A loss\n",
            "[{\"messages\": []}]",
            "1,2,3,4\n5,6,7,8\n",
            "",
            "PAR1",
        ] {
            assert_eq!(recognise("data", head.as_bytes()), FileKind::Dataset, "{head}");
        }
        assert_eq!(recognise("x", &[0xff, 0xfe, 0, 1, 2, 3, 4, 5]), FileKind::Dataset);
    }
}
