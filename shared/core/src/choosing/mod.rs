//! Choosing models before paying: learning curves, checkpoints, small models for large ones.
//! CSV text in, results and pictures out; every repair of the input is listed with row and column.

pub mod checkpoints;
pub mod curves;
pub mod offer;
pub mod problem;
pub mod scale;
pub mod table;
