//! Parquet and Arrow files with damage anywhere. A panic of their readers is caught by ours and must
//! stay caught; memory is bounded by libFuzzer's own limit.
#![no_main]

use foretune_fuzz::{USUAL_READ_BYTES, read};
use libfuzzer_sys::{fuzz_target, fuzz_mutator, fuzzer_mutate};

// libfuzzer-sys aborts in its panic hook, before any unwinding: panics inside the guarded readers of
// others would look like crashes of ours, so the default hook is put back.
fuzz_target!(init: { let _ = std::panic::take_hook(); }, |data: &[u8]| {
    read(data, USUAL_READ_BYTES);
});

// Keeps the magic in place, so that mutants are read at all.
fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, _seed: u32| {
    let new_size = fuzzer_mutate(data, size, max_size);
    if new_size > 12 && data[0] == b'P' {
        data[..4].copy_from_slice(b"PAR1");
        data[new_size - 4..new_size].copy_from_slice(b"PAR1");
    }
    new_size
});
