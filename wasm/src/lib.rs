//! WebAssembly face of the shared crates: thin, no logic of its own. Bytes and JSON go in and out;
//! one thread, no clock, no network. A panic is told to the page before the instance is given up.

mod advising;
mod catalogue;
mod checking;
mod cleaning;
mod failure;
mod lent;
mod options;
#[cfg(feature = "proxy")]
mod proxy;
mod reading;

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(start)]
pub fn start() {
    failure::report_panics();
}
