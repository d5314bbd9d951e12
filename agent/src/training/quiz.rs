//! A file of questions in MMLU's format, judged zero-shot and, with solved questions, five-shot.

use std::path::Path;

use anyhow::{Context, Result, bail};
use foretune_core::formats;
use foretune_core::hash::{combine, hash_bytes};
use foretune_core::json::to_json_text;
use foretune_engine::Model;
use foretune_engine::judge::Judgement;
use foretune_engine::judge::mmlu::{HARNESS, Question, Shots, judge_questions};
use serde_json::{Value, json};

use crate::files::FileSource;
use crate::weights::ModelFolder;

const SHOTS: usize = 5;

#[derive(Debug)]
pub struct Quiz {
    name: String,
    questions: Vec<Question>,
    shots: Option<Shots>,
}

#[derive(Debug)]
pub struct QuizMarks {
    /// By the number of solved questions in front.
    pub parts: Vec<(usize, Judgement)>,
}

impl Quiz {
    /// At most `rows` questions, chosen by hash.
    pub fn read(path: &Path, shots: Option<&Path>, rows: usize, seed: u64) -> Result<Self> {
        let mut questions = read(path)?;
        if questions.len() > rows {
            let key = |question: &Question| {
                combine(seed, hash_bytes(question.prompt(&[]).as_bytes(), question.answer as u64))
            };
            questions.sort_by_cached_key(key);
            questions.truncate(rows);
        }
        let shots = shots.map(|path| read(path).map(Shots::new)).transpose()?;
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Ok(Self { name, questions, shots })
    }

    pub fn facts(&self) -> Value {
        json!({"file": self.name, "questions": self.questions.len(), "harness": HARNESS})
    }

    pub fn sit(&self, model: &Model, folder: &ModelFolder) -> Result<QuizMarks> {
        let none = Shots::default();
        let mut parts = Vec::new();
        for (count, shots) in [(0, Some(&none)), (SHOTS, self.shots.as_ref())] {
            let Some(shots) = shots else { continue };
            let mut encode = |text: &str| {
                folder
                    .encode(text)
                    .map_err(|error| foretune_engine::EngineError::Data { reason: format!("{error:#}") })
            };
            let judged = judge_questions(model, folder.template, &mut encode, &self.questions, shots, count)?;
            parts.push((count, judged));
        }
        Ok(QuizMarks { parts })
    }
}

impl QuizMarks {
    pub fn json(&self) -> Value {
        let parts = self.parts.iter().map(|(shots, judgement)| {
            json!({
                "shots": shots,
                "score": judgement.score(),
                "score_se": judgement.score_se(),
                "p_right": judgement.p_right(),
                "items": judgement.items.len(),
            })
        });
        parts.collect()
    }
}

fn read(path: &Path) -> Result<Vec<Question>> {
    let told = || format!("{} cannot be read as questions", path.display());
    let opened = formats::open(FileSource::open(path)?).with_context(told)?;
    let (mut framer, parser) = (opened.framer, opened.parser);
    let (mut questions, mut others) = (Vec::new(), 0);
    while let Some(batch) = framer.next_batch().with_context(told)? {
        for index in 0..batch.len() {
            let text = parser.parse(&batch, index).value.as_ref().map(to_json_text);
            let value = text.and_then(|text| serde_json::from_str(&text).ok());
            match value.as_ref().and_then(Question::from_json) {
                Some(question) => questions.push(question),
                None => others += 1,
            }
        }
    }
    if questions.is_empty() {
        bail!(
            "{} has no row in MMLU's format ({others} of another): question, choices (or A, B, …) and answer",
            path.display()
        );
    }
    if others > 0 {
        bail!(
            "{}: {others} rows are no questions in MMLU's format; a score over the rest would mislead",
            path.display()
        );
    }
    Ok(questions)
}
