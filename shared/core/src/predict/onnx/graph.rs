//! Follows an ONNX graph once with symbols instead of numbers: columns that are each a function of one
//! feature, constants, and a score that is a sum. What cannot be written so is refused by name.

use std::sync::Arc;

use super::error::OnnxError;
use super::proto::{Attribute, ElementType, Node, Tensor};
use super::tree_nodes;
use crate::limits;
use crate::predict::expression::{Binary, Expression, Unary};
use crate::predict::model::{Column, Model};
use crate::predict::staged::Staged;

/// A function of at most one feature, and how many operations it takes.
#[derive(Debug, Clone)]
pub struct Symbol {
    pub feature: Option<u32>,
    pub expression: Arc<Expression>,
    operations: usize,
}

#[derive(Debug, Clone)]
pub enum Traced {
    /// One symbol a column; the rows are the batch.
    Columns(Vec<Symbol>),
    Constant(Constant),
    /// One number a row.
    Score(Staged),
}

#[derive(Debug, Clone)]
pub struct Constant {
    pub dims: Vec<i64>,
    pub numbers: Vec<f64>,
}

pub struct Context<'a> {
    pub feature_count: usize,
    pub covers: &'a tree_nodes::Covers,
    /// TreeEnsemble nodes met so far.
    pub ensembles: usize,
    /// Symbols made so far, so that a small file cannot ask for endless columns.
    pub symbols: usize,
}

impl Symbol {
    pub fn feature(index: usize, element: ElementType) -> Self {
        let symbol =
            Self { feature: Some(index as u32), expression: Arc::new(Expression::Feature), operations: 1 };
        match element {
            ElementType::Float => symbol.unary(Unary::RoundToF32),
            _ => symbol,
        }
    }

    fn number(value: f64) -> Self {
        Self { feature: None, expression: Arc::new(Expression::Number(value)), operations: 1 }
    }

    fn unary(&self, operation: Unary) -> Self {
        Self {
            feature: self.feature,
            expression: Arc::new(Expression::Unary(operation, Arc::clone(&self.expression))),
            operations: self.operations + 1,
        }
    }

    /// Whether trees can read it: the feature, at most rounded to float32.
    fn as_plain_feature(&self) -> Option<(u32, bool)> {
        match (&*self.expression, self.feature) {
            (Expression::Feature, Some(feature)) => Some((feature, false)),
            (Expression::Unary(Unary::RoundToF32, inner), Some(feature)) => {
                matches!(**inner, Expression::Feature).then_some((feature, true))
            }
            _ => None,
        }
    }
}

impl Constant {
    pub fn from_tensor(tensor: &Tensor) -> Self {
        let numbers = if tensor.ints.is_empty() {
            tensor.numbers.clone()
        } else {
            tensor.ints.iter().map(|int| *int as f64).collect()
        };
        Self { dims: tensor.dims.clone(), numbers }
    }

    fn row(values: &[f64]) -> Self {
        Self { dims: vec![values.len() as i64], numbers: values.to_vec() }
    }

    /// As a row that is the same for the whole batch: `[F]`, `[1, F]` or a scalar.
    fn as_row(&self) -> Option<&[f64]> {
        let leading = self.dims.len().saturating_sub(1);
        self.dims[..leading].iter().all(|dim| *dim == 1).then_some(&self.numbers[..])
    }
}

