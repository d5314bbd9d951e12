//! A forecast as a link, `#f1.` and text: features, recipe, predictor, verdict inputs and fingerprint, no row of
//! the data. Whoever opens it computes the forecast again; what cannot be computed again is only claimed.

mod names;
pub mod preview;
pub mod qr;
mod text;
mod values;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::features::FeatureVector;
use crate::hash::hash_bytes;
use crate::limits;
use crate::predict::predictor::{Forecast, ForecastOptions, Predictor, PredictorError};
use crate::predict::risk::StepPrice;
use crate::predict::verdict::{MistakeCosts, Verdict};
use crate::runs::{Known, before_any_probe};
use values::PackedVector;
pub use values::rounded;

const VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LinkError {
    #[error("this is no Foretune link: expected an address that ends in #f{VERSION}. and letters")]
    NotALink,
    #[error(
        "the link is of version {found}, made by a newer Foretune; this one reads up to version {VERSION}"
    )]
    Version { found: u32 },
    #[error(
        "the link has {found} characters behind the #, and at most {most} are read; it was not made by Foretune"
    )]
    TooLong { found: usize, most: usize },
    #[error("character {at} behind the version is none that a link has; the link was changed on its way", at = .at + 1)]
    Alphabet { at: usize },
    #[error("the link is incomplete or was changed on its way; ask for it again, as a whole")]
    Damaged,
    #[error("the link unpacks to more than {most} bytes; it was not made by Foretune")]
    Expansion { most: usize },
    #[error("the link was not made by Foretune: {0}")]
    Content(&'static str),
    #[error("{what} {found:?} is not {expected}")]
    Value { what: &'static str, found: String, expected: &'static str },
    #[error("the link would have {found} characters, and at most {most} pass everywhere: leave out the name")]
    WouldBeTooLong { found: usize, most: usize },
}

/// What a link holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Link {
    /// As `Known::at` makes them, rounded.
    pub features: FeatureVector,
    /// Values that a newer build measured and this one does not know.
    pub unknown_features: usize,
    /// Hash of the predictor file, 16 hexadecimal digits.
    pub predictor: String,
    /// Name of the base model.
    pub model: Option<String>,
    pub dataset: Dataset,
    pub inputs: VerdictInputs,
    pub claimed: Claimed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Dataset {
    /// Of all records, in any order, as `foretune check` writes it: 16 hexadecimal digits.
    pub fingerprint: String,
    pub name: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct VerdictInputs {
    pub threshold: Option<f64>,
    pub costs: MistakeCosts,
    pub step_price: Option<f64>,
    pub step_cost: f64,
}

/// What the maker of the link saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claimed {
    pub score: f64,
    pub interval: Option<(f64, f64)>,
    pub coverage: Option<f64>,
    pub probability_above: Option<f64>,
    pub verdict: Verdict,
    /// What the score is a score of.
    pub evaluation: String,
    /// Version of Foretune.
    pub made_with: String,
}

/// A link beside what its forecast comes to here.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Opened {
    pub link: Link,
    /// Missing where the link's predictor is not at hand.
    pub recomputed: Option<Forecast>,
    /// Whether the score computed here is the one that the link claims.
    pub agrees: Option<bool>,
}

/// What is told about the candidate beside its features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    pub model: Option<String>,
    pub fingerprint: String,
    pub name: Option<String>,
}

/// Where scores computed twice from the same numbers may differ.
const AGREEMENT_POINTS: f64 = 1e-6;

/// As links name a predictor file.
pub fn predictor_hash(file: &[u8]) -> String {
    format!("{:016x}", hash_bytes(file, 0))
}

