//! What Python's `json` writes and JSON does not know.

use std::borrow::Cow;

/// Python writes what is no finite number as a bare word, which is no JSON: a run that diverged would not be read at all.
/// Such words become `null`; how many there were.
pub(super) fn without_bare_words(text: &str) -> (Cow<'_, str>, usize) {
    const WORDS: [&str; 3] = ["-Infinity", "Infinity", "NaN"];
    let (mut written, mut from, mut found) = (String::new(), 0, 0);
    let (mut in_string, mut escaped) = (false, false);
    let mut at = 0;
    while at < text.len() {
        let byte = text.as_bytes()[at];
        if in_string {
            (in_string, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
        } else if byte == b'"' {
            in_string = true;
        } else if let Some(word) =
            WORDS.iter().find(|word| text.as_bytes()[at..].starts_with(word.as_bytes()))
        {
            written.push_str(&text[from..at]);
            written.push_str("null");
            at += word.len();
            from = at;
            found += 1;
            continue;
        }
        at += 1;
    }
    if found == 0 {
        return (text.into(), 0);
    }
    written.push_str(&text[from..]);
    (written.into(), found)
}
