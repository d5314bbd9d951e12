//! Reads an ONNX regressor into a `Model`: inputs become features, nodes are followed in order, the first
//! output is the score.

use std::collections::HashMap;

use super::error::OnnxError;
use super::graph::{Constant, Context, Symbol, Traced, trace};
use super::proto::{self, Graph};
use super::tree_nodes::{COVERS_KEY, Covers};
use crate::limits;
use crate::predict::staged::Staged;

#[derive(Debug, Clone)]
pub struct OnnxModel {
    pub model: Staged,
    /// `metadata_props`, in which our own files carry their card.
    pub metadata: Vec<(String, String)>,
    pub producer: String,
    /// Names of the graph's inputs where each is one feature; empty where one input holds them all.
    pub input_names: Vec<String>,
}

impl OnnxModel {
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

pub fn read(bytes: &[u8]) -> Result<OnnxModel, OnnxError> {
    let file = proto::parse(bytes)?;
    let covers: Covers = file
        .metadata
        .iter()
        .find(|(key, _)| key == COVERS_KEY)
        .and_then(|(_, text)| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let (model, input_names) = follow(&file.graph, &covers)?;
    Ok(OnnxModel { model, metadata: file.metadata, producer: file.producer, input_names })
}

fn follow(graph: &Graph, covers: &Covers) -> Result<(Staged, Vec<String>), OnnxError> {
    let mut values: HashMap<&str, Traced> = HashMap::new();
    for tensor in &graph.constants {
        values.insert(&tensor.name, Traced::Constant(Constant::from_tensor(tensor)));
    }
    let mut feature_count = 0;
    let mut input_names = Vec::new();
    // Old files list constants among the inputs too.
    let inputs: Vec<_> = graph.inputs.iter().filter(|i| !values.contains_key(i.name.as_str())).collect();
    for input in &inputs {
        let width = match input.dims.last() {
            Some(Some(width)) if input.dims.len() == 2 && *width > 0 => *width as usize,
            _ => {
                let what = format!("does not say how many features its input {:?} holds", input.name);
                return Err(OnnxError::NotSupported { what });
            }
        };
        if feature_count + width > limits::MAX_MODEL_FEATURES {
            return Err(OnnxError::TooMany {
                what: "features",
                found: (feature_count + width) as u64,
                limit: limits::MAX_MODEL_FEATURES as u64,
            });
        }
        let columns =
            (feature_count..feature_count + width).map(|index| Symbol::feature(index, input.element));
        values.insert(&input.name, Traced::Columns(columns.collect()));
        if width == 1 && inputs.len() > 1 {
            input_names.push(input.name.clone());
        }
        feature_count += width;
    }
    if input_names.len() != feature_count {
        input_names.clear();
    }

    let mut context = Context { feature_count, covers, ensembles: 0, symbols: feature_count };
    let mut work = 0usize;
    for node in &graph.nodes {
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for name in node.inputs.iter().filter(|name| !name.is_empty()) {
            let found = values
                .get(name.as_str())
                .ok_or_else(|| OnnxError::UnknownValue { node: node.name.clone(), value: name.clone() })?;
            inputs.push(found);
        }
        let traced = trace(node, &inputs, &mut context)?;
        // A score is copied whenever it is used; a chain of doublings must end here, not in memory.
        if let Traced::Score(score) = &traced {
            work += score.size();
            if work > limits::MAX_SCORE_PARTS {
                return Err(OnnxError::TooMany {
                    what: "parts of the score",
                    found: work as u64,
                    limit: limits::MAX_SCORE_PARTS as u64,
                });
            }
        }
        let output = node.outputs.first().map_or("", String::as_str);
        if values.insert(output, traced).is_some() {
            let what = "produces a value that exists already".into();
            return Err(OnnxError::Node { node: node.name.clone(), operator: "graph", what });
        }
    }
    let [output] = graph.outputs.as_slice() else {
        let what = format!("has {} outputs", graph.outputs.len());
        return Err(OnnxError::NotSupported { what });
    };
    match values.remove(output.name.as_str()) {
        Some(Traced::Score(model)) => Ok((model, input_names)),
        Some(_) => Err(OnnxError::NotSupported { what: "gives something else than one score a row".into() }),
        None => {
            let node = "(output)".to_owned();
            Err(OnnxError::UnknownValue { node, value: output.name.clone() })
        }
    }
}
