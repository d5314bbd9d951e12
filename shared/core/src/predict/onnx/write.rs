//! Writes a `Model` as ONNX: one TreeEnsemble in double precision (`ai.onnx.ml` 5, because the older
//! regressor's output is float32 by definition), the columns as plain operators, and their sum. Covers go
//! to the metadata: `nodes_hitrates` has no place for leaves, and where thresholds are double, onnxruntime
//! demands double hit rates and the checker float ones.

use super::tree_nodes::{COVERS_KEY, Covers, code_of_branch};
use super::wire::Message;
use crate::predict::expression::{Binary, Expression, Unary};
use crate::predict::model::{Aggregate, Column, Forest, Model};
use crate::predict::staged::{Gate, Staged};
use crate::predict::tree::Node;

const IR_VERSION: i64 = 10;
const ONNX_OPSET: i64 = 18;
const ML_OPSET: i64 = 5;
const FLOAT: i64 = 1;
const UINT8: i64 = 2;
const INT64: i64 = 7;
const BOOL: i64 = 9;
const DOUBLE: i64 = 11;

const INPUT: &str = "features";
const OUTPUT: &str = "score";

/// The file, with `metadata` as its `metadata_props`.
pub fn write(model: &Staged, metadata: &[(String, String)]) -> Vec<u8> {
    let mut graph = GraphWriter::default();
    let mut covers = Some(Covers::default());
    let scores: Vec<String> = model.stages.iter().map(|stage| graph.stage(stage, &mut covers)).collect();
    let score = graph.choose(&model.gate, &scores);
    graph.node_to("", "Identity", &[&score], Vec::new(), OUTPUT);

    let mut metadata = metadata.to_vec();
    metadata.retain(|(key, _)| key != COVERS_KEY);
    if let Some(covers) = covers.filter(|covers| !covers.splits.is_empty()) {
        let text = serde_json::to_string(&covers).expect("finite numbers are always JSON");
        metadata.push((COVERS_KEY.to_owned(), text));
    }
    graph.finish(model.feature_count, &metadata)
}

#[derive(Debug, Default)]
struct GraphWriter {
    nodes: Vec<Message>,
    constants: Vec<Message>,
    names: usize,
}

impl GraphWriter {
    fn fresh(&mut self, what: &str) -> String {
        self.names += 1;
        format!("{what}_{}", self.names)
    }

    fn node(&mut self, domain: &str, operator: &str, inputs: &[&str], attributes: Vec<Message>) -> String {
        let output = self.fresh(&operator.to_lowercase());
        self.node_to(domain, operator, inputs, attributes, &output);
        output
    }

    fn node_to(
        &mut self,
        domain: &str,
        operator: &str,
        inputs: &[&str],
        attributes: Vec<Message>,
        output: &str,
    ) {
        let mut node = Message::default();
        for input in inputs {
            node = node.text(1, input);
        }
        node = node.text(2, output).text(3, output).text(4, operator);
        for attribute in attributes {
            node = node.message(5, attribute);
        }
        self.nodes.push(if domain.is_empty() { node } else { node.text(7, domain) });
    }

    fn doubles(&mut self, what: &str, dims: &[i64], values: &[f64]) -> String {
        let name = self.fresh(what);
        self.constants.push(double_tensor(dims, values).text(8, &name));
        name
    }

    /// One sum: a number a row.
    fn stage(&mut self, model: &Model, covers: &mut Option<Covers>) -> String {
        let mut constant = model.constant;
        let mut parts = Vec::new();
        for aggregate in [Aggregate::Sum, Aggregate::Minimum, Aggregate::Maximum] {
            for rounded in [false, true] {
                let forests: Vec<&Forest> = model
                    .forests
                    .iter()
                    .filter(|forest| forest.aggregate == aggregate && forest.rounds_input == rounded)
                    .collect();
                // Minima do not add up, so each such forest is a node of its own.
                let groups: Vec<&[&Forest]> = match aggregate {
                    Aggregate::Sum => vec![&forests[..]],
                    _ => forests.chunks(1).collect(),
                };
                for group in groups {
                    parts.extend(self.trees(group, aggregate, rounded, &mut constant, covers));
                }
            }
        }
        parts.extend(self.columns(&model.columns));
        self.sum(parts, constant)
    }

