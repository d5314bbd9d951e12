//! Feature values in few bytes. Whole numbers stay exact; others keep the upper 32 bits of their 64, rounded to
//! nearest: a relative error below 4.8e-7. The rounded value is what both sides of a link compute with.

use serde::{Deserialize, Serialize};

use super::LinkError;
use super::names::NAMES;
use crate::features::FeatureVector;
use crate::limits;

/// Whole numbers up to this size are exact in an f64.
const MOST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// What stands in a feature's place, two bits each.
const ABSENT: u8 = 0;
const WHOLE: u8 = 1;
const ROUNDED: u8 = 2;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct PackedVector {
    kinds: Vec<u8>,
    whole: Vec<i64>,
    /// Four bytes a value, all first bytes first: signs and exponents are alike and compress.
    planes: Vec<u8>,
    /// Features without a place.
    others: Vec<(String, f64)>,
}

/// What a link keeps of a value; missing stays missing.
pub fn rounded(value: f64) -> f64 {
    if !value.is_finite() {
        return f64::NAN;
    }
    if is_whole(value) {
        // Minus zero becomes zero.
        return value + 0.0;
    }
    let bits = value.to_bits();
    let upper = bits.wrapping_add(1 << 31) >> 32 << 32;
    let nearest = f64::from_bits(upper);
    if nearest.is_finite() { nearest } else { f64::from_bits(bits >> 32 << 32) }
}

fn is_whole(value: f64) -> bool {
    value.abs() <= MOST_WHOLE && libm::trunc(value).total_cmp(&value).is_eq()
}

impl PackedVector {
    /// Missing values are left out: to every reader absent and missing are the same.
    pub fn of(vector: &FeatureVector) -> Self {
        let mut kinds = vec![ABSENT; NAMES.len()];
        let mut packed = Self::default();
        let mut upper = Vec::new();
        for (place, name) in NAMES.iter().enumerate() {
            let value = rounded(vector.get(name));
            if value.is_nan() {
                continue;
            }
            if is_whole(value) {
                kinds[place] = WHOLE;
                packed.whole.push(value as i64);
            } else {
                kinds[place] = ROUNDED;
                upper.push((value.to_bits() >> 32) as u32);
            }
        }
        packed.kinds = kinds
            .chunks(4)
            .map(|four| four.iter().enumerate().fold(0, |byte, (at, kind)| byte | kind << (2 * at)))
            .collect();
        packed.planes =
            (0..4).rev().flat_map(|byte| upper.iter().map(move |word| (word >> (8 * byte)) as u8)).collect();
        let homeless = vector.iter().filter(|(name, value)| !NAMES.contains(name) && value.is_finite());
        packed.others = homeless.map(|(name, value)| (name.to_owned(), rounded(value))).collect();
        packed
    }

    /// The vector, and how many values stand in places that this build does not know.
    pub fn unpack(&self) -> Result<(FeatureVector, usize), LinkError> {
        let kinds: Vec<u8> =
            self.kinds.iter().flat_map(|byte| (0..4).map(move |at| byte >> (2 * at) & 3)).collect();
        if kinds.len() > limits::MAX_LINK_VALUES || self.others.len() > limits::MAX_LINK_VALUES {
            return Err(LinkError::Content("more values than a link may hold"));
        }
        let count = |wanted: u8| kinds.iter().map(|kind| usize::from(*kind == wanted)).sum::<usize>();
        let rounded_count = count(ROUNDED);
        if count(WHOLE) != self.whole.len()
            || 4 * rounded_count != self.planes.len()
            || kinds.iter().any(|kind| *kind > ROUNDED)
        {
            return Err(LinkError::Content("values and their places do not fit each other"));
        }
        let upper = |at: usize| {
            (0..4).fold(0u32, |word, plane| word << 8 | u32::from(self.planes[plane * rounded_count + at]))
        };
        let mut vector = FeatureVector::default();
        let (mut whole, mut fractions, mut unknown) = (self.whole.iter(), 0, 0);
        for (place, kind) in kinds.iter().enumerate() {
            let value = match *kind {
                WHOLE => *whole.next().expect("counted above") as f64,
                ROUNDED => {
                    fractions += 1;
                    f64::from_bits(u64::from(upper(fractions - 1)) << 32)
                }
                _ => continue,
            };
            match NAMES.get(place) {
                Some(name) => set(&mut vector, name, value)?,
                None => unknown += 1,
            }
        }
        for (name, value) in &self.others {
            let is_name = !name.is_empty()
                && name.len() <= limits::MAX_LINK_NAME_BYTES
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
            if !is_name || NAMES.contains(&name.as_str()) {
                return Err(LinkError::Content("a feature has a name that none can have"));
            }
            set(&mut vector, name, *value)?;
        }
        Ok((vector, unknown))
    }
}

/// Only what `rounded` gives can stand in a link.
fn set(vector: &mut FeatureVector, name: &str, value: f64) -> Result<(), LinkError> {
    if rounded(value).to_bits() != value.to_bits() {
        return Err(LinkError::Content("a value that no link of ours would hold"));
    }
    vector.set(name, value);
    Ok(())
}
