//! Logs of other programs, as each kind of file: refused by name, or read into runs whose traces can be read.
#![no_main]

use foretune_core::imports::import;
use foretune_core::runs::read_trace;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for name in ["trainer_state.json", "export.csv", "log.jsonl", "events.tfevents.1"] {
        let Ok(runs) = import(name, data) else { continue };
        for run in runs {
            assert!(run.steps.windows(2).all(|pair| pair[0].step < pair[1].step));
            if !run.readings.is_empty() {
                read_trace(&run.trace()).expect("what we write can be read");
            }
        }
    }
});
