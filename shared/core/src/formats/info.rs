//! What was recognised about a file: everything a worker needs to parse its records.

use serde::{Deserialize, Serialize};

use crate::source::Compression;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    JsonArray,
    /// One object that holds the array of rows, such as `{"data": [...]}`.
    JsonWrapper,
    JsonLines,
    /// Objects one after another, each over several lines.
    JsonSequence,
    Csv,
    Parquet,
    ArrowFile,
    ArrowStream,
}

impl FileFormat {
    pub fn name(self) -> &'static str {
        match self {
            Self::JsonArray => "json_array",
            Self::JsonWrapper => "json_wrapper",
            Self::JsonLines => "json_lines",
            Self::JsonSequence => "json_sequence",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::ArrowFile => "arrow_file",
            Self::ArrowStream => "arrow_stream",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::JsonArray => "JSON array",
            Self::JsonWrapper => "JSON object around an array",
            Self::JsonLines => "JSON Lines",
            Self::JsonSequence => "JSON objects one after another",
            Self::Csv => "CSV",
            Self::Parquet => "Parquet",
            Self::ArrowFile => "Arrow IPC file",
            Self::ArrowStream => "Arrow IPC stream",
        }
    }

    pub fn is_columnar(self) -> bool {
        matches!(self, Self::Parquet | Self::ArrowFile | Self::ArrowStream)
    }
}

/// How the bytes become text. Rows that are not UTF-8 are decoded as Windows-1252 one by one and carry a `not_utf8`
/// problem: that a whole file is Windows-1252 shows only at its end, so readers say `Utf8` and the report corrects it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
    #[serde(rename = "windows_1252")]
    Windows1252,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FormatInfo {
    pub format: FileFormat,
    pub compression: Compression,
    pub encoding: Encoding,
    pub byte_order_mark: bool,
    /// Length of the file as stored.
    pub stored_bytes: u64,
    /// CSV only.
    pub delimiter: Option<char>,
    /// Header of a CSV file or columns of a columnar one; unnamed and repeated ones renamed as pandas does.
    pub columns: Vec<String>,
    /// Key of the array of rows in a wrapper object.
    pub wrapper_key: Option<String>,
    /// Where the file itself says how many rows it has.
    pub declared_rows: Option<u64>,
}
