//! y = floor + scale (x + offset)^-decay with floor and scale at least 0, by relative least squares.

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerLaw {
    pub floor: f64,
    pub scale: f64,
    pub offset: f64,
    pub decay: f64,
}

impl PowerLaw {
    pub fn at(self, x: f64) -> f64 {
        self.floor + self.scale * libm::pow(x + self.offset, -self.decay)
    }

    /// For each decay and offset on a grid the two linear numbers follow exactly; relative errors count, so
    /// that a start with large values does not decide alone. Then the grid is halved around the best. `None`
    /// with fewer than three points.
    pub fn fit(points: &[(f64, f64)]) -> Option<Self> {
        // An offset beyond the points is no different from a straight line.
        Self::fit_within(points, 2.0 * points.iter().map(|point| point.0).fold(1.0, f64::max))
    }

    /// With an offset of at most this.
    pub fn fit_within(points: &[(f64, f64)], most_offset: f64) -> Option<Self> {
        if points.len() < 3 {
            return None;
        }
        // (x + offset)^-decay = e^(-decay ln(x + offset)): the logarithms are the same for every decay.
        let solve = |decay: f64, logarithms: &[f64]| {
            let rows = points.iter().zip(logarithms).map(|((_, y), logarithm)| {
                let size = y.max(1e-9);
                (1.0 / size, libm::exp(-decay * logarithm) / size)
            });
            non_negative_pair(rows)
        };
        // In logarithms; a decay above 4 is no different from a straight line.
        let limits = [(libm::log(0.05), libm::log(4.0)), (0.0, libm::log(most_offset.max(1.0)))];
        let mut centre = limits.map(|(low, high)| f64::midpoint(low, high));
        let mut reach = limits.map(|(low, high)| (high - low) / 2.0);
        let mut best: Option<(f64, Self)> = None;
        for _ in 0..6 {
            let mut next = centre;
            for b in -5..=5 {
                let log_offset = (centre[1] + reach[1] * f64::from(b) / 5.0).clamp(limits[1].0, limits[1].1);
                let offset = libm::exp(log_offset);
                let logarithms: Vec<f64> = points.iter().map(|(x, _)| libm::log(x + offset)).collect();
                for a in -5..=5 {
                    let log_decay =
                        (centre[0] + reach[0] * f64::from(a) / 5.0).clamp(limits[0].0, limits[0].1);
                    let decay = libm::exp(log_decay);
                    let (error, floor, scale) = solve(decay, &logarithms);
                    if best.is_none_or(|(known, _)| error < known) {
                        best = Some((error, Self { floor, scale, offset, decay }));
                        next = [log_decay, log_offset];
                    }
                }
            }
            centre = next;
            reach = reach.map(|reach| reach * 0.4);
        }
        best.map(|(_, law)| law)
    }
}

/// Least squares of a vector of ones on two columns with coefficients of at least 0: error and coefficients.
fn non_negative_pair(rows: impl Iterator<Item = (f64, f64)>) -> (f64, f64, f64) {
    let (mut aa, mut ab, mut bb, mut a1, mut b1, mut count) = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0);
    for (a, b) in rows {
        aa += a * a;
        ab += a * b;
        bb += b * b;
        a1 += a;
        b1 += b;
        count += 1.0;
    }
    let error = |x: f64, y: f64| count - 2.0 * (x * a1 + y * b1) + x * x * aa + 2.0 * x * y * ab + y * y * bb;
    let determinant = aa * bb - ab * ab;
    let (x, y) = ((a1 * bb - b1 * ab) / determinant, (b1 * aa - a1 * ab) / determinant);
    if determinant > 1e-14 * aa * bb && x >= 0.0 && y >= 0.0 {
        return (error(x, y), x, y);
    }
    let (x, y) = ((a1 / aa).max(0.0), (b1 / bb).max(0.0));
    if error(x, 0.0) <= error(0.0, y) { (error(x, 0.0), x, 0.0) } else { (error(0.0, y), 0.0, y) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_law_is_found() {
        let truth = PowerLaw { floor: 0.4, scale: 6.0, offset: 8.0, decay: 0.7 };
        let points: Vec<(f64, f64)> =
            [0.0, 5.0, 10.0, 20.0, 35.0, 50.0, 75.0, 100.0].map(|x| (x, truth.at(x))).to_vec();
        let found = PowerLaw::fit(&points).unwrap();
        assert!((found.at(400.0) - truth.at(400.0)).abs() < 0.02, "{found:?}");
        assert!(PowerLaw::fit(&points[..2]).is_none());
    }
}
