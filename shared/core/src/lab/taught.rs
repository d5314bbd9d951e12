//! Which task rows the bundled base models saw with their answers. Part of every recorded run: tuning or
//! judging on these rows would measure memory.

use crate::hash::hash_bytes;

/// Tasks of which some rows were taught; their licences allow the weights to be given away.
pub const TAUGHT_TASKS: [&str; 9] = [
    "banking77_intent",   // CC BY 4.0
    "bio_entity_type",    // CC BY 4.0
    "clickbait_headline", // MIT
    "clinc_domain",       // CC BY 3.0
    "language_id",        // Apache-2.0
    "mmlu_choice",        // MIT
    "name_origin",        // MIT
    "snips_intent",       // CC0 1.0
    "svamp_arithmetic",   // MIT
];

/// Never changes: published weights depend on it.
const TAUGHT_SEED: u64 = 2026;

/// What a model reads of a row before its answer.
pub fn prompt_of(instruction: &str, input: &str) -> String {
    format!("{instruction}\n{input}")
}

/// Three train rows in ten of a taught task, by content; the rest is untouched material for fine-tuning.
pub fn is_taught(task: &str, prompt: &str) -> bool {
    TAUGHT_TASKS.contains(&task) && hash_bytes(prompt.as_bytes(), TAUGHT_SEED) % 10 < 3
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The choice is part of published weights. Computed independently (big integers in Python) from the
    /// definition of the hash.
    #[test]
    fn the_choice_of_taught_rows_never_changes() {
        let choice: Vec<bool> = (0..12).map(|i| is_taught("snips_intent", &format!("a\nrow {i}"))).collect();
        let taught = [true, false, false, true, true, true, false, false, true, true, false, false];
        assert_eq!(choice, taught);
        assert!((0..12).all(|i| !is_taught("atis_intent", &format!("a\nrow {i}"))));
    }
}
