//! Builds tract's graph for a fixed number of rows. Every shape is known before anything is computed, so what a file
//! asks for is bounded before tract reserves it.

use std::collections::HashMap;

use foretune_core::limits;
use foretune_core::predict::onnx::OnnxError;
use foretune_core::predict::onnx::proto::{Attribute, ElementType, Graph, Node, Tensor as FileTensor};
use tract_core::internal::{
    DatumType, DatumTypeExt, OutletId, SpecialOps, TVec, Tensor, TractResult, TypedFact, TypedModel, TypedOp,
};
use tract_core::ops::cast::cast;
use tract_core::ops::change_axes::AxisOp;

use crate::error::EngineError;

/// What a name of the file stands for.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    Tensor(OutletId),
    /// Indices, axes and shapes are parameters of operators: nothing is computed with whole numbers.
    Whole {
        rank: usize,
        numbers: &'a [i64],
    },
}

#[derive(Debug)]
pub struct Wiring<'a> {
    pub model: TypedModel,
    pub rows: usize,
    values: HashMap<&'a str, Value<'a>>,
    elements: usize,
    names: usize,
}

/// One node of the file while it is wired.
#[derive(Debug)]
pub struct Step<'a, 'w> {
    pub node: &'a Node,
    pub wiring: &'w mut Wiring<'a>,
}

impl<'a> Wiring<'a> {
    /// All nodes; the outlet of the graph's one output, as double.
    pub fn of(graph: &'a Graph, rows: usize) -> Result<TypedModel, EngineError> {
        let mut wiring =
            Self { model: TypedModel::default(), rows, values: HashMap::new(), elements: 0, names: 0 };
        for tensor in &graph.constants {
            let value = wiring.constant(tensor)?;
            wiring.values.insert(&tensor.name, value);
        }
        for input in &graph.inputs {
            // Old files list constants among the inputs too.
            if wiring.values.contains_key(input.name.as_str()) {
                continue;
            }
            let width = input.dims.last().copied().flatten().unwrap_or(0) as usize;
            let fact = datum_type(input.element)?.fact([rows, width]);
            wiring.reserve(&fact)?;
            wiring.names += 1;
            let source = wiring.model.add_source(format!("input {}", wiring.names), fact).map_err(tract)?;
            wiring.values.insert(&input.name, Value::Tensor(source));
        }
        for node in &graph.nodes {
            let value = Step { node, wiring: &mut wiring }.wired()?;
            let output = node.outputs.first().map_or("", String::as_str);
            if wiring.values.insert(output, value).is_some() {
                let (node, operator) = (node.name.clone(), node.operator.clone());
                let what = "produces a value that exists already".into();
                return Err(EngineError::Node { node, operator, what });
            }
        }
        wiring.finish(graph)
    }

    fn finish(mut self, graph: &Graph) -> Result<TypedModel, EngineError> {
        let [output] = graph.outputs.as_slice() else {
            return Err(EngineError::NotSupported { what: format!("has {} outputs", graph.outputs.len()) });
        };
        let value = self.values.get(output.name.as_str());
        let unknown = || OnnxError::UnknownValue { node: "(output)".into(), value: output.name.clone() };
        let Value::Tensor(outlet) = value.copied().ok_or_else(unknown)? else {
            return Err(EngineError::NotSupported { what: "gives whole numbers".into() });
        };
        let shape = self.shape(outlet)?;
        if shape.iter().product::<usize>() != self.rows
            || shape.first().is_some_and(|rows| *rows != self.rows)
        {
            return Err(EngineError::NotSupported {
                what: format!("gives {shape:?} for {} rows", self.rows),
            });
        }
        let outlet = self.cast(outlet, DatumType::F64)?;
        self.model.select_output_outlets(&[outlet]).map_err(tract)?;
        Ok(self.model)
    }

