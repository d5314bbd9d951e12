//! A fixed 64-bit hash. Library hashes use `usize` state or random seeds, and then the page and the
//! agent would pick different sample rows; this one is the same everywhere and part of the contract.

const K0: u64 = 0x9e37_79b9_7f4a_7c15;
const K1: u64 = 0xd6e8_feb8_6659_fd93;

/// For code that computes `combine` elsewhere, on a GPU.
pub const CONSTANTS: [u64; 2] = [K0, K1];

/// Multiply, fold the 128-bit product: the mixing step of wyhash-like functions.
#[inline]
pub fn mix(a: u64, b: u64) -> u64 {
    if cfg!(target_arch = "wasm32") {
        return mix_by_halves(a, b);
    }
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The same from four 32-bit products. WebAssembly has no wide multiplication: the compiler calls a function
/// for it, which was a sixth of the whole check.
#[inline]
fn mix_by_halves(a: u64, b: u64) -> u64 {
    const LOW: u64 = 0xffff_ffff;
    let (a_high, b_low, b_high) = (a >> 32, b & LOW, b >> 32);
    // The optimiser knows this formula and would put the wide product back.
    let a_low = core::hint::black_box(a & LOW);
    let (crossed, other_crossed) = (a_low * b_high, a_high * b_low);
    let middle = ((a_low * b_low) >> 32) + (crossed & LOW) + (other_crossed & LOW);
    let high = a_high * b_high + (crossed >> 32) + (other_crossed >> 32) + (middle >> 32);
    a.wrapping_mul(b) ^ high
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

    proptest::proptest! {
        #[test]
        fn both_ways_of_mixing_agree(a: u64, b: u64) {
            proptest::prop_assert_eq!(mix_by_halves(a, b), mix(a, b));
        }
    }

    #[test]
    fn mixing_agrees_at_the_ends() {
        for a in [0, 1, u64::MAX, 1 << 32, (1 << 32) - 1] {
            assert_eq!(mix_by_halves(a, u64::MAX), mix(a, u64::MAX));
        }
    }

    /// These values are part of the contract: sample rows of recorded probes depend on them. Computed
    /// independently (big integers in Python) from the definition above.
    #[test]
    fn hash_values_never_change() {
        assert_eq!(hash_bytes(b"", 0), 0x1137_509a_84ab_7784);
        assert_eq!(hash_bytes(b"a", 0), 0x9e36_3cbf_7fd5_38a8);
        assert_eq!(hash_bytes(b"12345678", 1), 0x18db_fe77_27a8_dbe8);
        assert_eq!(hash_bytes(b"foretune checks data", 7), 0xae02_7df2_8717_4d54);
        assert_ne!(hash_bytes(b"a", 0), hash_bytes(b"a\0", 0));
    }
}
