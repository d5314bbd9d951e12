//! Opens any supported file: looks at its beginning, then starts over with the right framer.

use super::csv::repeated_column;
use super::frame_csv::CsvFrames;
use super::frame_json::{JsonFrames, Layout};
use super::frame_lines::LineFrames;
use super::framer::{AnyScanner, Framer, TextFramer};
use super::sniff::{JsonShape, binary_signature, is_web_page, looks_binary, sniff_encoding, sniff_json};
use super::sniff_csv::{CsvShape, sniff_csv};
use super::text_stream::TextStream;
use super::window::Window;
use super::{Encoding, FileFormat, FormatError, FormatInfo, Place, PlacedProblem, RecordParser};
use crate::findings::{Code, Problem};
use crate::limits::SNIFF_BYTES;
use crate::source::{ByteSource, ByteStream, Compression, SourceError, decode_mixed};

#[derive(Debug)]
pub struct Opened<S> {
    pub info: FormatInfo,
    pub framer: Framer<S>,
    pub parser: RecordParser,
}

/// Recognises the file and starts reading it.
pub fn open<S: ByteSource>(source: S) -> Result<Opened<S>, FormatError> {
    const READ_BYTES: usize = 512 << 10;
    open_reading(source, READ_BYTES)
}

/// The same with another size of single reads, which must not change any result.
pub fn open_reading<S: ByteSource>(mut source: S, read_bytes: usize) -> Result<Opened<S>, FormatError> {
    let stored_bytes = source.len();
    let stored_head = read_head(ByteStream::new(&mut source, Compression::None))?.bytes;
    if stored_head.is_empty() {
        return Err(FormatError::Empty { found: "no bytes at all".to_owned() });
    }
    let compression = Compression::sniff(&stored_head);
    let head = read_head(ByteStream::new(&mut source, compression))?;
    if head.bytes.is_empty() {
        return Err(FormatError::Empty { found: "an archive of no bytes".to_owned() });
    }
    if let Some(format) = columnar_format(&head.bytes) {
        return open_columnar(source, format, compression);
    }
    if let Some((looks_like, hint)) = binary_signature(&head.bytes) {
        return Err(FormatError::Binary { looks_like: looks_like.to_owned(), hint: hint.to_owned() });
    }

    let (encoding, mark_bytes) = sniff_encoding(&head.bytes);
    let text_head = decode_head(&head.bytes, encoding);
    let mark_in_text = if mark_bytes > 0 { 3 } else { 0 };
    let text = &text_head[mark_in_text.min(text_head.len())..];
    if head.complete && text.trim_ascii().is_empty() {
        return Err(FormatError::Empty { found: "nothing but white space".to_owned() });
    }
    if looks_binary(text) {
        return Err(FormatError::Binary {
            looks_like: format!("binary data ({})", first_bytes(&head.bytes)),
            hint: "export the rows as JSON Lines, CSV or Parquet".to_owned(),
        });
    }

    let layout = recognise(text, head.complete)?;
    let info = FormatInfo {
        format: layout.format,
        compression,
        encoding,
        byte_order_mark: mark_bytes > 0,
        stored_bytes,
        delimiter: layout.csv.as_ref().map(|csv| char::from(csv.delimiter)),
        columns: layout.csv.as_ref().map(|csv| csv.columns.clone()).unwrap_or_default(),
        wrapper_key: layout.wrapper_key,
        declared_rows: None,
    };
    let problems = opening_problems(&info, layout.csv.as_ref());
    let line_break = layout.csv.as_ref().map_or(b'\n', |csv| csv.line_break);
    let stream = TextStream::new(ByteStream::new(source, compression), encoding);
    let window = Window::new(stream, read_bytes, line_break);
    let framer = TextFramer::new(window, layout.scanner, mark_in_text + layout.rows_begin);
    let parser = RecordParser::new(&info);
    Ok(Opened { info, framer: Framer::text(framer, problems), parser })
}

#[cfg(feature = "columnar")]
fn open_columnar<S: ByteSource>(
    source: S,
    format: FileFormat,
    compression: Compression,
) -> Result<Opened<S>, FormatError> {
    super::columnar::open(source, format, compression)
}

#[cfg(not(feature = "columnar"))]
fn open_columnar<S: ByteSource>(
    _source: S,
    format: FileFormat,
    _compression: Compression,
) -> Result<Opened<S>, FormatError> {
    Err(FormatError::Unsupported {
        found: format!("{} file", format.label()),
        expected: "a build with the columnar readers".to_owned(),
    })
}

struct Head {
    bytes: Vec<u8>,
    complete: bool,
}

