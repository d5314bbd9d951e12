//! One operator of ONNX after the other, as tract's: what is not named here is refused by name. None of them makes
//! a shape from data, and none draws, loops or branches.

use std::sync::Arc;

use foretune_core::predict::onnx::tree_nodes;
use tract_core::internal::{AxesMapping, DatumType, OutletId, SpecialOps, TDim, TVec, tensor0, tensor1};
use tract_core::ops::array::{Gather, Slice, TypedConcat};
use tract_core::ops::binary::{BinMiniOp, TypedBinOp};
use tract_core::ops::change_axes::AxisOp;
use tract_core::ops::einsum::EinSum;
use tract_core::ops::element_wise::{ElementWiseMiniOp, ElementWiseOp};
use tract_core::ops::logic::{self, Iff, comp_eq, comp_gt, comp_gte, comp_lt, comp_lte};
use tract_core::ops::math;
use tract_core::ops::nn::{Reduce, Reducer};

use crate::error::EngineError;
use crate::operators::{Function, Trees};
use crate::wiring::{Step, Value, tract};

type Wired = Result<OutletId, EngineError>;

impl<'a> Step<'a, '_> {
    pub fn wired(&mut self) -> Result<Value<'a>, EngineError> {
        if let ("", "Constant") = (self.node.domain.as_str(), self.node.operator.as_str()) {
            return self.constant();
        }
        self.tensor().map(Value::Tensor)
    }

    fn tensor(&mut self) -> Wired {
        match (self.node.domain.as_str(), self.node.operator.as_str()) {
            ("", "Identity" | "Dropout") => self.input(0),
            ("", "Cast") => self.cast(),
            ("", "Add" | "Sum") => self.fold(&math::Add),
            ("", "Sub") => self.pair(Box::new(math::Sub)),
            ("", "Mul") => self.fold(&math::Mul),
            ("", "Div") => self.pair(Box::new(math::Div)),
            ("", "Pow") => self.pair(Box::new(math::Pow)),
            ("", "Max" | "Min") => self.extremum(),
            ("", "Clip") => self.clip(),
            ("", "Less") => self.pair(comp_lt()),
            ("", "LessOrEqual") => self.pair(comp_lte()),
            ("", "Greater") => self.pair(comp_gt()),
            ("", "GreaterOrEqual") => self.pair(comp_gte()),
            ("", "Equal") => self.pair(comp_eq()),
            ("", "And") => self.pair(Box::new(logic::And)),
            ("", "Or") => self.pair(Box::new(logic::Or)),
            ("", "Not") => self.unary(Box::new(logic::Not {})),
            ("", "Abs") => self.unary(Box::new(math::Abs {})),
            ("", "Sign") => self.unary(Box::new(math::Sign {})),
            ("", "Sqrt") => self.unary(Box::new(math::Sqrt {})),
            ("", "Neg") => self.unary(Box::new(math::Neg {})),
            ("", "Where") => self.choose(),
            ("", "MatMul") => {
                let (left, right) = (self.input(0)?, self.input(1)?);
                self.product(left, right, false, false)
            }
            ("", "Gemm") => self.gemm(),
            ("", "ReduceSum" | "ReduceMean") => self.reduce(),
            ("", "Concat") => self.concat(),
            ("", "Gather") => self.gather(self.int("axis", 0)),
            ("ai.onnx.ml", "ArrayFeatureExtractor") => self.gather(-1),
            ("", "Slice") => self.slice(),
            ("", "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze") => self.reshape(),
            ("", "BatchNormalization") => self.normalise_batch(),
            ("ai.onnx.ml", "Scaler") => self.scale(),
            ("ai.onnx.ml", "LinearRegressor") => self.linear(),
            ("ai.onnx.ml", "TreeEnsembleRegressor" | "TreeEnsemble") => self.trees(),
            (domain, operator) => match self.function() {
                Some(function) if domain.is_empty() => self.unary(Box::new(function)),
                _ => {
                    let domain = if domain.is_empty() { "ai.onnx" } else { domain };
                    let operator = format!("{domain}.{operator}");
                    Err(EngineError::UnknownOperator { operator, node: self.node.name.clone() })
                }
            },
        }
    }

    fn function(&self) -> Option<Function> {
        let alpha = |default| self.float("alpha", default);
        Some(match self.node.operator.as_str() {
            "IsNaN" => Function::IsMissing,
            "Log" => Function::Log,
            "Exp" => Function::Exp,
            "Reciprocal" => Function::Reciprocal,
            "Relu" => Function::Relu,
            "LeakyRelu" => Function::LeakyRelu { alpha: alpha(0.01) },
            "Elu" => Function::Elu { alpha: alpha(1.0) },
            "Selu" => Function::Selu {
                alpha: alpha(1.673_263_192_176_818_8),
                gamma: self.float("gamma", 1.050_701_022_148_132_3),
            },
            "HardSigmoid" => Function::HardSigmoid { alpha: alpha(0.2), beta: self.float("beta", 0.5) },
            "Tanh" => Function::Tanh,
            "Sigmoid" => Function::Sigmoid,
            "Softplus" => Function::Softplus,
            "Softsign" => Function::Softsign,
            "Erf" => Function::Erf,
            _ => return None,
        })
    }

    fn constant(&mut self) -> Result<Value<'a>, EngineError> {
        if let Some(tensor) = self.attribute("value").and_then(|value| value.tensor.as_ref()) {
            return self.wiring.constant(tensor);
        }
        if let Some(ints) = self.attribute("value_ints") {
            return Ok(Value::Whole { rank: 1, numbers: &ints.ints });
        }
        let numbers = self.floats("value_floats");
        let wired = match self.attribute("value_float").and_then(|value| value.float) {
            Some(number) => self.wiring.numbers(&[], &[number], DatumType::F32),
            None => self.wiring.numbers(&[numbers.len()], numbers, DatumType::F32),
        };
        wired.map(Value::Tensor)
    }

    fn cast(&mut self) -> Wired {
        let to = match self.int("to", 0) {
            1 => DatumType::F32,
            9 => DatumType::Bool,
            11 => DatumType::F64,
            _ => return Err(self.fault("goes to a type other than float, double or bool")),
        };
        let input = self.input(0)?;
        self.wiring.cast(input, to)
    }

    fn unary(&mut self, operation: Box<dyn ElementWiseMiniOp>) -> Wired {
        let input = self.input(0)?;
        self.wiring.wire(ElementWiseOp(operation, None), &[input])
    }

    fn pair(&mut self, operation: Box<dyn BinMiniOp>) -> Wired {
        let inputs = [self.input(0)?, self.input(1)?];
        self.binary(operation, inputs)
    }

    fn binary(&mut self, operation: Box<dyn BinMiniOp>, inputs: [OutletId; 2]) -> Wired {
        let inputs = self.wiring.aligned(&inputs)?;
        self.wiring.wire(TypedBinOp(operation, None), &inputs)
    }

    fn fold(&mut self, operation: &(impl BinMiniOp + Clone)) -> Wired {
        let inputs = self.inputs()?;
        let (first, rest) = inputs.split_first().ok_or_else(|| self.fault("has too few inputs"))?;
        rest.iter().try_fold(*first, |sum, next| self.binary(Box::new(operation.clone()), [sum, *next]))
    }

    fn extremum(&mut self) -> Wired {
        let is_greatest = self.node.operator == "Max";
        let inputs = self.inputs()?;
        let (first, rest) = inputs.split_first().ok_or_else(|| self.fault("has too few inputs"))?;
        rest.iter().try_fold(*first, |best, next| self.farther(best, *next, is_greatest))
    }

    /// The greater or smaller of two. tract's own drops a missing value where ONNX keeps it.
    fn farther(&mut self, best: OutletId, next: OutletId, is_greatest: bool) -> Wired {
        let pair = self.wiring.aligned(&[best, next])?;
        let is_farther = if is_greatest { comp_gt() } else { comp_lt() };
        let is_farther = self.wiring.wire(TypedBinOp(is_farther, None), &[pair[1], pair[0]])?;
        let is_missing = self.wiring.wire(ElementWiseOp(Box::new(Function::IsMissing), None), &[pair[1]])?;
        let takes_next = self.binary(Box::new(logic::Or), [is_farther, is_missing])?;
        self.wiring.wire(Iff, &[takes_next, pair[1], pair[0]])
    }

    fn clip(&mut self) -> Wired {
        let mut result = self.input(0)?;
        let kind = self.wiring.kind(result)?;
        for (index, name, is_greatest) in [(1, "min", true), (2, "max", false)] {
            // From opset 11 the bounds are inputs, before that attributes.
            let bound = match (self.optional(index)?, self.attribute(name).and_then(|found| found.float)) {
                (Some(bound), _) => bound,
                (None, Some(bound)) => self.wiring.numbers(&[], &[bound], kind)?,
                (None, None) => continue,
            };
            result = self.farther(result, bound, is_greatest)?;
        }
        Ok(result)
    }

    fn choose(&mut self) -> Wired {
        let condition = self.input(0)?;
        let sides = [self.input(1)?, self.input(2)?];
        let sides = self.wiring.aligned(&sides)?;
        let condition = self.wiring.cast(condition, DatumType::Bool)?;
        let all = self.wiring.of_one_rank(&[condition, sides[0], sides[1]])?;
        self.wiring.wire(Iff, &all)
    }

    fn product(&mut self, left: OutletId, right: OutletId, turn_left: bool, turn_right: bool) -> Wired {
        let inputs = self.wiring.aligned(&[left, right])?;
        let (a, b) = (self.wiring.shape(inputs[0])?, self.wiring.shape(inputs[1])?);
        let (&[a0, a1], &[b0, b1]) = (a.as_slice(), b.as_slice()) else {
            return Err(self.fault("multiplies something else than two tables"));
        };
        let (inner, outer) = (if turn_left { a0 } else { a1 }, if turn_right { b1 } else { b0 });
        if inner != outer {
            return Err(self.fault(&format!("multiplies {inner} columns with {outer} rows")));
        }
        let axes = AxesMapping::for_numpy_matmul(2, turn_left, turn_right, false).map_err(tract)?;
        let kind = self.wiring.kind(inputs[0])?;
        self.wiring.wire(EinSum::new(axes, kind), &inputs)
    }

    fn gemm(&mut self) -> Wired {
        let (left, right) = (self.input(0)?, self.input(1)?);
        let mut result = self.product(left, right, self.int("transA", 0) != 0, self.int("transB", 0) != 0)?;
        result = self.times(result, self.float("alpha", 1.0))?;
        let Some(bias) = self.optional(2)? else { return Ok(result) };
        let bias = self.times(bias, self.float("beta", 1.0))?;
        self.binary(Box::new(math::Add), [result, bias])
    }

    fn times(&mut self, outlet: OutletId, factor: f64) -> Wired {
        if (factor - 1.0).abs() == 0.0 {
            return Ok(outlet);
        }
        let kind = self.wiring.kind(outlet)?;
        let factor = self.wiring.numbers(&[], &[factor], kind)?;
        self.binary(Box::new(math::Mul), [outlet, factor])
    }

    fn reduce(&mut self) -> Wired {
        let input = self.input(0)?;
        let shape = self.wiring.shape(input)?;
        let named = self.wholes(1, "axes")?.unwrap_or(&[]);
        if named.is_empty() {
            return Err(self.fault("sums over all rows"));
        }
        let axes = named.iter().map(|axis| self.axis(*axis, shape.len()));
        let axes: TVec<usize> = axes.collect::<Result<_, _>>()?;
        let count: usize = axes.iter().map(|axis| shape[*axis]).product();
        let reduced = Reduce { axes: axes.clone(), reducer: Reducer::Sum };
        let mut result = self.wiring.wire(reduced, &[input])?;
        if self.node.operator == "ReduceMean" {
            result = self.times(result, 1.0 / count as f64)?;
        }
        if self.int("keepdims", 1) != 0 {
            return Ok(result);
        }
        let kept = shape.iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
        let kept: Vec<usize> = kept.map(|(_, size)| *size).collect();
        self.shaped(result, &kept)
    }

    fn concat(&mut self) -> Wired {
        let inputs = self.inputs()?;
        let inputs = self.wiring.aligned(&inputs)?;
        let first = inputs.first().ok_or_else(|| self.fault("has too few inputs"))?;
        let axis = self.axis(self.int("axis", 0), self.wiring.shape(*first)?.len())?;
        self.wiring.wire(TypedConcat { axis }, &inputs)
    }

    fn gather(&mut self, axis: i64) -> Wired {
        let input = self.input(0)?;
        let shape = self.wiring.shape(input)?;
        let axis = self.axis(axis, shape.len())?;
        let Some(Value::Whole { rank, numbers }) = self.value(1)? else {
            return Err(self.fault("picks by something else than constants"));
        };
        let places = numbers.iter().map(|index| self.axis(*index, shape[axis]).map(|index| index as i64));
        let places: Vec<i64> = places.collect::<Result<_, _>>()?;
        // A single place of an extractor still is a column.
        let is_single = rank == 0 && self.node.operator == "Gather";
        let places = match places.as_slice() {
            [only] if is_single => tensor0(*only),
            _ => tensor1(&places),
        };
        let places =
            self.wiring.model.add_const(format!("places of {}", self.node.outputs.join(" ")), places);
        self.wiring.wire(Gather::new(axis), &[input, places.map_err(tract)?])
    }

    fn slice(&mut self) -> Wired {
        let mut result = self.input(0)?;
        let shape = self.wiring.shape(result)?;
        let (Some(starts), Some(ends)) = (self.wholes(1, "starts")?, self.wholes(2, "ends")?) else {
            return Err(self.fault("does not say from where to where"));
        };
        let axes = match self.wholes(3, "axes")? {
            Some(axes) => axes.to_vec(),
            None => (0..starts.len() as i64).collect(),
        };
        let steps = self.wholes(4, "steps")?.unwrap_or(&[]);
        if steps.iter().any(|step| *step != 1) || ends.len() != starts.len() || axes.len() != starts.len() {
            return Err(self.fault("leaves out what lies between"));
        }
        for ((start, end), axis) in starts.iter().zip(ends).zip(axes) {
            let axis = self.axis(axis, shape.len())?;
            let size = shape[axis] as i64;
            let place = |at: i64| (if at < 0 { at.saturating_add(size) } else { at }).clamp(0, size);
            let (start, end) = (place(*start), place(*end));
            if start >= end {
                return Err(self.fault("leaves nothing"));
            }
            result = self.wiring.wire(Slice::new(axis, start, end), &[result])?;
        }
        Ok(result)
    }

    fn reshape(&mut self) -> Wired {
        let input = self.input(0)?;
        let shape = self.wiring.shape(input)?;
        let wished: Vec<usize> = match self.node.operator.as_str() {
            "Flatten" => {
                let rank = shape.len() as i64;
                let axis = self.int("axis", 1);
                let axis = (if axis < 0 { axis + rank } else { axis }).clamp(0, rank) as usize;
                vec![shape[..axis].iter().product(), shape[axis..].iter().product()]
            }
            "Squeeze" => {
                let named = self.wholes(1, "axes")?.unwrap_or(&[]);
                let axes = named.iter().map(|axis| self.axis(*axis, shape.len()));
                let axes: Vec<usize> = axes.collect::<Result<_, _>>()?;
                let goes =
                    |axis, size| size == 1 && if axes.is_empty() { axis > 0 } else { axes.contains(&axis) };
                let kept = shape.iter().enumerate().filter(|(axis, size)| !goes(*axis, **size));
                kept.map(|(_, size)| *size).collect()
            }
            "Unsqueeze" => {
                let named = self.wholes(1, "axes")?.unwrap_or(&[]);
                let rank = shape.len() + named.len();
                let axes = named.iter().map(|axis| self.axis(*axis, rank));
                let axes: Vec<usize> = axes.collect::<Result<_, _>>()?;
                let mut old = shape.iter();
                let size = |axis| if axes.contains(&axis) { Some(1) } else { old.next().copied() };
                (0..rank).map_while(size).collect()
            }
            _ => self.reshaped(&shape)?,
        };
        if wished.iter().product::<usize>() != shape.iter().product::<usize>() {
            return Err(self.fault(&format!("makes {wished:?} of {shape:?}")));
        }
        self.shaped(input, &wished)
    }

    fn reshaped(&self, shape: &[usize]) -> Result<Vec<usize>, EngineError> {
        let wished = self.wholes(1, "shape")?.ok_or_else(|| self.fault("does not say the new shape"))?;
        if wished.len() > 8 {
            return Err(self.fault("has more than 8 axes"));
        }
        let known = |(axis, size): (usize, &i64)| match *size {
            -1 => Some(1),
            0 if self.int("allowzero", 0) == 0 => shape.get(axis).copied(),
            size => usize::try_from(size).ok().filter(|size| (1..=1 << 20).contains(size)),
        };
        let sizes: Option<Vec<usize>> = wished.iter().enumerate().map(known).collect();
        let mut sizes = sizes.ok_or_else(|| self.fault("asks for a size that does not exist"))?;
        let rest = sizes.iter().try_fold(1usize, |product, size| product.checked_mul(*size));
        let rest = rest.filter(|rest| *rest > 0).ok_or_else(|| self.fault("asks for too large a shape"))?;
        if let Some(open) = wished.iter().position(|size| *size == -1) {
            sizes[open] = shape.iter().product::<usize>() / rest;
        }
        Ok(sizes)
    }

    fn shaped(&mut self, outlet: OutletId, wished: &[usize]) -> Wired {
        let dims = |shape: &[usize]| shape.iter().map(|size| TDim::from(*size)).collect::<TVec<TDim>>();
        let shape = self.wiring.shape(outlet)?;
        if shape == wished {
            return Ok(outlet);
        }
        self.wiring.wire(AxisOp::Reshape(0, dims(&shape), dims(wished)), &[outlet])
    }

    /// `(x - mean) / sqrt(variance + epsilon) * scale + bias`, of each column.
    fn normalise_batch(&mut self) -> Wired {
        let (input, scale, bias) = (self.input(0)?, self.input(1)?, self.input(2)?);
        let (mean, variance) = (self.input(3)?, self.input(4)?);
        if self.int("training_mode", 0) != 0 || self.wiring.shape(input)?.len() != 2 {
            return Err(self.fault("normalises something else than rows by what was learnt"));
        }
        let kind = self.wiring.kind(variance)?;
        let epsilon = self.wiring.numbers(&[], &[self.float("epsilon", 1e-5)], kind)?;
        let spread = self.binary(Box::new(math::Add), [variance, epsilon])?;
        let spread = self.wiring.wire(ElementWiseOp(Box::new(math::Sqrt {}), None), &[spread])?;
        let centred = self.binary(Box::new(math::Sub), [input, mean])?;
        let standard = self.binary(Box::new(math::Div), [centred, spread])?;
        let scaled = self.binary(Box::new(math::Mul), [standard, scale])?;
        self.binary(Box::new(math::Add), [scaled, bias])
    }

    fn scale(&mut self) -> Wired {
        let mut result = self.input(0)?;
        let kind = self.wiring.kind(result)?;
        let steps: [(&str, Box<dyn BinMiniOp>); 2] =
            [("offset", Box::new(math::Sub)), ("scale", Box::new(math::Mul))];
        for (name, operation) in steps {
            let numbers = self.floats(name);
            if !numbers.is_empty() {
                let numbers = self.wiring.numbers(&[numbers.len()], numbers, kind)?;
                result = self.binary(operation, [result, numbers])?;
            }
        }
        Ok(result)
    }

    /// In double precision, whose result keeps the precision of the input.
    fn linear(&mut self) -> Wired {
        if self.int("targets", 1) != 1 {
            return Err(self.fault("has more than one target"));
        }
        let transform = self.attribute("post_transform").and_then(|attribute| attribute.text.as_deref());
        if !matches!(transform, None | Some("NONE")) {
            return Err(self.fault("transforms its output"));
        }
        let input = self.input(0)?;
        let kind = self.wiring.kind(input)?;
        let wide = self.wiring.cast(input, DatumType::F64)?;
        let (weights, bias) = (self.floats("coefficients"), self.floats("intercepts"));
        let weights = self.wiring.numbers(&[weights.len(), 1], weights, DatumType::F64)?;
        let mut result = self.product(wide, weights, false, false)?;
        if !bias.is_empty() {
            let bias = self.wiring.numbers(&[bias.len()], bias, DatumType::F64)?;
            result = self.binary(Box::new(math::Add), [result, bias])?;
        }
        self.wiring.cast(result, kind)
    }

    fn trees(&mut self) -> Wired {
        let input = self.input(0)?;
        let &[_, features] = self.wiring.shape(input)?.as_slice() else {
            return Err(self.fault("reads something else than rows of features"));
        };
        let found = match self.node.operator.as_str() {
            "TreeEnsemble" => tree_nodes::ensemble(self.node, features, None)?,
            _ => tree_nodes::regressor(self.node, features)?,
        };
        self.wiring.wire(Trees(Arc::new(found)), &[input])
    }
}
