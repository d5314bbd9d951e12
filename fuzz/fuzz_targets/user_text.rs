//! Texts that a user hands to the lab and to choosing: sweep files, tables, traces. Refused by their place, or read; a
//! sweep is the same once written and read again.
#![no_main]

use foretune_core::choosing::table::Table;
use foretune_core::lab::Sweep;
use foretune_core::runs::{Metrics, read_trace};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(sweep) = Sweep::parse(text) {
        let again = Sweep::parse(&sweep.text()).expect("what we write can be read");
        assert_eq!(again.fingerprint(), sweep.fingerprint());
    }
    let _ = Table::parse(text);
    let _ = read_trace(text);
    let _ = Metrics::of_trace(text);
});
