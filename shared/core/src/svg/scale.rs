//! Axes: a range, linear or logarithmic, and round tick values.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    Linear,
    Logarithmic,
}

/// What an axis shows; the label carries the unit.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    pub label: String,
    pub spacing: Spacing,
}

/// An axis with its data's range, mapped to pixels.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    spacing: Spacing,
    low: f64,
    high: f64,
    from_px: f64,
    to_px: f64,
}

impl Scale {
    /// The range of the finite values, widened where it is empty.
    pub(super) fn of(values: impl Iterator<Item = f64>, spacing: Spacing, from_px: f64, to_px: f64) -> Self {
        let usable = |value: &f64| value.is_finite() && (spacing == Spacing::Linear || *value > 0.0);
        let (mut low, mut high) = values
            .filter(usable)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            (low, high) = (1.0, 2.0);
        }
        let narrow = high - low <= 1e-9 * high.abs().max(1e-9);
        match spacing {
            Spacing::Linear => {
                let margin = if narrow { 0.5 * high.abs().max(1.0) } else { 0.04 * (high - low) };
                (low, high) = (low - margin, high + margin);
            }
            Spacing::Logarithmic => {
                let factor = if narrow { 2.0 } else { libm::pow(high / low, 0.04) };
                (low, high) = (low / factor, high * factor);
            }
        }
        Self { spacing, low, high, from_px, to_px }
    }

    pub(super) fn px(&self, value: f64) -> f64 {
        let share = match self.spacing {
            Spacing::Linear => (value - self.low) / (self.high - self.low),
            Spacing::Logarithmic => libm::log(value / self.low) / libm::log(self.high / self.low),
        };
        self.from_px + share.clamp(0.0, 1.0) * (self.to_px - self.from_px)
    }

    pub(super) fn ticks(&self) -> Vec<f64> {
        match self.spacing {
            Spacing::Linear => linear_ticks(self.low, self.high),
            Spacing::Logarithmic => logarithmic_ticks(self.low, self.high),
        }
    }
}

fn linear_ticks(low: f64, high: f64) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    let magnitude = libm::pow(10.0, libm::floor(libm::log10(rough)));
    let step =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|m| m * magnitude).find(|s| *s >= rough).unwrap_or(rough);
    let first = (low / step).ceil();
    (0..12).map(|index| (first + f64::from(index)) * step).take_while(|tick| *tick <= high).collect()
}

fn logarithmic_ticks(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (libm::floor(libm::log10(low)) as i32, libm::ceil(libm::log10(high)) as i32);
    let steps: &[f64] = if last - first <= 2 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    (first..=last)
        .flat_map(|power| steps.iter().map(move |step| step * libm::pow(10.0, f64::from(power))))
        .filter(|tick| *tick >= low && *tick <= high)
        .take(16)
        .collect()
}

/// Short and readable: 1.6M, 200k, 0.35.
pub(super) fn tick_label(value: f64) -> String {
    let size = value.abs();
    let short = |scaled: f64, suffix: &str| {
        let digits = usize::from(scaled.abs() < 10.0);
        format!("{}{suffix}", trimmed(&format!("{scaled:.digits$}")))
    };
    match size {
        size if size >= 1e9 => short(value / 1e9, "G"),
        size if size >= 1e6 => short(value / 1e6, "M"),
        size if size >= 1e4 => short(value / 1e3, "k"),
        size if !(1e-9..10.0).contains(&size) => trimmed(&format!("{value:.1}")),
        _ => trimmed(&format!("{value:.3}")),
    }
}

fn trimmed(number: &str) -> String {
    if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        number.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let scale = Scale::of([0.13, 0.97].into_iter(), Spacing::Linear, 0.0, 100.0);
        let labels: Vec<String> = scale.ticks().into_iter().map(tick_label).collect();
        assert_eq!(labels, ["0.2", "0.4", "0.6", "0.8", "1"]);
        let scale = Scale::of([200.0, 1_638_400.0].into_iter(), Spacing::Logarithmic, 0.0, 100.0);
        let labels: Vec<String> = scale.ticks().into_iter().map(tick_label).collect();
        assert_eq!(labels, ["1000", "10k", "100k", "1M"]);
    }

    #[test]
    fn no_values_still_give_a_scale() {
        let scale = Scale::of([f64::NAN].into_iter(), Spacing::Logarithmic, 0.0, 100.0);
        assert!(scale.px(1.5).is_finite());
    }
}
