//! A dropped file as core reads it: slices that the worker gives synchronously, never the whole file at once.

use foretune_core::source::{ByteSource, SourceError};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

#[wasm_bindgen]
extern "C" {
    #[derive(Debug, Clone)]
    pub type SliceReader;

    /// Length of the file in bytes.
    #[wasm_bindgen(method, getter)]
    fn size(this: &SliceReader) -> f64;

    /// Bytes from an offset on into a piece of our memory; throws what the browser throws.
    #[wasm_bindgen(method, catch)]
    fn read(this: &SliceReader, offset: f64, into: &mut [u8]) -> Result<f64, JsValue>;
}

#[derive(Debug)]
pub struct JsSource {
    reader: SliceReader,
    length: u64,
}

impl From<SliceReader> for JsSource {
    fn from(reader: SliceReader) -> Self {
        Self { length: reader.size() as u64, reader }
    }
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
