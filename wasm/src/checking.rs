//! One part worker's share of a check, the evaluation rows, and the merging of all shares into the report.

use foretune_core::check::{
    CheckOptions, Checker, EvalRows, FileIdentity, Partial, Report, RowExcerpt, excerpt_row, finish,
};
use foretune_core::describe::DescribeContext;
use foretune_core::formats::{FormatInfo, RecordParser};
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use crate::advising;
use crate::failure::Failure;
use crate::lent;
use crate::options::check_options;
use crate::reading::{batch_from, info_from};

#[wasm_bindgen]
#[derive(Debug)]
pub struct RowChecking {
    checker: Checker<'static>,
}

#[wasm_bindgen]
impl RowChecking {
    /// `info` as `FileReading` gave it, the rest as `lent` takes it.
    #[wasm_bindgen(constructor)]
    pub fn new(
        info: &[u8],
        options: &str,
        tokenizer_json: &[u8],
        evaluation: &[u8],
        reference: &[u8],
    ) -> Result<RowChecking, JsValue> {
        let parser = RecordParser::new(&info_from(info)?);
        let context = lent::context(tokenizer_json, evaluation, reference)?;
        Ok(Self { checker: Checker::new(parser, &check_options(options)?, context) })
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

#[wasm_bindgen]
#[derive(Debug)]
pub struct EvaluationReading {
    rows: EvalRows,
}

#[wasm_bindgen]
impl EvaluationReading {
    #[wasm_bindgen(constructor)]
    pub fn new(info: &[u8], options: &str) -> Result<EvaluationReading, JsValue> {
        let parser = RecordParser::new(&info_from(info)?);
        Ok(Self { rows: EvalRows::new(parser, check_options(options)?.mapping.as_ref()) })
    }

    pub fn push(&mut self, bytes: Vec<u8>, table: Vec<u64>, problems: &[u8]) -> Result<(), JsValue> {
        self.rows.push(&batch_from(bytes, table, problems)?);
        Ok(())
    }

    /// What the workers are lent.
    pub fn into_bytes(self) -> Result<Vec<u8>, JsValue> {
        let index = self.rows.finish().ok_or_else(|| {
            Failure::new(
                "The evaluation file has no rows of a known shape",
                "Choose a file of the same shape as the training file, or remove it in the options",
            )
        })?;
        Ok(postcard::to_stdvec(&index).map_err(Failure::mixed_builds)?)
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
    pub fn new(
        info: &[u8],
        name: String,
        options: &str,
        tokenizer_json: &[u8],
        evaluation: &[u8],
        reference: &[u8],
    ) -> Result<Merging, JsValue> {
        let info = info_from(info)?;
        let options = check_options(options)?;
        let file = FileIdentity { name: Some(name), stored_bytes: info.stored_bytes };
        let context = lent::context(tokenizer_json, evaluation, reference)?;
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
        let text = advising::export_json(&advising::first_export(report.clone(), &self.options))?;
        self.report = Some(report);
        Ok(text)
    }

    /// The report again, with cost and preflight for another recipe and other prices, all JSON.
    pub fn report_for(&self, recipe: &str, prices: &str) -> Result<String, JsValue> {
        Ok(advising::export_json(&advising::export(self.finished()?, recipe, prices)?)?)
    }
}

impl Merging {
    fn finished(&self) -> Result<Report, Failure> {
        self.report.clone().ok_or_else(|| Failure::mixed_builds("advice was asked for before the report"))
    }
}

/// What stands before, at and after the part of a row that a finding is about.
#[wasm_bindgen]
pub fn excerpt(info: &[u8], bytes: &[u8], path: &str, found: &str) -> Result<Vec<String>, JsValue> {
    let RowExcerpt { before, marked, after } = excerpt_row(&info_from(info)?, bytes, path, found);
    Ok(vec![before, marked, after])
}
