//! Isotonic fits and monotone cubic interpolation (Fritsch and Carlson 1980).

/// Weighted isotonic regression, non-decreasing, by pooling adjacent violators.
pub fn isotonic(values: &[f64], weights: &[f64]) -> Vec<f64> {
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for (value, weight) in values.iter().zip(weights) {
        let mut block = (*value, *weight, 1);
        while let Some(&(above, mass, count)) = blocks.last() {
            if above <= block.0 {
                break;
            }
            blocks.pop();
            let total = mass + block.1;
            block = ((above * mass + block.0 * block.1) / total, total, count + block.2);
        }
        blocks.push(block);
    }
    blocks.into_iter().flat_map(|(value, _, count)| std::iter::repeat_n(value, count)).collect()
}

/// A curve through its knots that never turns where they do not; flat outside them.
#[derive(Debug, Clone, PartialEq)]
pub struct MonotoneCurve {
    x: Vec<f64>,
    y: Vec<f64>,
    slopes: Vec<f64>,
}

impl MonotoneCurve {
    /// Knots with strictly rising x and non-decreasing y; None otherwise or with fewer than two.
    pub fn through(x: &[f64], y: &[f64]) -> Option<Self> {
        let rising =
            x.windows(2).all(|pair| pair[0] < pair[1]) && y.windows(2).all(|pair| pair[0] <= pair[1]);
        if x.len() != y.len() || x.len() < 2 || !rising {
            return None;
        }
        let steps: Vec<f64> =
            x.windows(2).zip(y.windows(2)).map(|(x, y)| (y[1] - y[0]) / (x[1] - x[0])).collect();
        let last = x.len() - 1;
        let mut slopes: Vec<f64> = (0..=last)
            .map(|knot| match knot {
                0 => steps[0],
                knot if knot == last => steps[last - 1],
                knot if steps[knot - 1] <= 0.0 || steps[knot] <= 0.0 => 0.0,
                knot => f64::midpoint(steps[knot - 1], steps[knot]),
            })
            .collect();
        // Fritsch-Carlson: keep (alpha, beta) inside the circle of radius three.
        for (index, step) in steps.iter().enumerate() {
            if *step <= 0.0 {
                slopes[index] = 0.0;
                slopes[index + 1] = 0.0;
                continue;
            }
            let (alpha, beta) = (slopes[index] / step, slopes[index + 1] / step);
            let size = (alpha * alpha + beta * beta).sqrt();
            if size > 3.0 {
                slopes[index] = 3.0 / size * alpha * step;
                slopes[index + 1] = 3.0 / size * beta * step;
            }
        }
        Some(Self { x: x.to_vec(), y: y.to_vec(), slopes })
    }

    pub fn at(&self, x: f64) -> f64 {
        let last = self.x.len() - 1;
        if x <= self.x[0] {
            return self.y[0];
        }
        if x >= self.x[last] {
            return self.y[last];
        }
        let segment = self.x.partition_point(|knot| *knot <= x) - 1;
        let width = self.x[segment + 1] - self.x[segment];
        let t = (x - self.x[segment]) / width;
        let (t2, t3) = (t * t, t * t * t);
        (2.0 * t3 - 3.0 * t2 + 1.0) * self.y[segment]
            + (t3 - 2.0 * t2 + t) * width * self.slopes[segment]
            + (3.0 * t2 - 2.0 * t3) * self.y[segment + 1]
            + (t3 - t2) * width * self.slopes[segment + 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn curves_never_fall(rises in prop::collection::vec((0.01f64..1.0, 0.0f64..1.0), 2..9)) {
            let (mut x, mut y) = (vec![0.0], vec![0.0]);
            for (step, rise) in rises {
                x.push(x[x.len() - 1] + step);
                y.push(y[y.len() - 1] + rise);
            }
            let curve = MonotoneCurve::through(&x, &y).expect("rising knots");
            let end = x[x.len() - 1];
            let values: Vec<f64> = (0..=200).map(|i| curve.at(end * f64::from(i) / 200.0)).collect();
            prop_assert!(values.windows(2).all(|pair| pair[1] >= pair[0] - 1e-9));
            for (knot, value) in x.iter().zip(&y) {
                prop_assert!((curve.at(*knot) - value).abs() < 1e-9);
            }
        }

        #[test]
        fn isotonic_fits_are_sorted_and_keep_the_mean(values in prop::collection::vec(-1.0f64..1.0, 1..20)) {
            let fitted = isotonic(&values, &vec![1.0; values.len()]);
            prop_assert!(fitted.windows(2).all(|pair| pair[0] <= pair[1] + 1e-12));
            prop_assert!((fitted.iter().sum::<f64>() - values.iter().sum::<f64>()).abs() < 1e-9);
        }
    }

    #[test]
    fn falling_knots_are_refused() {
        assert!(MonotoneCurve::through(&[0.0, 1.0], &[1.0, 0.0]).is_none());
        assert!(MonotoneCurve::through(&[0.0, 0.0], &[0.0, 1.0]).is_none());
    }
}
