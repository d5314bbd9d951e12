//! Odd signs that the streaming pass does not look for: runs of one character, gaps of spaces, shouted words.

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SignShares {
    /// Characters in runs of three or more equal ones (spaces and line breaks apart), of all characters.
    pub repeated: f64,
    /// Characters in runs of two or more spaces or tabs, of all characters.
    pub wide_spaces: f64,
    /// Words of two or more letters that are all capitals, of all words with two or more letters.
    pub shouted_words: f64,
}

pub fn sign_shares<'a>(texts: impl Iterator<Item = &'a str>) -> SignShares {
    let (mut chars, mut repeated, mut wide_spaces, mut words, mut shouted) = (0u64, 0u64, 0u64, 0u64, 0u64);
    for text in texts {
        let (mut last, mut run) = ('\0', 0u64);
        let (mut letters, mut capitals) = (0u64, 0u64);
        // One separator more ends the last run and the last word.
        for character in text.chars().chain(['\0']) {
            if character == last {
                run += 1;
            } else {
                let gap = last == ' ' || last == '\t';
                wide_spaces += if gap && run >= 2 { run } else { 0 };
                repeated += if !gap && last != '\n' && last != '\r' && run >= 3 { run } else { 0 };
                (last, run) = (character, 1);
            }
            if character.is_alphabetic() {
                letters += 1;
                capitals += u64::from(character.is_uppercase());
            } else {
                words += u64::from(letters >= 2);
                shouted += u64::from(letters >= 2 && capitals == letters);
                (letters, capitals) = (0, 0);
            }
            chars += 1;
        }
        chars -= 1;
    }
    SignShares {
        repeated: repeated as f64 / chars as f64,
        wide_spaces: wide_spaces as f64 / chars as f64,
        shouted_words: shouted as f64 / words as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_counted_signs() {
        let shares = sign_shares(["soooo  GOOD I am!!!!", ""].into_iter());
        // 20 characters: oooo and !!!! repeated, one gap of two spaces; words soooo, GOOD, am.
        assert!((shares.repeated - 8.0 / 20.0).abs() < 1e-12);
        assert!((shares.wide_spaces - 2.0 / 20.0).abs() < 1e-12);
        assert!((shares.shouted_words - 1.0 / 3.0).abs() < 1e-12);
        assert!(sign_shares(std::iter::empty()).repeated.is_nan());
    }
}
