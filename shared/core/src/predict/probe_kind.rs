//! The kinds of probe that a candidate can be given: what is read along one decides how its error falls.

use serde::{Deserialize, Serialize};

use crate::features::FeatureVector;
use crate::runs::{FINISHED, Knowledge, OF_THE_ROWS};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeKind {
    /// Nothing but rows of the file itself is read.
    WithoutCleanRows,
    CleanRows,
    /// Clean rows, and a smaller model's finished run is known already.
    BesideFinishedRun,
}

impl ProbeKind {
    pub const ALL: [Self; 3] = [Self::WithoutCleanRows, Self::CleanRows, Self::BesideFinishedRun];

    /// Of the candidate's own probe; of the one that it could be given, where there was none yet.
    pub fn of(vector: &FeatureVector) -> Self {
        let tells = |name: &str| vector.get(name).is_finite();
        let is_finished = tells(FINISHED);
        let has_clean_rows = if tells("probe_step") {
            tells("eval_score")
        } else {
            tells(OF_THE_ROWS) || tells("base_score") || is_finished
        };
        match (has_clean_rows, is_finished) {
            (false, _) => Self::WithoutCleanRows,
            (true, false) => Self::CleanRows,
            (true, true) => Self::BesideFinishedRun,
        }
    }

    /// What is known of a run along it.
    pub fn knowledge(self) -> Knowledge {
        match self {
            Self::WithoutCleanRows => Knowledge::Blind,
            Self::CleanRows => Knowledge::Clean,
            Self::BesideFinishedRun => Knowledge::CleanFinished,
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::WithoutCleanRows => "a probe without clean rows",
            Self::CleanRows => "a probe that reads clean rows",
            Self::BesideFinishedRun => "a probe beside a smaller model's finished run",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_probe_would_read_is_told_by_what_is_at_hand() {
        let of = |names: &[&str]| {
            let mut vector = FeatureVector::default();
            for name in names {
                vector.set(name, 1.0);
            }
            ProbeKind::of(&vector)
        };
        assert_eq!(of(&[]), ProbeKind::WithoutCleanRows);
        assert_eq!(of(&[OF_THE_ROWS]), ProbeKind::CleanRows);
        assert_eq!(of(&["base_score"]), ProbeKind::CleanRows);
        assert_eq!(of(&[FINISHED]), ProbeKind::BesideFinishedRun);
        // Rows at hand that the probe did not read.
        assert_eq!(of(&[OF_THE_ROWS, "probe_step"]), ProbeKind::WithoutCleanRows);
        assert_eq!(of(&["eval_score", "probe_step"]), ProbeKind::CleanRows);
        assert_eq!(of(&["eval_score", "probe_step", FINISHED]), ProbeKind::BesideFinishedRun);
    }
}
