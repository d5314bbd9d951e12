//! A large model's scores from small ones: COD as published (arXiv 2502.17262, clustering on difficulty), our
//! pooled law, and the simple extrapolations both have to beat. Rows of the target model are never read for a
//! prediction, but for its parameter count.

mod baselines;
mod benchmark;
mod cod;
mod input;
mod interval;
mod law;
mod picture;
mod pooled;
mod report;

pub use benchmark::{Cell, ScaleBenchmark, benchmark};
pub use cod::{CodOptions, CodResult};
pub use input::{ScaleOptions, Series};
pub use law::Law;
pub use picture::picture;
pub use report::{ClusterSummary, PredictedTask, ScaleReport, Support, scale};

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleMethod {
    /// The largest small model's score.
    Carry,
    /// A line in the logarithm of the size, task by task.
    Linear,
    /// The exponential law, task by task.
    EndToEnd,
    /// COD exactly as published.
    Cod,
    /// Ours.
    Pooled,
}

impl ScaleMethod {
    pub const ALL: [Self; 5] = [Self::Carry, Self::Linear, Self::EndToEnd, Self::Cod, Self::Pooled];

    pub fn name(self) -> &'static str {
        match self {
            Self::Carry => "carry",
            Self::Linear => "linear",
            Self::EndToEnd => "end-to-end",
            Self::Cod => "cod",
            Self::Pooled => "pooled",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

#[cfg(test)]
mod tests;
