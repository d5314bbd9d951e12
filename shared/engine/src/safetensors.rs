//! The safetensors container: a checked header, a reader over bytes, a writer. Reading by ranges stays
//! with the caller, so that a 15 GB shard is never held twice.

use std::borrow::Cow;
use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use foretune_core::limits::{MAX_SAFETENSORS_HEADER_BYTES, MAX_TENSORS};
use serde_json::{Map, Value};

use crate::error::{EngineError, Result};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub dtype: DType,
    pub shape: Vec<usize>,
    /// Byte range in the file.
    pub start: u64,
    pub end: u64,
}

/// What a safetensors file says it holds; every range lies inside the file.
#[derive(Debug, Clone, Default)]
pub struct Header {
    pub entries: BTreeMap<String, Entry>,
    pub metadata: BTreeMap<String, String>,
}

impl Header {
    /// Bytes of the header, from the first eight bytes of the file.
    pub fn length(first_eight: [u8; 8], file_bytes: u64) -> Result<u64> {
        let length = u64::from_le_bytes(first_eight);
        if length > MAX_SAFETENSORS_HEADER_BYTES || length + 8 > file_bytes {
            return Err(damaged(format!(
                "its header says {length} bytes, the file has {file_bytes}: cut off, or not safetensors"
            )));
        }
        Ok(length)
    }

    /// `header` are the bytes after the length.
    pub fn parse(header: &[u8], file_bytes: u64) -> Result<Self> {
        let json: Map<String, Value> = serde_json::from_slice(header)
            .map_err(|error| damaged(format!("its header is not JSON: {error}")))?;
        if json.len() > MAX_TENSORS {
            return Err(damaged(format!("{} tensors, more than {MAX_TENSORS}", json.len())));
        }
        let data_start = 8 + header.len() as u64;
        let mut parsed = Self::default();
        for (name, value) in json {
            if name == "__metadata__" {
                let texts = value.as_object().into_iter().flatten();
                parsed
                    .metadata
                    .extend(texts.filter_map(|(key, text)| Some((key.clone(), text.as_str()?.to_owned()))));
                continue;
            }
            let entry = entry(&name, &value, data_start, file_bytes)?;
            parsed.entries.insert(name, entry);
        }
        Ok(parsed)
    }
}

fn entry(name: &str, value: &Value, data_start: u64, file_bytes: u64) -> Result<Entry> {
    let bad = |expected: &str, found: String| EngineError::Tensor {
        name: name.to_owned(),
        expected: expected.to_owned(),
        found,
    };
    let dtype = match value.get("dtype").and_then(Value::as_str) {
        Some("BF16") => DType::BF16,
        Some("F16") => DType::F16,
        Some("F32") => DType::F32,
        Some("F64") => DType::F64,
        other => return Err(bad("dtype BF16, F16, F32 or F64", other.unwrap_or("none").to_owned())),
    };
    let numbers =
        |key: &str| -> Option<Vec<u64>> { value.get(key)?.as_array()?.iter().map(Value::as_u64).collect() };
    let shape = numbers("shape").ok_or_else(|| bad("a shape of whole numbers", value.to_string()))?;
    let offsets = numbers("data_offsets").filter(|list| list.len() == 2);
    let offsets = offsets.ok_or_else(|| bad("two data offsets", value.to_string()))?;
    let bytes = shape
        .iter()
        .try_fold(dtype.size_in_bytes() as u64, |total, size| total.checked_mul(*size))
        .ok_or_else(|| bad("a shape that fits in memory", format!("{shape:?}")))?;
    let (Some(start), Some(end)) = (data_start.checked_add(offsets[0]), data_start.checked_add(offsets[1]))
    else {
        return Err(bad("data offsets inside the file", format!("{offsets:?}")));
    };
    if end > file_bytes {
        return Err(bad(
            &format!("data up to byte {end}"),
            format!("a file of {file_bytes} bytes: cut off, download it again"),
        ));
    }
    if end.checked_sub(start) != Some(bytes) {
        return Err(bad(&format!("{bytes} bytes for shape {shape:?}"), format!("offsets {offsets:?}")));
    }
    Ok(Entry { dtype, shape: shape.into_iter().map(|size| size as usize).collect(), start, end })
}

/// Where a model's tensors come from: a file, several shards, bytes in memory.
pub trait TensorSource {
    fn entry(&self, name: &str) -> Option<Entry>;
    /// The bytes of one tensor, little-endian, row by row.
    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>>;
}

/// A whole safetensors file in memory.
#[derive(Debug)]
pub struct SafetensorsBytes<'a> {
    bytes: &'a [u8],
    pub header: Header,
}

impl<'a> SafetensorsBytes<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Self> {
        let Some(first) = bytes.first_chunk::<8>() else {
            return Err(damaged(format!("{} bytes are no safetensors file", bytes.len())));
        };
        let length = Header::length(*first, bytes.len() as u64)? as usize;
        Ok(Self { bytes, header: Header::parse(&bytes[8..8 + length], bytes.len() as u64)? })
    }
}

impl TensorSource for SafetensorsBytes<'_> {
    fn entry(&self, name: &str) -> Option<Entry> {
        self.header.entries.get(name).cloned()
    }

    fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>> {
        let entry = self.header.entries.get(name);
        let entry = entry.ok_or_else(|| EngineError::MissingTensor { name: name.to_owned() })?;
        Ok(Cow::Borrowed(&self.bytes[entry.start as usize..entry.end as usize]))
    }
}

