//! Wrong secrets by origin: after too many within a minute none of that origin is looked at until it has passed.
//! By origin, so that a program that guesses under none, or a page under its own, does not lock out the others.

use std::collections::BTreeMap;

use crate::limits::{MAX_GUESSING_ORIGINS, MAX_WRONG_SECRETS, WRONG_SECRETS_MS};

#[derive(Debug, Clone, Default)]
pub struct Guesses {
    /// Count and time of the first.
    wrong: BTreeMap<String, (usize, u64)>,
}

impl Guesses {
    /// Milliseconds until secrets of this origin are looked at again, if they are not.
    pub fn locked_for_ms(&self, origin: &str, now_ms: u64) -> Option<u64> {
        let (count, first_ms) = self.wrong.get(origin)?;
        let left = (first_ms + WRONG_SECRETS_MS).checked_sub(now_ms).filter(|left| *left > 0)?;
        (*count >= MAX_WRONG_SECRETS).then_some(left)
    }

    pub fn wrong(&mut self, origin: &str, now_ms: u64) {
        self.wrong.retain(|_, (_, first_ms)| *first_ms + WRONG_SECRETS_MS > now_ms);
        if self.wrong.len() < MAX_GUESSING_ORIGINS || self.wrong.contains_key(origin) {
            self.wrong.entry(origin.to_owned()).or_insert((0, now_ms)).0 += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guessing_locks_its_own_origin_for_a_while() {
        let mut guesses = Guesses::default();
        for _ in 0..MAX_WRONG_SECRETS {
            assert_eq!(guesses.locked_for_ms("a", 5000), None);
            guesses.wrong("a", 5000);
        }
        assert_eq!(guesses.locked_for_ms("a", 6000), Some(WRONG_SECRETS_MS - 1000));
        assert_eq!(guesses.locked_for_ms("b", 6000), None);
        assert_eq!(guesses.locked_for_ms("a", 5000 + WRONG_SECRETS_MS), None);
        guesses.wrong("a", 5000 + WRONG_SECRETS_MS);
        assert_eq!(guesses.locked_for_ms("a", 5001 + WRONG_SECRETS_MS), None);
    }
}