    /// All stages are computed, and for each row one is picked.
    fn choose(&mut self, gate: &Gate, scores: &[String]) -> String {
        let choice = match gate {
            Gate::Stage(stage) => return scores[*stage].clone(),
            Gate::Choose(choice) => choice,
        };
        let feature = self.pick(&[i64::from(choice.feature)]);
        let condition = self.expression(&[&choice.condition], &feature).into_bool(self);
        let (yes, no) = (self.choose(&choice.yes, scores), self.choose(&choice.no, scores));
        self.node("", "Where", &[&condition, &yes, &no], Vec::new())
    }

    fn trees(
        &mut self,
        forests: &[&Forest],
        aggregate: Aggregate,
        rounded: bool,
        constant: &mut f64,
        all_covers: &mut Option<Covers>,
    ) -> Option<String> {
        let mut list = TreeLists::default();
        for forest in forests {
            for tree in &forest.trees {
                match tree.nodes()[0] {
                    // TreeEnsemble cannot say "only a leaf"; in a sum it is part of the constant.
                    Node::Leaf(value) if aggregate == Aggregate::Sum => *constant += forest.scale * value,
                    _ => list.push(tree.nodes(), tree.covers(), forest.scale),
                }
            }
        }
        if list.roots.is_empty() {
            return None;
        }
        match (all_covers.as_mut(), list.has_covers) {
            (Some(covers), true) => {
                covers.splits.push(std::mem::take(&mut list.hit_rates));
                covers.leaves.push(std::mem::take(&mut list.leaf_covers));
            }
            _ => *all_covers = None,
        }
        let mut input = INPUT.to_owned();
        if rounded {
            input = self.node("", "Cast", &[&input], vec![int("to", FLOAT)]);
            input = self.node("", "Cast", &[&input], vec![int("to", DOUBLE)]);
        }
        let aggregate_code = match aggregate {
            Aggregate::Sum => 1,
            Aggregate::Minimum => 2,
            Aggregate::Maximum => 3,
        };
        let attributes = list.attributes(aggregate_code);
        Some(self.node("ai.onnx.ml", "TreeEnsemble", &[&input], attributes))
    }

    /// One matrix product for each group of columns whose functions differ only in their numbers.
    fn columns(&mut self, columns: &[Column]) -> Vec<String> {
        let mut groups: Vec<(String, Vec<&Column>)> = Vec::new();
        for column in columns {
            let mut shape = String::new();
            describe_shape(&column.function, &mut shape);
            match groups.iter_mut().find(|(known, _)| *known == shape) {
                Some((_, group)) => group.push(column),
                None => groups.push((shape, vec![column])),
            }
        }
        groups.iter().map(|(_, group)| self.column_group(group)).collect()
    }

    fn column_group(&mut self, group: &[&Column]) -> String {
        let indices: Vec<i64> = group.iter().map(|column| i64::from(column.feature)).collect();
        let picked = self.pick(&indices);
        let functions: Vec<&Expression> = group.iter().map(|column| &column.function).collect();
        let values = self.expression(&functions, &picked).into_double(self);
        let weights: Vec<f64> = group.iter().map(|column| column.weight).collect();
        let weights = self.doubles("weights", &[weights.len() as i64, 1], &weights);
        self.node("", "MatMul", &[&values, &weights], Vec::new())
    }

