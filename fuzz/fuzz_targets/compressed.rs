//! Damaged archives end in an error or a problem, and never grow past the limit.
#![no_main]

use foretune_core::limits::{FREE_EXPANSION_BYTES, MAX_EXPANSION_RATIO};
use foretune_core::source::{ByteStream, Compression};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let compression = Compression::sniff(data);
    if compression == Compression::None {
        return;
    }
    let mut stream = ByteStream::new(data, compression);
    let mut buffer = vec![0; 1 << 20];
    let mut decoded = 0;
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        decoded += count as u64;
    }
    assert!(decoded <= FREE_EXPANSION_BYTES.max(data.len() as u64 * MAX_EXPANSION_RATIO));
});