impl Link {
    /// `vector` as `Known::at` makes it. The forecast beside the link is the one that whoever opens it will get:
    /// from the rounded values.
    pub fn make(
        predictor: &Predictor,
        predictor_hash: String,
        vector: &FeatureVector,
        options: &ForecastOptions,
        about: About,
    ) -> Result<(Self, Forecast), PredictorError> {
        let mut features = FeatureVector::default();
        for (name, value) in vector.iter().filter(|(_, value)| value.is_finite()) {
            features.set(name, rounded(value));
        }
        let forecast = predictor.forecast(&features, options)?;
        let evaluation = predictor.card.as_ref().map_or_else(String::new, |card| {
            let names = match card.evaluations.as_slice() {
                // A link is short; dozens of names would make it long.
                [first, second, rest @ ..] if rest.len() > 1 => {
                    format!("{first}, {second} and {} more", rest.len())
                }
                names => names.join(", "),
            };
            if names.is_empty() { card.target.clone() } else { format!("{} on {names}", card.target) }
        });
        let step_cost = options.cost_of_a_step(features.get("total_steps"));
        let link = Self {
            features,
            unknown_features: 0,
            predictor: predictor_hash,
            model: about.model.as_deref().map(shortened),
            dataset: Dataset { fingerprint: about.fingerprint, name: about.name.as_deref().map(shortened) },
            inputs: VerdictInputs {
                threshold: options.threshold,
                costs: options.costs,
                step_price: options.step_price.map(|price| price.0),
                step_cost,
            },
            claimed: Claimed {
                score: forecast.score,
                interval: forecast.interval,
                coverage: forecast.coverage,
                probability_above: forecast.probability_above,
                verdict: forecast.verdict,
                evaluation: shortened(&evaluation),
                made_with: env!("CARGO_PKG_VERSION").to_owned(),
            },
        };
        Ok((link, forecast))
    }

    /// With the leading `#`.
    pub fn to_text(&self) -> Result<String, LinkError> {
        let packed = Packed {
            features: PackedVector::of(&self.features),
            predictor: from_hexadecimal("predictor hash", &self.predictor)?,
            fingerprint: from_hexadecimal("dataset fingerprint", &self.dataset.fingerprint)?,
            model: self.model.clone(),
            dataset: self.dataset.name.clone(),
            inputs: self.inputs,
            claimed: self.claimed.clone(),
        };
        let bytes = postcard::to_stdvec(&packed).map_err(|_| LinkError::Content("it cannot be written"))?;
        let link = format!("#f{VERSION}.{}", text::encode(&bytes));
        let (found, most) = (link.len(), limits::MAX_LINK_CHARS);
        if found > most { Err(LinkError::WouldBeTooLong { found, most }) } else { Ok(link) }
    }

    /// From a whole address, or from its end alone, with or without the `#`.
    pub fn parse(address: &str) -> Result<Self, LinkError> {
        let fragment = address.rsplit('#').next().unwrap_or_default().trim();
        let (found, most) = (fragment.len(), limits::MAX_LINK_CHARS);
        let rest = fragment.strip_prefix('f').ok_or(LinkError::NotALink)?;
        let (version, content) = rest.split_once('.').ok_or(LinkError::NotALink)?;
        if version.is_empty() || version.len() > 6 || !version.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(LinkError::NotALink);
        }
        let version: u32 = version.parse().map_err(|_| LinkError::NotALink)?;
        if version > VERSION {
            return Err(LinkError::Version { found: version });
        }
        if version != VERSION {
            return Err(LinkError::NotALink);
        }
        if found > most {
            return Err(LinkError::TooLong { found, most });
        }
        Self::from_bytes(&text::decode(content)?)
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, LinkError> {
        let (packed, rest): (Packed, &[u8]) = postcard::take_from_bytes(bytes)
            .map_err(|_| LinkError::Content("its parts cannot be told apart"))?;
        if !rest.is_empty() {
            return Err(LinkError::Content("something stands behind its end"));
        }
        packed.check()?;
        let (features, unknown_features) = packed.features.unpack()?;
        Ok(Self {
            features,
            unknown_features,
            predictor: format!("{:016x}", packed.predictor),
            model: packed.model,
            dataset: Dataset { fingerprint: format!("{:016x}", packed.fingerprint), name: packed.dataset },
            inputs: packed.inputs,
            claimed: packed.claimed,
        })
    }

