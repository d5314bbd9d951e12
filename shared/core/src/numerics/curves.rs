//! Curves that settle: a level plus an amplitude times (1 + t / tau)^-alpha, from a handful of noisy points.

/// Averaged over shapes by how well each fits, so that a few noisy points cannot pick an extreme one.
#[derive(Debug, Clone, PartialEq)]
pub struct SaturatingFit {
    shapes: Vec<Shape>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Shape {
    weight: f64,
    tau: f64,
    decay: f64,
    level: f64,
    amplitude: f64,
}

const DECAYS: [f64; 3] = [0.5, 1.0, 2.0];
/// Relative to the last point's time.
const TIMES: [f64; 6] = [0.05, 0.15, 0.5, 1.5, 5.0, 15.0];
/// Holds the amplitude back, in points of weight 1: one or two readings promise little.
const AMPLITUDE_PENALTY: f64 = 0.01;

impl SaturatingFit {
    /// Points (time, value) with ascending times; `None` without any.
    pub fn of(points: &[(f64, f64)]) -> Option<Self> {
        let (last_time, last_value) = *points.last()?;
        let spread = spread(points);
        if points.len() < 3 || last_time <= 0.0 || spread <= 0.0 {
            let constant = Shape { weight: 1.0, tau: 1.0, decay: 1.0, level: last_value, amplitude: 0.0 };
            return Some(Self { shapes: vec![constant] });
        }
        let mut shapes = Vec::with_capacity(DECAYS.len() * TIMES.len());
        for decay in DECAYS {
            for time in TIMES {
                let tau = time * last_time;
                let basis: Vec<f64> = points.iter().map(|(t, _)| falling(*t, tau, decay)).collect();
                let (level, amplitude) = line(&basis, points);
                let squares: f64 = basis
                    .iter()
                    .zip(points)
                    .map(|(f, (_, y))| (y - level - amplitude * f) * (y - level - amplitude * f))
                    .sum();
                // A profile likelihood with a floor on the noise, so that no shape wins by a perfect fit.
                let noise = squares / points.len() as f64 + 1e-3 * spread;
                let weight = libm::pow(noise / spread, -0.5 * points.len() as f64);
                shapes.push(Shape { weight, tau, decay, level, amplitude });
            }
        }
        let total: f64 = shapes.iter().map(|shape| shape.weight).sum();
        for shape in &mut shapes {
            shape.weight /= total;
        }
        Some(Self { shapes })
    }

    pub fn at(&self, time: f64) -> f64 {
        let value = |shape: &Shape| shape.level + shape.amplitude * falling(time, shape.tau, shape.decay);
        self.shapes.iter().map(|shape| shape.weight * value(shape)).sum()
    }
}

fn falling(time: f64, tau: f64, decay: f64) -> f64 {
    libm::pow(1.0 + time / tau, -decay)
}

/// Variance of the values.
fn spread(points: &[(f64, f64)]) -> f64 {
    let values: Vec<f64> = points.iter().map(|(_, y)| *y).collect();
    super::stats::variance(&values, 0)
}

/// Least squares of the values on the basis, the slope held back.
fn line(basis: &[f64], points: &[(f64, f64)]) -> (f64, f64) {
    let count = points.len() as f64;
    let mean_f = basis.iter().sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let (mut cross, mut square) = (0.0, 0.0);
    for (f, (_, y)) in basis.iter().zip(points) {
        cross += (f - mean_f) * (y - mean_y);
        square += (f - mean_f) * (f - mean_f);
    }
    let amplitude = cross / (square + AMPLITUDE_PENALTY);
    (mean_y - amplitude * mean_f, amplitude)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::numerics::Random;

    #[test]
    fn a_settling_curve_is_carried_on_and_noise_is_not() {
        let times = [0.0, 5.0, 10.0, 20.0, 35.0, 50.0, 75.0, 100.0];
        let truth = |t: f64| 80.0 - 60.0 / (1.0 + t / 25.0);
        let points: Vec<(f64, f64)> = times.iter().map(|t| (*t, truth(*t))).collect();
        let fit = SaturatingFit::of(&points).unwrap();
        assert!((fit.at(300.0) - truth(300.0)).abs() < 4.0, "{}", fit.at(300.0));
        let mut random = Random::new(2);
        let flat: Vec<(f64, f64)> = times.iter().map(|t| (*t, 50.0 + 2.0 * random.normal())).collect();
        let fit = SaturatingFit::of(&flat).unwrap();
        assert!((fit.at(300.0) - 50.0).abs() < 6.0, "{}", fit.at(300.0));
    }

    #[test]
    fn one_point_stays_where_it_is() {
        assert!((SaturatingFit::of(&[(0.0, 7.0)]).unwrap().at(99.0) - 7.0).abs() < 1e-12);
        assert!(SaturatingFit::of(&[]).is_none());
    }
}
