//! Ways to say whether an answer is right: every token the likeliest (exact), the likeliest of a set of
//! labels, or what greedy decoding really writes, read by a strict parser that tells misread from wrong.

mod generate;
pub mod mmlu;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::batch::Row;
use crate::error::{EngineError, Result};
use crate::evaluate::{Evaluation, evaluate};
use crate::model::Model;

pub use generate::{Written, write_greedily};

/// A set of answers larger than this is free text.
pub const MAX_LABELS: usize = 256;
/// Tokens that greedy decoding may write beyond the longest right answer.
const SPARE_TOKENS: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judge {
    Exact,
    Labels,
    Letters,
    Generate,
}

impl Judge {
    /// Part of every record: how answers are judged, with a version that changes when a score could.
    pub const fn harness(self) -> &'static str {
        match self {
            Self::Exact => {
                "exact-1: every answer token, end mark included, is the most likely one (greedy match)"
            }
            Self::Labels => "labels-1: the likeliest of the answers found in the rows, end mark included",
            Self::Letters => "letters-1: the likeliest of the letters found in the rows, end mark included",
            Self::Generate => {
                "generate-1: greedy decoding up to the end mark; the whole text, trimmed, is the answer; no end mark, \
                 no text or, where the rows' answers form a set of labels, none of them counts as unparsed"
            }
        }
    }
}

/// What one row got.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    pub right: bool,
    /// Nothing where the text could not be read as an answer.
    pub answer: Option<String>,
    /// Probability of the right answer: among the labels, or of the whole answer.
    pub p_right: f64,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Judgement {
    pub items: Vec<Judged>,
}

impl Judgement {
    pub fn score(&self) -> f64 {
        100.0 * self.share(|item| f64::from(u8::from(item.right)))
    }

    /// Binomial standard error, in points.
    pub fn score_se(&self) -> f64 {
        let share = self.score() / 100.0;
        100.0 * (share * (1.0 - share) / self.items.len() as f64).sqrt()
    }

    pub fn p_right(&self) -> f64 {
        100.0 * self.share(|item| item.p_right)
    }

    /// Rows whose answer could not be read; they count as wrong.
    pub fn unparsed(&self) -> usize {
        self.items.iter().filter(|item| item.answer.is_none()).count()
    }

    fn share(&self, value: impl Fn(&Judged) -> f64) -> f64 {
        self.items.iter().map(value).sum::<f64>() / self.items.len() as f64
    }
}

/// Token ids back to text, markers included.
pub type Decode<'a> = dyn Fn(&[u32]) -> Result<String> + 'a;

/// Judges rows whose last run of trained tokens is the answer with its end mark.
pub fn judge(model: &Model, rows: &[Row], kind: Judge, decode: &Decode<'_>) -> Result<Judgement> {
    match kind {
        Judge::Exact => Ok(exact(&evaluate(model, rows)?)),
        Judge::Labels | Judge::Letters => by_likelihood(model, rows, kind, decode),
        Judge::Generate => by_writing(model, rows, decode),
    }
}

fn exact(evaluation: &Evaluation) -> Judgement {
    // Teacher-forced: what a wrong row would have said is not known, only that it is another answer.
    let judged = evaluation.items.iter().map(|item| Judged {
        right: item.exact,
        answer: Some(String::new()),
        p_right: item.p_gold,
    });
    Judgement { items: judged.collect() }
}

/// Prompt and answer of a row.
pub fn parts(row: &Row) -> (&[u32], &[u32]) {
    let start = row.trained.iter().rposition(|trained| !trained).map_or(1, |last| last + 1);
    row.tokens.split_at(start.min(row.tokens.len()))
}

/// The distinct answers of the rows, or nothing where they are too many to be labels.
fn labels(rows: &[Row]) -> Option<Vec<Vec<u32>>> {
    let mut distinct: BTreeSet<&[u32]> = BTreeSet::new();
    for row in rows {
        distinct.insert(parts(row).1);
        if distinct.len() > MAX_LABELS {
            return None;
        }
    }
    Some(distinct.into_iter().map(<[u32]>::to_vec).collect())
}

