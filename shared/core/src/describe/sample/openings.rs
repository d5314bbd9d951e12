//! Groups of prompts that begin alike: what a template, or one of several tasks in a file, leaves behind.

use std::collections::HashMap;

use super::super::description::Share;
use super::Prepared;

const OPENING_WORDS: usize = 3;
/// Smaller groups are single prompts rather than a task.
const LEAST_SHARE: f64 = 0.01;
const MOST_SHOWN: usize = 50;

/// Largest share first. Prompts of fewer words are whole openings.
pub fn openings(prepared: &Prepared<'_>) -> Vec<Share> {
    let mut groups: HashMap<&[u32], (u32, &str)> = HashMap::new();
    for row in prepared.rows.iter().filter(|row| !row.prompt.is_empty()) {
        let words = OPENING_WORDS.min(row.prompt.len());
        let text = &row.row.prompt[row.prompt_words[0].start..row.prompt_words[words - 1].end];
        let group = groups.entry(&row.prompt[..words]).or_insert((0, text));
        group.0 += 1;
        // Spellings differ in case and signs; the smallest is the same in every order.
        group.1 = group.1.min(text);
    }
    let rows = prepared.rows.len() as f64;
    let mut shares: Vec<Share> = groups
        .into_values()
        .map(|(count, text)| Share { name: text.to_owned(), share: f64::from(count) / rows })
        .filter(|group| group.share >= LEAST_SHARE)
        .collect();
    shares.sort_by(|one, other| other.share.total_cmp(&one.share).then_with(|| one.name.cmp(&other.name)));
    shares.truncate(MOST_SHOWN);
    shares
}
