//! A zoo of bad files: each gives a clear error or problem with its place, keeps what is readable, and
//! nothing panics or grows without bound. Framing must not depend on how the bytes arrive.
#![expect(clippy::unwrap_used, reason = "a test that fails should say where")]

use std::io::Write;

use foretune_core::formats::{FileFormat, FormatError, FormatInfo, open, open_reading};
use foretune_core::source::{ByteSource, SourceError};
use proptest::prelude::*;

#[derive(Debug, PartialEq)]
struct Scan {
    info: FormatInfo,
    /// Row, line, byte offset, and the raw text.
    records: Vec<(u64, u64, u64, String)>,
    /// Code, row and line of problems: framing first, then parsing.
    problems: Vec<(&'static str, u64, u64)>,
    unreadable: usize,
}

fn scan(bytes: &[u8]) -> Scan {
    scan_source(bytes, 512 << 10)
}

fn scan_source<S: ByteSource>(source: S, read_bytes: usize) -> Scan {
    let mut opened = open_reading(source, read_bytes).unwrap();
    let (mut records, mut problems, mut unreadable) = (Vec::new(), Vec::new(), 0);
    while let Some(batch) = opened.framer.next_batch().unwrap() {
        for placed in &batch.problems {
            problems.push((placed.problem.code.name(), placed.place.row, placed.place.line));
        }
        for index in 0..batch.len() {
            let record = opened.parser.parse(&batch, index);
            let place = record.place;
            records.push((
                place.row,
                place.line,
                place.byte_offset,
                String::from_utf8_lossy(batch.raw(index)).into_owned(),
            ));
            unreadable += usize::from(record.value.is_none());
            problems
                .extend(record.problems.iter().map(|problem| (problem.code.name(), place.row, place.line)));
        }
    }
    Scan { info: opened.info, records, problems, unreadable }
}

/// Found by fuzzing: broken units behind the end of an array were counted as far as they happened to be read.
#[test]
fn broken_utf16_behind_the_end_does_not_depend_on_how_bytes_arrive() {
    let broken = |read_bytes: usize| {
        let bytes: &[u8] = b"\xff\xfe\x5b\x00\x22\x00\x3a\x00\x22\x7b\x00\x22\x00\x61\x00\x00\x00\x00\x00\xde\x22\x00\x7d\x00\x5d\x00\x01\x7b\x22\x76\x05\x7b\x0a\x20\x22\x61\x02\x3a\x31\x0a\x7d\x0a\x22\xff\xff";
        let mut opened = open_reading(bytes, read_bytes).unwrap();
        let mut found = Vec::new();
        while let Some(batch) = opened.framer.next_batch().unwrap() {
            found.extend(batch.problems.iter().map(|placed| format!("{placed:?}")));
        }
        found
    };
    assert_eq!(broken(512 << 10), broken(5));
    assert!(broken(5).iter().any(|problem| problem.contains("1 broken UTF-16 units")));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn utf16(text: &str, big_endian: bool, mark: bool) -> Vec<u8> {
    let mark = if mark { "\u{feff}" } else { "" };
    let units = mark.encode_utf16().chain(text.encode_utf16());
    units.flat_map(|unit| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
}

/// Bytes made on demand: a head, a filler byte many times, a tail.
struct Synthetic {
    head: &'static [u8],
    filler: u8,
    filler_bytes: u64,
    tail: &'static [u8],
    shrinks_at: Option<u64>,
}

impl ByteSource for Synthetic {
    fn len(&self) -> u64 {
        self.head.len() as u64 + self.filler_bytes + self.tail.len() as u64
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        if self.shrinks_at.is_some_and(|end| offset >= end) {
            return Ok(0);
        }
        let tail_at = self.head.len() as u64 + self.filler_bytes;
        if offset < self.head.len() as u64 {
            self.head.get(offset as usize..).unwrap_or_default().read_at(0, buffer)
        } else if offset < tail_at {
            let count = buffer.len().min((tail_at - offset) as usize);
            buffer[..count].fill(self.filler);
            Ok(count)
        } else {
            self.tail.read_at(offset - tail_at, buffer)
        }
    }
}

fn rows_of(scan: &Scan) -> Vec<&str> {
    scan.records.iter().map(|(.., text)| text.as_str()).collect()
}

#[test]
fn layouts_are_recognised_by_content() {
    use FileFormat as F;
    let fixtures: &[(&str, FileFormat, usize)] = &[
        (r#"[{"a":1},{"a":2}]"#, F::JsonArray, 2),
        ("[\n {\"a\":1},\n {\"a\":2}\n]\n", F::JsonArray, 2),
        ("[]", F::JsonArray, 0),
        ("{\"a\":1}\n{\"a\":2}\n", F::JsonLines, 2),
        ("{\"a\":1}\r\n\r\n{\"a\":2}\r\n", F::JsonLines, 2),
        ("{\"a\":1}", F::JsonLines, 1),
        ("[{\"role\":\"user\"}]\n[{\"role\":\"user\"}]\n", F::JsonLines, 2),
        ("{\n \"a\":1\n}\n{\n \"a\":2\n}\n", F::JsonSequence, 2),
        ("{\"a\":1}{\"a\":2}", F::JsonSequence, 2),
        (r#"{"version":"1","data":[{"a":1},{"a":2}],"more":{"x":[1]}}"#, F::JsonWrapper, 2),
        ("{\"messages\":[{\"role\":\"user\"}]}\n{\"messages\":[{\"role\":\"user\"}]}", F::JsonLines, 2),
        ("a,b\n1,\"x\ny\"\n2,z\n", F::Csv, 2),
        ("a;b\n1,5;x\n2,5;z\n", F::Csv, 2),
        ("a\tb\n1, 2\tx\n", F::Csv, 1),
        ("a|b|c\n1|2|3\n", F::Csv, 1),
        ("text\nhello, you\nworld\n", F::Csv, 2),
        ("a,b\r1,2\r3,4\r", F::Csv, 2),
    ];
    for (text, format, rows) in fixtures {
        let scan = scan(text.as_bytes());
        assert_eq!((scan.info.format, scan.records.len(), scan.unreadable), (*format, *rows, 0), "{text}");
        for packed in [gzip(text.as_bytes()), zstd(text.as_bytes())] {
            assert_eq!(rows_of(&self::scan(&packed)), rows_of(&scan), "packed {text}");
        }
    }
}

#[test]
fn encodings_give_the_same_rows() {
    let text = "[{\"a\":\"é😀\"},\n{\"a\":\"日本\"}]";
    let plain = scan(text.as_bytes());
    for (bytes, code) in [
        (format!("\u{feff}{text}").into_bytes(), "byte_order_mark"),
        (utf16(text, false, true), "text_encoding"),
        (utf16(text, true, true), "text_encoding"),
        (utf16(text, false, false), "text_encoding"),
        (utf16(text, true, false), "text_encoding"),
    ] {
        let scan = scan(&bytes);
        assert_eq!(rows_of(&scan), rows_of(&plain));
        assert_eq!(scan.problems, [(code, 0, 1)]);
        assert_eq!(scan.records[1].1, 2, "line numbers survive");
    }
}

#[test]
fn files_that_cannot_be_opened_say_why() {
    assert!(matches!(open(b"".as_slice()), Err(FormatError::Empty { .. })));
    assert!(matches!(open(b" \n\t".as_slice()), Err(FormatError::Empty { .. })));
    assert!(matches!(open(gzip(b"").as_slice()), Err(FormatError::Empty { .. })));
    let junk: Vec<u8> = (0..5000_u64).map(|at| foretune_core::hash::combine(at, 1) as u8).collect();
    assert!(matches!(open(junk.as_slice()), Err(FormatError::Binary { .. })));
    assert!(matches!(open(b"PK\x03\x04....".as_slice()), Err(FormatError::Binary { .. })));
    assert!(matches!(
        open(b"Once upon a time.\nThe end.\n".as_slice()),
        Err(FormatError::Unsupported { .. })
    ));
    assert!(matches!(open(b"\x1f\x8b\x08damaged".as_slice()), Err(FormatError::Source(_))));
    assert!(matches!(
        open(b"PAR1".as_slice()),
        Err(FormatError::Unsupported { .. } | FormatError::Damaged { .. })
    ));
}

#[test]
fn cut_files_keep_their_whole_rows() {
    let cut = scan(b"[{\"a\":1},\n{\"a\":2},\n{\"a\":\"x");
    assert_eq!((cut.records.len(), cut.problems), (2, vec![("truncated_file", 3, 3)]));
    let no_bracket = scan(b"[{\"a\":1},\n{\"a\":2}\n");
    assert_eq!((no_bracket.records.len(), no_bracket.problems), (2, vec![("truncated_file", 3, 3)]));
    let lines = scan(b"{\"a\":1}\n{\"a\":[2");
    assert_eq!((lines.records.len(), lines.problems), (1, vec![("truncated_file", 2, 2)]));
    let csv = scan(b"a,b\n1,2\n3,\"cut");
    assert_eq!((csv.records.len(), csv.problems), (1, vec![("truncated_file", 2, 3)]));

    let text = "{\"a\":\"some text of a row\"}\n".repeat(20_000);
    for packed in [gzip(text.as_bytes()), zstd(text.as_bytes())] {
        let scan = scan(&packed[..packed.len() - 20]);
        assert!(!scan.records.is_empty() && scan.unreadable == 0, "{} rows", scan.records.len());
        let codes: Vec<_> = scan.problems.iter().map(|(code, ..)| *code).collect();
        assert_eq!(codes, ["damaged_compression"]);
    }
}

#[test]
fn commas_between_rows_are_reported_with_their_place() {
    let scan = scan(b"[{\"a\":1},\n,{\"a\":2}\n{\"a\":3},\n]\n]");
    assert_eq!(scan.records.len(), 3);
    assert_eq!(
        scan.problems,
        [
            ("trailing_comma", 2, 2),
            ("missing_comma", 3, 3),
            ("trailing_comma", 4, 3),
            ("trailing_data", 4, 5)
        ]
    );
}

#[test]
fn brackets_far_behind_the_array_are_not_taken_for_rows() {
    let text = b"[{\"a\":1}] behind\n[{\"a\":2}]";
    for read_bytes in 1..text.len() {
        let scan = scan_source(text.as_slice(), read_bytes);
        assert_eq!((scan.records.len(), scan.problems), (1, vec![("trailing_data", 2, 1)]));
    }
}

#[test]
fn flaws_inside_a_row_are_mended_and_named() {
    let fixtures: &[(&str, &str)] = &[
        (r#"{"a": NaN}"#, "not_a_number"),
        (r#"{"a": -Infinity}"#, "not_a_number"),
        (r#"{"a": 1,}"#, "trailing_comma"),
        (r#"{"a": [1,]}"#, "trailing_comma"),
        (r#"{"a": 1},"#, "trailing_comma"),
        (r#"{"a": "x" "b": 2}"#, "missing_comma"),
        (r"{'a': 'it\'s'}", "not_strict_json"),
        (r#"{"a": None}"#, "not_strict_json"),
        ("{\"a\": \"x\ty\"}", "raw_control_character"),
        (r#"{"a": "\ud83d"}"#, "lone_surrogate"),
        (r#"{"a": "\q"}"#, "bad_escape"),
        ("{\"a\": \"x\0y\"}", "nul_bytes"),
        (r#"{"a": 1, "a": 2}"#, "duplicate_key"),
        (r#"{"a": 1} 5"#, "trailing_data"),
    ];
    for (row, code) in fixtures {
        let text = format!("{{\"a\":0}}\n{row}\n{{\"a\":0}}\n");
        let scan = scan(text.as_bytes());
        assert_eq!((scan.records.len(), scan.unreadable), (3, 0), "{row}");
        assert!(scan.problems.contains(&(*code, 2, 2)), "{row}: {:?}", scan.problems);
        assert!(scan.problems.iter().all(|(_, row, _)| *row == 2));
    }
    let hopeless = scan(b"{\"a\":0}\n{\"a\" 1}\n{\"a\":0}\n");
    assert_eq!((hopeless.unreadable, hopeless.problems), (1, vec![("unreadable_row", 2, 2)]));
}

#[test]
fn a_forgotten_closing_quote_costs_two_rows_not_all() {
    let row = |text: &str| format!("  {{\n    \"instruction\": \"i\",\n    \"output\": {text}\n  }}");
    let rows = [row("\"one\""), row("\"two"), row("\"three\""), row("\"four\"")].join(",\n");
    let scan = scan(format!("[\n{rows}\n]").as_bytes());
    assert!(rows_of(&scan).iter().any(|row| row.contains("four") && !row.contains("three")), "{scan:?}");
    assert_eq!(scan.unreadable, 1);
}

#[test]
fn ten_thousand_levels_are_refused_not_followed() {
    let deep = format!("[{{\"a\":1}},{}{},{{\"a\":2}}]", "[".repeat(10_000), "]".repeat(10_000));
    let scan = scan(deep.as_bytes());
    assert_eq!((scan.records.len(), scan.unreadable), (3, 1));
    assert_eq!(scan.problems, [("too_deep", 2, 1)]);
}

#[test]
fn a_stray_quote_in_a_table_costs_no_other_row() {
    let rows = (0..50).map(|row| format!("{row},text {row}\n")).collect::<Vec<_>>().concat();
    let scan = scan(format!("id,text\n1,\"open\n{rows}").as_bytes());
    assert_eq!(scan.records.len(), 51);
    assert_eq!(scan.problems, [("bad_quote", 1, 2)]);
}

#[test]
fn columns_named_twice_are_reported_and_renamed() {
    let scan = scan(b"a,b,a\n1,2,3\n1,2\n");
    assert_eq!(scan.info.columns, ["a", "b", "a.1"]);
    assert_eq!(scan.problems, [("duplicate_column", 0, 1), ("column_count", 2, 3)]);
}

#[test]
fn a_gigabyte_in_one_row_is_skipped_in_bounded_memory() {
    const GIGABYTE: u64 = 1 << 30;
    let source =
        |head, tail| Synthetic { head, filler: b'x', filler_bytes: GIGABYTE, tail, shrinks_at: None };
    let lines = scan_source(source(b"{\"a\":1}\n{\"a\":\"", b"\"}\n{\"a\":3}\n"), 1 << 20);
    assert_eq!(lines.records.iter().map(|record| record.0).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(lines.problems, [("row_too_large", 2, 2)]);
    let array = scan_source(source(b"[{\"a\":1},\n{\"a\":\"", b"\"},\n{\"a\":3}]"), 1 << 20);
    assert_eq!(array.records.iter().map(|record| (record.0, record.1)).collect::<Vec<_>>(), [(1, 1), (3, 3)]);
    assert_eq!(array.problems, [("row_too_large", 2, 2)]);
    let table = scan_source(source(b"a,b\n1,2\n3,", b"\n5,6\n"), 1 << 20);
    assert_eq!(table.records.iter().map(|record| record.0).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(table.problems, [("row_too_large", 2, 3)]);
}

#[test]
fn a_file_that_shrinks_while_read_is_named() {
    let source = Synthetic {
        head: b"{\"a\":1}\n{\"a\":2}\n",
        filler: b'\n',
        filler_bytes: 3 << 20,
        tail: b"{\"a\":3}\n",
        shrinks_at: Some(2 << 20),
    };
    let scan = scan_source(source, 1 << 20);
    assert_eq!(scan.records.len(), 2);
    assert_eq!(scan.problems.iter().map(|(code, ..)| *code).collect::<Vec<_>>(), ["file_changed"]);
}

#[test]
fn archive_bombs_stop_early() {
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![b' '; 1 << 20];
    bomb.write_all(b"{\"a\":1}\n").unwrap();
    for _ in 0..96 {
        bomb.write_all(&zeros).unwrap();
    }
    let bomb = bomb.finish().unwrap();
    // gzip cannot pack tighter than about 1,030 to 1; two layers can.
    let scan = scan(&bomb);
    assert_eq!(scan.records.len(), 1);
    // A zstd frame of 4,000 blocks, each repeating one byte 128 KiB times: 500 MiB from 16 KB.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58];
    frame.extend_from_slice(&[64, 0, 0]);
    frame.extend_from_slice(b"{\"a\":1}\n");
    for _ in 0..4000 {
        let header: u32 = (1 << 1) | ((128 << 10) << 3);
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.push(b'\n');
    }
    let scan = self::scan(&frame);
    assert_eq!(rows_of(&scan), [r#"{"a":1}"#]);
    assert_eq!(scan.problems.iter().map(|(code, ..)| *code).collect::<Vec<_>>(), ["expansion_limit"]);
}

fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(r#"{"a":"x\"y","b":[1,{"c":"]"}]}"#.to_owned()),
        Just("{\n  \"instruction\": \"i\",\n  \"output\": \"o\"\n}".to_owned()),
        Just(r#"{"a":"unclosed"#.to_owned()),
        Just("\"quoted, \"\"field\"\"\nover lines\",2".to_owned()),
        Just("plain,field".to_owned()),
        Just(",".to_owned()),
        Just("\n".to_owned()),
        Just("]".to_owned()),
        Just("\"".to_owned()),
        "[ -~é\\n]{0,12}",
    ];
    let head = prop_oneof![
        Just("[".to_owned()),
        Just("{\"a\":1}\n".to_owned()),
        Just("{\"a\":1}".to_owned()),
        Just("a,b\n1,2\n".to_owned())
    ];
    (head, proptest::collection::vec(piece, 0..24))
        .prop_map(|(head, pieces)| (head + &pieces.concat()).into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn framing_does_not_depend_on_read_sizes(bytes in some_bytes(), read_bytes in 1_usize..40) {
        let Ok(_) = open(bytes.as_slice()) else { return Ok(()) };
        let whole = scan(&bytes);
        prop_assert_eq!(&whole, &scan_source(bytes.as_slice(), read_bytes));
        let packed = gzip(&bytes);
        let unpacked = scan_source(packed.as_slice(), read_bytes);
        prop_assert_eq!(&whole.records, &unpacked.records);
    }

    #[test]
    fn parsers_never_panic_on_mutated_rows(
        row in prop_oneof![
            Just(r#"{"messages":[{"role":"user","content":"a\u00e9\ud83d\ude00"},{"role":"assistant","content":null}]}"#),
            Just(r#"{'instruction': None, "output": -1.5e3, x: [NaN, true,], /* c */ "z": "\x41"}"#),
        ],
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        let mut bytes = row.as_bytes().to_vec();
        for (at, byte) in cuts {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let text = String::from_utf8_lossy(&bytes);
        let parsed = foretune_core::json::parse_tolerant(&text);
        if let Some(value) = &parsed.value {
            foretune_core::schema::convert(value, None, &mut Vec::new());
        } else {
            prop_assert!(!parsed.problems.is_empty());
        }
        // What is strict JSON must be read alike by both readers.
        if let Some(strict) = foretune_core::json::parse_strict(&text) {
            prop_assert_eq!(parsed.value, Some(strict));
        }
    }
}
