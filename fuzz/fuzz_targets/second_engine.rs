//! Predictors of unknown origin for the second engine: refused by name, or read into a graph that gives a number or says
//! why not for any row, missing values included. What tract panics over becomes an error natively, so only a panic
//! that leaves our reader is a finding: libfuzzer's hook, which would end the process at each, is taken out.
#![no_main]

use foretune_tract::Engine;
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |data: &[u8]| {
    let Ok(engine) = Engine::open(data) else { return };
    for value in [f64::NAN, 0.0, -1e300, f64::INFINITY] {
        let _ = engine.scores(&vec![value; engine.feature_count()]);
    }
});
