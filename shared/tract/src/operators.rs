//! Operators that tract lacks, or has only in single precision or blind to missing values: trees, and functions of
//! one number. They take whole batches and keep the precision of their input.

use std::sync::Arc;

use foretune_core::predict::onnx::tree_nodes::TreeNode;
use tract_core::internal::{
    DatumType, DatumTypeExt, EvalContext, EvalOp, IntoTensor, Op, StaticName, TValue, TVec, Tensor,
    TractResult, TypedFact, TypedOp, as_op, bail, op_as_typed_op, op_out_of_plan, tvec,
};
use tract_core::ops::element_wise::ElementWiseMiniOp;

/// TreeEnsembleRegressor and TreeEnsemble: `[rows, features]` to `[rows, 1]`, summed in double precision.
#[derive(Debug, Clone)]
pub struct Trees(pub Arc<TreeNode>);

impl PartialEq for Trees {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Trees {}

impl Op for Trees {
    fn name(&self) -> StaticName {
        "Trees".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Trees {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext<'_>, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let [input] = inputs.as_slice() else { bail!("trees read one tensor") };
        let &[rows, features] = input.shape() else { bail!("trees read rows of features") };
        let wide = input.cast_to::<f64>()?;
        let values = wide.try_as_plain_ram()?.as_slice::<f64>()?;
        let mut scores = Vec::with_capacity(rows);
        for row in values.chunks_exact(features) {
            scores.push(self.0.base + self.0.forest.predict(row));
        }
        let scores = Tensor::from_shape(&[rows, 1], &scores)?;
        Ok(tvec!(scores.cast_to_dt(input.datum_type())?.into_owned().into_tensor().into()))
    }
}

impl TypedOp for Trees {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let rows = inputs[0].shape[0].clone();
        Ok(tvec!(inputs[0].datum_type.fact([rows, 1.into()])))
    }

    as_op!();
}

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Function {
    Log,
    Exp,
    Reciprocal,
    Relu,
    LeakyRelu { alpha: f64 },
    Elu { alpha: f64 },
    Selu { alpha: f64, gamma: f64 },
    HardSigmoid { alpha: f64, beta: f64 },
    Tanh,
    Sigmoid,
    Softplus,
    Softsign,
    Erf,
    IsMissing,
}

// Its numbers come from a file and are compared as they stand there.
impl Eq for Function {}

impl Function {
    pub fn at(self, x: f64) -> f64 {
        let exponential = |alpha: f64| if x < 0.0 { alpha * libm::expm1(x) } else { x };
        match self {
            Self::Log => libm::log(x),
            Self::Exp => libm::exp(x),
            Self::Reciprocal => 1.0 / x,
            // Written so that a missing value stays missing.
            Self::Relu => {
                if x < 0.0 {
                    0.0
                } else {
                    x
                }
            }
            Self::LeakyRelu { alpha } => {
                if x < 0.0 {
                    alpha * x
                } else {
                    x
                }
            }
            Self::Elu { alpha } => exponential(alpha),
            Self::Selu { alpha, gamma } => gamma * exponential(alpha),
            Self::HardSigmoid { alpha, beta } => (alpha * x + beta).clamp(0.0, 1.0),
            Self::Tanh => libm::tanh(x),
            Self::Sigmoid => 1.0 / (1.0 + libm::exp(-x)),
            Self::Softplus => {
                if x > 0.0 {
                    x + libm::log1p(libm::exp(-x))
                } else {
                    libm::log1p(libm::exp(x))
                }
            }
            Self::Softsign => x / (1.0 + x.abs()),
            Self::Erf => libm::erf(x),
            Self::IsMissing => f64::from(u8::from(x.is_nan())),
        }
    }
}

impl ElementWiseMiniOp for Function {
    fn name(&self) -> String {
        format!("{self:?}")
    }

    fn output_type(&self, input: DatumType) -> Option<DatumType> {
        Some(if *self == Self::IsMissing { DatumType::Bool } else { input })
    }

    fn eval_out_of_place(&self, input: &Tensor, _: Option<DatumType>) -> TractResult<Tensor> {
        let wide = input.cast_to::<f64>()?;
        let values = wide.try_as_plain_ram()?.as_slice::<f64>()?;
        if *self == Self::IsMissing {
            let flags: Vec<bool> = values.iter().map(|x| x.is_nan()).collect();
            return Tensor::from_shape(input.shape(), &flags);
        }
        let values: Vec<f64> = values.iter().map(|x| self.at(*x)).collect();
        let result = Tensor::from_shape(input.shape(), &values)?;
        Ok(result.cast_to_dt(input.datum_type())?.into_owned())
    }
}
