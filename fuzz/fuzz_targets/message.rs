//! Messages of clients that nobody vouches for: refused by a rule, or read into one that is the same once written
//! and read again.
#![no_main]

use foretune_core::wire::read_client;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match read_client(text) {
        Ok(message) => {
            let written = message.to_json();
            let again = read_client(&written).expect("what was read can be read again");
            assert_eq!(again.to_json(), written);
        }
        Err((_, refusal)) => assert!(!refusal.fix.is_empty() && refusal.message.len() < 10_000),
    }
});
