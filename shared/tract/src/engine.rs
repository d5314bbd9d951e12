//! A predictor as tract runs it: one plan for single rows, one for many.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use foretune_core::limits;
use foretune_core::predict::onnx::OnnxError;
use foretune_core::predict::onnx::proto::{self, ElementType, Graph, ValueInfo};
use tract_core::internal::{DatumType, IntoRunnable, TValue, TVec, Tensor, TractResult, TypedSimplePlan};

use crate::error::EngineError;
use crate::wiring::{Wiring, tract};

/// Rows that are computed at a time; the last ones are filled up.
const BATCH_ROWS: usize = 128;

#[derive(Debug)]
pub struct Engine {
    graph: Graph,
    inputs: Vec<Input>,
    names: Vec<String>,
    feature_count: usize,
    single: Plan,
    many: OnceLock<Plan>,
    /// Rows that the file itself asks for.
    fixed_rows: Option<usize>,
}

#[derive(Debug)]
struct Input {
    width: usize,
    kind: DatumType,
}

#[derive(Debug)]
struct Plan {
    rows: usize,
    runnable: Arc<TypedSimplePlan>,
}

impl Engine {
    /// Reads, bounds and prepares. Nothing of the file is computed before all sizes are known.
    pub fn open(bytes: &[u8]) -> Result<Self, EngineError> {
        let file = proto::parse(bytes)?;
        let graph = file.graph;
        let is_constant = |info: &ValueInfo| graph.constants.iter().any(|known| known.name == info.name);
        let real: Vec<&ValueInfo> = graph.inputs.iter().filter(|info| !is_constant(info)).collect();
        let inputs = real.iter().map(|info| input(info)).collect::<Result<Vec<_>, _>>()?;
        let feature_count = inputs.iter().try_fold(0usize, |sum, input| sum.checked_add(input.width));
        let limit = limits::MAX_MODEL_FEATURES;
        let feature_count = feature_count.filter(|count| *count <= limit).ok_or_else(|| {
            OnnxError::TooMany { what: "features", found: limit as u64 + 1, limit: limit as u64 }
        })?;
        let listed = file.metadata.iter().find(|(key, _)| key == "feature_names");
        let names = match listed {
            Some((_, list)) => list.split(',').map(|name| name.trim().to_owned()).collect(),
            None if inputs.len() == feature_count => real.iter().map(|info| info.name.clone()).collect(),
            None => Vec::new(),
        };
        let fixed_rows = real.iter().find_map(|info| *info.dims.first()?).map(|rows| rows.max(1) as usize);
        let single = Plan::of(&graph, fixed_rows.unwrap_or(1))?;
        Ok(Self { graph, inputs, names, feature_count, single, many: OnceLock::new(), fixed_rows })
    }

    pub fn feature_count(&self) -> usize {
        self.feature_count
    }

    /// As the file names them; empty where it does not.
    pub fn feature_names(&self) -> &[String] {
        &self.names
    }

    /// `rows`: one after the other, missing values as NaN. One score a row.
    pub fn scores(&self, rows: &[f64]) -> Result<Vec<f64>, EngineError> {
        let width = self.feature_count;
        if width == 0 || !rows.len().is_multiple_of(width) {
            return Err(EngineError::Rows { found: rows.len(), width });
        }
        let plan = if rows.len() == width { &self.single } else { self.many()? };
        let mut scores = Vec::with_capacity(rows.len() / width);
        for batch in rows.chunks(width * plan.rows) {
            let found = caught(|| plan.run(&self.inputs, batch, width))?;
            scores.extend_from_slice(&found[..batch.len() / width]);
        }
        Ok(scores)
    }

    fn many(&self) -> Result<&Plan, EngineError> {
        if self.fixed_rows.is_some() {
            return Ok(&self.single);
        }
        if let Some(known) = self.many.get() {
            return Ok(known);
        }
        let made = Plan::of(&self.graph, BATCH_ROWS)?;
        Ok(self.many.get_or_init(|| made))
    }
}

fn input(info: &ValueInfo) -> Result<Input, EngineError> {
    let width = match info.dims.as_slice() {
        [_, Some(width)] if *width > 0 => *width as usize,
        _ => {
            let what = format!("does not say how many features its input {:?} holds", info.name);
            return Err(EngineError::NotSupported { what });
        }
    };
    let kind = match info.element {
        ElementType::Float => DatumType::F32,
        ElementType::Double => DatumType::F64,
        _ => {
            let what = format!("reads other numbers than float or double as {:?}", info.name);
            return Err(EngineError::NotSupported { what });
        }
    };
    Ok(Input { width, kind })
}

impl Plan {
    fn of(graph: &Graph, rows: usize) -> Result<Self, EngineError> {
        caught(|| {
            let model = Wiring::of(graph, rows)?;
            let runnable = model.into_optimized().and_then(IntoRunnable::into_runnable).map_err(tract)?;
            Ok(Self { rows, runnable })
        })
    }

    fn run(&self, inputs: &[Input], batch: &[f64], width: usize) -> Result<Vec<f64>, EngineError> {
        let mut from = 0;
        let mut tensors: TVec<TValue> = TVec::new();
        for input in inputs {
            let columns = batch.chunks_exact(width).flat_map(|row| &row[from..from + input.width]).copied();
            let filled = columns.chain(std::iter::repeat(0.0)).take(self.rows * input.width);
            let values: Vec<f64> = filled.collect();
            let tensor = Tensor::from_shape(&[self.rows, input.width], &values).map_err(tract)?;
            tensors.push(tensor.cast_to_dt(input.kind).map_err(tract)?.into_owned().into());
            from += input.width;
        }
        let outputs = self.runnable.run(tensors).map_err(tract)?;
        let read = |output: &TValue| -> TractResult<Vec<f64>> {
            Ok(output.try_as_plain_ram()?.as_slice::<f64>()?.to_vec())
        };
        let scores = outputs.first().map(read).transpose().map_err(tract)?.unwrap_or_default();
        if scores.len() != self.rows {
            return Err(EngineError::Tract {
                what: format!("{} scores for {} rows", scores.len(), self.rows),
            });
        }
        Ok(scores)
    }
}

/// tract panics on some graphs. Natively that is an error like others; a page's worker ends by it and says so.
fn caught<T>(work: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
    let told = |panic: Box<dyn std::any::Any + Send>| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words");
        EngineError::Tract { what: text.to_owned() }
    };
    catch_unwind(AssertUnwindSafe(work)).map_err(told)?
}
