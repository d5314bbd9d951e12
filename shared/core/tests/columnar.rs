//! Parquet and Arrow: nested rows survive, packed pages of every codec open, damage has a clear name.
#![cfg(feature = "columnar")]
#![expect(clippy::unwrap_used, reason = "a test that fails should say where")]

use std::sync::Arc;

use arrow_array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder, StructBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int32Array, RecordBatch, StringArray,
};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use arrow_schema::{DataType, Field, Fields};
use foretune_core::formats::{FileFormat, FormatError, open};
use foretune_core::json::to_json_text;
use parquet::arrow::ArrowWriter;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;

const ROWS: usize = 700;

fn messages() -> ArrayRef {
    let fields = Fields::from(vec![
        Field::new("role", DataType::Utf8, true),
        Field::new("content", DataType::Utf8, true),
    ]);
    let part =
        StructBuilder::new(fields, vec![Box::new(StringBuilder::new()), Box::new(StringBuilder::new())]);
    let mut list = ListBuilder::new(part);
    for row in 0..ROWS {
        for (role, content) in
            [("user", format!("question {row} \"é\"\n")), ("assistant", format!("answer {row}"))]
        {
            let turn = list.values();
            turn.field_builder::<StringBuilder>(0).unwrap().append_value(role);
            turn.field_builder::<StringBuilder>(1).unwrap().append_value(content);
            turn.append(true);
        }
        list.append(true);
    }
    Arc::new(list.finish())
}

fn table() -> RecordBatch {
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for row in 0..ROWS {
        map.keys().append_value("k");
        map.values().append_value(row as i32);
        map.append(true).unwrap();
    }
    let source: DictionaryArray<Int32Type> =
        (0..ROWS).map(|row| (row % 3 > 0).then_some(["a", "b"][row % 2])).collect();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("messages", messages()),
        (
            "score",
            Arc::new((0..ROWS).map(|row| (row != 1).then_some(row as f64 / 2.0)).collect::<Float64Array>()),
        ),
        ("count", Arc::new(Int32Array::from_iter_values(0..ROWS as i32))),
        ("good", Arc::new((0..ROWS).map(|row| Some(row % 2 == 0)).collect::<BooleanArray>())),
        ("source", Arc::new(source)),
        ("extra", Arc::new(map.finish())),
        ("name", Arc::new(StringArray::from_iter_values((0..ROWS).map(|row| format!("n{row}"))))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn parquet(compression: Compression) -> Vec<u8> {
    let properties = WriterProperties::builder()
        .set_compression(compression)
        .set_max_row_group_row_count(Some(300))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, table().schema(), Some(properties)).unwrap();
    writer.write(&table()).unwrap();
    writer.close().unwrap();
    bytes
}

fn arrow(file: bool, compression: Option<CompressionType>) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let table = table();
    let mut bytes = Vec::new();
    if file {
        let mut writer = FileWriter::try_new_with_options(&mut bytes, &table.schema(), options).unwrap();
        writer.write(&table.slice(0, 400)).unwrap();
        writer.write(&table.slice(400, ROWS - 400)).unwrap();
        writer.finish().unwrap();
    } else {
        let mut writer = StreamWriter::try_new_with_options(&mut bytes, &table.schema(), options).unwrap();
        writer.write(&table.slice(0, 400)).unwrap();
        writer.write(&table.slice(400, ROWS - 400)).unwrap();
        writer.finish().unwrap();
    }
    bytes
}

/// Rows as JSON text, and problems as (name, row).
fn read(bytes: &[u8]) -> (FileFormat, Vec<String>, Vec<(&'static str, u64)>) {
    let mut opened = open(bytes).unwrap();
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    while let Some(batch) = opened.framer.next_batch().unwrap() {
        problems.extend(batch.problems.iter().map(|placed| (placed.problem.code.name(), placed.place.row)));
        for index in 0..batch.len() {
            let record = opened.parser.parse(&batch, index);
            assert_eq!(record.problems, []);
            assert_eq!((record.place.row, record.place.line), (rows.len() as u64 + 1, 0));
            rows.push(to_json_text(&record.value.unwrap()));
        }
    }
    (opened.info.format, rows, problems)
}

fn check_rows(rows: &[String]) {
    assert_eq!(rows.len(), ROWS);
    assert_eq!(
        rows[1],
        r#"{"messages": [{"role": "user", "content": "question 1 \"é\"\n"}, {"role": "assistant", "content": "answer 1"}], "score": null, "count": 1, "good": false, "source": "b", "extra": {"k": 1}, "name": "n1"}"#
    );
    assert!(
        rows[699].contains(r#""score": 349.5, "count": 699, "good": false, "source": null"#),
        "{}",
        rows[699]
    );
}

#[test]
fn parquet_of_every_codec_gives_the_same_rows() {
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(GzipLevel::default()),
        Compression::BROTLI(BrotliLevel::default()),
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
    ] {
        let (format, rows, problems) = read(&parquet(compression));
        assert_eq!((format, problems), (FileFormat::Parquet, vec![]), "{compression:?}");
        check_rows(&rows);
    }
}

#[test]
fn arrow_files_and_streams_give_the_same_rows() {
    for compression in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
        for (is_file, expected) in [(true, FileFormat::ArrowFile), (false, FileFormat::ArrowStream)] {
            let (format, rows, problems) = read(&arrow(is_file, compression));
            assert_eq!((format, problems), (expected, vec![]), "{compression:?}");
            check_rows(&rows);
        }
    }
}

