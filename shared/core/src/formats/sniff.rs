//! Recognition by content, never by suffix: encodings, well-known binary files, layouts of JSON.

use super::Encoding;
use super::json_scan::{JsonScan, ScanEnd};

/// Signatures of files that people drop by mistake, and what to do instead.
const BINARY_SIGNATURES: &[(&[u8], &str, &str)] = &[
    (b"PK\x03\x04", "a zip archive (or an Excel or Word file)", "unpack it, or export the table as CSV"),
    (b"%PDF", "a PDF", "export the text as JSON Lines"),
    (b"BZh", "a bzip2 archive", "unpack it, or pack it as .gz or .zst"),
    (b"\xfd7zXZ\0", "an xz archive", "unpack it, or pack it as .gz or .zst"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it"),
    (b"Rar!", "a RAR archive", "unpack it"),
    (b"\x89HDF", "an HDF5 file", "export the rows as Parquet or JSON Lines"),
    (b"SQLite format 3\0", "a SQLite database", "export the table as CSV"),
    (b"Obj\x01", "an Avro file", "export the rows as Parquet or JSON Lines"),
    (b"ORC", "an ORC file", "export the rows as Parquet"),
    (b"\x89PNG", "a PNG image", "drop the file with the rows"),
    (b"\xff\xd8\xff", "a JPEG image", "drop the file with the rows"),
    (b"\x7fELF", "a program", "drop the file with the rows"),
    (b"GGUF", "model weights (GGUF)", "drop the dataset, not the model"),
    // The outer packing is gone at this point.
    (b"\x1f\x8b", "a gzip file inside the compressed file", "unpack it once"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file inside the compressed file", "unpack it once"),
    (b"\xff\xfe\0\0", "text in UTF-32", "save it as UTF-8"),
    (b"\0\0\xfe\xff", "text in UTF-32", "save it as UTF-8"),
    (
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer instead of the file it stands for",
        "fetch the file itself with: git lfs pull",
    ),
];

/// Names under which rows are wrapped. Keys of rows themselves (`messages`, ...) are not among them.
const WRAPPER_KEYS: &[&str] = &[
    "data",
    "rows",
    "examples",
    "train",
    "training",
    "items",
    "records",
    "samples",
    "dataset",
    "entries",
    "results",
    "instances",
    "test",
    "validation",
    "valid",
    "dev",
    "eval",
    "questions",
    "documents",
];

/// A web page saved in place of the file that was meant: a log-in form or “not found”.
pub(super) fn is_web_page(text: &[u8]) -> bool {
    let begins = |word: &[u8]| {
        text.trim_ascii_start().get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
    };
    begins(b"<!doctype html") || begins(b"<html")
}

pub(super) fn binary_signature(head: &[u8]) -> Option<(&'static str, &'static str)> {
    let known = BINARY_SIGNATURES.iter().find(|(signature, ..)| head.starts_with(signature));
    if let Some((_, looks_like, hint)) = known {
        return Some((looks_like, hint));
    }
    let pickle =
        head.len() > 2 && head[0] == 0x80 && (2..=5).contains(&head[1]) && !head[2].is_ascii_alphanumeric();
    let tar = head.get(257..262) == Some(b"ustar");
    if pickle {
        Some(("a Python pickle", "save the rows as JSON Lines or Parquet; pickles can run code"))
    } else if tar {
        Some(("a tar archive", "unpack it and drop the file with the rows"))
    } else {
        None
    }
}

/// Encoding and length of the byte order mark. Without a mark, UTF-16 shows as a zero in every other byte
/// of markup and ASCII.
pub(super) fn sniff_encoding(head: &[u8]) -> (Encoding, usize) {
    match head {
        [0xef, 0xbb, 0xbf, ..] => return (Encoding::Utf8, 3),
        [0xff, 0xfe, ..] => return (Encoding::Utf16Le, 2),
        [0xfe, 0xff, ..] => return (Encoding::Utf16Be, 2),
        _ => {}
    }
    const JUDGED_BYTES: usize = 4096;
    let judged = &head[..head.len().min(JUDGED_BYTES)];
    let zeros_at = |parity: usize| judged.iter().skip(parity).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros_at(0), zeros_at(1));
    let enough = judged.len() / 16;
    match judged {
        [first, 0, ..] if *first != 0 && odd > enough && even * 8 < odd => (Encoding::Utf16Le, 0),
        [0, second, ..] if *second != 0 && even > enough && odd * 8 < even => (Encoding::Utf16Be, 0),
        _ => (Encoding::Utf8, 0),
    }
}

/// Control characters that no text has, as a share of the bytes.
pub(super) fn looks_binary(head: &[u8]) -> bool {
    const TOLERATED_SHARE: f64 = 0.02;
    const TOLERATED_SHARE_IN_JSON: f64 = 0.2;
    let controls = head
        .iter()
        .filter(|byte| {
            (**byte < 0x20 && !matches!(**byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b | 0x1e | 0x1f | 0x01))
                || **byte == 0x7f
        })
        .count();
    let starts_like_json = matches!(head.trim_ascii_start(), [b'{' | b'[', next, ..] if next.is_ascii_whitespace() || matches!(next, b'"' | b'{' | b'[' | b'\''));
    let tolerated = if starts_like_json { TOLERATED_SHARE_IN_JSON } else { TOLERATED_SHARE };
    controls as f64 > tolerated * head.len() as f64
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum JsonShape {
    Array { rows_begin: usize },
    Wrapper { key: String, rows_begin: usize },
    Lines,
    Sequence,
}

/// `complete` says whether the head is the whole text.
pub(super) fn sniff_json(head: &[u8], complete: bool) -> Option<JsonShape> {
    let start = head.len() - head.trim_ascii_start().len();
    match head.get(start)? {
        b'[' => Some(sniff_array(head, start)),
        b'{' => Some(sniff_object(head, start, complete)),
        _ => most_lines_are_json(head).then_some(JsonShape::Lines),
    }
}

fn sniff_array(head: &[u8], start: usize) -> JsonShape {
    if let ScanEnd::At(end) = JsonScan::starting_with(b'[').run(head, start, false) {
        let between = &head[end..head.len() - head[end..].trim_ascii_start().len()];
        let one_line = !head[start..end].contains(&b'\n');
        if one_line && between.contains(&b'\n') && head[end..].trim_ascii_start().first() == Some(&b'[') {
            return JsonShape::Lines;
        }
    }
    JsonShape::Array { rows_begin: start + 1 }
}

fn sniff_object(head: &[u8], start: usize, complete: bool) -> JsonShape {
    match JsonScan::starting_with(b'{').run(head, start, complete) {
        ScanEnd::At(end) => {
            let alone = complete && head[end..].trim_ascii().is_empty();
            let wrapper = if alone { sniff_wrapper(head, start) } else { None };
            let one_line = !head[start..end].contains(&b'\n');
            let glued = matches!(head[end..].trim_ascii_start().first(), Some(b'{'))
                && !head[end..].starts_with(b"\n")
                && !head[end..].starts_with(b"\r\n")
                && !head[end..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_whitespace())
                    .any(|byte| *byte == b'\n');
            wrapper.unwrap_or(if one_line && !glued { JsonShape::Lines } else { JsonShape::Sequence })
        }
        ScanEnd::More(_) => sniff_wrapper(head, start).unwrap_or_else(|| {
            let first_line = head[start..].split(|byte| *byte == b'\n').next().unwrap_or_default();
            let pretty = first_line.len() < head.len() - start
                && matches!(JsonScan::starting_with(b'{').run(first_line, 0, true), ScanEnd::More(_))
                && !most_lines_are_json(head);
            if pretty { JsonShape::Sequence } else { JsonShape::Lines }
        }),
    }
}

/// The first key whose value is an array of objects or arrays, if it is a name rows are wrapped under.
fn sniff_wrapper(head: &[u8], start: usize) -> Option<JsonShape> {
    let mut position = start + 1;
    loop {
        position = skip_blank(head, position);
        if head.get(position) == Some(&b',') {
            position = skip_blank(head, position + 1);
        }
        if head.get(position) != Some(&b'"') {
            return None;
        }
        let name_end = position + 1 + memchr::memchr(b'"', &head[position + 1..])?;
        let key = std::str::from_utf8(&head[position + 1..name_end]).ok()?;
        position = skip_blank(head, name_end + 1);
        if head.get(position) != Some(&b':') {
            return None;
        }
        position = skip_blank(head, position + 1);
        let first = *head.get(position)?;
        if first == b'[' && WRAPPER_KEYS.contains(&key.to_ascii_lowercase().as_str()) {
            let inside = skip_blank(head, position + 1);
            if matches!(head.get(inside), Some(b'{' | b'[' | b']')) {
                return Some(JsonShape::Wrapper { key: key.to_owned(), rows_begin: position + 1 });
            }
        }
        match JsonScan::starting_with(first).run(head, position, false) {
            ScanEnd::At(end) => position = end.max(position + 1),
            ScanEnd::More(_) => return None,
        }
    }
}

fn skip_blank(bytes: &[u8], from: usize) -> usize {
    let from = from.min(bytes.len());
    bytes.len() - bytes[from..].trim_ascii_start().len()
}

fn most_lines_are_json(head: &[u8]) -> bool {
    const JUDGED_LINES: usize = 32;
    let judged: Vec<bool> = head
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty())
        .take(JUDGED_LINES)
        .map(|line| {
            line.starts_with(b"{\"")
                || line.starts_with(b"{ \"")
                || line.starts_with(b"[{")
                || line.starts_with(b"{'")
        })
        .collect();
    judged.iter().filter(|json| **json).count() * 2 > judged.len()
}
