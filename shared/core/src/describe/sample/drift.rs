//! Order drift: whether the file changes from front to back (sorted by task, by source, by label), so that its order
//! matters to the training and a cut-off part is no sample of it.

use super::super::description::DriftBin;
use super::Prepared;

/// Words are told apart by this many buckets of their hash.
const BUCKETS: usize = 512;
const STRETCHES: usize = 10;
/// With fewer rows a divergence is mostly chance.
const MIN_ROWS: usize = 40;

#[derive(Debug, Clone, PartialEq)]
pub struct Drift {
    /// Jensen-Shannon divergence (bits, 0 to 1) of the words of the first and the second half, less that of the even
    /// and the odd rows.
    pub divergence: f64,
    /// How much more often neighbouring sampled rows have the same answer than chance gives: 0 for shuffled rows, 1
    /// for sorted ones.
    pub label_runs: f64,
    pub stretches: Vec<DriftBin>,
}

pub fn drift(prepared: &Prepared<'_>) -> Drift {
    let mut order: Vec<usize> = (0..prepared.rows.len()).collect();
    order.sort_unstable_by_key(|index| prepared.rows[*index].row.spot);
    if order.len() < MIN_ROWS {
        return Drift { divergence: f64::NAN, label_runs: f64::NAN, stretches: Vec::new() };
    }
    let count = order.len();
    let divergence = beyond_chance(prepared, &order, |at| at < count / 2, |at| at % 2 == 0);
    let stretch_of = |at: usize| at * STRETCHES / count;
    let stretches = (0..STRETCHES).map(|stretch| {
        let members: Vec<usize> = (0..count).filter(|at| stretch_of(*at) == stretch).collect();
        let rows = || members.iter().map(|at| prepared.rows[order[*at]].row);
        let mean = |total: u64| total as f64 / members.len() as f64;
        DriftBin {
            first_row: rows().next().map_or(0, |row| row.spot.row()),
            last_row: rows().next_back().map_or(0, |row| row.spot.row()),
            tokens_in: mean(rows().map(|row| row.tokens_in).sum()),
            tokens_out: mean(rows().map(|row| row.tokens_out).sum()),
            divergence: beyond_chance(
                prepared,
                &order,
                |at| stretch_of(at) == stretch,
                |at| at % STRETCHES == stretch,
            ),
        }
    });
    Drift { divergence, label_runs: label_runs(prepared, &order), stretches: stretches.collect() }
}

fn beyond_chance(
    prepared: &Prepared<'_>,
    order: &[usize],
    chosen: impl Fn(usize) -> bool,
    by_chance: impl Fn(usize) -> bool,
) -> f64 {
    word_divergence(prepared, order, chosen) - word_divergence(prepared, order, by_chance)
}

fn word_divergence(prepared: &Prepared<'_>, order: &[usize], chosen: impl Fn(usize) -> bool) -> f64 {
    let mut counts = [vec![0u64; BUCKETS], vec![0u64; BUCKETS]];
    for (at, index) in order.iter().enumerate() {
        let side = &mut counts[usize::from(chosen(at))];
        let row = &prepared.rows[*index];
        for word in row.prompt.iter().chain(&row.answer) {
            side[(prepared.hashes[*word as usize] >> 32) as usize % BUCKETS] += 1;
        }
    }
    jensen_shannon(&counts[0], &counts[1])
}

/// Bits; NaN where one side is empty.
fn jensen_shannon(one: &[u64], other: &[u64]) -> f64 {
    let totals = [one.iter().sum::<u64>() as f64, other.iter().sum::<u64>() as f64];
    if totals.contains(&0.0) {
        return f64::NAN;
    }
    let against =
        |share: f64, middle: f64| if share > 0.0 { share * libm::log2(share / middle) } else { 0.0 };
    let both = one.iter().zip(other).map(|(one, other)| {
        let (one, other) = (*one as f64 / totals[0], *other as f64 / totals[1]);
        let middle = f64::midpoint(one, other);
        f64::midpoint(against(one, middle), against(other, middle))
    });
    both.sum()
}

fn label_runs(prepared: &Prepared<'_>, order: &[usize]) -> f64 {
    let labels: Vec<u64> = order.iter().filter_map(|index| prepared.rows[*index].row.answer_hash).collect();
    if labels.len() < MIN_ROWS {
        return f64::NAN;
    }
    let mut sorted = labels.clone();
    sorted.sort_unstable();
    let rows = labels.len() as f64;
    // Chance that two different rows have the same answer.
    let chance: f64 = sorted
        .chunk_by(|one, other| one == other)
        .map(|same| same.len() as f64 * (same.len() as f64 - 1.0))
        .sum::<f64>()
        / (rows * (rows - 1.0));
    let same = labels.windows(2).filter(|pair| pair[0] == pair[1]).count() as f64 / (rows - 1.0);
    if chance < 1.0 { (same - chance) / (1.0 - chance) } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergence_of_known_distributions() {
        assert!(jensen_shannon(&[1, 1], &[2, 2]).abs() < 1e-12);
        assert!((jensen_shannon(&[1, 0], &[0, 1]) - 1.0).abs() < 1e-12);
        assert!(jensen_shannon(&[0, 0], &[0, 1]).is_nan());
    }
}