    /// Adds an operator once what it reads and gives is known to be within bounds: weights that many nodes share are
    /// laid out anew for each of them.
    pub fn wire(
        &mut self,
        operator: impl Into<Box<dyn TypedOp>>,
        inputs: &[OutletId],
    ) -> Result<OutletId, EngineError> {
        let operator = operator.into();
        let read: TractResult<Vec<TypedFact>> =
            inputs.iter().map(|input| self.model.outlet_fact(*input).cloned()).collect();
        let read = read.map_err(tract)?;
        let given = operator.output_facts(&read.iter().collect::<TVec<_>>()).map_err(tract)?;
        for fact in read.iter().chain(&given) {
            self.reserve(fact)?;
        }
        self.names += 1;
        let wired = self.model.wire_node(format!("node {}", self.names), operator, inputs).map_err(tract)?;
        wired.first().copied().ok_or_else(|| EngineError::Tract { what: "an operator without output".into() })
    }

    fn reserve(&mut self, fact: &TypedFact) -> Result<(), EngineError> {
        let limit = limits::MAX_ENGINE_ELEMENTS;
        let dims = fact.shape.as_concrete();
        let size = dims.and_then(|dims| dims.iter().try_fold(1usize, |size, dim| size.checked_mul(*dim)));
        match size.and_then(|size| self.elements.checked_add(size)) {
            Some(total) if total <= limit => self.elements = total,
            _ => return Err(EngineError::TooLarge { rows: self.rows, limit }),
        }
        Ok(())
    }

    pub fn shape(&self, outlet: OutletId) -> Result<Vec<usize>, EngineError> {
        let fact = self.model.outlet_fact(outlet).map_err(tract)?;
        let dims = fact.shape.as_concrete();
        dims.map(<[usize]>::to_vec)
            .ok_or_else(|| EngineError::Tract { what: "a shape without numbers".into() })
    }

    pub fn kind(&self, outlet: OutletId) -> Result<DatumType, EngineError> {
        Ok(self.model.outlet_fact(outlet).map_err(tract)?.datum_type)
    }

    pub fn cast(&mut self, outlet: OutletId, to: DatumType) -> Result<OutletId, EngineError> {
        if self.kind(outlet)? == to { Ok(outlet) } else { self.wire(cast(to), &[outlet]) }
    }

    /// Of one type, double where one is, and of one rank: what tract's operators on several tensors ask for.
    pub fn aligned(&mut self, outlets: &[OutletId]) -> Result<Vec<OutletId>, EngineError> {
        let kinds = outlets.iter().map(|outlet| self.kind(*outlet)).collect::<Result<Vec<_>, _>>()?;
        let kind = [DatumType::F64, DatumType::F32, DatumType::Bool].into_iter().find(|k| kinds.contains(k));
        let cast = match kind {
            Some(kind) => {
                outlets.iter().map(|outlet| self.cast(*outlet, kind)).collect::<Result<Vec<_>, _>>()?
            }
            None => outlets.to_vec(),
        };
        self.of_one_rank(&cast)
    }

    pub fn of_one_rank(&mut self, outlets: &[OutletId]) -> Result<Vec<OutletId>, EngineError> {
        let ranks = outlets.iter().map(|outlet| Ok(self.shape(*outlet)?.len()));
        let ranks = ranks.collect::<Result<Vec<usize>, EngineError>>()?;
        let rank = ranks.iter().copied().max().unwrap_or(0);
        let mut aligned = outlets.to_vec();
        for (outlet, own) in aligned.iter_mut().zip(ranks) {
            for _ in own..rank {
                *outlet = self.wire(AxisOp::Add(0), &[*outlet])?;
            }
        }
        Ok(aligned)
    }

