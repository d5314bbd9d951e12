//! Tables: a good header, then anything; and the same in small reads.
#![no_main]

use foretune_fuzz::{USUAL_READ_BYTES, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut table = b"instruction,input,output\na,b,c\nd,e,f\ng,h,i\nj,k,l\n".to_vec();
    table.extend_from_slice(data);
    let whole = read(&table, USUAL_READ_BYTES);
    assert_eq!(whole, read(&table, 7));
});
