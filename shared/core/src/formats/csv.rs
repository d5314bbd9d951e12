//! The fields of one framed CSV record.

use std::borrow::Cow;

use memchr::memchr;

use crate::findings::{Code, Problem};

/// Calls `take` for each field; true if a quote was out of place.
pub(super) fn for_each_field<'a>(record: &'a str, delimiter: u8, mut take: impl FnMut(Cow<'a, str>)) -> bool {
    let bytes = record.as_bytes();
    let mut position = 0;
    let mut bad_quote = false;
    loop {
        let end = if bytes.get(position) == Some(&b'"') {
            let (field, end, clean) = quoted_field(record, position, delimiter);
            bad_quote |= !clean;
            take(field);
            end
        } else {
            let end = memchr(delimiter, &bytes[position..]).map_or(bytes.len(), |at| position + at);
            take(Cow::Borrowed(&record[position..end]));
            end
        };
        if end >= bytes.len() {
            return bad_quote;
        }
        position = end + 1;
    }
}

/// The field, the offset of the delimiter behind it (or the end), and whether the quotes were in order.
fn quoted_field(record: &str, start: usize, delimiter: u8) -> (Cow<'_, str>, usize, bool) {
    let bytes = record.as_bytes();
    let mut owned = String::new();
    let mut copied_to = start + 1;
    let mut position = start + 1;
    while let Some(distance) = memchr(b'"', &bytes[position..]) {
        let quote = position + distance;
        if bytes.get(quote + 1) == Some(&b'"') {
            owned.push_str(&record[copied_to..=quote]);
            copied_to = quote + 2;
            position = copied_to;
            continue;
        }
        let end = memchr(delimiter, &bytes[quote + 1..]).map_or(bytes.len(), |at| quote + 1 + at);
        let behind = &record[quote + 1..end];
        if owned.is_empty() && behind.is_empty() {
            return (Cow::Borrowed(&record[start + 1..quote]), end, true);
        }
        owned.push_str(&record[copied_to..quote]);
        owned.push_str(behind);
        return (Cow::Owned(owned), end, behind.is_empty());
    }
    // Never closed: the quote is a plain character, as the framer took it.
    let end = memchr(delimiter, &bytes[start..]).map_or(bytes.len(), |at| start + at);
    (Cow::Borrowed(&record[start..end]), end, false)
}

pub(super) fn bad_quote() -> Problem {
    Problem::new(
        Code::BadQuote,
        "",
        "a quote that is not closed, or text behind a closing quote",
        "quotes around the whole field, and \"\" for a quote inside",
    )
}

/// A name that stands twice in a header.
pub(super) fn repeated_column(name: &str) -> Problem {
    Problem::new(
        Code::DuplicateColumn,
        name,
        format!("more than one column named `{name}`"),
        "each name once; the later ones were renamed",
    )
}

/// Header names as pandas gives them: unnamed and repeated columns get names of their own. The second
/// part lists the names that stood there twice.
pub(super) fn column_names<'a>(header: impl Iterator<Item = Cow<'a, str>>) -> (Vec<String>, Vec<String>) {
    let mut names: Vec<String> = Vec::new();
    let mut repeated: Vec<String> = Vec::new();
    for (index, raw) in header.enumerate() {
        let name = raw.trim();
        if name.is_empty() {
            names.push(format!("Unnamed: {index}"));
            continue;
        }
        let mut unique = name.to_owned();
        let mut copies = 0;
        while names.contains(&unique) {
            copies += 1;
            unique = format!("{name}.{copies}");
        }
        if copies > 0 && !repeated.iter().any(|earlier| earlier == name) {
            repeated.push(name.to_owned());
        }
        names.push(unique);
    }
    (names, repeated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(record: &str) -> (Vec<String>, bool) {
        let mut out = Vec::new();
        let bad = for_each_field(record, b',', |field| out.push(field.into_owned()));
        (out, bad)
    }

    #[test]
    fn fields_as_python_reads_them() {
        assert_eq!(
            fields(r#"a,,"b ""c"", d","#),
            (vec!["a".into(), String::new(), "b \"c\", d".into(), String::new()], false)
        );
        assert_eq!(
            fields(
                r#""line
two",x"#
            ),
            (vec!["line\ntwo".into(), "x".into()], false)
        );
        assert_eq!(fields(r#"say "hi",x"#), (vec!["say \"hi\"".into(), "x".into()], false));
        assert_eq!(fields(r#""a"b,c"#), (vec!["ab".into(), "c".into()], true));
        assert_eq!(fields(r#""a,b"#), (vec!["\"a".into(), "b".into()], true));
        assert_eq!(fields(r#""""#), (vec![String::new()], false));
    }

    #[test]
    fn names_are_unique() {
        let header = ["a", "", "a", "a", "b", " "].into_iter().map(Cow::Borrowed);
        let (names, repeated) = column_names(header);
        assert_eq!(names, ["a", "Unnamed: 1", "a.1", "a.2", "b", "Unnamed: 5"]);
        assert_eq!(repeated, ["a"]);
    }
}
