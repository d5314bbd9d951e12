//! The messages of an ONNX file that a regressor needs. Numbers are those of `onnx.proto`; unknown fields
//! are skipped, subgraphs and external data refused, counts bounded before anything is reserved.

use super::error::OnnxError;
use super::wire::{Fields, Value};
use crate::limits;

#[derive(Debug, Default, Clone)]
pub struct Model {
    pub graph: Graph,
    pub producer: String,
    /// (domain, version); the empty domain is `ai.onnx`.
    pub opsets: Vec<(String, i64)>,
    pub metadata: Vec<(String, String)>,
}

#[derive(Debug, Default, Clone)]
pub struct Graph {
    pub nodes: Vec<Node>,
    pub constants: Vec<Tensor>,
    pub inputs: Vec<ValueInfo>,
    pub outputs: Vec<ValueInfo>,
}

#[derive(Debug, Default, Clone)]
pub struct Node {
    pub name: String,
    pub operator: String,
    pub domain: String,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub attributes: Vec<Attribute>,
}

#[derive(Debug, Default, Clone)]
pub struct Attribute {
    pub name: String,
    pub float: Option<f64>,
    pub int: Option<i64>,
    pub text: Option<String>,
    pub tensor: Option<Tensor>,
    pub floats: Vec<f64>,
    pub ints: Vec<i64>,
    pub texts: Vec<String>,
}

