//! A fixed 64-bit hash. Library hashes use `usize` state or random seeds, and then the page and the
//! agent would pick different sample rows; this one is the same everywhere and part of the contract.

const K0: u64 = 0x9e37_79b9_7f4a_7c15;
const K1: u64 = 0xd6e8_feb8_6659_fd93;

/// Multiply, fold the 128-bit product: the mixing step of wyhash-like functions.
#[inline]
pub fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// Hash of a byte string under a seed. Not for secrets.
#[inline]
pub fn hash_bytes(bytes: &[u8], seed: u64) -> u64 {
    let mut state = seed ^ K0 ^ mix(bytes.len() as u64 ^ K1, K0);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(chunk.try_into().expect("chunks_exact(8) gives 8 bytes"));
        state = mix(state ^ word, K1);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let mut tail = [0u8; 8];
        tail[..rest.len()].copy_from_slice(rest);
        state = mix(state ^ u64::from_le_bytes(tail), K1 ^ K0);
    }
    mix(state ^ K0, K1)
}

/// Combines a running hash with one more value; order matters.
#[inline]
pub fn combine(state: u64, value: u64) -> u64 {
    mix(state ^ K0, value ^ K1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These values are part of the contract: sample rows of recorded probes depend on them. Computed
    /// independently (big integers in Python) from the definition above.
    #[test]
    fn hash_values_never_change() {
        assert_eq!(hash_bytes(b"", 0), 0x1137509a84ab7784);
        assert_eq!(hash_bytes(b"a", 0), 0x9e363cbf7fd538a8);
        assert_eq!(hash_bytes(b"12345678", 1), 0x18dbfe7727a8dbe8);
        assert_eq!(hash_bytes(b"foretune checks data", 7), 0xae027df287174d54);
        assert_ne!(hash_bytes(b"a", 0), hash_bytes(b"a\0", 0));
    }
}
