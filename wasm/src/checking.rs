//! One part worker's share of a check, and the merging of all shares into the report.

use foretune_core::check::{CheckOptions, Checker, FileIdentity, Partial, Report, RowExcerpt, excerpt_row, finish};
use foretune_core::describe::DescribeContext;
use foretune_core::formats::{FormatInfo, RecordParser};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::advising;
use crate::failure::Failure;
use crate::options::check_options;
use crate::reading::{batch_from, info_from};
use crate::tokens;

#[wasm_bindgen]
#[derive(Debug)]
pub struct RowChecking {
    checker: Checker<'static>,
}

#[wasm_bindgen]
impl RowChecking {
    /// `info` as `FileReading` gave it.
    #[wasm_bindgen(constructor)]
    pub fn new(info: &[u8], options: &str, tokenizer_json: &[u8]) -> Result<RowChecking, JsValue> {
        let parser = RecordParser::new(&info_from(info)?);
        let checker = Checker::new(parser, &check_options(options)?, tokens::context(tokenizer_json)?);
        Ok(Self { checker })
    }

    pub fn push(&mut self, bytes: Vec<u8>, table: Vec<u64>, problems: &[u8]) -> Result<(), JsValue> {
        self.checker.push(&batch_from(bytes, table, problems)?);
        Ok(())
    }

    /// Findings so far by code, as JSON.
    pub fn counts(&self) -> Result<String, JsValue> {
        Ok(serde_json::to_string(&self.checker.counts()).map_err(Failure::mixed_builds)?)
    }

    pub fn into_partial(self) -> Result<Vec<u8>, JsValue> {
        Ok(postcard::to_stdvec(&self.checker.into_partial()).map_err(Failure::mixed_builds)?)
    }
}

/// All shares of one file, and its report.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Merging {
    info: FormatInfo,
    file: FileIdentity,
    options: CheckOptions,
    context: DescribeContext<'static>,
    partial: Partial,
    report: Option<Report>,
}

#[wasm_bindgen]
impl Merging {
    #[wasm_bindgen(constructor)]
    pub fn new(info: &[u8], name: String, options: &str, tokenizer_json: &[u8]) -> Result<Merging, JsValue> {
        let info = info_from(info)?;
        let options = check_options(options)?;
        let file = FileIdentity { name: Some(name), stored_bytes: info.stored_bytes };
        let context = tokens::context(tokenizer_json)?;
        Ok(Self { partial: Partial::new(&options), info, file, options, context, report: None })
    }

    pub fn add(&mut self, partial: &[u8]) -> Result<(), JsValue> {
        let partial: Partial = postcard::from_bytes(partial).map_err(Failure::mixed_builds)?;
        let mine = std::mem::replace(&mut self.partial, Partial::new(&self.options));
        self.partial = mine.merge(partial);
        Ok(())
    }

    /// The report as JSON, once all shares are here.
    pub fn report(&mut self) -> Result<String, JsValue> {
        let partial = std::mem::replace(&mut self.partial, Partial::new(&self.options));
        let report = finish(partial, &self.info, self.file.clone(), &self.options, &self.context);
        let text = json(&report)?;
        self.report = Some(report);
        Ok(text)
    }

    /// Cost and preflight for a recipe and prices, all JSON.
    pub fn advice(&self, recipe: &str, prices: &str) -> Result<String, JsValue> {
        Ok(advising::advice_json(self.finished()?, recipe, prices)?)
    }

    /// `changes` is the JSON of a cleaned copy's changes, or null.
    pub fn report_html(
        &self,
        recipe: &str,
        prices: &str,
        changes: &str,
        made_at: String,
    ) -> Result<String, JsValue> {
        Ok(advising::html(self.finished()?, recipe, prices, changes, made_at)?)
    }
}

impl Merging {
    fn finished(&self) -> Result<&Report, Failure> {
        self.report.as_ref().ok_or_else(|| Failure::mixed_builds("advice was asked for before the report"))
    }
}

pub fn json(report: &Report) -> Result<String, Failure> {
    serde_json::to_string_pretty(report).map_err(Failure::mixed_builds)
}

/// What stands before, at and after the part of a row that a finding is about.
#[wasm_bindgen]
pub fn excerpt(info: &[u8], bytes: &[u8], path: &str, found: &str) -> Result<Vec<String>, JsValue> {
    let RowExcerpt { before, marked, after } = excerpt_row(&info_from(info)?, bytes, path, found);
    Ok(vec![before, marked, after])
}
