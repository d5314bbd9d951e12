//! How many threads training takes, said in the one place where candle looks for it.

use std::num::NonZero;
use std::thread::available_parallelism;

const NAME: &str = "RAYON_NUM_THREADS";

/// Call it first in `main`. candle asks the environment at every matrix product, and where that says nothing
/// reads `/proc/cpuinfo` each time: a quarter of a small model's probe, measured. One thread for each core that
/// this process may use: hyper-threads share the units that multiply.
#[allow(unsafe_code)]
pub fn settle() {
    if std::env::var_os(NAME).is_some() {
        return;
    }
    let allowed = available_parallelism().map_or(1, NonZero::get);
    let count = num_cpus::get_physical().clamp(1, allowed);
    // SAFETY: nobody reads the environment meanwhile, since no other thread exists yet.
    unsafe { std::env::set_var(NAME, count.to_string()) };
}
