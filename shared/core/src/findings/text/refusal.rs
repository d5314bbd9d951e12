//! Answers that decline or speak as a language model about themselves. Looked for at the beginning of a sentence
//! or clause near the start of an answer, where refusals stand; “I'm sorry” alone is no refusal.

/// Bytes of an answer that are looked at.
const WINDOW_BYTES: usize = 320;

/// An opening, and words of which one must follow within the same window; none means that the opening suffices.
struct Pattern {
    opening: &'static str,
    then: &'static [&'static str],
}

const fn opening(opening: &'static str) -> Pattern {
    Pattern { opening, then: &[] }
}

const DECLINE: &[&str] = &[
    "i can't",
    "i cannot",
    "i can not",
    "i'm not able",
    "i am not able",
    "i'm unable",
    "i am unable",
    "i won't",
    "i currently",
    "i'm currently",
    "i don't have",
    "i do not have",
    "as an ai",
    "it is not possible for me",
    "that's not something i",
];

const SERVICE: &[&str] = &[
    "assist",
    "help with",
    "help you",
    "provide",
    "fulfill",
    "fulfil",
    "comply",
    "generate",
    "create",
    "write",
    "answer",
    "engage",
    "complete this",
    "do that",
    "support",
    "access",
    "discuss",
    "share",
    "browse",
    "perform",
];

/// Lower case, straight apostrophes: the text is brought to this form before comparing.
const PATTERNS: &[Pattern] = &[
    opening("as an ai language model"),
    opening("as an ai assistant, i"),
    opening("as an ai, i"),
    opening("as a language model"),
    opening("as a large language model"),
    opening("i'm an ai language model"),
    opening("i am an ai language model"),
    opening("i'm just an ai"),
    opening("i am just an ai"),
    Pattern { opening: "i'm sorry", then: DECLINE },
    Pattern { opening: "i am sorry", then: DECLINE },
    Pattern { opening: "sorry, ", then: DECLINE },
    Pattern { opening: "i apologize", then: DECLINE },
    Pattern { opening: "i apologise", then: DECLINE },
    Pattern {
        opening: "unfortunately, i",
        then: &["can't", "cannot", "unable to", "not able to", "am an ai"],
    },
    Pattern { opening: "i can't ", then: SERVICE },
    Pattern { opening: "i cannot ", then: SERVICE },
    Pattern { opening: "i'm unable to ", then: SERVICE },
    Pattern { opening: "i am unable to ", then: SERVICE },
    Pattern { opening: "i'm not able to ", then: SERVICE },
    Pattern { opening: "i am not able to ", then: SERVICE },
    Pattern { opening: "i must decline", then: &[] },
    Pattern { opening: "i won't be able to ", then: SERVICE },
    Pattern { opening: "i do not have the ability to", then: &[] },
    Pattern { opening: "i don't have the ability to", then: &[] },
];

/// How far into the sentence a word of `then` may begin.
const REACH_BYTES: usize = 90;
/// After “I cannot ” the verb follows at once, but for an adverb.
const VERB_REACH_BYTES: usize = 16;

/// The range of the refusing words in an answer.
pub(super) fn refusal_in(answer: &str) -> Option<(usize, usize)> {
    if !has_speaker(answer.as_bytes()) {
        return None;
    }
    let lead = answer.len() - answer.trim_start().len();
    let text = &answer[lead..];
    let mut window = [0u8; WINDOW_BYTES];
    let length = fold(text.as_bytes(), &mut window);
    let window = &window[..length.folded];
    let mut at = 0;
    loop {
        if let Some(end) = pattern_at(window, at) {
            // Positions in the folded window are only as far off as it had curly apostrophes before them.
            let from = lead + unfold(text.as_bytes(), at);
            let to = lead + unfold(text.as_bytes(), end);
            return Some((from, to));
        }
        at = next_clause(window, at)?;
    }
}