/// What the first output of a node is, from what its inputs are.
pub fn trace(node: &Node, inputs: &[&Traced], context: &mut Context<'_>) -> Result<Traced, OnnxError> {
    let step = Step { node };
    let traced = match (node.domain.as_str(), node.operator.as_str()) {
        ("", "Identity" | "Dropout") => step.input(inputs, 0)?.clone(),
        ("", "Cast") => step.cast(step.input(inputs, 0)?)?,
        ("", "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze") => step.reshape(step.input(inputs, 0)?)?,
        ("", "Constant") => step.constant()?,
        ("", "IsNaN") => step.map(step.input(inputs, 0)?, Unary::IsMissing)?,
        ("", "Not") => step.map(step.input(inputs, 0)?, Unary::Not)?,
        ("", "Abs") => step.map(step.input(inputs, 0)?, Unary::Abs)?,
        ("", "Sign") => step.map(step.input(inputs, 0)?, Unary::Sign)?,
        ("", "Log") => step.map(step.input(inputs, 0)?, Unary::Log)?,
        ("", "Sqrt") => step.map(step.input(inputs, 0)?, Unary::Sqrt)?,
        ("", "Neg") => step.map(step.input(inputs, 0)?, Unary::Negate)?,
        ("", "Add" | "Sum") => step.fold(inputs, Binary::Add)?,
        ("", "Sub") => step.pair(inputs, Binary::Subtract)?,
        ("", "Mul") => step.pair(inputs, Binary::Multiply)?,
        ("", "Div") => step.pair(inputs, Binary::Divide)?,
        ("", "Max") => step.fold(inputs, Binary::Maximum)?,
        ("", "Min") => step.fold(inputs, Binary::Minimum)?,
        ("", "LessOrEqual") => step.pair(inputs, Binary::LessOrEqual)?,
        ("", "Clip") => step.clip(inputs)?,
        ("", "Where") => step.choose(inputs)?,
        ("", "Concat") => step.concat(inputs)?,
        ("", "Gather") | ("ai.onnx.ml", "ArrayFeatureExtractor") => step.gather(inputs)?,
        ("", "ReduceSum") => step.reduce_sum(inputs, context)?,
        ("", "MatMul") => step.matrix_product(inputs, context)?,
        ("", "Gemm") => step.gemm(inputs, context)?,
        ("ai.onnx.ml", "Scaler") => step.scaler(step.input(inputs, 0)?)?,
        ("ai.onnx.ml", "LinearRegressor") => step.linear_regressor(step.input(inputs, 0)?, context)?,
        ("ai.onnx.ml", "TreeEnsembleRegressor" | "TreeEnsemble") => {
            step.trees(step.input(inputs, 0)?, context)?
        }
        _ => {
            let domain = if node.domain.is_empty() { "ai.onnx" } else { &node.domain };
            let operator = format!("{domain}.{}", node.operator);
            return Err(OnnxError::UnknownOperator { operator, node: node.name.clone() });
        }
    };
    if let Traced::Columns(columns) = &traced {
        let longest = columns.iter().map(|symbol| symbol.operations).max().unwrap_or(0);
        context.symbols += columns.len();
        if longest > limits::MAX_COLUMN_OPERATIONS || context.symbols > limits::MAX_ONNX_ELEMENTS {
            return Err(OnnxError::TooMany {
                what: "operations on one feature",
                found: longest.max(context.symbols) as u64,
                limit: limits::MAX_COLUMN_OPERATIONS as u64,
            });
        }
    }
    Ok(traced)
}

struct Step<'a> {
    node: &'a Node,
}