    fn expression(&mut self, functions: &[&Expression], input: &str) -> Emitted {
        match functions[0] {
            Expression::Feature => Emitted::Double(input.to_owned()),
            Expression::Number(_) => {
                let numbers: Vec<f64> = functions.iter().map(|function| number_of(function)).collect();
                Emitted::Double(self.doubles("numbers", &[1, numbers.len() as i64], &numbers))
            }
            Expression::Unary(operation, _) => {
                let inner = self.expression(&parts(functions, 0), input);
                self.unary(*operation, inner)
            }
            Expression::Binary(operation, _, _) => {
                let left = self.expression(&parts(functions, 0), input).into_double(self);
                let right = self.expression(&parts(functions, 1), input).into_double(self);
                let operator = match operation {
                    Binary::Add => "Add",
                    Binary::Subtract => "Sub",
                    Binary::Multiply => "Mul",
                    Binary::Divide => "Div",
                    Binary::Minimum => "Min",
                    Binary::Maximum => "Max",
                    Binary::LessOrEqual => {
                        return Emitted::Bool(self.node("", "LessOrEqual", &[&left, &right], Vec::new()));
                    }
                };
                Emitted::Double(self.node("", operator, &[&left, &right], Vec::new()))
            }
            Expression::Choose(..) => {
                let condition = self.expression(&parts(functions, 0), input).into_bool(self);
                let yes = self.expression(&parts(functions, 1), input).into_double(self);
                let no = self.expression(&parts(functions, 2), input).into_double(self);
                Emitted::Double(self.node("", "Where", &[&condition, &yes, &no], Vec::new()))
            }
        }
    }

    fn unary(&mut self, operation: Unary, inner: Emitted) -> Emitted {
        let operator = match operation {
            Unary::IsMissing => {
                let value = inner.into_double(self);
                return Emitted::Bool(self.node("", "IsNaN", &[&value], Vec::new()));
            }
            Unary::Not => {
                let value = inner.into_bool(self);
                return Emitted::Bool(self.node("", "Not", &[&value], Vec::new()));
            }
            Unary::RoundToF32 => {
                let value = inner.into_double(self);
                let value = self.node("", "Cast", &[&value], vec![int("to", FLOAT)]);
                return Emitted::Double(self.node("", "Cast", &[&value], vec![int("to", DOUBLE)]));
            }
            Unary::Abs => "Abs",
            Unary::Sign => "Sign",
            Unary::Log => "Log",
            Unary::Sqrt => "Sqrt",
            Unary::Negate => "Neg",
        };
        let value = inner.into_double(self);
        Emitted::Double(self.node("", operator, &[&value], Vec::new()))
    }

    fn pick(&mut self, features: &[i64]) -> String {
        let name = self.fresh("indices");
        self.constants.push(int_tensor(features).text(8, &name));
        self.node("", "Gather", &[INPUT, &name], vec![int("axis", 1)])
    }

    fn sum(&mut self, mut parts: Vec<String>, constant: f64) -> String {
        if parts.is_empty() {
            // A constant model still gives one number a row: 0 times the features, missing ones filled.
            let missing = self.node("", "IsNaN", &[INPUT], Vec::new());
            let zero = self.doubles("zero", &[1, 1], &[0.0]);
            let filled = self.node("", "Where", &[&missing, &zero, &zero], Vec::new());
            let attributes = vec![int("keepdims", 1)];
            let axes = self.fresh("axes");
            self.constants.push(int_tensor(&[1]).text(8, &axes));
            parts.push(self.node("", "ReduceSum", &[&filled, &axes], attributes));
        }
        let mut total = self.doubles("constant", &[1, 1], &[constant]);
        for part in &parts {
            total = self.node("", "Add", &[&total, part], Vec::new());
        }
        total
    }

