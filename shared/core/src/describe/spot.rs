//! A place that sorts by row, for the bounded lists of example rows.

use serde::{Deserialize, Serialize};

use crate::formats::Place;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Spot {
    row: u64,
    line: u64,
    byte_offset: u64,
}

impl From<Place> for Spot {
    fn from(place: Place) -> Self {
        Self { row: place.row, line: place.line, byte_offset: place.byte_offset }
    }
}

impl From<Spot> for Place {
    fn from(spot: Spot) -> Self {
        Self { row: spot.row, line: spot.line, byte_offset: spot.byte_offset }
    }
}

impl Spot {
    pub fn row(self) -> u64 {
        self.row
    }
}

/// Later than every row: what a table says before it has seen one.
impl Default for Spot {
    fn default() -> Self {
        Self { row: u64::MAX, line: u64::MAX, byte_offset: u64::MAX }
    }
}
