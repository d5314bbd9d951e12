//! Round trips, bounds, hostile text, and a link of the first version that must stay readable.

use proptest::prelude::*;

use super::names::{FIRST, NAMES};
use super::*;

/// Made by version 1 from `sample()`.
const FIRST_LINK: &str = include_str!("fixtures/f1.txt");

fn sample() -> Link {
    let mut features = FeatureVector::default();
    for (place, name) in NAMES[..FIRST].iter().enumerate().filter(|(place, _)| place % 3 == 0) {
        features.set(name, rounded(place as f64 / 7.0 - 3.0));
    }
    features.set("base_parameters", 7_615_616_512.0);
    features.set("learning_rate", rounded(2e-4));
    Link {
        features,
        unknown_features: 0,
        predictor: "0123456789abcdef".to_owned(),
        model: Some("Qwen2.5-7B".to_owned()),
        dataset: Dataset {
            fingerprint: "fedcba9876543210".to_owned(),
            name: Some("tickets.jsonl".to_owned()),
        },
        inputs: VerdictInputs {
            threshold: Some(60.0),
            costs: MistakeCosts::default(),
            step_price: None,
            step_cost: 0.0005,
        },
        claimed: Claimed {
            score: 61.375,
            interval: Some((57.5, 65.25)),
            coverage: Some(0.9),
            probability_above: Some(0.71),
            verdict: Verdict::Go,
            evaluation: "score on tickets".to_owned(),
            made_with: "0.1.0".to_owned(),
        },
    }
}

#[test]
fn a_link_of_the_first_version_stays_readable() {
    assert_eq!(Link::parse(FIRST_LINK.trim()).unwrap(), sample());
}

#[test]
fn addresses_around_a_link_do_not_matter() {
    let text = sample().to_text().unwrap();
    assert!(text.starts_with("#f1.") && text.is_ascii());
    for address in [
        format!("https://example.org/page/{text}"),
        text[1..].to_owned(),
        format!("  {text}\n"),
        text.clone(),
    ] {
        assert_eq!(Link::parse(&address), Ok(sample()), "{address}");
    }
}

#[test]
fn every_fault_has_its_own_words() {
    let text = sample().to_text().unwrap();
    let error = |text: &str| Link::parse(text).unwrap_err();
    assert_eq!(error(""), LinkError::NotALink);
    assert_eq!(error("#sample=support-bot"), LinkError::NotALink);
    assert_eq!(error("#f0.AAAA"), LinkError::NotALink);
    assert_eq!(error(&text.replacen("f1.", "f2.", 1)), LinkError::Version { found: 2 });
    assert_eq!(error("#f1.AA*A"), LinkError::Alphabet { at: 2 });
    assert_eq!(error(&text[..text.len() - 9]), LinkError::Damaged);
    assert!(matches!(error(&format!("#f1.{}", "A".repeat(5000))), LinkError::TooLong { .. }));
    let bomb = text::encode(&vec![0; limits::MAX_LINK_BYTES + 1]);
    assert_eq!(error(&format!("#f1.{bomb}")), LinkError::Expansion { most: limits::MAX_LINK_BYTES });
    let other = text::encode(b"neither feature nor recipe");
    assert!(matches!(error(&format!("#f1.{other}")), LinkError::Content(_)));
    let faults: [fn(&mut Link); 4] = [
        |link| link.claimed.score = f64::NAN,
        |link| link.claimed.probability_above = Some(1.5),
        |link| link.dataset.name = Some("a\u{202e}b".to_owned()),
        |link| link.inputs.costs.wasted_run = -1.0,
    ];
    for fault in faults {
        let mut hostile = sample();
        fault(&mut hostile);
        assert!(matches!(error(&hostile.to_text().unwrap()), LinkError::Content(_)));
    }
    let nameless = Link { predictor: "none".to_owned(), ..sample() };
    assert!(matches!(nameless.to_text(), Err(LinkError::Value { what: "predictor hash", .. })));
}

#[test]
fn everything_that_is_measured_fits() {
    let mut full = sample();
    for (place, name) in NAMES.iter().enumerate() {
        full.features.set(name, rounded(1.0 / (place as f64 + std::f64::consts::E)));
    }
    full.model = Some("m".repeat(limits::MAX_LINK_NAME_BYTES));
    full.dataset.name = Some("ä".repeat(limits::MAX_LINK_NAME_BYTES / 2));
    let text = full.to_text().unwrap();
    assert!(text.len() < 1500, "{}", text.len());
    assert_eq!(Link::parse(&text), Ok(full));
}

proptest! {
    #[test]
    fn rounding_is_close_and_final(value in any::<f64>()) {
        let kept = rounded(value);
        if value.is_finite() {
            prop_assert!((kept - value).abs() <= 4.8e-7 * value.abs() + f64::MIN_POSITIVE);
            prop_assert_eq!(rounded(kept).to_bits(), kept.to_bits());
        } else {
            prop_assert!(kept.is_nan());
        }
    }

    #[test]
    fn what_goes_in_comes_out(
        values in prop::collection::btree_map(0..NAMES.len() + 3, any::<f64>(), 0..90),
        name in prop::option::of("[a-zA-Z0-9 ._-]{1,60}"),
        hash in any::<u64>(),
    ) {
        let mut link = sample();
        link.features = FeatureVector::default();
        for (place, value) in &values {
            let own = format!("own_{place}");
            let name = NAMES.get(*place).copied().unwrap_or(&own);
            let value = rounded(*value);
            if value.is_finite() {
                link.features.set(name, value);
            }
        }
        link.dataset.name = name;
        link.predictor = format!("{hash:016x}");
        let text = link.to_text().unwrap();
        prop_assert_eq!(Link::parse(&text), Ok(link));
    }

    #[test]
    fn no_text_is_a_disaster(noise in "\\PC{0,80}", at in 4..200usize, byte in "[A-Za-z0-9_-]") {
        let _ = Link::parse(&noise);
        let _ = Link::parse(&format!("#f1.{noise}"));
        let mut text = sample().to_text().unwrap();
        let at = at.min(text.len() - 1);
        text.replace_range(at..=at, &byte);
        let _ = Link::parse(&text);
    }
}
