//! Questions in MMLU's format (Hendrycks et al. 2021, arXiv 2009.03300): question, choices, answer, subject;
//! zero-shot or after solved questions of the same subject; judged by the likelihood of the letters.

use std::collections::BTreeMap;

use foretune_core::schema::{Example, Role, Turn};
use serde_json::Value;

use super::{Judged, Judgement, label_probabilities, likeliest};
use crate::error::Result;
use crate::model::Model;
use crate::rows::tokenize;
use crate::template::Template;

pub const HARNESS: &str = "mmlu-1: one user turn, 'The following are multiple choice questions (with answers) about SUBJECT.', solved \
     questions of the subject, the question, its lettered choices and 'Answer:'; the likeliest letter, end mark included";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub subject: String,
    pub text: String,
    pub choices: Vec<String>,
    /// Index of the right choice.
    pub answer: usize,
}

impl Question {
    /// `choices` as a list or as columns A, B, C, …; the answer as letter or index.
    pub fn from_json(row: &Value) -> Option<Self> {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.trim().to_owned()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let choices: Vec<String> = match row.get("choices") {
            Some(Value::Array(list)) => list.iter().map(text).collect::<Option<_>>()?,
            Some(_) => return None,
            None => ('A'..='Z').map_while(|letter| row.get(letter.to_string()).and_then(text)).collect(),
        };
        let answer = match row.get("answer")? {
            Value::Number(index) => index.as_u64()? as usize,
            Value::String(answer) => {
                let answer = answer.trim();
                match answer.as_bytes() {
                    [letter @ b'A'..=b'Z'] => usize::from(letter - b'A'),
                    _ => answer.parse().ok()?,
                }
            }
            _ => return None,
        };
        let subject = row.get("subject").and_then(Value::as_str).unwrap_or_default();
        let found =
            Self { subject: subject.replace('_', " "), text: text(row.get("question")?)?, choices, answer };
        (found.choices.len() >= 2 && found.choices.len() <= 26 && answer < found.choices.len())
            .then_some(found)
    }

    fn spelled(&self) -> String {
        let mut lines = self.text.clone();
        for (letter, choice) in ('A'..).zip(&self.choices) {
            lines.push_str(&format!("\n{letter}. {choice}"));
        }
        lines + "\nAnswer:"
    }

    /// The user's turn.
    pub fn prompt(&self, shots: &[&Self]) -> String {
        let about = if self.subject.is_empty() { String::new() } else { format!(" about {}", self.subject) };
        let mut prompt = format!("The following are multiple choice questions (with answers){about}.\n\n");
        for shot in shots {
            prompt.push_str(&format!("{} {}\n\n", shot.spelled(), letter(shot.answer)));
        }
        prompt + &self.spelled()
    }
}

fn letter(index: usize) -> char {
    char::from(b'A' + index as u8)
}

/// Solved questions by subject, in the order of their file.
#[derive(Debug, Clone, Default)]
pub struct Shots {
    by_subject: BTreeMap<String, Vec<Question>>,
}

impl Shots {
    pub fn new(questions: Vec<Question>) -> Self {
        let mut shots = Self::default();
        for question in questions {
            shots.by_subject.entry(question.subject.clone()).or_default().push(question);
        }
        shots
    }

    /// The first ones of the subject, the question itself left out.
    fn of(&self, question: &Question, count: usize) -> Vec<&Question> {
        let all = self.by_subject.get(&question.subject).into_iter().flatten();
        all.filter(|shot| shot.text != question.text).take(count).collect()
    }
}

/// Encodes text of one piece.
pub type Encode<'a> = dyn FnMut(&str) -> Result<Vec<u32>> + 'a;

/// Judges every question after `count` solved ones (fewer where a prompt would leave the model's positions).
pub fn judge_questions(
    model: &Model,
    template: Template,
    encode: &mut Encode<'_>,
    questions: &[Question],
    shots: &Shots,
    count: usize,
) -> Result<Judgement> {
    let mut items = Vec::with_capacity(questions.len());
    // One question at a time keeps only its own labels in memory; they share a prompt, not a batch.
    for question in questions {
        let mut solved = shots.of(question, count);
        let rows = loop {
            let rows = lettered(template, encode, question, &solved)?;
            let longest = rows.iter().map(|(prompt, label)| prompt.len() + label.len()).max().unwrap_or(0);
            if longest <= model.config.max_positions || solved.pop().is_none() {
                break rows;
            }
        };
        let labels: Vec<Vec<u32>> = rows.iter().map(|(_, label)| label.clone()).collect();
        let shares = label_probabilities(model, &[&rows[0].0], &labels)?.remove(0);
        let chosen = likeliest(&shares);
        items.push(Judged {
            right: chosen == question.answer,
            answer: Some(letter(chosen).to_string()),
            p_right: shares[question.answer],
        });
    }
    Ok(Judgement { items })
}

/// Prompt and answer for each letter.
fn lettered(
    template: Template,
    encode: &mut Encode<'_>,
    question: &Question,
    shots: &[&Question],
) -> Result<Vec<(Vec<u32>, Vec<u32>)>> {
    let prompt = question.prompt(shots);
    let rows = (0..question.choices.len()).map(|index| {
        let turn = |role, text: String, trained| Turn { role, text: text.into(), trained };
        let turns = vec![
            turn(Role::User, prompt.clone(), false),
            turn(Role::Assistant, letter(index).to_string(), true),
        ];
        let row = tokenize(template, encode, &Example { turns, ..Example::default() })?;
        let (prompt, answer) = super::parts(&row);
        Ok((prompt.to_vec(), answer.to_vec()))
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_question_is_read() {
        let list = serde_json::json!({"question": "1+1?", "choices": ["1", "2", 3], "answer": 1, "subject": "plain_sums"});
        let columns = serde_json::json!({"question": "1+1?", "A": "1", "B": "2", "C": "3", "answer": "B", "subject": "plain sums"});
        let read = Question::from_json(&list).unwrap();
        assert_eq!(Some(&read), Question::from_json(&columns).as_ref());
        assert_eq!(
            read.prompt(&[&read]),
            "The following are multiple choice questions (with answers) about plain sums.\n\n\
             1+1?\nA. 1\nB. 2\nC. 3\nAnswer: B\n\n1+1?\nA. 1\nB. 2\nC. 3\nAnswer:"
        );
        for bad in [
            serde_json::json!({"question": "?", "choices": ["1"], "answer": 0}),
            serde_json::json!({"question": "?", "choices": ["1", "2"], "answer": 2}),
            serde_json::json!({"question": "?", "choices": ["1", "2"], "answer": "maybe"}),
            serde_json::json!({"instruction": "?", "output": "A"}),
        ] {
            assert_eq!(Question::from_json(&bad), None, "{bad}");
        }
    }

    #[test]
    fn shots_are_of_the_same_subject_and_never_the_question_itself() {
        let question = |subject: &str, text: &str| Question {
            subject: subject.into(),
            text: text.into(),
            choices: vec!["x".into(), "y".into()],
            answer: 0,
        };
        let shots = Shots::new((0..9).map(|i| question(["a", "b"][i % 2], &format!("q{i}"))).collect());
        let texts = |asked: &str| -> Vec<String> {
            shots.of(&question("a", asked), 3).iter().map(|shot| shot.text.clone()).collect()
        };
        assert_eq!(texts("q9"), ["q0", "q2", "q4"]);
        assert_eq!(texts("q2"), ["q0", "q4", "q6"]);
    }
}
