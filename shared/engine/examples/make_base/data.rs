//! What the tiny model reads: only sources whose stated licence lets the result be given away without
//! conditions beyond attribution (no non-commercial, share-alike or unstated ones).

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use foretune_core::hash::{combine, hash_bytes};
use foretune_core::lab::{TAUGHT_TASKS, is_taught, prompt_of};
use foretune_engine::Row;
use foretune_engine::indicators::with_gaps;
use serde_json::Value;
use tokenizers::Tokenizer;

use crate::Outcome;
use crate::variants::{Objective, Variant};

/// Corpus parts by the start of their `source`: public domain with CC0 editing, and MIT.
const CORPUS: [&str; 2] = ["standardebooks: ", "gsm8k train solutions"];
/// Tasks of which only inputs are read, without answers.
const READ_ONLY: [&str; 3] = ["code_language", "gsm8k_final", "piqa_choice"]; // MIT, MIT, AFL 3.0
/// Decides which prompts are only read, and the order of all pieces.
const ORDER_SEED: u64 = 2026;
/// Tokens of a piece of running text.
const TEXT_TOKENS: usize = 128;
/// Longest task row; the input is cut from its front.
const TASK_TOKENS: usize = 96;

pub struct Texts {
    pub documents: Vec<String>,
    pub tasks: Vec<TaskRow>,
}

pub struct TaskRow {
    pub prompt: String,
    pub answer: String,
    pub kind: Use,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Use {
    Taught,
    ReadOnly,
}

pub struct Rows {
    pub train: Vec<Row>,
    pub held_out: Vec<Row>,
}

pub fn read(data: &Path) -> Outcome<Texts> {
    let mut texts = Texts { documents: Vec::new(), tasks: Vec::new() };
    for row in lines(&data.join("corpus/english_corpus.jsonl"))? {
        let row = row?;
        if CORPUS.iter().any(|part| text(&row, "source").starts_with(part)) {
            texts.documents.push(text(&row, "text").to_owned());
        }
    }
    for name in TAUGHT_TASKS.iter().chain(&READ_ONLY) {
        for row in lines(&data.join(format!("tasks/{name}/train.jsonl")))? {
            let row = row?;
            let prompt = prompt_of(text(&row, "instruction"), text(&row, "input"));
            let taught = is_taught(name, &prompt);
            // Of the remaining rows half are read without their answers.
            let read = hash_bytes(prompt.as_bytes(), ORDER_SEED + 1).is_multiple_of(2);
            if taught || read {
                let kind = if taught { Use::Taught } else { Use::ReadOnly };
                texts.tasks.push(TaskRow { prompt, answer: text(&row, "output").to_owned(), kind });
            }
        }
    }
    Ok(texts)
}

fn lines(path: &Path) -> Outcome<impl Iterator<Item = Outcome<Value>>> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(BufReader::new(file).lines().map(|line| Ok(serde_json::from_str(&line?)?)))
}

fn text<'a>(row: &'a Value, key: &str) -> &'a str {
    row.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Token rows in a fixed shuffled order; one piece in 200 is held out.
pub fn rows(texts: &Texts, tokenizer: &Tokenizer, variant: Variant) -> Outcome<Rows> {
    let id = |piece: &str| tokenizer.token_to_id(piece).ok_or_else(|| format!("no piece {piece}"));
    let (end, user, assistant) = (id("<|end|>")?, id("<|user|>")?, id("<|assistant|>")?);
    let encode = |text: &str| -> Outcome<Vec<u32>> { Ok(tokenizer.encode(text, false)?.get_ids().to_vec()) };
    let mut all = Vec::new();
    let mut pieces = 0;
    for document in &texts.documents {
        let mut tokens = encode(document)?;
        tokens.push(end);
        for piece in tokens.chunks(TEXT_TOKENS).filter(|chunk| chunk.len() > 8) {
            pieces += 1;
            let draw = combine(ORDER_SEED + 2, pieces);
            if (draw % 1000) as f64 >= 1000.0 * variant.text_share {
                continue;
            }
            let masked = match variant.objective {
                Objective::Causal => None,
                Objective::Both if (draw >> 20).is_multiple_of(2) => None,
                Objective::Spans | Objective::Both => with_gaps(piece, draw, &mut |text| encode(text))?,
            };
            all.push(masked.unwrap_or_else(|| Row::text(piece)));
        }
    }
    for task in &texts.tasks {
        let prompt = encode(&task.prompt)?;
        let prompt = &prompt[prompt.len().saturating_sub(TASK_TOKENS)..];
        match task.kind {
            Use::ReadOnly if variant.reads_inputs => all.push(Row::text(&[&[user], prompt].concat())),
            Use::ReadOnly => {}
            Use::Taught => {
                let answer = [&[assistant], encode(&task.answer)?.as_slice(), &[end]].concat();
                let row = Row::text(&[&[user], prompt, &answer].concat());
                all.extend(std::iter::repeat_n(row, variant.taught_repeats));
            }
        }
    }
    let key = |index: usize| combine(ORDER_SEED, index as u64);
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|index| key(*index));
    let held_out = order.len() / 200;
    let take = |part: &[usize]| part.iter().map(|index| all[*index].clone()).collect();
    Ok(Rows { train: take(&order[held_out..]), held_out: take(&order[..held_out]) })
}
