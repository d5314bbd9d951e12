//! All of Foretune's thinking, pure: bytes in, facts out. No files, sockets, clocks, threads or
//! randomness of its own, so that the browser and the command line give the same numbers to the bit.

pub mod advice;
pub mod check;
pub mod choosing;
pub mod describe;
pub mod features;
pub mod findings;
pub mod formats;
pub mod hash;
pub mod imports;
pub mod jobs;
pub mod json;
pub mod lab;
pub mod limits;
pub mod links;
pub mod numerics;
pub mod predict;
pub mod recognise;
pub mod runs;
pub mod schema;
pub mod source;
pub mod svg;
#[cfg(feature = "tokenizer")]
pub mod tokenizer;
pub mod trainers;
pub mod wire;
pub mod words;
