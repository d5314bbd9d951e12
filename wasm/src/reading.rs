//! A dropped file as a byte source, and its framed batches as arrays that a page can transfer.

use foretune_core::check::{FileIdentity, unreadable};
use foretune_core::formats::{
    Batch, BatchParts as Parts, FormatError, FormatInfo, Framer, PlacedProblem, open,
};
use foretune_core::source::ByteSource;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::advising;
use crate::failure::Failure;
use crate::options::check_options;
use crate::source::{JsSource, SliceReader};

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
    pub fn new(reader: SliceReader) -> FileReading {
        let source = JsSource::from(reader);
        let stored_bytes = source.len();
        Self { opened: open(source).map(|opened| (opened.info, opened.framer)), stored_bytes }
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