    fn finish(self, feature_count: usize, metadata: &[(String, String)]) -> Vec<u8> {
        let mut graph = Message::default();
        for node in self.nodes {
            graph = graph.message(1, node);
        }
        graph = graph.text(2, "foretune");
        for constant in self.constants {
            graph = graph.message(5, constant);
        }
        graph = graph.message(11, value_info(INPUT, feature_count as i64)).message(12, value_info(OUTPUT, 1));
        let mut model = Message::default()
            .int(1, IR_VERSION)
            .text(2, "foretune")
            .text(3, env!("CARGO_PKG_VERSION"))
            .message(7, graph);
        for (domain, version) in [("", ONNX_OPSET), ("ai.onnx.ml", ML_OPSET)] {
            model = model.message(8, Message::default().text(1, domain).int(2, version));
        }
        for (key, value) in metadata {
            model = model.message(14, Message::default().text(1, key).text(2, value));
        }
        model.finish()
    }
}

/// A value and its type: conditions are booleans in ONNX, and numbers here.
enum Emitted {
    Double(String),
    Bool(String),
}

impl Emitted {
    fn into_double(self, graph: &mut GraphWriter) -> String {
        match self {
            Self::Double(name) => name,
            Self::Bool(name) => graph.node("", "Cast", &[&name], vec![int("to", DOUBLE)]),
        }
    }

    fn into_bool(self, graph: &mut GraphWriter) -> String {
        match self {
            Self::Bool(name) => name,
            Self::Double(name) => graph.node("", "Cast", &[&name], vec![int("to", BOOL)]),
        }
    }
}

/// TreeEnsemble's parallel lists: splits of all trees, then leaves of all trees.
#[derive(Debug, Default)]
struct TreeLists {
    roots: Vec<i64>,
    features: Vec<i64>,
    modes: Vec<u8>,
    thresholds: Vec<f64>,
    missing_true: Vec<i64>,
    on_true: Vec<i64>,
    on_false: Vec<i64>,
    true_is_leaf: Vec<i64>,
    false_is_leaf: Vec<i64>,
    hit_rates: Vec<f64>,
    leaf_values: Vec<f64>,
    leaf_covers: Vec<f64>,
    has_covers: bool,
}

impl TreeLists {
    fn push(&mut self, nodes: &[Node], covers: Option<&[f64]>, scale: f64) {
        self.has_covers = covers.is_some() && (self.has_covers || self.roots.is_empty());
        if let Node::Leaf(value) = nodes[0] {
            // Only in minima and maxima: a split whose two sides are the same leaf.
            let leaf = self.leaf_values.len() as i64;
            self.roots.push(self.features.len() as i64);
            self.push_split(0, 0, 0.0, false, covers.map_or(0.0, |covers| covers[0]));
            self.on_true.push(leaf);
            self.on_false.push(leaf + 1);
            self.true_is_leaf.push(1);
            self.false_is_leaf.push(1);
            for _ in 0..2 {
                self.leaf_values.push(scale * value);
                self.leaf_covers.push(covers.map_or(0.0, |covers| covers[0] / 2.0));
            }
            return;
        }
        let mut list_index = Vec::with_capacity(nodes.len());
        let (mut splits, mut leaves) = (self.features.len() as i64, self.leaf_values.len() as i64);
        for node in nodes {
            let next = match node {
                Node::Split(_) => &mut splits,
                Node::Leaf(_) => &mut leaves,
            };
            list_index.push(*next);
            *next += 1;
        }
        self.roots.push(list_index[0]);
        let is_leaf = |at: u32| i64::from(matches!(nodes[at as usize], Node::Leaf(_)));
        for (at, node) in nodes.iter().enumerate() {
            let cover = covers.map_or(0.0, |covers| covers[at]);
            match node {
                Node::Leaf(value) => {
                    self.leaf_values.push(scale * value);
                    self.leaf_covers.push(cover);
                }
                Node::Split(split) => {
                    self.push_split(
                        i64::from(split.feature),
                        code_of_branch(split.branch),
                        split.threshold,
                        split.missing_goes_true,
                        cover,
                    );
                    self.on_true.push(list_index[split.on_true as usize]);
                    self.on_false.push(list_index[split.on_false as usize]);
                    self.true_is_leaf.push(is_leaf(split.on_true));
                    self.false_is_leaf.push(is_leaf(split.on_false));
                }
            }
        }
    }

