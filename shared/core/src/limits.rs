//! Every bound on outside input, in one place; the documentation's table of limits is made from here.

/// One record (a JSON element, a line, a CSV row). Longer ones are skipped and reported.
pub const MAX_RECORD_BYTES: usize = 64 << 20;
/// Nesting of JSON values inside one record.
pub const MAX_JSON_DEPTH: usize = 128;
/// Columns of a CSV file or keys of one object.
pub const MAX_KEYS: usize = 4096;
/// A compressed stream may not grow by more than this factor once it is past the free allowance.
pub const MAX_EXPANSION_RATIO: u64 = 1000;
/// Decompressed bytes that are always allowed, whatever the ratio.
pub const FREE_EXPANSION_BYTES: u64 = 64 << 20;
/// A compressed Parquet or Arrow file has to be held whole, because its directory stands at the end.
pub const MAX_BUFFERED_COLUMNAR_BYTES: u64 = 512 << 20;
/// Bytes of one text that the descriptors keep for the sample rows.
pub const MAX_SAMPLE_TEXT_BYTES: usize = 8 << 10;
/// Findings listed one by one for each code; the rest are counted ("and N more").
pub const MAX_LISTED_FINDINGS: usize = 100;
/// Bytes of raw records handed to a worker at a time.
pub const BATCH_BYTES: usize = 1 << 20;
/// Groups of duplicates, conflicts, overlaps and labels that a description lists.
pub const MAX_REPORTED_GROUPS: usize = 100;
