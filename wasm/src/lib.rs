//! WebAssembly face of the shared crates: thin, no logic of its own. Bytes and JSON go in and out;
//! one thread, no clock, no network. A panic is told to the page before the instance is given up.

#[cfg(feature = "check")]
mod advising;
#[cfg(feature = "bench-shap")]
mod bench_shap;
#[cfg(feature = "check")]
mod catalogue;
#[cfg(feature = "check")]
mod checking;
#[cfg(feature = "choosing")]
mod choosing;
#[cfg(feature = "check")]
mod cleaning;
mod failure;
#[cfg(feature = "forecast")]
mod forecasting;
#[cfg(feature = "choosing")]
mod importing;
#[cfg(feature = "check")]
mod lent;
#[cfg(feature = "check")]
mod options;
#[cfg(feature = "proxy")]
mod proxy;
#[cfg(feature = "check")]
mod reading;
#[cfg(feature = "recalibrate")]
mod recalibrating;
#[cfg(feature = "report")]
mod reporting;
#[cfg(feature = "tract")]
mod second_engine;
#[cfg(any(feature = "check", feature = "proxy"))]
mod source;

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen(start)]
pub fn start() {
    failure::report_panics();
}