#[derive(Debug, Default, Clone)]
pub struct Tensor {
    pub name: String,
    pub dims: Vec<i64>,
    pub element: ElementType,
    pub numbers: Vec<f64>,
    /// Integers whole: a 64-bit index does not fit an f64.
    pub ints: Vec<i64>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum ElementType {
    #[default]
    Other,
    Float,
    Double,
    Int,
    Bool,
}

#[derive(Debug, Default, Clone)]
pub struct ValueInfo {
    pub name: String,
    pub element: ElementType,
    /// `None` for a dimension of unknown size.
    pub dims: Vec<Option<i64>>,
}

impl ElementType {
    fn from_code(code: u64) -> Self {
        match code {
            1 => Self::Float,
            11 => Self::Double,
            2..=7 | 12 | 13 => Self::Int,
            9 => Self::Bool,
            _ => Self::Other,
        }
    }
}

pub fn parse(bytes: &[u8]) -> Result<Model, OnnxError> {
    if bytes.len() > limits::MAX_ONNX_BYTES {
        return Err(too_many("bytes", bytes.len(), limits::MAX_ONNX_BYTES));
    }
    let mut model = Model::default();
    let mut has_graph = false;
    each_field(bytes, 0, |number, value, at| {
        match (number, value) {
            (2, Value::Bytes(text)) => model.producer = utf8(text, at)?,
            // Readers of other programs would join two graphs to one.
            (7, Value::Bytes(_)) if has_graph => {
                return Err(OnnxError::Damaged { offset: at, what: "a second graph" });
            }
            (7, Value::Bytes(body)) => {
                model.graph = graph(body, at)?;
                has_graph = true;
            }
            (8, Value::Bytes(body)) => push(&mut model.opsets, pair(body, at)?, "operator sets")?,
            (14, Value::Bytes(body)) => push(&mut model.metadata, text_pair(body, at)?, "metadata entries")?,
            (25, _) => {
                return Err(OnnxError::NotSupported { what: "defines functions of its own".into() });
            }
            _ => {}
        }
        Ok(())
    })?;
    if has_graph { Ok(model) } else { Err(OnnxError::Damaged { offset: 0, what: "no graph inside" }) }
}

fn graph(bytes: &[u8], base: usize) -> Result<Graph, OnnxError> {
    let mut graph = Graph::default();
    each_field(bytes, base, |number, value, at| {
        if let Value::Bytes(body) = value {
            match number {
                1 => push(&mut graph.nodes, node(body, at)?, "nodes")?,
                5 => push(&mut graph.constants, tensor(body, at)?, "constants")?,
                11 => push(&mut graph.inputs, value_info(body, at)?, "inputs")?,
                12 => push(&mut graph.outputs, value_info(body, at)?, "outputs")?,
                15 => return Err(OnnxError::NotSupported { what: "has sparse constants".into() }),
                _ => {}
            }
        }
        Ok(())
    })?;
    Ok(graph)
}

fn node(bytes: &[u8], base: usize) -> Result<Node, OnnxError> {
    let mut node = Node::default();
    each_field(bytes, base, |number, value, at| {
        if let Value::Bytes(body) = value {
            match number {
                1 => push(&mut node.inputs, utf8(body, at)?, "inputs of one node")?,
                2 => push(&mut node.outputs, utf8(body, at)?, "outputs of one node")?,
                3 => node.name = utf8(body, at)?,
                4 => node.operator = utf8(body, at)?,
                5 => {
                    if node.attributes.len() == limits::MAX_ONNX_ATTRIBUTES {
                        let (what, limit) = ("attributes of one node", limits::MAX_ONNX_ATTRIBUTES);
                        return Err(too_many(what, limit + 1, limit));
                    }
                    node.attributes.push(attribute(body, at)?);
                }
                7 => node.domain = utf8(body, at)?,
                _ => {}
            }
        }
        Ok(())
    })?;
    if node.domain == "ai.onnx" {
        node.domain.clear();
    }
    Ok(node)
}

fn attribute(bytes: &[u8], base: usize) -> Result<Attribute, OnnxError> {
    let mut attribute = Attribute::default();
    let mut kind = 0;
    each_field(bytes, base, |number, value, at| {
        match (number, value) {
            (1, Value::Bytes(body)) => attribute.name = utf8(body, at)?,
            (2, Value::Fixed32(bits)) => attribute.float = Some(f64::from(f32::from_bits(bits))),
            (3, Value::Varint(bits)) => attribute.int = Some(bits as i64),
            (4, Value::Bytes(body)) => attribute.text = Some(utf8(body, at)?),
            (5, Value::Bytes(body)) => attribute.tensor = Some(tensor(body, at)?),
            (6 | 11, _) => {
                return Err(OnnxError::NotSupported { what: "has graphs inside its nodes".into() });
            }
            (7, value) => floats(value, at, &mut attribute.floats)?,
            (8, value) => ints(value, at, &mut attribute.ints)?,
            (9, Value::Bytes(body)) => push_element(&mut attribute.texts, utf8(body, at)?)?,
            (20, Value::Varint(code)) => kind = code,
            _ => {}
        }
        Ok(())
    })?;
    // Some writers leave zeros out and only say what they would be.
    match kind {
        1 if attribute.float.is_none() => attribute.float = Some(0.0),
        2 if attribute.int.is_none() => attribute.int = Some(0),
        _ => {}
    }
    Ok(attribute)
}

fn tensor(bytes: &[u8], base: usize) -> Result<Tensor, OnnxError> {
    let mut tensor = Tensor::default();
    let (mut type_code, mut raw) = (0, None);
    each_field(bytes, base, |number, value, at| {
        match (number, value) {
            (1, value) => {
                ints(value, at, &mut tensor.dims)?;
                if tensor.dims.len() > 8 {
                    return Err(too_many("dimensions of one tensor", tensor.dims.len(), 8));
                }
            }
            (2, Value::Varint(code)) => type_code = code,
            (4, value) => floats(value, at, &mut tensor.numbers)?,
            (5 | 7 | 11, value) => ints(value, at, &mut tensor.ints)?,
            (8, Value::Bytes(body)) => tensor.name = utf8(body, at)?,
            (9, Value::Bytes(body)) => raw = Some((body, at)),
            (10, value) => doubles(value, at, &mut tensor.numbers)?,
            (13, _) | (14, Value::Varint(1)) => {
                return Err(OnnxError::NotSupported { what: "keeps its numbers in another file".into() });
            }
            _ => {}
        }
        Ok(())
    })?;
    tensor.element = ElementType::from_code(type_code);
    if let Some((body, at)) = raw {
        read_raw(&mut tensor, type_code, body, at)?;
    }
    let expected = tensor.dims.iter().try_fold(
        1i64,
        |product, dim| {
            if *dim < 0 { None } else { product.checked_mul(*dim) }
        },
    );
    let found = tensor.numbers.len().max(tensor.ints.len());
    // Strings and other types that no number comes from are kept only as a name; their use is refused later.
    if tensor.element != ElementType::Other && expected != Some(found as i64) {
        return Err(OnnxError::Damaged {
            offset: base,
            what: "a tensor whose size is not that of its shape",
        });
    }
    Ok(tensor)
}

fn read_raw(tensor: &mut Tensor, type_code: u64, body: &[u8], at: usize) -> Result<(), OnnxError> {
    let width = match type_code {
        2 | 3 | 9 => 1,
        1 | 6 | 12 => 4,
        7 | 11 | 13 => 8,
        _ => return Ok(()),
    };
    if !body.len().is_multiple_of(width) {
        return Err(OnnxError::Damaged { offset: at, what: "a tensor cut inside a number" });
    }
    check_elements(body.len() / width)?;
    tensor.numbers.clear();
    tensor.ints.clear();
    for word in body.chunks_exact(width) {
        let wide = word.iter().rev().fold(0u64, |wide, byte| wide << 8 | u64::from(*byte));
        match type_code {
            1 => tensor.numbers.push(f64::from(f32::from_bits(wide as u32))),
            11 => tensor.numbers.push(f64::from_bits(wide)),
            3 => tensor.ints.push(i64::from(wide as u8 as i8)),
            6 => tensor.ints.push(i64::from(wide as u32 as i32)),
            _ => tensor.ints.push(wide as i64),
        }
    }
    Ok(())
}

fn value_info(bytes: &[u8], base: usize) -> Result<ValueInfo, OnnxError> {
    let mut info = ValueInfo::default();
    each_field(bytes, base, |number, value, at| {
        match (number, value) {
            (1, Value::Bytes(body)) => info.name = utf8(body, at)?,
            (2, Value::Bytes(body)) => tensor_type(body, at, &mut info)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(info)
}

fn tensor_type(bytes: &[u8], base: usize, info: &mut ValueInfo) -> Result<(), OnnxError> {
    each_field(bytes, base, |number, value, at| {
        let (1, Value::Bytes(body)) = (number, value) else { return Ok(()) };
        each_field(body, at, |number, value, at| {
            match (number, value) {
                (1, Value::Varint(code)) => info.element = ElementType::from_code(code),
                (2, Value::Bytes(shape)) => each_field(shape, at, |number, value, at| {
                    let (1, Value::Bytes(dimension)) = (number, value) else { return Ok(()) };
                    let mut size = None;
                    each_field(dimension, at, |number, value, _| {
                        if let (1, Value::Varint(bits)) = (number, value) {
                            size = Some(bits as i64);
                        }
                        Ok(())
                    })?;
                    push(&mut info.dims, size, "dimensions of one value")
                })?,
                _ => {}
            }
            Ok(())
        })
    })
}

fn pair(bytes: &[u8], base: usize) -> Result<(String, i64), OnnxError> {
    let mut found = (String::new(), 0);
    each_field(bytes, base, |number, value, at| {
        match (number, value) {
            (1, Value::Bytes(body)) => found.0 = utf8(body, at)?,
            (2, Value::Varint(bits)) => found.1 = bits as i64,
            _ => {}
        }
        Ok(())
    })?;
    Ok(found)
}

fn text_pair(bytes: &[u8], base: usize) -> Result<(String, String), OnnxError> {
    let mut found = (String::new(), String::new());
    each_field(bytes, base, |number, value, at| {
        match (number, value) {
            (1, Value::Bytes(body)) => found.0 = utf8(body, at)?,
            (2, Value::Bytes(body)) => found.1 = utf8(body, at)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(found)
}

/// Calls `take` with number, value and the value's offset in the file.
fn each_field<'a>(
    bytes: &'a [u8],
    base: usize,
    mut take: impl FnMut(u32, Value<'a>, usize) -> Result<(), OnnxError>,
) -> Result<(), OnnxError> {
    let mut fields = Fields::new(bytes, base);
    while let Some((number, value)) = fields.next_field()? {
        let at = match value {
            Value::Bytes(body) => fields.offset() - body.len(),
            _ => fields.offset(),
        };
        take(number, value, at)?;
    }
    Ok(())
}

/// Repeated numbers come one by one or packed; a reader must take both.
fn ints(value: Value<'_>, at: usize, into: &mut Vec<i64>) -> Result<(), OnnxError> {
    match value {
        Value::Varint(bits) => push_element(into, bits as i64),
        Value::Bytes(body) => {
            let mut position = 0;
            while position < body.len() {
                let mut bits = 0u64;
                let mut shift = 0;
                loop {
                    let Some(byte) = body.get(position).filter(|_| shift < 70) else {
                        return Err(OnnxError::Damaged { offset: at + position, what: "a cut number" });
                    };
                    position += 1;
                    bits |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
                    shift += 7;
                    if byte & 0x80 == 0 {
                        break;
                    }
                }
                push_element(into, bits as i64)?;
            }
            Ok(())
        }
        _ => Err(OnnxError::Damaged { offset: at, what: "an integer of the wrong wire type" }),
    }
}

fn floats(value: Value<'_>, at: usize, into: &mut Vec<f64>) -> Result<(), OnnxError> {
    match value {
        Value::Fixed32(bits) => push_element(into, f64::from(f32::from_bits(bits))),
        Value::Bytes(body) if body.len().is_multiple_of(4) => {
            check_elements(into.len() + body.len() / 4)?;
            into.extend(body.chunks_exact(4).map(|word| {
                f64::from(f32::from_le_bytes(word.try_into().expect("chunks_exact(4) gives 4 bytes")))
            }));
            Ok(())
        }
        _ => Err(OnnxError::Damaged { offset: at, what: "a float of the wrong wire type" }),
    }
}

fn doubles(value: Value<'_>, at: usize, into: &mut Vec<f64>) -> Result<(), OnnxError> {
    match value {
        Value::Fixed64(bits) => push_element(into, f64::from_bits(bits)),
        Value::Bytes(body) if body.len().is_multiple_of(8) => {
            check_elements(into.len() + body.len() / 8)?;
            into.extend(
                body.chunks_exact(8)
                    .map(|word| f64::from_le_bytes(word.try_into().expect("chunks_exact(8) gives 8 bytes"))),
            );
            Ok(())
        }
        _ => Err(OnnxError::Damaged { offset: at, what: "a double of the wrong wire type" }),
    }
}

fn utf8(bytes: &[u8], at: usize) -> Result<String, OnnxError> {
    let text = std::str::from_utf8(bytes);
    text.map(str::to_owned).map_err(|_| OnnxError::Damaged { offset: at, what: "text that is not UTF-8" })
}

fn push<T>(into: &mut Vec<T>, item: T, what: &'static str) -> Result<(), OnnxError> {
    if into.len() == limits::MAX_ONNX_ITEMS {
        return Err(too_many(what, into.len() + 1, limits::MAX_ONNX_ITEMS));
    }
    into.push(item);
    Ok(())
}

fn push_element<T>(into: &mut Vec<T>, item: T) -> Result<(), OnnxError> {
    check_elements(into.len() + 1)?;
    into.push(item);
    Ok(())
}

fn check_elements(count: usize) -> Result<(), OnnxError> {
    if count > limits::MAX_ONNX_ELEMENTS {
        return Err(too_many("numbers in one list", count, limits::MAX_ONNX_ELEMENTS));
    }
    Ok(())
}

fn too_many(what: &'static str, found: usize, limit: usize) -> OnnxError {
    OnnxError::TooMany { what, found: found as u64, limit: limit as u64 }
}