fn by_likelihood(model: &Model, rows: &[Row], kind: Judge, decode: &Decode<'_>) -> Result<Judgement> {
    let Some(labels) = labels(rows) else {
        let reason = format!(
            "the test rows have more than {MAX_LABELS} different answers: judge them by exact or generate"
        );
        return Err(EngineError::Data { reason });
    };
    let texts = labels.iter().map(|label| answer_text(label, decode)).collect::<Result<Vec<_>>>()?;
    let is_letter = |text: &String| text.len() == 1 && text.as_bytes()[0].is_ascii_uppercase();
    if kind == Judge::Letters
        && let Some(other) = texts.iter().find(|text| !is_letter(text))
    {
        let reason = format!("the answer {other:?} is no single capital letter: judge these rows by labels");
        return Err(EngineError::Data { reason });
    }
    let prompts: Vec<&[u32]> = rows.iter().map(|row| parts(row).0).collect();
    let probabilities = label_probabilities(model, &prompts, &labels)?;
    let judged = rows.iter().zip(probabilities).map(|(row, shares)| {
        let gold = labels.iter().position(|label| label == parts(row).1).expect("taken from these rows");
        let chosen = likeliest(&shares);
        Judged { right: chosen == gold, answer: Some(texts[chosen].clone()), p_right: shares[gold] }
    });
    Ok(Judgement { items: judged.collect() })
}

/// For each prompt how the probability of the labels is shared among them. Labels carry their end mark, so that
/// one which begins another does not win by being shorter.
pub fn label_probabilities(model: &Model, prompts: &[&[u32]], labels: &[Vec<u32>]) -> Result<Vec<Vec<f64>>> {
    let rows: Vec<Row> = prompts
        .iter()
        .flat_map(|prompt| labels.iter().map(move |label| Row::answered(prompt, label)))
        .collect();
    let items = evaluate(model, &rows)?.items;
    let shared = items.chunks(labels.len().max(1)).map(|items| {
        let losses: Vec<f64> = items.iter().map(|item| item.loss * f64::from(item.tokens)).collect();
        let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
        let weights: Vec<f64> = losses.iter().map(|loss| libm::exp(least - loss)).collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|weight| weight / sum).collect()
    });
    Ok(shared.collect())
}

/// The first of the largest.
pub fn likeliest(shares: &[f64]) -> usize {
    (0..shares.len()).fold(0, |best, index| if shares[index] > shares[best] { index } else { best })
}

fn by_writing(model: &Model, rows: &[Row], decode: &Decode<'_>) -> Result<Judgement> {
    let ends: BTreeSet<u32> = rows.iter().filter_map(|row| parts(row).1.last().copied()).collect();
    let longest = rows.iter().map(|row| parts(row).1.len()).max().unwrap_or(0);
    let prompts: Vec<&[u32]> = rows.iter().map(|row| parts(row).0).collect();
    // Rows cut at their end would each bring an end mark of their own.
    if ends.len() > 1 {
        let reason = format!(
            "the answers end in {} different tokens: some rows are cut; raise --max-tokens",
            ends.len()
        );
        return Err(EngineError::Data { reason });
    }
    let Some(end) = ends.first() else { return Ok(Judgement::default()) };
    let written = write_greedily(model, &prompts, *end, longest + SPARE_TOKENS)?;
    let set = match labels(rows) {
        Some(labels) if labels.len() * 2 <= rows.len() => {
            Some(labels.iter().map(|label| answer_text(label, decode)).collect::<Result<BTreeSet<_>>>()?)
        }
        _ => None,
    };
    let probabilities = evaluate(model, rows)?.items;
    let mut items = Vec::with_capacity(rows.len());
    for ((row, written), item) in rows.iter().zip(written).zip(probabilities) {
        let gold = answer_text(parts(row).1, decode)?;
        let answer = read_strictly(&decode(&written.tokens)?, written.ended, set.as_ref());
        items.push(Judged { right: answer.as_ref() == Some(&gold), answer, p_right: item.p_gold });
    }
    Ok(Judgement { items })
}

