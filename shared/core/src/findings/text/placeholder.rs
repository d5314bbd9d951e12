//! Stand-ins that somebody meant to replace.

/// Whole answers, in lower case and without the punctuation around them. `none` and `na` are missing on purpose:
/// they are real labels.
const WHOLE_ANSWERS: &[&str] = &[
    "todo",
    "to do",
    "tbd",
    "tba",
    "fixme",
    "n/a",
    "placeholder",
    "null",
    "nan",
    "undefined",
    "nooutput",
    "no output",
    "noinput",
    "xxx",
    "answer here",
    "your answer here",
    "insert answer here",
    "lorem ipsum",
];

const MAX_WHOLE_BYTES: usize = 32;
/// With the punctuation and white space around it.
const MAX_ANSWER_BYTES: usize = 80;

/// Beginnings inside brackets that ask for text. “[Your name]” in a letter is left alone: it is often meant.
const OPENINGS: &[&str] = &[
    "insert ",
    "your answer",
    "your text",
    "your response",
    "answer here",
    "add text",
    "fill in",
    "enter your ",
];

/// Whether an answer is nothing but a stand-in.
pub(super) fn is_whole_answer(answer: &str) -> bool {
    if answer.len() > MAX_ANSWER_BYTES {
        return false;
    }
    let core = answer.trim().trim_matches(|character: char| "<>[](){}.!*\"'".contains(character)).trim();
    if core.is_empty() {
        return answer.trim().len() >= 3 && answer.trim().bytes().all(|byte| byte == b'.');
    }
    core.len() <= MAX_WHOLE_BYTES && {
        let lower = core.to_ascii_lowercase();
        WHOLE_ANSWERS.contains(&lower.as_str())
    }
}

/// The end of a stand-in in brackets that opens at `start`.
pub(super) fn bracketed_at(bytes: &[u8], start: usize) -> Option<usize> {
    const MAX_BYTES: usize = 80;
    // First letters of the openings: markup and citations open brackets all the time.
    if !matches!(
        bytes.get(start + 1),
        Some(b'i' | b'I' | b'y' | b'Y' | b'a' | b'A' | b'f' | b'F' | b'e' | b'E')
    ) {
        return None;
    }
    let close = if bytes[start] == b'<' { b'>' } else { b']' };
    let inside = &bytes[start + 1..];
    let opens = OPENINGS.iter().any(|opening| {
        inside.get(..opening.len()).is_some_and(|head| head.eq_ignore_ascii_case(opening.as_bytes()))
    });
    if !opens {
        return None;
    }
    let length = memchr::memchr(close, &inside[..inside.len().min(MAX_BYTES)])?;
    Some(start + length + 2)
}

/// The end of the printers' dummy text that starts at `start`.
pub(super) fn lorem_at(bytes: &[u8], start: usize) -> Option<usize> {
    const WORDS: &[u8] = b"Lorem ipsum dolor";
    bytes[start..].starts_with(WORDS).then_some(start + WORDS.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_answers() {
        for answer in
            ["TODO", " N/A ", "<nooutput>", "[Placeholder]", "TBD.", "...", "…todo".trim_start_matches('…')]
        {
            assert!(is_whole_answer(answer), "{answer}");
        }
        for answer in ["none", "NA", "Todo lists help", "", ".", "Namibia", "5", "\"\"", "xx"] {
            assert!(!is_whole_answer(answer), "{answer}");
        }
    }

    #[test]
    fn bracketed_stand_ins() {
        assert_eq!(bracketed_at(b"[Insert name here] x", 0), Some(18));
        assert_eq!(bracketed_at(b"<your answer here>", 0), Some(18));
        for text in ["[Your Name]", "[1]", "<p>", "[insert without end", "<"] {
            assert_eq!(bracketed_at(text.as_bytes(), 0), None, "{text}");
        }
    }

    #[test]
    fn dummy_text() {
        assert_eq!(lorem_at(b"x Lorem ipsum dolor sit", 2), Some(19));
        assert_eq!(lorem_at(b"Lorem", 0), None);
    }
}
