//! A dropped file as a byte source, and its framed batches as arrays that a page can transfer.

use foretune_core::check::{FileIdentity, unreadable};
use foretune_core::formats::{
    Batch, BatchParts as Parts, FormatError, FormatInfo, Framer, PlacedProblem, open,
};
use foretune_core::source::{ByteSource, SourceError};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::advising;
use crate::failure::Failure;
use crate::options::check_options;

#[wasm_bindgen]
extern "C" {
    #[derive(Debug)]
    pub type SliceReader;

    /// Bytes from an offset on into a piece of our memory; throws what the browser throws.
    #[wasm_bindgen(method, catch)]
    fn read(this: &SliceReader, offset: f64, into: &mut [u8]) -> Result<f64, JsValue>;
}

#[derive(Debug)]
struct JsSource {
    reader: SliceReader,
    length: u64,
}

impl ByteSource for JsSource {
    fn len(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<usize, SourceError> {
        if offset >= self.length || buffer.is_empty() {
            return Ok(0);
        }
        let count =
            self.reader.read(offset as f64, buffer).map_err(|error| source_error(offset, &error))? as usize;
        // The browser gives whole slices: less means that the file is shorter than it was.
        if count == 0 { Err(SourceError::Changed { offset }) } else { Ok(count.min(buffer.len())) }
    }
}

/// Browsers answer NotReadableError (Firefox also NotFoundError) when a file changed since it was chosen.
fn source_error(offset: u64, error: &JsValue) -> SourceError {
    let field = |name: &str| {
        js_sys::Reflect::get(error, &JsValue::from_str(name))
            .ok()
            .and_then(|value| value.as_string())
            .unwrap_or_default()
    };
    match field("name").as_str() {
        "NotReadableError" | "NotFoundError" => SourceError::Changed { offset },
        _ => SourceError::Read { offset, reason: field("message") },
    }
}

/// An opened file, or why it cannot be opened: that too is a report.
#[wasm_bindgen]
#[derive(Debug)]
pub struct FileReading {
    opened: Result<(FormatInfo, Framer<JsSource>), FormatError>,
    stored_bytes: u64,
}

#[wasm_bindgen]
impl FileReading {
    #[wasm_bindgen(constructor)]
    pub fn new(reader: SliceReader, length: f64) -> FileReading {
        let stored_bytes = length as u64;
        let opened =
            open(JsSource { reader, length: stored_bytes }).map(|opened| (opened.info, opened.framer));
        Self { opened, stored_bytes }
    }

    /// Whether the package with the columnar readers may know more.
    pub fn needs_columnar(&self) -> bool {
        cfg!(not(feature = "columnar")) && matches!(self.opened, Err(FormatError::Unsupported { .. }))
    }

    /// What workers need to know about the file; nothing if it cannot be opened.
    pub fn info(&self) -> Result<Option<Vec<u8>>, JsValue> {
        let Ok((info, _)) = &self.opened else { return Ok(None) };
        Ok(Some(postcard::to_stdvec(info).map_err(Failure::mixed_builds)?))
    }

    /// The report of a file that cannot be opened, as JSON.
    pub fn unreadable_report(&self, name: String, options: &str) -> Result<Option<String>, JsValue> {
        let Err(error) = &self.opened else { return Ok(None) };
        let file = FileIdentity { name: Some(name), stored_bytes: self.stored_bytes };
        let options = check_options(options)?;
        let report = unreadable(error, file, &options);
        Ok(Some(advising::export_json(&advising::first_export(report, &options))?))
    }

    pub fn next_batch(&mut self) -> Result<Option<BatchParts>, JsValue> {
        let Ok((_, framer)) = &mut self.opened else { return Ok(None) };
        let Some(batch) = framer.next_batch().map_err(Failure::from)? else { return Ok(None) };
        let rows = batch.len() as f64;
        let Parts { bytes, table, problems } = batch.into_parts();
        let problems = postcard::to_stdvec(&problems).map_err(Failure::mixed_builds)?;
        Ok(Some(BatchParts { rows, bytes, table, problems }))
    }

    /// Bytes of the stored file read so far.
    pub fn consumed_bytes(&self) -> f64 {
        self.opened.as_ref().map_or(0.0, |(_, framer)| framer.consumed_bytes() as f64)
    }
}

#[wasm_bindgen]
#[derive(Debug)]
pub struct BatchParts {
    rows: f64,
    bytes: Vec<u8>,
    table: Vec<u64>,
    problems: Vec<u8>,
}

#[wasm_bindgen]
impl BatchParts {
    pub fn rows(&self) -> f64 {
        self.rows
    }

    /// Each array can be taken once: it moves to the page.
    pub fn take_bytes(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    pub fn take_table(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.table)
    }

    pub fn take_problems(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.problems)
    }
}

pub fn info_from(bytes: &[u8]) -> Result<FormatInfo, Failure> {
    postcard::from_bytes(bytes).map_err(Failure::mixed_builds)
}

pub fn batch_from(bytes: Vec<u8>, table: Vec<u64>, problems: &[u8]) -> Result<Batch, Failure> {
    let problems: Vec<PlacedProblem> = postcard::from_bytes(problems).map_err(Failure::mixed_builds)?;
    Batch::from_parts(Parts { bytes, table, problems })
        .ok_or_else(|| Failure::mixed_builds("a batch that does not fit its table"))
}
