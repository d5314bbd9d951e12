//! The same records and problems, however the bytes arrive.
#![no_main]

use foretune_fuzz::{USUAL_READ_BYTES, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else { return };
    assert_eq!(read(bytes, USUAL_READ_BYTES), read(bytes, usize::from(*first) + 1));
});
