//! One record: the tolerant reader survives anything and agrees with the strict one.
#![no_main]

use foretune_core::json::{parse, parse_strict, parse_tolerant, to_json_text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let tolerant = parse_tolerant(&text);
    assert!(tolerant.value.is_some() || !tolerant.problems.is_empty());
    if let Some(strict) = parse_strict(&text) {
        assert_eq!(tolerant.value.as_ref(), Some(&strict));
        assert_eq!(parse_strict(&to_json_text(&strict)), Some(strict));
    }
    parse(&text, &mut Vec::new());
});