/// The decoded beginning. Damage behind the first decoded byte is left to the framer to report.
fn read_head<S: ByteSource>(mut stream: ByteStream<S>) -> Result<Head, SourceError> {
    let mut bytes = vec![0; SNIFF_BYTES];
    let mut filled = 0;
    while filled < bytes.len() {
        match stream.read(&mut bytes[filled..]) {
            Ok(0) => {
                bytes.truncate(filled);
                return Ok(Head { bytes, complete: true });
            }
            Ok(count) => filled += count,
            Err(error) if filled == 0 => return Err(error),
            Err(_) => break,
        }
    }
    bytes.truncate(filled);
    Ok(Head { bytes, complete: false })
}

fn decode_head(head: &[u8], encoding: Encoding) -> Vec<u8> {
    if encoding == Encoding::Utf8 {
        return head.to_vec();
    }
    let mut text = Vec::new();
    let mut stream = TextStream::new(ByteStream::new(head, Compression::None), encoding);
    while let Ok(true) = stream.append(&mut text, SNIFF_BYTES) {}
    text
}

fn columnar_format(head: &[u8]) -> Option<FileFormat> {
    if head.starts_with(b"PAR1") || head.starts_with(b"PARE") {
        Some(FileFormat::Parquet)
    } else if head.starts_with(b"ARROW1") {
        Some(FileFormat::ArrowFile)
    } else if head.starts_with(&[0xff, 0xff, 0xff, 0xff]) && head.len() > 8 && head[7] == 0 {
        Some(FileFormat::ArrowStream)
    } else {
        None
    }
}

struct Recognised {
    format: FileFormat,
    scanner: AnyScanner,
    rows_begin: usize,
    wrapper_key: Option<String>,
    csv: Option<CsvShape>,
}

fn recognise(text: &[u8], complete: bool) -> Result<Recognised, FormatError> {
    if let Some(shape) = sniff_json(text, complete) {
        let json = |layout| AnyScanner::Json(JsonFrames::new(layout));
        let (format, scanner, rows_begin, wrapper_key) = match shape {
            JsonShape::Array { rows_begin } => (FileFormat::JsonArray, json(Layout::Array), rows_begin, None),
            JsonShape::Wrapper { key, rows_begin } => {
                (FileFormat::JsonWrapper, json(Layout::Wrapped), rows_begin, Some(key))
            }
            JsonShape::Lines => (FileFormat::JsonLines, AnyScanner::Lines(LineFrames::default()), 0, None),
            JsonShape::Sequence => (FileFormat::JsonSequence, json(Layout::Sequence), 0, None),
        };
        return Ok(Recognised { format, scanner, rows_begin, wrapper_key, csv: None });
    }
    if is_web_page(text) {
        return Err(FormatError::Unsupported {
            found: "a web page (HTML), often what a download that failed leaves".to_owned(),
            expected: super::READ_FORMATS.to_owned(),
        });
    }
    let Some(shape) = sniff_csv(&decode_mixed(text), complete) else {
        return Err(FormatError::Unsupported {
            found: "plain text without rows".to_owned(),
            expected: super::READ_FORMATS.to_owned(),
        });
    };
    // The header was measured in decoded characters; its length in the file is found anew.
    let header_bytes = header_length(text, &shape);
    let scanner = AnyScanner::Csv(CsvFrames::new(shape.delimiter, shape.line_break, shape.columns.len()));
    Ok(Recognised {
        format: FileFormat::Csv,
        scanner,
        rows_begin: header_bytes,
        wrapper_key: None,
        csv: Some(shape),
    })
}

fn header_length(text: &[u8], shape: &CsvShape) -> usize {
    if std::str::from_utf8(text.get(..shape.header_bytes).unwrap_or_default()).is_ok() {
        return shape.header_bytes;
    }
    memchr::memchr(shape.line_break, text).map_or(text.len(), |at| at + 1)
}

fn opening_problems(info: &FormatInfo, csv: Option<&CsvShape>) -> Vec<PlacedProblem> {
    let place = Place { row: 0, line: 1, byte_offset: 0 };
    let mut problems = Vec::new();
    if info.encoding != Encoding::Utf8 {
        let found =
            if info.encoding == Encoding::Utf16Le { "UTF-16, little-endian" } else { "UTF-16, big-endian" };
        problems.push(Problem::new(Code::TextEncoding, "", found, "UTF-8"));
    } else if info.byte_order_mark {
        problems.push(Problem::new(
            Code::ByteOrderMark,
            "",
            "a UTF-8 byte order mark",
            "text without a mark",
        ));
    }
    for name in csv.map(|csv| csv.repeated_columns.as_slice()).unwrap_or_default() {
        problems.push(repeated_column(name));
    }
    problems.into_iter().map(|problem| PlacedProblem { place, problem }).collect()
}

fn first_bytes(bytes: &[u8]) -> String {
    const SHOWN: usize = 8;
    let hex: Vec<String> = bytes.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect();
    format!("first bytes {}", hex.join(" "))
}
