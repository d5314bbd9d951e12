//! A model's `config.json`: refused by field, or read into a shape that is the same once written and read again.
#![no_main]

use foretune_engine::ModelConfig;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(config) = ModelConfig::from_json(text) else { return };
    let again = ModelConfig::from_json(&config.to_json().to_string()).expect("what we write can be read");
    assert_eq!(config, again);
});
