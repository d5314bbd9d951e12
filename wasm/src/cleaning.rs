//! The cleaned copy: the same rows in file order, checked again, with the chosen fixes.

use foretune_core::advice::{CleanOptions, Cleaner};
use foretune_core::check::Checker;
use foretune_core::describe::DescribeContext;
use foretune_core::formats::RecordParser;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::failure::Failure;
use crate::options::check_options;
use crate::reading::{batch_from, info_from};

#[wasm_bindgen]
#[derive(Debug)]
pub struct Cleaning {
    checker: Checker<'static>,
    cleaner: Cleaner,
}

#[wasm_bindgen]
impl Cleaning {
    /// `fixes` is the JSON of core's `CleanOptions`.
    #[wasm_bindgen(constructor)]
    pub fn new(info: &[u8], options: &str, fixes: &str) -> Result<Cleaning, JsValue> {
        let fixes: CleanOptions = serde_json::from_str(fixes).map_err(Failure::mixed_builds)?;
        let parser = RecordParser::new(&info_from(info)?);
        let checker = Checker::new(parser, &check_options(options)?, DescribeContext::default());
        Ok(Self { checker, cleaner: Cleaner::new(fixes) })
    }

    /// JSON Lines of the rows of this batch that stay.
    pub fn push(&mut self, bytes: Vec<u8>, table: Vec<u64>, problems: &[u8]) -> Result<Vec<u8>, JsValue> {
        let batch = batch_from(bytes, table, problems)?;
        let mut out = String::with_capacity(batch.bytes.len());
        let Self { checker, cleaner } = self;
        checker.push_visiting(&batch, &mut |place, value, problems| {
            cleaner.row(place, value, problems, &mut out);
        });
        Ok(out.into_bytes())
    }

    /// What the copy differs in, as JSON.
    pub fn changes(self) -> Result<String, JsValue> {
        Ok(serde_json::to_string(&self.cleaner.finish()).map_err(Failure::mixed_builds)?)
    }
}