#[test]
fn parquet_packed_once_more_is_read() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, &parquet(Compression::SNAPPY)).unwrap();
    check_rows(&read(&packed.finish().unwrap()).1);
}

#[test]
fn cut_parquet_says_so() {
    let bytes = parquet(Compression::SNAPPY);
    let Err(FormatError::Damaged { found, .. }) = open(&bytes[..bytes.len() / 2]) else {
        panic!("a cut file must not open");
    };
    assert!(found.contains("cut short"), "{found}");
}

#[test]
fn cut_arrow_gives_the_rows_before_the_cut() {
    let bytes = arrow(false, None);
    let (_, rows, problems) = read(&bytes[..bytes.len() - 5000]);
    assert_eq!(rows.len(), 400);
    assert_eq!(problems, [("truncated_file", 401)]);
}

#[test]
fn flipped_bytes_never_panic() {
    for bytes in
        [parquet(Compression::ZSTD(ZstdLevel::default())), arrow(true, Some(CompressionType::LZ4_FRAME))]
    {
        for seed in 0..60_u64 {
            let mut damaged = bytes.clone();
            for flip in 0..4 {
                let hash = foretune_core::hash::combine(seed, flip);
                let at = (hash % damaged.len() as u64) as usize;
                damaged[at] ^= (hash >> 56) as u8 | 1;
            }
            let Ok(mut opened) = open(damaged.as_slice()) else { continue };
            while let Ok(Some(batch)) = opened.framer.next_batch() {
                for index in 0..batch.len() {
                    opened.parser.parse(&batch, index);
                }
            }
        }
    }
}

/// The fuzzer's seeds were written by pyarrow: another writer's idea of every codec.
#[test]
fn files_of_another_writer_are_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/columnar");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let (_, rows, problems) = read(&std::fs::read(&path).unwrap());
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(problems, [], "{name}");
        let expected: &[&str] = if name.starts_with("file") || name.starts_with("nested") {
            &[
                r#"{"k": "a", "m": {"x": 1}, "s": {"role": "user", "content": "c"}}"#,
                r#"{"k": "b", "m": {}, "s": null}"#,
                r#"{"k": "a", "m": null, "s": {"role": null, "content": "d"}}"#,
            ]
        } else {
            &[
                r#"{"instruction": "a", "output": "x", "ids": [1, null]}"#,
                r#"{"instruction": "b", "output": null, "ids": null}"#,
            ]
        };
        assert_eq!(rows, expected, "{name}");
        names.push(name);
    }
    assert!(names.len() >= 11, "{names:?}");
}

/// The finding said that the later column was renamed, and every row had its key twice.
#[test]
fn a_column_named_twice_is_renamed_in_the_rows_too() {
    let cells = |text: &str| Arc::new(StringArray::from_iter_values([text])) as ArrayRef;
    let fields = ["prompt", "completion", "completion"].map(|name| Field::new(name, DataType::Utf8, false));
    let schema = Arc::new(arrow_schema::Schema::new(fields.to_vec()));
    let table = RecordBatch::try_new(Arc::clone(&schema), vec![cells("p"), cells("c"), cells("d")]).unwrap();
    let mut bytes = Vec::new();
    let mut writer = FileWriter::try_new(&mut bytes, &schema).unwrap();
    writer.write(&table).unwrap();
    writer.finish().unwrap();
    let (_, rows, problems) = read(&bytes);
    assert_eq!(rows, [r#"{"prompt": "p", "completion": "c", "completion.1": "d"}"#]);
    assert_eq!(problems, [("duplicate_column", 0)]);
}