impl Step<'_> {
    fn fault(&self, what: &str) -> OnnxError {
        OnnxError::Node {
            node: self.node.name.clone(),
            operator: "graph",
            what: format!("{} {what}", self.node.operator),
        }
    }

    fn input<'t>(&self, inputs: &[&'t Traced], index: usize) -> Result<&'t Traced, OnnxError> {
        inputs.get(index).copied().ok_or_else(|| self.fault("has too few inputs"))
    }

    fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.node.attributes.iter().find(|attribute| attribute.name == name)
    }

    fn cast(&self, input: &Traced) -> Result<Traced, OnnxError> {
        let to = self.attribute("to").and_then(|attribute| attribute.int);
        match (input, to) {
            (Traced::Columns(_), Some(1)) => self.map(input, Unary::RoundToF32),
            (_, Some(1 | 9 | 11)) => Ok(input.clone()),
            _ => Err(self.fault("goes to a type other than float, double or bool")),
        }
    }

    /// Scores may change shape (`[N, 1]`, `[N]`): the numbers stay the same, one a row.
    fn reshape(&self, input: &Traced) -> Result<Traced, OnnxError> {
        match input {
            Traced::Score(_) => Ok(input.clone()),
            _ => Err(self.fault("changes the shape of something that is not the score")),
        }
    }

    fn constant(&self) -> Result<Traced, OnnxError> {
        let tensor = self.attribute("value").and_then(|attribute| attribute.tensor.as_ref());
        let tensor = tensor.ok_or_else(|| self.fault("holds no tensor"))?;
        Ok(Traced::Constant(Constant::from_tensor(tensor)))
    }

    fn map(&self, input: &Traced, operation: Unary) -> Result<Traced, OnnxError> {
        match input {
            Traced::Columns(columns) => {
                Ok(Traced::Columns(columns.iter().map(|symbol| symbol.unary(operation)).collect()))
            }
            Traced::Constant(constant) => Ok(Traced::Constant(Constant {
                dims: constant.dims.clone(),
                numbers: constant.numbers.iter().map(|number| operation.apply(*number)).collect(),
            })),
            Traced::Score(score) if operation == Unary::Negate => {
                Ok(Traced::Score(score.then_affine(0.0, -1.0)))
            }
            Traced::Score(_) => Err(self.fault("is applied to the score, which then is no sum any more")),
        }
    }

    fn fold(&self, inputs: &[&Traced], operation: Binary) -> Result<Traced, OnnxError> {
        let mut result = self.input(inputs, 0)?.clone();
        for next in &inputs[1..] {
            result = self.pair(&[&result, next], operation)?;
        }
        Ok(result)
    }

    fn pair(&self, inputs: &[&Traced], operation: Binary) -> Result<Traced, OnnxError> {
        match (self.input(inputs, 0)?, self.input(inputs, 1)?) {
            (Traced::Score(score), other) => self.score_pair(score, other, operation),
            (Traced::Constant(constant), Traced::Score(score)) => {
                let number = self.scalar(constant)?;
                match operation {
                    Binary::Add => Ok(Traced::Score(score.then_affine(number, 1.0))),
                    Binary::Subtract => Ok(Traced::Score(score.then_affine(number, -1.0))),
                    Binary::Multiply => Ok(Traced::Score(score.then_affine(0.0, number))),
                    _ => Err(self.fault("makes the score something else than a sum")),
                }
            }
            (left, right) => {
                let (left, right) = self.broadcast(left, right)?;
                let pairs = left.iter().zip(&right);
                let columns: Result<Vec<Symbol>, _> = pairs
                    .map(|(left, right)| {
                        let expression = Expression::Binary(
                            operation,
                            Arc::clone(&left.expression),
                            Arc::clone(&right.expression),
                        );
                        self.join(&[left, right], expression)
                    })
                    .collect();
                Ok(Traced::Columns(columns?))
            }
        }
    }

    fn score_pair(&self, score: &Staged, other: &Traced, operation: Binary) -> Result<Traced, OnnxError> {
        match (other, operation) {
            (Traced::Score(other), Binary::Add | Binary::Subtract) => {
                let weight = if operation == Binary::Add { 1.0 } else { -1.0 };
                let sum = score.clone().plus(other.clone(), weight);
                sum.map(Traced::Score).ok_or_else(|| self.fault("adds two scores that both choose"))
            }
            (Traced::Columns(columns), Binary::Add | Binary::Subtract) if columns.len() == 1 => {
                let weight = if operation == Binary::Add { 1.0 } else { -1.0 };
                let column = linear(columns, &[weight], score.feature_count).into();
                let sum = score.clone().plus(column, 1.0);
                Ok(Traced::Score(sum.expect("one of them does not choose")))
            }
            (Traced::Constant(constant), operation) => {
                let number = self.scalar(constant)?;
                let (offset, scale) = match operation {
                    Binary::Add => (number, 1.0),
                    Binary::Subtract => (-number, 1.0),
                    Binary::Multiply => (0.0, number),
                    Binary::Divide if number != 0.0 => (0.0, 1.0 / number),
                    _ => return Err(self.fault("makes the score something else than a sum")),
                };
                Ok(Traced::Score(score.then_affine(offset, scale)))
            }
            _ => Err(self.fault("makes the score something else than a sum")),
        }
    }

    fn scalar(&self, constant: &Constant) -> Result<f64, OnnxError> {
        match constant.numbers.as_slice() {
            [number] if number.is_finite() => Ok(*number),
            _ => Err(self.fault("needs one finite number beside the score")),
        }
    }

    fn clip(&self, inputs: &[&Traced]) -> Result<Traced, OnnxError> {
        let mut result = self.input(inputs, 0)?.clone();
        let attributes = [("min", Binary::Maximum), ("max", Binary::Minimum)];
        for (index, (name, operation)) in attributes.into_iter().enumerate() {
            // From opset 11 the bounds are inputs, before that attributes.
            let bound = match (inputs.get(index + 1), self.attribute(name).and_then(|found| found.float)) {
                (Some(bound), _) => (*bound).clone(),
                (None, Some(bound)) => Traced::Constant(Constant::row(&[bound])),
                (None, None) => continue,
            };
            result = self.pair(&[&result, &bound], operation)?;
        }
        Ok(result)
    }

    fn choose(&self, inputs: &[&Traced]) -> Result<Traced, OnnxError> {
        if inputs.iter().skip(1).any(|input| matches!(input, Traced::Score(_))) {
            return self.choose_score(inputs);
        }
        let width = inputs.iter().filter_map(|input| self.columns(input).ok()).map(<[Symbol]>::len).max();
        let width = width.ok_or_else(|| self.fault("chooses between things that are not columns"))?;
        let widen = |index: usize| self.widened(self.input(inputs, index)?, width);
        let (condition, yes, no) = (widen(0)?, widen(1)?, widen(2)?);
        let columns: Result<Vec<Symbol>, _> = (0..width)
            .map(|at| {
                let (condition, yes, no) = (&condition[at], &yes[at], &no[at]);
                let expression = Expression::Choose(
                    Arc::clone(&condition.expression),
                    Arc::clone(&yes.expression),
                    Arc::clone(&no.expression),
                );
                self.join(&[condition, yes, no], expression)
            })
            .collect();
        Ok(Traced::Columns(columns?))
    }

    fn choose_score(&self, inputs: &[&Traced]) -> Result<Traced, OnnxError> {
        let [condition] = self.columns(self.input(inputs, 0)?)? else {
            return Err(self.fault("chooses the score by more than one column"));
        };
        let feature = condition.feature.ok_or_else(|| self.fault("chooses the score by a constant"))?;
        let side = |index: usize| match self.input(inputs, index)? {
            Traced::Score(score) => Ok(score.clone()),
            Traced::Constant(constant) => Ok(Staged::constant(0, self.scalar(constant)?)),
            Traced::Columns(_) => Err(self.fault("mixes the score with columns")),
        };
        Staged::choice(feature, (*condition.expression).clone(), side(1)?, side(2)?)
            .map(Traced::Score)
            .ok_or_else(|| self.fault("chooses between more scores than are read"))
    }

    fn concat(&self, inputs: &[&Traced]) -> Result<Traced, OnnxError> {
        let axis = self.attribute("axis").and_then(|attribute| attribute.int);
        if !matches!(axis, Some(1 | -1)) {
            return Err(self.fault("joins along another axis than the columns"));
        }
        let mut joined = Vec::new();
        for input in inputs {
            let Traced::Columns(columns) = input else {
                return Err(self.fault("joins things that are not columns"));
            };
            joined.extend_from_slice(columns);
            if joined.len() > limits::MAX_MODEL_FEATURES {
                return Err(self.fault("makes more columns than are read"));
            }
        }
        Ok(Traced::Columns(joined))
    }

    fn gather(&self, inputs: &[&Traced]) -> Result<Traced, OnnxError> {
        let axis = self.attribute("axis").and_then(|attribute| attribute.int);
        let by_column = self.node.operator == "ArrayFeatureExtractor" || matches!(axis, Some(1 | -1));
        let (Traced::Columns(columns), Traced::Constant(indices)) =
            (self.input(inputs, 0)?, self.input(inputs, 1)?)
        else {
            return Err(self.fault("picks from something that is not columns"));
        };
        if !by_column || indices.numbers.len() > limits::MAX_MODEL_FEATURES {
            return Err(self.fault("picks along another axis than the columns"));
        }
        let picked: Option<Vec<Symbol>> = indices
            .numbers
            .iter()
            .map(|index| (*index >= 0.0).then(|| columns.get(*index as usize).cloned()).flatten())
            .collect();
        picked.map(Traced::Columns).ok_or_else(|| self.fault("picks a column that does not exist"))
    }

    fn scaler(&self, input: &Traced) -> Result<Traced, OnnxError> {
        let floats = |name: &str| self.attribute(name).map_or(&[][..], |attribute| &attribute.floats);
        let mut result = input.clone();
        if !floats("offset").is_empty() {
            let offset = Traced::Constant(Constant::row(floats("offset")));
            result = self.pair(&[&result, &offset], Binary::Subtract)?;
        }
        if !floats("scale").is_empty() {
            let scale = Traced::Constant(Constant::row(floats("scale")));
            result = self.pair(&[&result, &scale], Binary::Multiply)?;
        }
        Ok(result)
    }

    fn reduce_sum(&self, inputs: &[&Traced], context: &Context<'_>) -> Result<Traced, OnnxError> {
        let columns = self.columns(self.input(inputs, 0)?)?;
        let axes: Vec<f64> = match (inputs.get(1), self.attribute("axes")) {
            (Some(Traced::Constant(axes)), _) => axes.numbers.clone(),
            (None, Some(axes)) => axes.ints.iter().map(|axis| *axis as f64).collect(),
            _ => Vec::new(),
        };
        if axes != [1.0] && axes != [-1.0] {
            return Err(self.fault("sums along another axis than the columns"));
        }
        self.linear_score(columns, &vec![1.0; columns.len()], 0.0, context)
    }

    fn matrix_product(&self, inputs: &[&Traced], context: &Context<'_>) -> Result<Traced, OnnxError> {
        let (Traced::Columns(columns), Traced::Constant(weights)) =
            (self.input(inputs, 0)?, self.input(inputs, 1)?)
        else {
            return Err(self.fault("is not features times constants"));
        };
        self.one_output(columns, weights, false)?;
        self.linear_score(columns, &weights.numbers, 0.0, context)
    }

    fn gemm(&self, inputs: &[&Traced], context: &Context<'_>) -> Result<Traced, OnnxError> {
        let (Traced::Columns(columns), Traced::Constant(weights)) =
            (self.input(inputs, 0)?, self.input(inputs, 1)?)
        else {
            return Err(self.fault("is not features times constants"));
        };
        let int = |name: &str| self.attribute(name).and_then(|attribute| attribute.int).unwrap_or(0);
        let float = |name: &str| self.attribute(name).and_then(|attribute| attribute.float).unwrap_or(1.0);
        if int("transA") != 0 {
            return Err(self.fault("transposes the features"));
        }
        self.one_output(columns, weights, int("transB") != 0)?;
        let scaled: Vec<f64> = weights.numbers.iter().map(|weight| weight * float("alpha")).collect();
        let bias = match inputs.get(2) {
            None => 0.0,
            Some(Traced::Constant(constant)) => self.scalar(constant)? * float("beta"),
            Some(_) => return Err(self.fault("adds something that is not a constant")),
        };
        self.linear_score(columns, &scaled, bias, context)
    }

    fn one_output(&self, columns: &[Symbol], weights: &Constant, transposed: bool) -> Result<(), OnnxError> {
        let count = columns.len() as i64;
        let fits = match weights.dims.as_slice() {
            [rows] => *rows == count,
            [rows, 1] if !transposed => *rows == count,
            [1, rows] if transposed => *rows == count,
            _ => false,
        };
        if fits { Ok(()) } else { Err(self.fault("does not map the features to one number")) }
    }

    fn linear_regressor(&self, input: &Traced, context: &Context<'_>) -> Result<Traced, OnnxError> {
        let columns = self.columns(input)?;
        if self.attribute("targets").and_then(|attribute| attribute.int).unwrap_or(1) != 1 {
            return Err(self.fault("has more than one target"));
        }
        let transform = self.attribute("post_transform").and_then(|attribute| attribute.text.as_deref());
        if !matches!(transform, None | Some("NONE")) {
            return Err(self.fault("transforms its output"));
        }
        let floats = |name: &str| self.attribute(name).map_or(&[][..], |attribute| &attribute.floats);
        let bias = match floats("intercepts") {
            [] => 0.0,
            [bias] => *bias,
            _ => return Err(self.fault("has more than one intercept")),
        };
        self.linear_score(columns, floats("coefficients"), bias, context)
    }

    fn linear_score(
        &self,
        columns: &[Symbol],
        weights: &[f64],
        bias: f64,
        context: &Context<'_>,
    ) -> Result<Traced, OnnxError> {
        if weights.len() != columns.len() {
            return Err(self.fault("has another number of coefficients than of features"));
        }
        if !(bias.is_finite() && weights.iter().all(|weight| weight.is_finite())) {
            return Err(self.fault("has coefficients that are not finite"));
        }
        let mut score = linear(columns, weights, context.feature_count);
        score.constant += bias;
        Ok(Traced::Score(score.into()))
    }

    fn trees(&self, input: &Traced, context: &mut Context<'_>) -> Result<Traced, OnnxError> {
        let columns = self.columns(input)?;
        let plain: Option<Vec<(u32, bool)>> = columns.iter().map(Symbol::as_plain_feature).collect();
        let in_order = plain.filter(|plain| {
            plain.len() == context.feature_count
                && plain.iter().enumerate().all(|(index, (feature, _))| index == *feature as usize)
        });
        let plain = in_order.ok_or_else(|| self.fault("reads transformed, picked or reordered features"))?;
        let mut found = match self.node.operator.as_str() {
            "TreeEnsemble" => {
                let (splits, leaves) = (&context.covers.splits, &context.covers.leaves);
                let known = splits.get(context.ensembles).zip(leaves.get(context.ensembles));
                context.ensembles += 1;
                let known = known.map(|(splits, leaves)| (splits.as_slice(), leaves.as_slice()));
                tree_nodes::ensemble(self.node, context.feature_count, known)?
            }
            _ => tree_nodes::regressor(self.node, context.feature_count)?,
        };
        found.forest.rounds_input = plain.iter().any(|(_, rounded)| *rounded);
        let mut score = Model::constant(context.feature_count, found.base);
        score.forests.push(found.forest);
        Ok(Traced::Score(score.into()))
    }

    fn columns<'t>(&self, input: &'t Traced) -> Result<&'t [Symbol], OnnxError> {
        match input {
            Traced::Columns(columns) => Ok(columns),
            _ => Err(self.fault("needs the features as its input")),
        }
    }

    fn broadcast(&self, left: &Traced, right: &Traced) -> Result<(Vec<Symbol>, Vec<Symbol>), OnnxError> {
        let width = |input: &Traced| match input {
            Traced::Columns(columns) => columns.len(),
            Traced::Constant(constant) => constant.numbers.len(),
            Traced::Score(_) => 0,
        };
        let width = width(left).max(width(right));
        Ok((self.widened(left, width)?, self.widened(right, width)?))
    }

    fn widened(&self, input: &Traced, width: usize) -> Result<Vec<Symbol>, OnnxError> {
        let symbols: Vec<Symbol> = match input {
            Traced::Columns(columns) => columns.clone(),
            Traced::Constant(constant) => {
                let row = constant.as_row().filter(|row| row.len() <= limits::MAX_MODEL_FEATURES);
                let row = row.ok_or_else(|| self.fault("needs constants of one row"))?;
                row.iter().map(|number| Symbol::number(*number)).collect()
            }
            Traced::Score(_) => return Err(self.fault("mixes the score with columns")),
        };
        match symbols.as_slice() {
            [only] => Ok(vec![only.clone(); width]),
            _ if symbols.len() == width => Ok(symbols),
            _ => Err(self.fault("joins columns of different numbers")),
        }
    }

    fn join(&self, parts: &[&Symbol], expression: Expression) -> Result<Symbol, OnnxError> {
        let mut feature = None;
        for part in parts {
            if feature.is_some() && part.feature.is_some() && feature != part.feature {
                return Err(self.fault("multiplies or joins two features, which is no sum over features"));
            }
            feature = feature.or(part.feature);
        }
        let operations = 1 + parts.iter().map(|part| part.operations).sum::<usize>();
        Ok(Symbol { feature, expression: Arc::new(expression), operations })
    }
}

fn linear(columns: &[Symbol], weights: &[f64], feature_count: usize) -> Model {
    let mut model = Model::constant(feature_count, 0.0);
    for (symbol, weight) in columns.iter().zip(weights) {
        match symbol.feature {
            Some(feature) => {
                let function = (*symbol.expression).clone();
                model.columns.push(Column { feature, weight: *weight, function });
            }
            None => model.constant += weight * symbol.expression.at(f64::NAN),
        }
    }
    model
}
