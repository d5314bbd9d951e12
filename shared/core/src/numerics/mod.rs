//! Small, self-contained numerics for fits on tens to thousands of rows: dense matrices, least squares,
//! trees, Gaussian processes. Deterministic everywhere: seeds are passed in, transcendental functions come
//! from `libm`, sums run in a fixed order.

pub mod boosted_trees;
pub mod curves;
pub mod forest;
pub mod gaussian_process;
pub mod linear;
pub mod matrix;
pub mod mean_shift;
pub mod monotone;
pub mod nelder_mead;
pub mod parallel;
pub mod power_law;
pub mod quadrature;
pub mod random;
pub mod ridge;
pub mod smoothing_spline;
pub mod stats;

pub use matrix::Matrix;
pub use random::Random;