/// Reads one tensor, checks its shape and that it holds no NaN or infinity.
pub fn load(
    source: &dyn TensorSource,
    name: &str,
    shape: &[usize],
    dtype: DType,
    device: &Device,
) -> Result<Tensor> {
    let entry = source.entry(name).ok_or_else(|| EngineError::MissingTensor { name: name.to_owned() })?;
    if entry.shape != shape {
        return Err(EngineError::Tensor {
            name: name.to_owned(),
            expected: format!("shape {shape:?} by the config"),
            found: format!("{:?}", entry.shape),
        });
    }
    let bytes = source.bytes(name)?;
    let size = entry.dtype.size_in_bytes();
    if bytes.len() != shape.iter().product::<usize>() * size {
        return Err(damaged(format!("tensor {name:?} has {} bytes", bytes.len())));
    }
    if let Some(index) = bytes.chunks_exact(size).position(|value| not_finite(value, entry.dtype)) {
        return Err(EngineError::Tensor {
            name: name.to_owned(),
            expected: "finite numbers".into(),
            found: format!("NaN or infinity at entry {index}"),
        });
    }
    let tensor = Tensor::from_raw_buffer(&bytes, entry.dtype, shape, &Device::Cpu)?;
    // Half the bytes to move when the file is already in the device's type.
    Ok(if entry.dtype.size_in_bytes() <= dtype.size_in_bytes() {
        tensor.to_device(device)?.to_dtype(dtype)?
    } else {
        tensor.to_dtype(dtype)?.to_device(device)?
    })
}

/// Whether all exponent bits of one little-endian value are set.
fn not_finite(value: &[u8], dtype: DType) -> bool {
    let [.., low, high] = *value else { return false };
    let top = u16::from_le_bytes([low, high]);
    let exponent = match dtype {
        DType::F16 => 0x7c00,
        DType::F64 => 0x7ff0,
        _ => 0x7f80,
    };
    top & exponent == exponent
}

/// A safetensors file of these tensors, in name order, as `torch` and `peft` read them.
pub fn write(tensors: &BTreeMap<String, Tensor>, metadata: &BTreeMap<String, String>) -> Result<Vec<u8>> {
    let mut header = Map::new();
    let mut data = Vec::new();
    if !metadata.is_empty() {
        header.insert("__metadata__".into(), serde_json::json!(metadata));
    }
    for (name, tensor) in tensors {
        let start = data.len();
        let flat = tensor.to_device(&Device::Cpu)?.flatten_all()?;
        let dtype = if tensor.dtype() == DType::BF16 {
            let values = flat.to_vec1::<half::bf16>()?;
            data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            "BF16"
        } else {
            let values = flat.to_dtype(DType::F32)?.to_vec1::<f32>()?;
            data.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            "F32"
        };
        header.insert(
            name.clone(),
            serde_json::json!({"dtype": dtype, "shape": tensor.dims(), "data_offsets": [start, data.len()]}),
        );
    }
    let mut text = Value::Object(header).to_string().into_bytes();
    while !text.len().is_multiple_of(8) {
        text.push(b' ');
    }
    let mut file = (text.len() as u64).to_le_bytes().to_vec();
    file.extend(text);
    file.extend(data);
    Ok(file)
}

fn damaged(reason: String) -> EngineError {
    EngineError::Container { reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, wave};

    fn file() -> Vec<u8> {
        let tensors = BTreeMap::from([
            ("a".to_owned(), wave((3, 4), 1.0)),
            ("b".to_owned(), wave(5, 2.0).to_dtype(DType::BF16).unwrap()),
        ]);
        write(&tensors, &BTreeMap::from([("format".to_owned(), "pt".to_owned())])).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let file = file();
        let source = SafetensorsBytes::new(&file).unwrap();
        let a = load(&source, "a", &[3, 4], DType::F32, &Device::Cpu).unwrap();
        assert_close(&a, &wave((3, 4), 1.0), 0.0);
        let b = load(&source, "b", &[5], DType::F32, &Device::Cpu).unwrap();
        assert_close(&b, &wave(5, 2.0), 0.01);
        assert_eq!(source.header.metadata["format"], "pt");
    }

    #[test]
    fn a_cut_file_is_refused_wherever_it_is_cut() {
        let file = file();
        for length in 0..file.len() {
            assert!(SafetensorsBytes::new(&file[..length]).is_err(), "cut at {length}");
        }
    }

    #[test]
    fn wrong_shapes_missing_names_and_nan_are_named() {
        let file = file();
        let source = SafetensorsBytes::new(&file).unwrap();
        let load = |name: &str, shape: &[usize]| load(&source, name, shape, DType::F32, &Device::Cpu);
        assert!(load("a", &[4, 3]).unwrap_err().to_string().contains("[4, 3]"));
        assert!(load("c", &[1]).unwrap_err().to_string().contains("\"c\""));
        for (dtype, bad) in [(DType::F32, f32::NAN), (DType::BF16, f32::INFINITY)] {
            let tensor = Tensor::new(&[1.0, bad], &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
            let file = write(&BTreeMap::from([("x".to_owned(), tensor)]), &BTreeMap::new()).unwrap();
            let source = SafetensorsBytes::new(&file).unwrap();
            let error = super::load(&source, "x", &[2], DType::F32, &Device::Cpu).unwrap_err();
            assert!(error.to_string().contains("entry 1"), "{error}");
        }
    }
}