/// Refusals say “I” or “AI” in capitals; most answers have neither near their start, and end here.
fn has_speaker(answer: &[u8]) -> bool {
    let window = &answer[..answer.len().min(WINDOW_BYTES)];
    memchr::memchr_iter(b'I', window).any(|at| {
        let alone = at == 0 || !window[at - 1].is_ascii_alphanumeric();
        let after = window.get(at + 1).copied().unwrap_or(b' ');
        (alone && matches!(after, b' ' | b'\'' | 0xe2))
            || (at > 0 && window[at - 1] == b'A' && !after.is_ascii_alphanumeric())
    })
}

struct Folded {
    folded: usize,
}

/// Lower-cases ASCII and straightens apostrophes (three bytes become one).
fn fold(bytes: &[u8], window: &mut [u8; WINDOW_BYTES]) -> Folded {
    let (mut read, mut written) = (0, 0);
    while read < bytes.len() && written < WINDOW_BYTES {
        if bytes[read..].starts_with("’".as_bytes()) {
            window[written] = b'\'';
            read += 3;
        } else {
            window[written] = bytes[read].to_ascii_lowercase();
            read += 1;
        }
        written += 1;
    }
    Folded { folded: written }
}

/// The position in the original of a position in the folded window.
fn unfold(bytes: &[u8], folded: usize) -> usize {
    let mut read = 0;
    for _ in 0..folded {
        read += if bytes[read..].starts_with("’".as_bytes()) { 3 } else { 1 };
    }
    read
}

/// The position after the next space or line break that follows punctuation.
fn next_clause(window: &[u8], at: usize) -> Option<usize> {
    let mut from = at;
    loop {
        let gap = from + memchr::memchr2(b' ', b'\n', &window[from..])?;
        let ends_clause =
            gap > 0 && (matches!(window[gap - 1], b'.' | b'!' | b'?' | b',' | b':') || window[gap] == b'\n');
        if ends_clause {
            return Some(gap + 1);
        }
        from = gap + 1;
    }
}

fn pattern_at(window: &[u8], at: usize) -> Option<usize> {
    if !matches!(window.get(at), Some(b'a' | b'i' | b's' | b'u')) {
        return None;
    }
    PATTERNS.iter().find_map(|pattern| {
        let rest = window[at..].strip_prefix(pattern.opening.as_bytes())?;
        let end = at + pattern.opening.len();
        if pattern.then.is_empty() {
            return Some(end);
        }
        let reach = if pattern.opening.ends_with("to ") || pattern.opening.ends_with("t ") {
            VERB_REACH_BYTES
        } else {
            REACH_BYTES
        };
        pattern.then.iter().find_map(|word| {
            let near = &rest[..rest.len().min(reach + word.len())];
            memchr::memmem::find(near, word.as_bytes()).map(|offset| end + offset + word.len())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_found_with_their_words() {
        for (answer, words) in [
            ("I'm sorry, but I can't assist with that.", "I'm sorry, but I can't"),
            ("I’m sorry, but I can’t help with this.", "I’m sorry, but I can’t"),
            ("As an AI language model, I do not have feelings.", "As an AI language model"),
            ("Good question. As an AI language model I know little.", "As an AI language model"),
            ("  I cannot provide medical advice.", "I cannot provide"),
            ("Sorry, as an AI I do not eat.", "Sorry, as an AI"),
            ("Unfortunately, I am unable to open links.", "Unfortunately, I am unable to"),
        ] {
            let (from, to) = refusal_in(answer).expect(answer);
            assert_eq!(&answer[from..to], words);
        }
    }

    #[test]
    fn apologies_and_stories_are_not() {
        for answer in [
            "I'm sorry to hear that you lost your keys.",
            "I'm sorry for the delay; your parcel will arrive on Monday.",
            "She said that she cannot come.",
            "I cannot believe how good this cake is.",
            "I can't wait to see you!",
            "Dear Sir, I apologize for the late delivery of your order.",
            "AI language models are trained on text.",
            "As a doctor, I recommend rest.",
            "I",
            "",
        ] {
            assert_eq!(refusal_in(answer), None, "{answer}");
        }
    }

    #[test]
    fn text_after_the_window_is_not_looked_at() {
        let answer = format!("{} As an AI language model", "Long text. ".repeat(60));
        assert_eq!(refusal_in(&answer), None);
    }
}
