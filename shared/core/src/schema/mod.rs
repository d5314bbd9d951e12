//! From a record to a training example: which of the known shapes it has, and its turns.

mod example;

pub use example::{Example, Role, Turn};
