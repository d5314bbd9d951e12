//! Which base model will have the lowest loss after full tuning, judged from small budgets. Losses beyond the
//! budget are never read; the prediction is made in log loss against log data size.

mod accept_then_stop;
mod benchmark;
mod drawn;
mod input;
mod interval;
mod laws;
mod next;
mod picture;
mod pooled;
mod report;

pub use benchmark::{Benchmark, CellScore, benchmark};
pub use drawn::{DrawnCurve, drawn};
pub use input::{CurveOptions, Curves, Measure};
pub use next::NextPoint;
pub use picture::picture;
pub use report::{CurveReport, RankedModel, rank};

use serde::Serialize;

/// How a full-data loss is foretold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Loss before any tuning.
    ZeroShot,
    /// Loss at the largest affordable size.
    SubTuning,
    /// More parameters, lower loss; gives an order, no loss.
    ModelSize,
    /// L = (1 / (B D^beta) + E)^alpha.
    VanillaLaw,
    /// L = B / (D_l + D^beta) + E.
    RectifiedLaw,
    /// "Accept then stop", arXiv 2402.02314.
    AcceptThenStop,
    /// Ours: each model's recent slope, accelerated as all models together accelerate.
    Pooled,
}

impl Method {
    pub const ALL: [Self; 7] = [
        Self::ZeroShot,
        Self::SubTuning,
        Self::ModelSize,
        Self::VanillaLaw,
        Self::RectifiedLaw,
        Self::AcceptThenStop,
        Self::Pooled,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::ZeroShot => "zero-shot",
            Self::SubTuning => "sub-tuning",
            Self::ModelSize => "model-size",
            Self::VanillaLaw => "vanilla-law",
            Self::RectifiedLaw => "rectified-law",
            Self::AcceptThenStop => "ats",
            Self::Pooled => "pooled",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// Predicted log loss of every model at the target size; None where the table lacks what the method needs.
fn predict(curves: &Curves, method: Method, target: f64) -> Option<Vec<f64>> {
    let octaves = libm::log2(target / curves.last_size());
    let each = |one: &dyn Fn(usize) -> f64| Some((0..curves.models()).map(one).collect());
    match method {
        Method::ZeroShot => curves.zero_shot.clone(),
        Method::SubTuning => each(&|model| curves.log_losses.at(model, curves.sizes.len() - 1)),
        // Any falling function of the size orders alike; minus the logarithm is on the scale of a law.
        Method::ModelSize => {
            let parameters = curves.parameters.as_ref()?;
            Some(parameters.iter().map(|count| -libm::log(*count)).collect())
        }
        Method::VanillaLaw => {
            each(&|model| laws::vanilla(&curves.sizes, curves.log_losses.row(model), target))
        }
        Method::RectifiedLaw => {
            // As published, the loss before tuning counts as one more point, at a vanishing size.
            let zero = |model: usize| curves.zero_shot.as_ref().map(|losses| losses[model]);
            let sizes: Vec<f64> =
                zero(0).map(|_| 1e-10).into_iter().chain(curves.sizes.iter().copied()).collect();
            each(&|model| {
                let losses: Vec<f64> =
                    zero(model).into_iter().chain(curves.log_losses.row(model).iter().copied()).collect();
                laws::rectified(&sizes, &losses, target)
            })
        }
        Method::AcceptThenStop => {
            each(&|model| accept_then_stop::predict(&curves.octaves, curves.log_losses.row(model), octaves))
        }
        Method::Pooled => Some(pooled::Fit::of(&curves.octaves, &curves.log_losses).predict(octaves)),
    }
}

#[cfg(test)]
mod tests;
