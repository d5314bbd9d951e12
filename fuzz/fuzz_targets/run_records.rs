//! Recorded runs of unknown origin: refused by file and line, or the same once written and read again.
#![no_main]

use foretune_core::lab::whole_length;
use foretune_core::runs::read_runs;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(whole) = whole_length(data) {
        assert!(whole <= data.len());
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(runs) = read_runs(text) else { return };
    // As text: what could not be measured is equal to itself.
    let lines = |runs: &[_]| -> String {
        runs.iter().map(|run| serde_json::to_string(run).expect("a record is text, numbers and lists") + "\n").collect()
    };
    let written = lines(&runs);
    let again = read_runs(&written).expect("what we write can be read");
    assert_eq!(lines(&again), written);
});
