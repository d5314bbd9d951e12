//! Logs of other programs, as each kind of file: refused by name, or read into runs whose traces can be read and
//! exported; and tables of how runs ended.
#![no_main]

use foretune_core::imports::import;
use foretune_core::imports::finished::read_finished;
use foretune_core::runs::{Metrics, read_trace};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    for name in ["trainer_state.json", "export.csv", "log.jsonl", "train.log", "events.tfevents.1"] {
        let Ok(runs) = import(name, data) else { continue };
        for run in runs {
            assert!(run.steps.windows(2).all(|pair| pair[0].step < pair[1].step));
            if !run.readings.is_empty() {
                read_trace(&run.trace()).expect("what we write can be read");
            }
            if let Ok(metrics) = Metrics::of_trace(&run.trace()) {
                import("export.csv", metrics.wandb_csv("a").as_bytes()).expect("what we export can be imported");
            }
        }
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    for finished in read_finished(text).unwrap_or_default() {
        let _ = finished.record(None, None);
    }
});
