//! How varied the words are: measures that do not grow or shrink with the length of the texts.

/// Covington and McFall 2010: the mean share of different words in every window of this many.
const WINDOW_WORDS: usize = 50;
const MIN_WORDS: usize = 10;

/// Over the texts one after another, so that short texts count too. With fewer words than one window, over all of
/// them; NaN below ten words.
pub fn moving_type_token_ratio<'a>(texts: impl Iterator<Item = &'a [u32]>, vocabulary: usize) -> f64 {
    let stream: Vec<u32> = texts.flatten().copied().collect();
    if stream.len() < MIN_WORDS {
        return f64::NAN;
    }
    let window = WINDOW_WORDS.min(stream.len());
    let mut counts = vec![0u32; vocabulary];
    let (mut different, mut sum) = (0u64, 0u64);
    for (at, word) in stream.iter().enumerate() {
        counts[*word as usize] += 1;
        different += u64::from(counts[*word as usize] == 1);
        if at >= window {
            let leaving = stream[at - window] as usize;
            counts[leaving] -= 1;
            different -= u64::from(counts[leaving] == 0);
        }
        if at + 1 >= window {
            sum += different;
        }
    }
    sum as f64 / (stream.len() - window + 1) as f64 / window as f64
}

/// Mean over texts of the share of different word triples that occur more than once in the text; texts of fewer
/// than three words are left out.
pub fn repeated_trigram_share<'a>(texts: impl Iterator<Item = &'a [u32]>) -> f64 {
    let (mut sum, mut counted) = (0.0, 0u32);
    let mut triples: Vec<(u32, u32, u32)> = Vec::new();
    for text in texts.filter(|text| text.len() >= 3) {
        triples.clear();
        triples.extend(text.windows(3).map(|triple| (triple[0], triple[1], triple[2])));
        triples.sort_unstable();
        let (mut different, mut repeated) = (0u32, 0u32);
        for same in triples.chunk_by(|one, other| one == other) {
            different += 1;
            repeated += u32::from(same.len() > 1);
        }
        sum += f64::from(repeated) / f64::from(different);
        counted += 1;
    }
    sum / f64::from(counted)
}

/// Bits per word of the words' frequencies; NaN without words.
pub fn unigram_entropy<'a>(texts: impl Iterator<Item = &'a [u32]>, vocabulary: usize) -> f64 {
    let mut counts = vec![0u32; vocabulary];
    let mut total = 0u64;
    for word in texts.flatten() {
        counts[*word as usize] += 1;
        total += 1;
    }
    let surprise: f64 = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) * libm::log2(total as f64 / f64::from(*count)))
        .sum();
    surprise / total as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hand_counted_diversity() {
        let same = [1u32; 100];
        assert!((moving_type_token_ratio([same.as_slice()].into_iter(), 2) - 0.02).abs() < 1e-12);
        let all: Vec<u32> = (0..200).collect();
        assert!((moving_type_token_ratio([&all[..120], &all[120..]].into_iter(), 200) - 1.0).abs() < 1e-12);
        assert!(moving_type_token_ratio([&all[..9]].into_iter(), 200).is_nan());
    }

    #[test]
    fn hand_counted_repetition_and_entropy() {
        // Triples 123, 231, 312, 123, 231: three different, two repeated.
        let text = [1, 2, 3, 1, 2, 3, 1];
        assert!((repeated_trigram_share([text.as_slice(), &[1, 2]].into_iter()) - 2.0 / 3.0).abs() < 1e-12);
        assert!(repeated_trigram_share([[1u32, 2].as_slice()].into_iter()).is_nan());
        assert!((unigram_entropy([[0u32, 1, 2, 3].as_slice()].into_iter(), 4) - 2.0).abs() < 1e-12);
        assert!(unigram_entropy(std::iter::empty(), 4).is_nan());
    }
}