    fn push_split(&mut self, feature: i64, mode: u8, threshold: f64, missing_true: bool, cover: f64) {
        self.features.push(feature);
        self.modes.push(mode);
        self.thresholds.push(threshold);
        self.missing_true.push(i64::from(missing_true));
        self.hit_rates.push(cover);
    }

    fn attributes(&self, aggregate: i64) -> Vec<Message> {
        let count = self.features.len() as i64;
        let leaf_count = self.leaf_values.len() as i64;
        vec![
            int("aggregate_function", aggregate),
            ints("leaf_targetids", &vec![0; self.leaf_values.len()]),
            tensor("leaf_weights", double_tensor(&[leaf_count], &self.leaf_values)),
            int("n_targets", 1),
            ints("nodes_falseleafs", &self.false_is_leaf),
            ints("nodes_falsenodeids", &self.on_false),
            ints("nodes_featureids", &self.features),
            ints("nodes_missing_value_tracks_true", &self.missing_true),
            tensor("nodes_modes", Message::default().int(1, count).int(2, UINT8).bytes(9, &self.modes)),
            tensor("nodes_splits", double_tensor(&[count], &self.thresholds)),
            ints("nodes_trueleafs", &self.true_is_leaf),
            ints("nodes_truenodeids", &self.on_true),
            int("post_transform", 0),
            ints("tree_roots", &self.roots),
        ]
    }
}

fn parts<'a>(functions: &[&'a Expression], index: usize) -> Vec<&'a Expression> {
    let part = |function: &&'a Expression| -> &'a Expression {
        match function {
            Expression::Unary(_, inner) => inner,
            Expression::Binary(_, left, right) => [left, right][index],
            Expression::Choose(condition, yes, no) => [condition, yes, no][index],
            Expression::Feature | Expression::Number(_) => {
                unreachable!("all functions of a group have one shape, and leaves of it have no parts")
            }
        }
    };
    functions.iter().map(part).collect()
}

fn number_of(function: &Expression) -> f64 {
    match function {
        Expression::Number(number) => *number,
        _ => f64::NAN,
    }
}

fn describe_shape(function: &Expression, into: &mut String) {
    match function {
        Expression::Feature => into.push('x'),
        Expression::Number(_) => into.push('#'),
        Expression::Unary(operation, inner) => {
            into.push_str(&format!("{operation:?}("));
            describe_shape(inner, into);
            into.push(')');
        }
        Expression::Binary(operation, left, right) => {
            into.push_str(&format!("{operation:?}("));
            describe_shape(left, into);
            into.push(',');
            describe_shape(right, into);
            into.push(')');
        }
        Expression::Choose(condition, yes, no) => {
            into.push_str("Choose(");
            for part in [condition, yes, no] {
                describe_shape(part, into);
                into.push(',');
            }
            into.push(')');
        }
    }
}

fn int(name: &str, value: i64) -> Message {
    Message::default().text(1, name).int(3, value).int(20, 2)
}

fn ints(name: &str, values: &[i64]) -> Message {
    Message::default().text(1, name).packed_ints(8, values).int(20, 7)
}

fn tensor(name: &str, value: Message) -> Message {
    Message::default().text(1, name).message(5, value).int(20, 4)
}

fn double_tensor(dims: &[i64], values: &[f64]) -> Message {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Message::default().packed_ints(1, dims).int(2, DOUBLE).bytes(9, &raw)
}

fn int_tensor(values: &[i64]) -> Message {
    let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Message::default().packed_ints(1, &[values.len() as i64]).int(2, INT64).bytes(9, &raw)
}

fn value_info(name: &str, width: i64) -> Message {
    let batch = Message::default().text(2, "rows");
    let columns = Message::default().int(1, width);
    let shape = Message::default().message(1, batch).message(1, columns);
    let tensor = Message::default().int(1, DOUBLE).message(2, shape);
    Message::default().text(1, name).message(2, Message::default().message(1, tensor))
}
