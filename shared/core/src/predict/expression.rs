//! A function of one feature, as the linear part of a model has them: filling in missing values, taking
//! logarithms, clipping, standardising. Small and bounded; shared parts count each time they are used.

use std::sync::Arc;

#[derive(Debug, Clone, PartialEq)]
pub enum Expression {
    /// The feature itself.
    Feature,
    Number(f64),
    Unary(Unary, Arc<Expression>),
    Binary(Binary, Arc<Expression>, Arc<Expression>),
    /// Second where the first is not 0, else third.
    Choose(Arc<Expression>, Arc<Expression>, Arc<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unary {
    IsMissing,
    Not,
    Abs,
    Sign,
    Log,
    Sqrt,
    Negate,
    RoundToF32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binary {
    Add,
    Subtract,
    Multiply,
    Divide,
    Minimum,
    Maximum,
    /// 1 or 0; 0 where a value is missing.
    LessOrEqual,
}

impl Expression {
    pub fn at(&self, value: f64) -> f64 {
        match self {
            Self::Feature => value,
            Self::Number(number) => *number,
            Self::Unary(operation, inner) => operation.apply(inner.at(value)),
            Self::Binary(operation, left, right) => operation.apply(left.at(value), right.at(value)),
            Self::Choose(condition, yes, no) => {
                if condition.at(value) == 0.0 {
                    no.at(value)
                } else {
                    yes.at(value)
                }
            }
        }
    }

    pub fn unary(operation: Unary, inner: Expression) -> Self {
        Self::Unary(operation, Arc::new(inner))
    }

    pub fn binary(operation: Binary, left: Expression, right: Expression) -> Self {
        Self::Binary(operation, Arc::new(left), Arc::new(right))
    }
}

impl Unary {
    pub fn apply(self, x: f64) -> f64 {
        match self {
            Self::IsMissing => f64::from(u8::from(x.is_nan())),
            Self::Not => f64::from(u8::from(x == 0.0)),
            Self::Abs => x.abs(),
            // ONNX: the sign of 0 is 0.
            Self::Sign => {
                if x > 0.0 {
                    1.0
                } else if x < 0.0 {
                    -1.0
                } else {
                    x
                }
            }
            Self::Log => libm::log(x),
            Self::Sqrt => x.sqrt(),
            Self::Negate => -x,
            Self::RoundToF32 => f64::from(x as f32),
        }
    }
}

impl Binary {
    pub fn apply(self, x: f64, y: f64) -> f64 {
        match self {
            Self::Add => x + y,
            Self::Subtract => x - y,
            Self::Multiply => x * y,
            Self::Divide => x / y,
            // A missing value stays missing, as in onnxruntime; f64::min would drop it.
            Self::Minimum | Self::Maximum if x.is_nan() || y.is_nan() => f64::NAN,
            Self::Minimum => x.min(y),
            Self::Maximum => x.max(y),
            Self::LessOrEqual => f64::from(u8::from(x <= y)),
        }
    }
}
