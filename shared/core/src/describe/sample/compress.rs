//! Compressibility: what an LZ77 coder with a 64 KiB window would leave of the texts (the cost model of LZ4). Our own,
//! so that a library's next version does not move the feature.

const WINDOW_BYTES: usize = 1 << 16;
const MIN_MATCH_BYTES: usize = 4;
const TABLE_BITS: u32 = 15;
/// A match costs an offset of two bytes and a token.
const MATCH_COST_BYTES: usize = 3;
const NONE: u32 = u32::MAX;

fn slot(four: [u8; 4]) -> usize {
    (u32::from_le_bytes(four).wrapping_mul(2_654_435_761) >> (32 - TABLE_BITS)) as usize
}

/// Compressed over plain length; NaN for no text.
pub fn compressed_share(text: &[u8]) -> f64 {
    let mut table = vec![NONE; 1 << TABLE_BITS];
    let (mut at, mut cost) = (0, 0);
    while at + MIN_MATCH_BYTES <= text.len() {
        let four: [u8; 4] = text[at..at + 4].try_into().expect("the slice has four bytes");
        let candidate = std::mem::replace(&mut table[slot(four)], at as u32);
        let from = candidate as usize;
        if candidate == NONE || at - from >= WINDOW_BYTES || text[from..from + 4] != four {
            cost += 1;
            at += 1;
            continue;
        }
        let length = text[at..].iter().zip(&text[from..]).take_while(|(one, other)| one == other).count();
        // Lengths beyond 18 take a further byte for each 255.
        cost += MATCH_COST_BYTES + length.saturating_sub(4 + 15).div_ceil(255);
        at += length;
    }
    cost += text.len() - at;
    cost as f64 / text.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetition_compresses_and_noise_does_not() {
        assert!(compressed_share(&b"the same words again. ".repeat(500)) < 0.02);
        let noise: Vec<u8> =
            (0..10_000u64).map(|index| crate::hash::mix(index + 1, 0x9e37_79b9_7f4a_7c15) as u8).collect();
        assert!(compressed_share(&noise) > 0.99);
        assert!((compressed_share(b"abc") - 1.0).abs() < 1e-12);
        assert!(compressed_share(b"").is_nan());
    }
}