    pub fn options(&self) -> ForecastOptions {
        ForecastOptions {
            threshold: self.inputs.threshold,
            costs: self.inputs.costs,
            step_price: self.inputs.step_price.map(StepPrice),
            step_cost: Some(self.inputs.step_cost),
        }
    }

    /// What was known before any probe: what a changed recipe is forecast from.
    pub fn plan(&self) -> FeatureVector {
        before_any_probe(&self.features)
    }

    pub fn base_score(&self) -> Option<f64> {
        Some(self.features.get("base_score")).filter(|score| score.is_finite())
    }

    /// `plan` and `base` as the two functions above give them.
    pub fn known(plan: &FeatureVector, base_score: Option<f64>) -> Known<'_> {
        let steps = plan.get("total_steps");
        let total_steps = if steps.is_finite() { steps.max(0.0) as u64 } else { 0 };
        Known { plan, proxy: None, base_score, readings: &[], total_steps }
    }

    /// With the predictor of the link, or none where it is not at hand.
    pub fn open(self, predictor: Option<&Predictor>) -> Result<Opened, PredictorError> {
        let recomputed =
            predictor.map(|predictor| predictor.forecast(&self.features, &self.options())).transpose()?;
        let agrees = recomputed
            .as_ref()
            .map(|forecast| (forecast.score - self.claimed.score).abs() <= AGREEMENT_POINTS);
        Ok(Opened { link: self, recomputed, agrees })
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Packed {
    features: PackedVector,
    predictor: u64,
    fingerprint: u64,
    model: Option<String>,
    dataset: Option<String>,
    inputs: VerdictInputs,
    claimed: Claimed,
}

impl Packed {
    fn check(&self) -> Result<(), LinkError> {
        let texts = [self.model.as_deref(), self.dataset.as_deref()];
        let texts = texts
            .into_iter()
            .flatten()
            .chain([self.claimed.evaluation.as_str(), self.claimed.made_with.as_str()]);
        for text in texts {
            if text.len() > limits::MAX_LINK_NAME_BYTES || text.chars().any(is_unprintable) {
                return Err(LinkError::Content("a name is too long or cannot be shown"));
            }
        }
        let (inputs, claimed) = (&self.inputs, &self.claimed);
        let (low, high) = claimed.interval.unwrap_or((0.0, 0.0));
        let numbers = [
            inputs.threshold.unwrap_or(0.0),
            inputs.costs.wasted_run,
            inputs.costs.missed_run,
            inputs.step_price.unwrap_or(0.0),
            inputs.step_cost,
            claimed.score,
            low,
            high,
        ];
        let shares = [claimed.coverage.unwrap_or(0.0), claimed.probability_above.unwrap_or(0.0)];
        let is_price = |value: f64| value >= 0.0;
        let are_prices = is_price(inputs.costs.wasted_run)
            && is_price(inputs.costs.missed_run)
            && is_price(inputs.step_cost)
            && is_price(inputs.step_price.unwrap_or(0.0));
        if numbers.iter().any(|number| !number.is_finite())
            || shares.iter().any(|share| !(0.0..=1.0).contains(share))
            || !are_prices
            || low > high
        {
            return Err(LinkError::Content("a number is none that a forecast has"));
        }
        Ok(())
    }
}

/// Controls, and marks that turn the direction of the text around them.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// At most the bytes a name may have, and only what can be shown.
fn shortened(name: &str) -> String {
    let mut short = String::new();
    for character in name.chars().filter(|character| !is_unprintable(*character)) {
        if short.len() + character.len_utf8() > limits::MAX_LINK_NAME_BYTES {
            break;
        }
        short.push(character);
    }
    short
}

fn from_hexadecimal(what: &'static str, text: &str) -> Result<u64, LinkError> {
    let is_hexadecimal = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parsed = is_hexadecimal.then(|| u64::from_str_radix(text, 16).ok()).flatten();
    parsed.ok_or_else(|| LinkError::Value { what, found: shortened(text), expected: "16 hexadecimal digits" })
}

#[cfg(test)]
mod tests;
