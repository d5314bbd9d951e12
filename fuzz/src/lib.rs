//! Reading a whole input as the product does, for the fuzz targets to compare and survive.

use foretune_core::formats::{Place, open_reading};
use foretune_core::schema::convert;

pub const USUAL_READ_BYTES: usize = 512 << 10;

/// Everything that reading gives, as comparable text; empty where the input is refused.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Reading {
    pub records: Vec<(Place, Vec<u8>)>,
    pub problems: Vec<String>,
}

pub fn read(bytes: &[u8], read_bytes: usize) -> Reading {
    let mut reading = Reading::default();
    let Ok(mut opened) = open_reading(bytes, read_bytes) else { return reading };
    while let Ok(Some(batch)) = opened.framer.next_batch() {
        reading.problems.extend(batch.problems.iter().map(|problem| format!("{problem:?}")));
        for index in 0..batch.len() {
            let mut record = opened.parser.parse(&batch, index);
            assert!(record.value.is_some() || !record.problems.is_empty(), "an unreadable row without a reason");
            if let Some(value) = &record.value {
                convert(value, None, &mut record.problems);
            }
            reading.records.push((record.place, batch.raw(index).to_vec()));
            reading.problems.push(format!("{:?}", record.problems));
        }
    }
    assert!(opened.framer.consumed_bytes() <= opened.info.stored_bytes.max(1) * 4);
    reading
}
