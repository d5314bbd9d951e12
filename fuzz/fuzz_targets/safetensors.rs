//! Weights of unknown origin: refused by name, or every tensor that the header names can be read and has the size
//! of its shape.
#![no_main]

use foretune_engine::safetensors::{SafetensorsBytes, TensorSource, load};
use foretune_engine::{DType, Device};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(file) = SafetensorsBytes::new(data) else { return };
    for (name, entry) in &file.header.entries {
        assert!(entry.start >= 8 && entry.end <= data.len() as u64);
        let bytes = file.bytes(name).expect("a header that was accepted keeps its promises");
        assert_eq!(bytes.len(), entry.shape.iter().product::<usize>() * entry.dtype.size_in_bytes());
        let _ = load(&file, name, &entry.shape, DType::F32, &Device::Cpu);
    }
});