    pub fn constant(&mut self, tensor: &'a FileTensor) -> Result<Value<'a>, EngineError> {
        if tensor.element == ElementType::Int {
            return Ok(Value::Whole { rank: tensor.dims.len(), numbers: &tensor.ints });
        }
        let dims: Vec<usize> = tensor.dims.iter().map(|dim| *dim as usize).collect();
        let bits = tensor.ints.iter().map(|int| f64::from(u8::from(*int != 0)));
        let numbers =
            if tensor.element == ElementType::Bool { bits.collect() } else { tensor.numbers.clone() };
        self.numbers(&dims, &numbers, datum_type(tensor.element)?).map(Value::Tensor)
    }

    pub fn numbers(
        &mut self,
        dims: &[usize],
        numbers: &[f64],
        kind: DatumType,
    ) -> Result<OutletId, EngineError> {
        if numbers.is_empty() {
            return Err(EngineError::NotSupported { what: "holds a tensor without numbers".into() });
        }
        let tensor = Tensor::from_shape(dims, numbers).map_err(tract)?;
        let tensor = tensor.cast_to_dt(kind).map_err(tract)?.into_owned();
        self.reserve(&kind.fact(dims))?;
        self.names += 1;
        self.model.add_const(format!("constant {}", self.names), tensor).map_err(tract)
    }
}

impl<'a> Step<'a, '_> {
    pub fn fault(&self, what: &str) -> EngineError {
        let (node, operator) = (self.node.name.clone(), self.node.operator.clone());
        EngineError::Node { node, operator, what: what.to_owned() }
    }

    /// `None` where the input is left out.
    pub fn value(&self, index: usize) -> Result<Option<Value<'a>>, EngineError> {
        let Some(name) = self.node.inputs.get(index).filter(|name| !name.is_empty()) else { return Ok(None) };
        let found = self.wiring.values.get(name.as_str()).copied().map(Some);
        let unknown = || OnnxError::UnknownValue { node: self.node.name.clone(), value: name.clone() };
        Ok(found.ok_or_else(unknown)?)
    }

    pub fn optional(&self, index: usize) -> Result<Option<OutletId>, EngineError> {
        match self.value(index)? {
            Some(Value::Tensor(outlet)) => Ok(Some(outlet)),
            Some(Value::Whole { .. }) => Err(self.fault("computes with whole numbers")),
            None => Ok(None),
        }
    }

    pub fn input(&self, index: usize) -> Result<OutletId, EngineError> {
        self.optional(index)?.ok_or_else(|| self.fault("has too few inputs"))
    }

    pub fn inputs(&self) -> Result<Vec<OutletId>, EngineError> {
        (0..self.node.inputs.len()).map(|index| self.input(index)).collect()
    }

    /// Whole numbers that older operator sets give as an attribute and newer ones as an input.
    pub fn wholes(&self, index: usize, attribute: &str) -> Result<Option<&'a [i64]>, EngineError> {
        match self.value(index)? {
            Some(Value::Whole { numbers, .. }) => Ok(Some(numbers)),
            Some(Value::Tensor(_)) => Err(self.fault("takes a parameter from the data")),
            None => Ok(self.attribute(attribute).map(|attribute| attribute.ints.as_slice())),
        }
    }

    pub fn attribute(&self, name: &str) -> Option<&'a Attribute> {
        self.node.attributes.iter().find(|attribute| attribute.name == name)
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).and_then(|attribute| attribute.int).unwrap_or(default)
    }

    pub fn float(&self, name: &str, default: f64) -> f64 {
        self.attribute(name).and_then(|attribute| attribute.float).unwrap_or(default)
    }

    pub fn floats(&self, name: &str) -> &'a [f64] {
        self.attribute(name).map_or(&[], |attribute| &attribute.floats)
    }

    /// Counted from the front.
    pub fn axis(&self, axis: i64, rank: usize) -> Result<usize, EngineError> {
        let counted = if axis < 0 { axis + rank as i64 } else { axis };
        let known = usize::try_from(counted).ok().filter(|axis| *axis < rank);
        known.ok_or_else(|| self.fault("names an axis that does not exist"))
    }
}

fn datum_type(element: ElementType) -> Result<DatumType, EngineError> {
    match element {
        ElementType::Float => Ok(DatumType::F32),
        ElementType::Double => Ok(DatumType::F64),
        ElementType::Bool => Ok(DatumType::Bool),
        ElementType::Int | ElementType::Other => {
            Err(EngineError::NotSupported { what: "holds numbers other than float, double and bool".into() })
        }
    }
}

pub fn tract(error: impl std::fmt::Display) -> EngineError {
    EngineError::Tract { what: format!("{error:#}") }
}
