//! A forecast as a card for chat and papers: one drawing of fixed size, as SVG, as shapes that a canvas draws, and
//! inside a page that stands alone. It shows what the link holds, and nothing that the link does not.

mod drawing;
mod page;

use super::Link;
use crate::predict::predictor::Forecast;
use crate::predict::verdict::Verdict;
pub use drawing::{Anchor, Drawing, HEIGHT, Shape, WIDTH};

/// Reasons on the card; the page behind the link has them all.
const SHOWN_REASONS: usize = 5;

/// What is drawn, in words.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    pub dataset: String,
    pub model: String,
    pub evaluation: String,
    pub score: f64,
    pub interval: Option<(f64, f64)>,
    pub coverage: Option<f64>,
    pub threshold: Option<f64>,
    /// Inside what the predictor knows.
    pub in_distribution: bool,
    pub verdict: Verdict,
    pub verdict_words: String,
    /// Points of the largest reasons, by feature.
    pub reasons: Vec<(String, f64)>,
    pub base: f64,
    /// The whole address.
    pub address: String,
    pub made_with: String,
    pub fingerprint: String,
}

impl Preview {
    /// `forecast` is the one that the link's own values come to.
    pub fn of(link: &Link, forecast: &Forecast, address: &str) -> Self {
        let mut reasons: Vec<(String, f64)> =
            forecast.shap.iter().map(|(name, points)| (name.clone(), *points)).collect();
        reasons.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        reasons.truncate(SHOWN_REASONS);
        let named = |name: Option<&String>, otherwise: &str| {
            name.map_or_else(|| otherwise.to_owned(), |name| name.trim().to_owned())
        };
        Self {
            dataset: named(link.dataset.name.as_ref(), "a dataset without a name"),
            model: named(link.model.as_ref(), "base model not named"),
            evaluation: link.claimed.evaluation.clone(),
            score: forecast.score,
            interval: forecast.interval,
            coverage: forecast.coverage,
            threshold: link.inputs.threshold,
            in_distribution: forecast.in_distribution,
            verdict: forecast.verdict,
            verdict_words: verdict_words(forecast, link.inputs.threshold),
            reasons,
            base: forecast.base,
            address: address.to_owned(),
            made_with: link.claimed.made_with.clone(),
            fingerprint: link.dataset.fingerprint.clone(),
        }
    }

    /// `61.4 points, 90 % between 57.8 and 65.0`
    pub fn sentence(&self) -> String {
        format!("{:.1} points, {}", self.score, self.interval_words())
    }

    fn interval_words(&self) -> String {
        match (self.interval, self.coverage) {
            (Some((low, high)), Some(coverage)) => {
                format!("{:.0} % between {low:.1} and {high:.1}", 100.0 * coverage)
            }
            _ => "its error unknown".to_owned(),
        }
    }

    pub fn svg(&self) -> String {
        drawing::svg(
            &self.drawing(),
            &format!("Forecast of a fine-tune on {}: {}", self.dataset, self.sentence()),
        )
    }

    pub fn drawing(&self) -> Drawing {
        drawing::draw(self)
    }

    /// A file of its own: the drawing, the same in words, and the link.
    pub fn html(&self) -> String {
        page::page(self)
    }
}

fn verdict_words(forecast: &Forecast, threshold: Option<f64>) -> String {
    let Some(threshold) = threshold else { return "No threshold was set, so there is no verdict".to_owned() };
    let word = match forecast.verdict {
        Verdict::Go => "Go",
        Verdict::NoGo => "No go",
        Verdict::ProbeLonger => "Probe before deciding",
        Verdict::Withheld if forecast.in_distribution => {
            return "No verdict: the predictor does not know its own error".to_owned();
        }
        Verdict::Withheld => return "No verdict: unlike the runs that the predictor knows".to_owned(),
    };
    match forecast.probability_above {
        Some(probability) => {
            format!("{word}: {:.0} % likely to end above {threshold:.1}", 100.0 * probability)
        }
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(dataset: &str, address: &str) -> Preview {
        Preview {
            dataset: dataset.to_owned(),
            model: "Qwen2.5-7B".to_owned(),
            evaluation: "score on triage".to_owned(),
            score: 61.4,
            interval: Some((57.8, 65.0)),
            coverage: Some(0.9),
            threshold: Some(60.0),
            in_distribution: true,
            verdict: Verdict::Go,
            verdict_words: "Go: 71 % likely to end above 60.0".to_owned(),
            reasons: vec![("learning_rate".to_owned(), 4.2), ("exact_duplicate_share".to_owned(), -2.5)],
            base: 59.0,
            address: address.to_owned(),
            made_with: "0.1.0".to_owned(),
            fingerprint: "0123456789abcdef".to_owned(),
        }
    }

    fn count(text: &str, part: &str) -> usize {
        text.matches(part).count()
    }

    #[test]
    fn the_card_says_what_the_forecast_says() {
        let preview = preview("tickets.jsonl", "https://example.org/#f1.AbCd");
        let (svg, html) = (preview.svg(), preview.html());
        for words in [
            "tickets.jsonl",
            "Qwen2.5-7B",
            "61.4",
            "points",
            "90 % between 57.8 and 65.0",
            "Go: 71 % likely to end above 60.0",
            "learning_rate",
            "+4.2",
            "\u{2212}2.5",
        ] {
            assert!(svg.contains(words), "{words} in {svg}");
            assert!(html.contains(words), "{words} in {html}");
        }
        assert!(html.contains("href=\"https://example.org/#f1.AbCd\""));
        assert!(html.contains("default-src 'none'"));
        assert!(svg.contains("<path"), "the link as a QR code");
    }

    #[test]
    fn hostile_names_stay_text_and_inside_the_card() {
        let name = "<script>alert(1)</script>\"&' ".repeat(40);
        let preview = preview(&name, "javascript:alert(1)//#f1.AAAA");
        for text in [preview.svg(), preview.html()] {
            assert_eq!(count(&text, "<script"), 0);
            assert_eq!(count(&text, "href=\"javascript"), 0);
        }
        let widest = preview.drawing().shapes.iter().map(Shape::right).fold(0.0, f64::max);
        assert!(widest <= WIDTH, "{widest}");
    }

    #[test]
    fn without_interval_threshold_or_name_it_is_still_a_card() {
        let whole = preview("x", "#f1.AA");
        let bare = Preview { interval: None, coverage: None, threshold: None, reasons: Vec::new(), ..whole };
        assert!(bare.svg().contains("its error unknown"));
        let long = Preview { address: format!("https://example.org/#f1.{}", "A".repeat(1990)), ..bare };
        assert!(long.svg().contains("<path"));
    }
}
