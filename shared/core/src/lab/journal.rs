//! A file of JSON lines that only grows, written by processes that may be killed in the middle of a line.

use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line} is not JSON: {reason}; it was changed after it was written")]
pub struct JournalError {
    pub line: usize,
    pub reason: String,
}

/// Bytes up to the end of the last whole line. What follows is a line whose writer was killed, to be cut off;
/// a broken line before others is damage of another kind and an error.
pub fn whole_length(bytes: &[u8]) -> Result<usize, JournalError> {
    let mut end = 0;
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for (index, line) in lines.iter().enumerate() {
        let parsed = serde_json::from_slice::<serde::de::IgnoredAny>(line);
        let is_last = index + 1 == lines.len();
        match parsed {
            Ok(_) if line.ends_with(b"\n") => end += line.len(),
            _ if is_last => break,
            Ok(_) => unreachable!("only the last line can lack its line break"),
            Err(error) => return Err(JournalError { line: index + 1, reason: error.to_string() }),
        }
    }
    Ok(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn damage_before_the_end_is_an_error() {
        let error = whole_length(b"{\"a\":1}\n{\"a\n{\"a\":2}\n").unwrap_err();
        assert_eq!(error.line, 2);
    }

    proptest! {
        #[test]
        fn a_file_cut_anywhere_keeps_its_whole_lines(numbers in prop::collection::vec(0u32..9999, 0..6), cut in 0usize..200) {
            let lines: Vec<String> = numbers.iter().map(|number| format!("{{\"n\":{number}}}\n")).collect();
            let text = lines.concat();
            let cut = cut.min(text.len());
            let kept = whole_length(&text.as_bytes()[..cut]).unwrap();
            let wanted = text[..cut].rfind('\n').map_or(0, |place| place + 1);
            prop_assert_eq!(kept, wanted);
        }
    }
}
