//! JSON as it is found in training files: a borrowed value that keeps key order, and a reader that
//! explains what is wrong instead of only refusing.

mod value;

pub use value::Value;
