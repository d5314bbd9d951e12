//! Named f64 values. Missing is NaN here and `null` in JSON, never zero.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct FeatureVector {
    values: BTreeMap<String, f64>,
}

impl FeatureVector {
    pub fn set(&mut self, name: &str, value: f64) {
        self.values.insert(name.to_owned(), value);
    }

    /// NaN where the feature was never measured.
    pub fn get(&self, name: &str) -> f64 {
        self.values.get(name).copied().unwrap_or(f64::NAN)
    }

    /// Values of `other` take the place of those with the same names.
    pub fn extend(&mut self, other: Self) {
        self.values.extend(other.values);
    }

    /// Without the features whose name `drop` picks.
    #[must_use]
    pub fn without(mut self, drop: impl Fn(&str) -> bool) -> Self {
        self.values.retain(|name, _| !drop(name));
        self
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.values.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

impl Serialize for FeatureVector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer
            .collect_map(self.values.iter().map(|(name, value)| (name, value.is_finite().then_some(*value))))
    }
}

impl<'de> Deserialize<'de> for FeatureVector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = BTreeMap::<String, Option<f64>>::deserialize(deserializer)?;
        Ok(Self { values: raw.into_iter().map(|(name, value)| (name, value.unwrap_or(f64::NAN))).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_values_survive_json() {
        let mut vector = FeatureVector::default();
        vector.set("rows", 3.0);
        vector.set("lost", f64::NAN);
        let text = serde_json::to_string(&vector).unwrap();
        assert_eq!(text, r#"{"lost":null,"rows":3.0}"#);
        let back: FeatureVector = serde_json::from_str(&text).unwrap();
        assert!(back.get("lost").is_nan() && back.get("never set").is_nan());
    }
}
