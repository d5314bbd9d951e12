//! What flags that take a number accept: a wrong one is refused by its flag's name before anything is done.

pub fn finite(text: &str) -> Result<f64, String> {
    within(text, "a finite number", |_| true)
}

pub fn positive(text: &str) -> Result<f64, String> {
    within(text, "a number above 0", |number| number > 0.0)
}

pub fn share(text: &str) -> Result<f64, String> {
    within(text, "a share: 0 or more, below 1", |number| (0.0..1.0).contains(&number))
}

fn within(text: &str, expected: &str, is_good: impl Fn(f64) -> bool) -> Result<f64, String> {
    let number: Option<f64> = text.parse().ok();
    number
        .filter(|number| number.is_finite() && is_good(*number))
        .ok_or_else(|| format!("expected {expected}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_or_out_of_range_is_refused_with_what_was_expected() {
        for text in ["nan", "inf", "-inf", "", "1e400", "three"] {
            assert!(finite(text).is_err(), "{text}");
        }
        assert!(positive("0").is_err() && positive("-1").is_err() && positive("1e-9").is_ok());
        assert!(share("0").is_ok() && share("1").unwrap_err().contains("below 1"));
    }
}