/// An answer's text without its end mark.
fn answer_text(tokens: &[u32], decode: &Decode<'_>) -> Result<String> {
    let (_, text) = tokens.split_last().unwrap_or((&0, &[]));
    Ok(decode(text)?.trim().to_owned())
}

/// The whole text is the answer or there is none: no searching for something that looks like one.
fn read_strictly(text: &str, ended: bool, set: Option<&BTreeSet<String>>) -> Option<String> {
    let text = text.trim();
    let readable = ended && !text.is_empty() && set.is_none_or(|set| set.contains(text));
    readable.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LoadOptions;
    use crate::testing::small_config;

    #[expect(clippy::unnecessary_wraps, reason = "what `judge` takes")]
    fn spelled(tokens: &[u32]) -> Result<String> {
        Ok(tokens.iter().filter_map(|token| char::from_u32(64 + token % 26 + 1)).collect())
    }

    fn rows() -> Vec<Row> {
        (0..30u32).map(|i| Row::answered(&[i % 7 + 1, i % 3 + 9], &[20 + i % 3, 0])).collect()
    }

    #[test]
    fn writing_greedily_is_right_exactly_where_every_token_was_the_likeliest() {
        let model = Model::random(&small_config(), 3, &LoadOptions::cpu()).unwrap();
        // Answers that the model itself would give, for half of the rows.
        let mut rows = rows();
        let prompts: Vec<Vec<u32>> = rows.iter().map(|row| parts(row).0.to_vec()).collect();
        let prompts: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
        for (index, written) in write_greedily(&model, &prompts, u32::MAX, 2).unwrap().iter().enumerate() {
            if index % 2 == 0 {
                rows[index] = Row::answered(prompts[index], &written.tokens);
            }
        }
        let judged = exact(&evaluate(&model, &rows).unwrap());
        for (row, item) in rows.iter().zip(&judged.items) {
            let (prompt, answer) = parts(row);
            let written = write_greedily(&model, &[prompt], answer[1], answer.len()).unwrap().remove(0);
            let same = written.ended && written.tokens == answer[..1];
            assert!(item.right == same || answer[0] == answer[1], "{row:?}");
        }
        assert!(judged.items.iter().any(|item| item.right));
    }

    #[test]
    fn labels_share_the_probability_and_letters_must_be_letters() {
        let model = Model::random(&small_config(), 3, &LoadOptions::cpu()).unwrap();
        let judged = judge(&model, &rows(), Judge::Labels, &spelled).unwrap();
        assert!(
            judged.unparsed() == 0
                && judged.items.iter().all(|item| item.p_right > 0.0 && item.p_right < 1.0)
        );
        let labels = vec![vec![20, 0], vec![21, 0], vec![22, 0]];
        let shares = label_probabilities(&model, &[&[1, 9]], &labels).unwrap().remove(0);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let loss = |label: &Vec<u32>| {
            let item = evaluate(&model, &[Row::answered(&[1, 9], label)]).unwrap().items[0];
            item.loss * f64::from(item.tokens)
        };
        let chosen = &labels[likeliest(&shares)];
        assert!(labels.iter().all(|label| loss(label) >= loss(chosen) - 1e-6));
        assert!(judge(&model, &rows(), Judge::Letters, &spelled).is_ok());
        let error = judge(&model, &rows(), Judge::Letters, &|_| Ok("yes".into())).unwrap_err().to_string();
        assert!(error.contains("\"yes\""), "{error}");
    }

    #[test]
    fn the_strict_parser_takes_the_whole_text_or_nothing() {
        let set = BTreeSet::from(["A".to_owned(), "B".to_owned()]);
        let read = |text: &str, ended| read_strictly(text, ended, Some(&set));
        assert_eq!(read(" A\n", true).as_deref(), Some("A"));
        for text in ["Answer: A", "A.", "Based on", "a", ""] {
            assert_eq!(read(text, true), None, "{text}");
        }
        assert_eq!(read("A", false), None);
        assert_eq!(read_strictly("anything", true, None).as_deref(), Some("anything"));
    }
}
