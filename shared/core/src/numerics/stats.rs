//! Descriptive statistics, ranks and the normal distribution. Empty input gives NaN, never a panic.

pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Sum of squared deviations from the mean, over `len - correction`.
pub fn variance(values: &[f64], correction: usize) -> f64 {
    let centre = mean(values);
    let squares: f64 = values.iter().map(|value| (value - centre) * (value - centre)).sum();
    squares / (values.len() as f64 - correction as f64)
}

/// Population standard deviation.
pub fn deviation(values: &[f64]) -> f64 {
    variance(values, 0).max(0.0).sqrt()
}

pub fn sorted(values: &[f64]) -> Vec<f64> {
    let mut ordered = values.to_vec();
    ordered.sort_by(f64::total_cmp);
    ordered
}

pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Linear interpolation between order statistics (type 7, the default of numpy and R).
pub fn quantile(values: &[f64], level: f64) -> f64 {
    quantile_of_sorted(&sorted(values), level)
}

pub fn quantile_of_sorted(ordered: &[f64], level: f64) -> f64 {
    let Some(last) = ordered.len().checked_sub(1) else { return f64::NAN };
    let position = level.clamp(0.0, 1.0) * last as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    ordered[below] + (position - below as f64) * (ordered[above] - ordered[below])
}

pub fn minimum(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::min)
}

pub fn maximum(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NAN, f64::max)
}

/// (value - mean) / population sd; all zeros where nothing varies.
pub fn z_scores(values: &[f64]) -> Vec<f64> {
    let (centre, spread) = (mean(values), deviation(values));
    let varies = spread > 1e-12 * (1.0 + centre.abs());
    values.iter().map(|value| if varies { (value - centre) / spread } else { 0.0 }).collect()
}

/// Ranks from 1, ties sharing their average.
pub fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut result = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && values[order[end]].total_cmp(&values[order[start]]).is_eq() {
            end += 1;
        }
        let shared = (start + 1 + end) as f64 / 2.0;
        for &index in &order[start..end] {
            result[index] = shared;
        }
        start = end;
    }
    result
}

/// Each value's normal score: the quantile of (rank - 1/2) / n.
pub fn normal_scores(values: &[f64]) -> Vec<f64> {
    let count = values.len() as f64;
    ranks(values).into_iter().map(|rank| normal_quantile((rank - 0.5) / count)).collect()
}

/// NaN where either side does not vary.
pub fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut cross, mut square_a, mut square_b) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        cross += (x - mean_a) * (y - mean_b);
        square_a += (x - mean_a) * (x - mean_a);
        square_b += (y - mean_b) * (y - mean_b);
    }
    if square_a > 0.0 && square_b > 0.0 { cross / (square_a * square_b).sqrt() } else { f64::NAN }
}

pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    pearson(&ranks(a), &ranks(b))
}

pub fn normal_density(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / (2.0 * std::f64::consts::PI).sqrt()
}

pub fn normal_cumulative(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

/// Inverse of `normal_cumulative`: Acklam's rational approximation and one Halley step (error near 1e-15).
pub fn normal_quantile(probability: f64) -> f64 {
    if probability <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if probability >= 1.0 {
        return f64::INFINITY;
    }
    let start = acklam(probability);
    let error = normal_cumulative(start) - probability;
    let step = error / normal_density(start);
    start - step / (1.0 + start * step / 2.0)
}

fn acklam(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 6] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 5] = [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
        1.0,
    ];
    let horner = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = 0.02425;
    if p < tail {
        let q = (-2.0 * libm::log(p)).sqrt();
        horner(&C, q) / horner(&D, q)
    } else if p > 1.0 - tail {
        let q = (-2.0 * libm::log(1.0 - p)).sqrt();
        -horner(&C, q) / horner(&D, q)
    } else {
        let q = p - 0.5;
        q * horner(&A, q * q) / horner(&B, q * q)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        assert!((quantile(&[4.0, 1.0, 3.0, 2.0], 0.25) - 1.75).abs() < 1e-12);
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), vec![3.5, 1.0, 3.5, 2.0]);
        assert!((normal_quantile(0.975) - 1.959_963_984_540_054).abs() < 1e-12);
        assert!((normal_cumulative(1.0) - 0.841_344_746_068_542_9).abs() < 1e-12);
        assert!((pearson(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]) - 1.0).abs() < 1e-12);
        assert!(pearson(&[1.0, 1.0], &[1.0, 2.0]).is_nan() && mean(&[]).is_nan());
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn quantile_inverts_the_cumulative() {
        for step in 1..200 {
            let p = f64::from(step) / 200.0;
            assert!((normal_cumulative(normal_quantile(p)) - p).abs() < 1e-14);
        }
        let tiny = 1e-9;
        assert!((normal_cumulative(normal_quantile(tiny)) / tiny - 1.0).abs() < 1e-6);
    }
}
