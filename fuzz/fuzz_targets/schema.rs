//! Any JSON value as a row, with and without a mapping.
#![no_main]

use foretune_core::json::parse_tolerant;
use foretune_core::limits::MAX_PROBLEMS_PER_RECORD;
use foretune_core::schema::{Mapping, convert, detect, suggest_mapping};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let Some(value) = parse_tolerant(&text).value else { return };
    let mut problems = Vec::new();
    let converted = convert(&value, None, &mut problems);
    assert_eq!(converted.as_ref().map(|converted| converted.kind), detect(&value, None));
    assert!(converted.is_some() || !problems.is_empty());
    assert!(problems.len() <= MAX_PROBLEMS_PER_RECORD);
    let columns: Vec<&str> = text.split(',').collect();
    suggest_mapping(&columns);
    if let Ok(mapping) = Mapping::parse(&text) {
        assert_eq!(Mapping::parse(&mapping.to_string()), Ok(mapping));
    }
    let mapping = Mapping::parse("instruction=messages,output=text").expect("a good mapping");
    convert(&value, Some(&mapping), &mut Vec::new());
});
